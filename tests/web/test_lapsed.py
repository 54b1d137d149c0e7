"""A hold that runs out: it can be kept longer, and when it is gone every answer is still there."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import delete

from portal import clock, words
from portal.bookings.hold import expire_lapsed_holds
from portal.bookings.states import Status
from portal.catalogue.models import AppointmentType
from portal.clinic import Holds
from portal.db import db, transaction
from portal.scheduling.models import WorkingHours
from tests.support.factories import SYDNEY, make_booking
from tests.support.funnel import DETAILS, booking_of, free_times, hold, let_lapse, make_offer, reach_check
from tests.support.visitor import Visitor

GONE = "We could not keep your time any longer"


@pytest.mark.parametrize("step", ["details", "intake", "check", "return"])
def test_every_step_of_a_lapsed_hold_leads_to_the_nearest_times(
    consult: AppointmentType, client: Visitor, step: str
) -> None:
    check = reach_check(client, consult.slug)
    let_lapse(booking_of(check))
    page = client.page(check.url.replace("/check", f"/{step}"))
    assert page.heading == GONE
    if step == "return":
        page = page.follow("See the nearest free times")
    assert len(page.choices("slot")) == 3


def test_the_same_time_can_be_taken_again_and_every_answer_is_kept(consult: AppointmentType, client: Visitor) -> None:
    check = reach_check(client, consult.slug)
    old = booking_of(check)
    let_lapse(old)
    page = client.page(check.url)
    same = f"{old.starts_at:%Y-%m-%dT%H:%MZ}/{old.practitioner_id}"
    assert same in page.choices("slot")
    details = page.submit("Continue", slot=same)
    assert details.heading == "Your details"
    new = booking_of(details)
    assert (new.reference != old.reference, new.starts_at) == (True, old.starts_at)
    assert details.value("given_name") == "Nora"
    assert details.submit("Continue").submit("Book this free visit").heading == "You are booked"


def test_the_same_time_can_be_taken_again_after_the_sweep(consult: AppointmentType, client: Visitor) -> None:
    check = reach_check(client, consult.slug)
    old = booking_of(check)
    let_lapse(old)
    with transaction():
        assert expire_lapsed_holds(clock.now()) == 1
    same = f"{old.starts_at:%Y-%m-%dT%H:%MZ}/{old.practitioner_id}"
    details = client.page(check.url).submit("Continue", slot=same)
    assert booking_of(details).status == Status.HELD
    assert details.submit("Continue").heading == "Check your booking"


def test_a_time_that_went_to_somebody_else_is_not_among_the_nearest(consult: AppointmentType, client: Visitor) -> None:
    check = reach_check(client, consult.slug)
    old = booking_of(check)
    let_lapse(old)
    with transaction():
        old.status = Status.EXPIRED
    make_booking(type=consult, starts_at=old.starts_at, practitioner=old.practitioner)
    assert f"{old.starts_at:%Y-%m-%dT%H:%MZ}/{old.practitioner_id}" not in client.page(check.url).choices("slot")


def test_details_sent_after_the_hold_ran_out_are_kept(consult: AppointmentType, client: Visitor) -> None:
    details = hold(client, consult.slug)
    let_lapse(booking_of(details))
    page = details.submit("Continue", **DETAILS)
    assert page.heading == GONE
    again = page.submit("Continue", slot=next(iter(page.choices("slot"))))
    assert (again.value("given_name"), again.value("mobile")) == ("Nora", "0491 570 156")


def test_answers_sent_after_the_hold_ran_out_are_kept(rosella: None, client: Visitor) -> None:
    intake = hold(client, "initial-consult-free").submit("Continue", **DETAILS, place="Queensland")
    let_lapse(booking_of(intake))
    page = intake.submit("Continue", reason="Sleep")
    assert page.heading == GONE
    details = page.submit("Continue", slot=next(iter(page.choices("slot"))))
    assert details.value("place") == "qld"
    assert details.submit("Continue").has("Sleep")


def test_a_lapsed_hold_cannot_be_booked(consult: AppointmentType, client: Visitor) -> None:
    check = reach_check(client, consult.slug)
    booking = booking_of(check)
    let_lapse(booking)
    assert check.submit("Book this free visit").heading == GONE
    db.session.expire_all()
    assert booking.confirmed_at is None


def test_keep_it_longer_comes_back_to_the_same_page(consult: AppointmentType, client: Visitor) -> None:
    check = reach_check(client, consult.slug)
    booking = booking_of(check)
    with transaction():
        booking.hold_expires_at = clock.now() + timedelta(minutes=3)
    again = check.submit("Keep it longer")
    assert again.url == check.url
    assert booking.hold_expires_at is not None
    assert booking.hold_expires_at > clock.now() + timedelta(minutes=14)


def test_htmx_gets_the_new_deadline_only(consult: AppointmentType, client: Visitor) -> None:
    details = hold(client, consult.slug)
    path = f"/bookings/{booking_of(details).reference}/extension"
    token = details.part("#held").value("csrf_token")
    headers = {"Origin": client.portal_url, "HX-Request": "true", "X-CSRFToken": token}
    answer = client.post(path, data={"back": "details"}, headers=headers)
    assert answer.status_code == 200
    assert answer.text.lstrip().startswith('<div id="held"')
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("back", ["details", "intake"])
def test_a_page_that_is_being_filled_in_stays_when_the_time_is_gone(
    consult: AppointmentType, client: Visitor, back: str
) -> None:
    details = hold(client, consult.slug)
    booking = booking_of(details)
    with transaction():
        booking.status = Status.EXPIRED
    headers = {"Origin": client.portal_url, "HX-Request": "true"}
    data = {"csrf_token": details.part("#held").value("csrf_token"), "back": back}
    answer = client.post(f"/bookings/{booking.reference}/extension", data=data, headers=headers)
    assert answer.status_code == 200
    assert "HX-Redirect" not in answer.headers
    assert "Your time is not held any longer." in answer.text
    page = details.submit("Continue", **DETAILS)
    assert page.heading == GONE
    assert page.submit("Continue", slot=next(iter(page.choices("slot")))).value("given_name") == "Nora"


def test_correcting_a_mistake_keeps_the_time(consult: AppointmentType, client: Visitor) -> None:
    details = hold(client, consult.slug)
    booking = booking_of(details)
    with transaction():
        booking.hold_expires_at = clock.now() + timedelta(minutes=2)
    assert details.submit("Continue", **(DETAILS | {"email": "nora"})).status == 422
    assert booking.hold_expires_at is not None
    assert booking.hold_expires_at > clock.now() + timedelta(minutes=14)


@pytest.mark.parametrize("back", ["https://evil.example.com/", "//evil.example.com", "payment.pay", "\0", ""])
def test_keep_it_longer_leads_nowhere_but_to_a_step(consult: AppointmentType, client: Visitor, back: str) -> None:
    details = hold(client, consult.slug)
    reference = booking_of(details).reference
    data = {"csrf_token": details.part("#held").value("csrf_token"), "back": back}
    answer = client.post(f"/bookings/{reference}/extension", data=data, headers={"Origin": client.portal_url})
    assert answer.status_code == 303
    assert answer.location == f"/bookings/{reference}/details"


def test_a_hold_lasts_forty_five_minutes_at_most(consult: AppointmentType, client: Visitor) -> None:
    details = hold(client, consult.slug)
    booking = booking_of(details)
    with transaction():
        booking.held_at -= timedelta(minutes=40)
        booking.hold_expires_at = clock.now() + timedelta(minutes=1)
    longest = details.submit("Keep it longer")
    assert booking.hold_expires_at == booking.held_at + Holds().longest
    assert longest.part("#held").has("which is as long as we can")
    assert "Keep it longer" not in longest.buttons
    with transaction():
        booking.held_at -= timedelta(minutes=10)
        booking.hold_expires_at = booking.held_at + Holds().longest
    assert details.submit("Keep it longer").heading == GONE


def test_a_time_that_is_let_go_is_free_for_others_at_once(
    consult: AppointmentType, client: Visitor, stranger: Visitor
) -> None:
    check = reach_check(client, consult.slug)
    booking = booking_of(check)
    gone = check.submit("Let this time go")
    assert gone.heading == "You let this time go"
    assert gone.has("Nothing is booked, and nothing has been charged.")
    assert booking.status == Status.CANCELLED
    value = f"{booking.starts_at:%Y-%m-%dT%H:%MZ}/{booking.practitioner_id}"
    assert value in free_times(stranger.page(f"/book/{consult.slug}"))
    assert value in free_times(gone.follow("See all free times"))


def test_letting_go_twice_or_of_what_is_booked_changes_nothing(consult: AppointmentType, client: Visitor) -> None:
    check = reach_check(client, consult.slug)
    again = client.page(check.url)
    booked = check.submit("Book this free visit")
    assert again.submit("Let this time go").url == booked.url
    assert booking_of(booked).status == Status.CONFIRMED
    other = hold(client, consult.slug)
    copy = client.page(other.url)
    for page in (other, copy):
        assert page.submit("Let this time go").heading == "You let this time go"


def test_the_page_says_in_words_until_when_it_is_held(consult: AppointmentType, client: Visitor) -> None:
    details = hold(client, consult.slug)
    until = booking_of(details).hold_expires_at
    assert until is not None
    assert details.part("#held").has(f"Held until {words.clock(until, SYDNEY)} Sydney time")


def test_without_any_time_left_the_page_says_so(ctx: None, client: Visitor) -> None:
    made = make_offer(horizon_days=2)
    details = hold(client, made.slug)
    let_lapse(booking_of(details))
    with transaction():
        db.session.execute(delete(WorkingHours))
    page = client.page(details.url)
    assert page.has("There is no free time close to the one you had.")
    assert page.follow("See all free times").has("We found no free time")
