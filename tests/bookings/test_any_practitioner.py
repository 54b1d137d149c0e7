"""A person who names nobody gets whoever has the fewest visits; the choice is fixed with the hold, and explained."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from portal.bookings import change, find, hold
from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.catalogue.models import AppointmentType
from portal.db import transaction
from portal.scheduling import claims
from portal.scheduling.models import Location
from portal.staff.models import Practitioner
from tests.support.factories import SYDNEY, make_booking, make_hours, make_practitioner, make_type

NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)  # a Monday at noon in Sydney
MONDAY, WEDNESDAY, SUNDAY = date(2026, 3, 9), date(2026, 3, 11), date(2026, 3, 15)

pytestmark = pytest.mark.usefixtures("ctx")


@pytest.fixture
def wren(place: Location) -> Practitioner:
    person = make_practitioner(position=1)
    make_hours(person, place)
    return person


@pytest.fixture
def lark(place: Location) -> Practitioner:
    person = make_practitioner(position=2)
    make_hours(person, place)
    return person


@pytest.fixture
def visit(wren: Practitioner, lark: Practitioner) -> AppointmentType:
    return make_type()


def local(clock: str, day: date = WEDNESDAY) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), SYDNEY).astimezone(UTC)


def sees(who: Practitioner, clock: str, day: date = WEDNESDAY, **columns: Any) -> Booking:
    return make_booking(practitioner=who, starts_at=local(clock, day), **columns)


def chosen(visit: AppointmentType, who: Practitioner | None = None) -> tuple[int, str]:
    wanted = who.id if who else None
    booking = claims.claim(lambda: hold.hold(visit, local("10:00"), NOW, practitioner_id=wanted))
    return booking.practitioner_id, booking.chosen_because


def test_whoever_has_the_fewest_visits_that_day_is_chosen(
    visit: AppointmentType, wren: Practitioner, lark: Practitioner
) -> None:
    sees(wren, "14:00")
    for day in (MONDAY, SUNDAY):
        sees(lark, "14:00", day)
    assert chosen(visit) == (lark.id, "has the fewest visits that day")


def test_with_equal_days_the_week_decides_from_monday_to_sunday(
    visit: AppointmentType, wren: Practitioner, lark: Practitioner
) -> None:
    sees(wren, "00:30", MONDAY)
    sees(lark, "23:30", MONDAY - timedelta(days=1))
    sees(lark, "00:15", SUNDAY + timedelta(days=1))
    assert chosen(visit) == (lark.id, "has the fewest visits that week")


def test_the_last_evening_of_the_week_counts(visit: AppointmentType, wren: Practitioner, lark: Practitioner) -> None:
    sees(wren, "23:00", SUNDAY)
    assert chosen(visit) == (lark.id, "has the fewest visits that week")


def test_with_an_equal_load_the_clinics_order_decides(
    visit: AppointmentType, wren: Practitioner, lark: Practitioner
) -> None:
    even = "has as few visits as anybody, and comes first in the clinic's list"
    with transaction():
        wren.position, lark.position = 2, 1
    assert chosen(visit) == (lark.id, even)
    # That hold counts as a visit already, and she is not free then any more.
    assert chosen(visit) == (wren.id, "")


def test_what_was_cancelled_or_never_kept_is_no_load(
    visit: AppointmentType, wren: Practitioner, lark: Practitioner
) -> None:
    sees(wren, "14:00", status=Status.CANCELLED)
    sees(wren, "15:00", status=Status.HELD, hold_expires_at=NOW)
    sees(lark, "14:00")
    assert chosen(visit) == (wren.id, "has the fewest visits that day")


def test_nothing_is_explained_where_there_was_no_choice(
    visit: AppointmentType, wren: Practitioner, lark: Practitioner
) -> None:
    sees(lark, "10:00")
    assert chosen(visit) == (wren.id, "")


def test_nothing_is_explained_to_who_named_somebody(
    visit: AppointmentType, wren: Practitioner, lark: Practitioner
) -> None:
    sees(lark, "14:00")
    assert chosen(visit, lark) == (lark.id, "")


def test_a_visit_that_moves_stays_with_its_practitioner_if_they_are_free(
    visit: AppointmentType, wren: Practitioner, lark: Practitioner, place: Location
) -> None:
    sees(lark, "16:00")
    booking = make_booking(type=visit, practitioner=lark, location=place, starts_at=local("09:00"))
    claims.claim(lambda: change.move(find.get_locked(booking.id), local("10:00"), NOW, by="staff"))
    assert (booking.practitioner_id, booking.chosen_because) == (lark.id, "")
    claims.claim(lambda: change.move(find.get_locked(booking.id), local("16:00"), NOW, by="staff"))
    assert booking.practitioner_id == wren.id
