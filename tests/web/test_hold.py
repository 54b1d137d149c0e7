"""Taking a time: held at once, lost with grace, given back when another one is chosen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta

import pytest
from sqlalchemy import func, select
from werkzeug.datastructures import MultiDict

from portal import clock
from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.catalogue.models import AppointmentType, Price
from portal.db import db, transaction
from portal.staff.models import Practitioner
from tests.support.factories import make_booking, make_hours, make_location, make_practitioner, make_type
from tests.support.funnel import (
    DETAILS,
    booking_of,
    free_times,
    hold,
    let_lapse,
    make_offer,
    reach_check,
    reference_of,
)
from tests.support.page import Page
from tests.support.visitor import Visitor


def taken_by_another(value: str, made: AppointmentType) -> None:
    start, who = value.split("/")
    make_booking(type=made, starts_at=datetime.fromisoformat(start), practitioner=db.session.get(Practitioner, who))


def bookings(status: Status | None = None) -> int:
    counted = select(func.count()).select_from(Booking)
    return db.session.scalar(counted.where(Booking.status == status) if status else counted) or 0


def submit_slot(visitor: Visitor, page: Page, slot: str, **also: str) -> Page:
    """Send the form with a value that the page never offered, as somebody who tampers does."""
    fields = MultiDict({"csrf_token": page.part("#times").value("csrf_token"), "slot": slot, **also})
    return visitor.send("post", page.url.split("?")[0] + "/holds", fields)


def test_a_chosen_time_is_held_for_fifteen_minutes(consult: AppointmentType, client: Visitor) -> None:
    page = client.page(f"/book/{consult.slug}")
    chosen = free_times(page)[-1]
    details = page.submit("Continue", slot=chosen)
    booking = booking_of(details)
    assert booking.status == Status.HELD
    assert booking.starts_at == datetime.fromisoformat(chosen.split("/")[0])
    assert booking.hold_expires_at is not None
    assert timedelta(minutes=14) < booking.hold_expires_at - clock.now() <= timedelta(minutes=15)
    assert details.part("#held").has("Held until")
    assert details.has("Step 2 of 3")


def test_a_held_time_is_not_offered_to_others(consult: AppointmentType, client: Visitor, stranger: Visitor) -> None:
    page = client.page(f"/book/{consult.slug}")
    chosen = free_times(page)[-1]
    page.submit("Continue", slot=chosen)
    assert chosen not in free_times(stranger.page(f"/book/{consult.slug}"))


def test_nothing_chosen_is_told_beside_the_times(consult: AppointmentType, client: Visitor) -> None:
    page = client.page(f"/book/{consult.slug}").submit("Continue")
    assert page.status == 422
    assert page.errors == ["Choose a time, then continue."]
    assert page.title.startswith("Error: ")
    assert page.links["Choose a time, then continue."] == "#slot"
    assert page.soup.find(id="slot") is not None
    assert bookings() == 0


def test_a_time_taken_meanwhile_leads_to_the_three_nearest_and_keeps_the_page(ctx: None, client: Visitor) -> None:
    made = make_type()
    place = make_location(is_telehealth=True)
    one, other = make_practitioner(name="Early Lark"), make_practitioner(name="Late Owl")
    for practitioner in (one, other):
        make_hours(practitioner, place, starts=time(9), ends=time(12))
    page = client.page(f"/book/{made.slug}").submit("Show", practitioner="Early Lark").follow("More days")
    offered = free_times(page)
    lost = offered[4]
    taken_by_another(lost, made)

    sorry = page.submit("Continue", slot=lost)
    assert sorry.status == 422
    assert sorry.errors == ["That time has just been taken. Please choose another."]
    nearest = [str(box["value"]) for box in sorry.soup.select(".nearest input")]
    gone = datetime.fromisoformat(lost.split("/")[0])
    distance = [abs(datetime.fromisoformat(value.split("/")[0]) - gone) for value in nearest]
    # Half an hour long: what begins less than that away from the lost one is taken too.
    assert sorted(distance) == [timedelta(minutes=30), timedelta(minutes=30), timedelta(minutes=45)]
    assert nearest == sorted(nearest)
    # The days and the practitioner that were chosen are still there.
    assert sorry.value("practitioner") == one.slug
    assert set(free_times(sorry)) < set(offered)
    details = sorry.submit("Continue", slot=nearest[0])
    assert details.heading == "Your details"


@pytest.mark.parametrize(
    "junk",
    [
        "",
        "   ",
        "noon",
        "2026-12-01T10:00Z",
        "2026-12-01T10:00Z/",
        "2026-13-41T25:61Z/1",
        "2026-02-30T10:00Z/1",
        "2026-12-01T10:00Z/1 or 1=1",
        "2026-12-01T10:00Z/99999999999999999999",
        "2026-12-01T10:00Z/-1",
        "2026-12-01T10:00+11:00/1",
        "0001-01-01T00:00Z/1",
        "٢٠٢٦-12-01T10:00Z/1",
        "2026-12-01T10:00Z/1\0",
        "\0",
        "<script>alert(1)</script>",
        "x" * 20_000,
    ],
)
def test_a_value_that_we_never_wrote_is_no_choice(consult: AppointmentType, client: Visitor, junk: str) -> None:
    page = submit_slot(client, client.page(f"/book/{consult.slug}"), junk)
    assert page.status == 422
    assert page.errors == ["Choose a time, then continue."]
    assert "alert(1)" not in page.response.text
    assert bookings() == 0


def shifted(value: str, **by: float) -> str:
    start, who = value.split("/")
    return f"{datetime.fromisoformat(start) + timedelta(**by):%Y-%m-%dT%H:%MZ}/{who}"


@pytest.mark.parametrize(
    ("value", "sorry"),
    [
        (lambda last: shifted(last, hours=-12), "That time cannot be booked."),
        (lambda last: shifted(last, minutes=15), "That time cannot be booked."),
        (lambda last: shifted(last, minutes=-7), "That time cannot be booked."),
        (lambda last: shifted(last, days=-30), "That time has passed."),
        (lambda last: shifted(last, days=70), "Times can be booked until "),
        (lambda last: "2999-12-31T23:59Z/" + last.split("/")[1], "Times can be booked until "),
        (lambda last: last.split("/")[0] + "/999999999", "That time cannot be booked."),
    ],
    ids=["before opening", "does not fit", "between two starts", "past", "beyond the horizon", "in 2999", "nobody"],
)
def test_a_time_outside_the_rules_is_refused_with_its_reason(
    consult: AppointmentType, client: Visitor, value: Callable[[str], str], sorry: str
) -> None:
    page = client.page(f"/book/{consult.slug}")
    refused = submit_slot(client, page, value(free_times(page)[-1]))
    assert refused.status == 422
    [told] = refused.errors
    assert told.startswith(sorry)
    assert told.endswith(" Please choose another.")
    assert len(refused.soup.select(".nearest input")) == 3
    assert bookings() == 0


def test_a_time_inside_the_notice_cannot_be_taken(ctx: None, client: Visitor) -> None:
    free, made = make_offer(), make_offer(minimum_notice_minutes=5 * 24 * 60)
    soon = free_times(client.page(f"/book/{free.slug}"))[0]
    page = client.page(f"/book/{made.slug}")
    assert soon not in free_times(page)
    refused = submit_slot(client, page, soon)
    assert (refused.status, refused.errors) == (422, ["That time needs 120 hours' notice. Please choose another."])
    assert bookings() == 0


def test_a_practitioner_who_does_not_offer_the_type_cannot_be_booked_for_it(ctx: None, client: Visitor) -> None:
    mine, theirs = make_offer(calendar_slug="mine"), make_offer(calendar_slug="theirs")
    value = free_times(client.page(f"/book/{theirs.slug}"))[-1]
    page = client.page(f"/book/{mine.slug}")
    assert value.split("/")[1] != free_times(page)[-1].split("/")[1]
    assert submit_slot(client, page, value).status == 422
    assert bookings() == 0


@pytest.mark.parametrize(
    "extra", [{"price": "1"}, {"price_cents": "1"}, {"status": "confirmed"}, {"source": "staff"}, {"terms": "{}"}]
)
def test_nothing_but_the_time_is_read_from_the_form(ctx: None, client: Visitor, extra: dict[str, str]) -> None:
    made = make_offer(price_cents=11900)
    page = client.page(f"/book/{made.slug}")
    booking = booking_of(submit_slot(client, page, free_times(page)[-1], **extra))
    assert (booking.price_cents, booking.status, booking.source) == (11900, Status.HELD, "web")


def test_a_second_click_leads_to_the_same_booking(consult: AppointmentType, client: Visitor) -> None:
    page = client.page(f"/book/{consult.slug}")
    chosen = free_times(page)[-1]
    first, second = page.submit("Continue", slot=chosen), page.submit("Continue", slot=chosen)
    assert first.url == second.url
    assert bookings() == 1


def test_another_time_lets_the_old_one_go_and_keeps_the_answers(
    consult: AppointmentType, client: Visitor, stranger: Visitor
) -> None:
    check = reach_check(client, consult.slug, given_name="Ottilie")
    old = booking_of(check)
    page = check.follow("Choose another time")
    assert page.heading == "Choose a time"
    details = page.submit("Continue", slot=free_times(page)[0])
    new = booking_of(details)
    assert new.reference != old.reference
    assert (old.status, new.status) == (Status.CANCELLED, Status.HELD)
    assert details.value("given_name") == "Ottilie"
    assert details.submit("Continue").heading == "Check your booking"
    # The old time is free for others at once, and its address shows the way on.
    value = f"{old.starts_at:%Y-%m-%dT%H:%MZ}/{old.practitioner_id}"
    assert value in free_times(stranger.page(f"/book/{consult.slug}"))
    assert client.page(f"/bookings/{old.reference}/check").heading == "You let this time go"


def test_a_time_that_overlaps_the_own_old_one_can_be_chosen(consult: AppointmentType, client: Visitor) -> None:
    page = client.page(f"/book/{consult.slug}")
    chosen = free_times(page)[-1]
    old = booking_of(page.submit("Continue", slot=chosen))
    details = submit_slot(client, page, shifted(chosen, minutes=-15))
    assert details.heading == "Your details"
    assert booking_of(details).reference != old.reference
    assert bookings(Status.HELD) == 1


def test_when_the_other_time_is_gone_the_old_one_is_kept(consult: AppointmentType, client: Visitor) -> None:
    page = client.page(f"/book/{consult.slug}")
    old = booking_of(page.submit("Continue", slot=free_times(page)[-1]))
    taken_by_another(free_times(page)[0], consult)
    assert page.submit("Continue", slot=free_times(page)[0]).status == 422
    assert old.status == Status.HELD
    assert client.page(f"/bookings/{old.reference}/details").heading == "Your details"


def test_two_types_may_be_held_side_by_side(ctx: None, client: Visitor) -> None:
    one, other = make_offer(), make_offer()
    held = {reference_of(hold(client, made.slug)) for made in (one, other)}
    assert len(held) == bookings(Status.HELD) == 2


def test_a_lapsed_hold_is_free_for_others_before_any_sweep(
    consult: AppointmentType, client: Visitor, stranger: Visitor
) -> None:
    page = client.page(f"/book/{consult.slug}")
    chosen = free_times(page)[-1]
    mine = booking_of(page.submit("Continue", slot=chosen))
    let_lapse(mine)
    theirs = stranger.page(f"/book/{consult.slug}").submit("Continue", slot=chosen)
    assert theirs.heading == "Your details"
    assert mine.status == Status.EXPIRED


def test_the_price_is_the_one_in_force_when_the_time_was_held(ctx: None, client: Visitor) -> None:
    made = make_offer(price_cents=11900)
    details = hold(client, made.slug)
    with transaction():
        db.session.add(Price(type_id=made.id, amount_cents=15000, valid_from=clock.now() - timedelta(seconds=1)))
    assert details.submit("Continue", **DETAILS).has("Pay $119.00 and book")
    assert client.page(f"/services/{made.service.slug}").has("$150.00")
