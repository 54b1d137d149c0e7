"""Moving a visit: the old time is kept until the new one is taken, and late moves are for the desk."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from icalendar import Calendar
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import Range

from portal import clock
from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.catalogue.models import AppointmentType
from portal.db import db, transaction
from portal.outbox.models import OutboxMessage
from tests.support.factories import make_booking, make_policy
from tests.support.funnel import book_free, booking_of, free_times, make_offer
from tests.support.page import Page
from tests.support.visitor import Visitor


@pytest.fixture
def booked(consult: AppointmentType, client: Visitor) -> Page:
    return book_free(client, consult.slug)


def bring_near(booking: Booking, *, hours: float, booked_hours_ago: float) -> None:
    """The visit begins in so many hours, and was booked so long ago."""
    with transaction():
        length = booking.ends_at - booking.starts_at
        booking.starts_at = (clock.now() + timedelta(hours=hours)).replace(second=0, microsecond=0)
        booking.ends_at = booking.starts_at + length
        booking.blocked = Range(booking.starts_at, booking.ends_at)
        booking.confirmed_at = clock.now() - timedelta(hours=booked_hours_ago)
    db.session.expire_all()


def test_a_visit_moves_to_the_chosen_time_and_keeps_its_reference(booked: Page, client: Visitor) -> None:
    booking = booking_of(booked)
    before = booking.starts_at
    page = booked.follow("Change the time")
    assert page.has("You keep this time until you have chosen another one. Changing the time costs nothing.")
    chosen = free_times(page)[0]
    moved = page.submit("Move my visit", slot=chosen)
    assert moved.heading == "Your visit has a new time"
    assert moved.url == booked.url
    db.session.expire_all()
    assert (booking.starts_at, booking.version) == (datetime.fromisoformat(chosen.split("/")[0]), 1)
    entry = Calendar.from_ical(client.get(moved.links["Add to calendar"]).data).walk("VEVENT")[0]
    assert entry["SEQUENCE"] == 1
    assert entry.decoded("DTSTART") == booking.starts_at != before
    owed = set(db.session.scalars(select(OutboxMessage.job)))
    assert {"notices.send_moved", "sync.outlook", "sync.medirecords"} <= owed


def test_a_visit_is_not_in_its_own_way(booked: Page) -> None:
    booking = booking_of(booked)
    page = booked.follow("Change the time")
    # A quarter of an hour earlier overlaps the visit itself, which takes half an hour.
    earlier = f"{booking.starts_at - timedelta(minutes=15):%Y-%m-%dT%H:%MZ}/{booking.practitioner_id}"
    assert page.submit("Move my visit", slot=earlier).heading == "Your visit has a new time"


def test_choosing_the_same_time_changes_nothing(booked: Page) -> None:
    booking = booking_of(booked)
    same = f"{booking.starts_at:%Y-%m-%dT%H:%MZ}/{booking.practitioner_id}"
    assert booked.follow("Change the time").submit("Move my visit", slot=same).heading == "You are booked"
    assert booking.version == 0


def test_a_time_taken_meanwhile_keeps_the_old_one_and_shows_the_nearest(booked: Page, consult: AppointmentType) -> None:
    booking = booking_of(booked)
    before = booking.starts_at
    page = booked.follow("Change the time")
    lost = free_times(page)[0]
    start, _ = lost.split("/")
    make_booking(type=consult, starts_at=datetime.fromisoformat(start), practitioner=booking.practitioner)
    sorry = page.submit("Move my visit", slot=lost)
    assert sorry.status == 422
    assert sorry.errors == ["That time has just been taken. Please choose another."]
    assert len(sorry.soup.select(".nearest input")) == 3
    assert (booking.starts_at, booking.version) == (before, 0)


@pytest.mark.parametrize(
    "junk", ["", "noon", "9999-12-31T23:59Z/1", "0001-01-01T00:00Z/1", "\0", "2026-12-01T10:00Z/x"]
)
def test_a_value_that_we_never_wrote_moves_nothing(booked: Page, client: Visitor, junk: str) -> None:
    page = booked.follow("Change the time")
    data = {"csrf_token": page.part("#times").value("csrf_token"), "slot": junk}
    answer = client.post(f"{booked.url}/moves", data=data, headers={"Origin": client.portal_url})
    assert answer.status_code == 422
    assert Page(client, answer).errors == ["Choose a time, then continue."]
    assert booking_of(booked).version == 0


def test_nothing_chosen_is_told(booked: Page) -> None:
    page = booked.follow("Change the time").submit("Move my visit")
    assert (page.status, page.errors) == (422, ["Choose a time, then continue."])


def test_inside_the_notice_the_page_tells_the_fee_and_whom_to_call(rosella: None, client: Visitor) -> None:
    made = make_offer(price_cents=0, cancellation_policy_slug=make_policy("late", notice_hours=24).slug)
    booked = book_free(client, made.slug)
    booking = booking_of(booked)
    left_open = booked.follow("Change the time")
    bring_near(booking, hours=3, booked_hours_ago=30)
    page = client.page(f"{booked.url}/move")
    assert page.status == 200
    assert page.heading == "Let us change the time together"
    assert page.has("(02) 5550 0100")
    assert page.follow("cancel this visit").heading == "Cancel this visit?"
    # A page that was left open does not get around the rule.
    late = left_open.submit("Move my visit", slot=free_times(left_open)[0])
    assert late.heading == "Let us change the time together"
    assert booking.version == 0


def test_right_after_booking_a_change_of_mind_is_free(ctx: None, client: Visitor) -> None:
    made = make_offer(price_cents=0, cancellation_policy_slug=make_policy("late", notice_hours=24).slug)
    booked = book_free(client, made.slug)
    bring_near(booking_of(booked), hours=3, booked_hours_ago=0.5)
    assert client.page(f"{booked.url}/move").heading == "Change the time"


def test_a_cancelled_visit_cannot_be_moved_from_a_page_left_open(booked: Page) -> None:
    left_open = booked.follow("Change the time")
    booked.follow("Cancel this visit").submit("Cancel this visit")
    assert left_open.submit("Move my visit", slot=free_times(left_open)[0]).heading == "This visit is cancelled"
    assert booking_of(booked).status == Status.CANCELLED


def test_htmx_gets_the_list_of_times(booked: Page, client: Visitor) -> None:
    part = client.get(f"{booked.url}/move?part=morning", headers={"HX-Request": "true"})
    assert part.text.lstrip().startswith('<div id="times"')
    assert part.headers["Cache-Control"] == "no-store"
