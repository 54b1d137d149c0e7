"""What the database says about open times: hours, leave, extra hours, and what is taken."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from portal.bookings.models import Booking
from portal.bookings.states import OCCUPYING, Status
from portal.catalogue.models import AppointmentType, Mode
from portal.db import db, transaction
from portal.scheduling import availability
from portal.scheduling.models import ExceptionKind, HoursException, Location
from portal.staff.models import Practitioner
from tests.support.database import counted_queries
from tests.support.factories import (
    SYDNEY,
    make_booking,
    make_calendar,
    make_hours,
    make_location,
    make_practitioner,
    make_room,
    make_type,
)

NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)  # a Monday at noon in Sydney
TUESDAY, WEDNESDAY, THURSDAY = date(2026, 3, 3), date(2026, 3, 4), date(2026, 3, 5)

pytestmark = pytest.mark.usefixtures("ctx")


@pytest.fixture
def place(ctx: None) -> Location:
    return make_location(is_telehealth=True)


@pytest.fixture
def wren(place: Location) -> Practitioner:
    """Works from 9 to 11 every day."""
    person = make_practitioner(name="Willa Wren")
    make_hours(person, place, starts=time(9), ends=time(11))
    return person


@pytest.fixture
def half_hour() -> AppointmentType:
    return make_type(start_step_minutes=30)


def local(day: date, clock: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), SYDNEY).astimezone(UTC)


def clocks(kind: AppointmentType, day: date = TUESDAY, **how: Any) -> list[str]:
    """The starts open on a day."""
    found = availability.timetable(kind, day, day, how.pop("now", NOW), **how).open_slots
    return [f"{slot.starts_at.astimezone(SYDNEY):%H:%M}" for slot in found]


def except_for(kind: ExceptionKind, starts_at: datetime, ends_at: datetime, **columns: Any) -> None:
    with transaction():
        db.session.add(HoursException(kind=kind, starts_at=starts_at, ends_at=ends_at, **columns))


def close(day: date, starts: str, ends: str, who: Practitioner | None = None) -> None:
    except_for(ExceptionKind.CLOSED, local(day, starts), local(day, ends), practitioner_id=who and who.id)


def test_working_hours_are_offered(wren: Practitioner, half_hour: AppointmentType) -> None:
    assert clocks(half_hour) == ["09:00", "09:30", "10:00", "10:30"]


def test_each_slot_says_who_and_where(wren: Practitioner, place: Location, half_hour: AppointmentType) -> None:
    first = availability.timetable(half_hour, TUESDAY, TUESDAY, NOW).open_slots[0]
    assert (first.practitioner_id, first.location_id, first.room_id) == (wren.id, place.id, None)
    assert first.starts_at == local(TUESDAY, "09:00")


def test_hours_of_another_calendar_or_kind_of_place_are_not_offered(place: Location) -> None:
    make_hours(make_practitioner(), place, calendar_slug="gaps")
    make_hours(make_practitioner(), make_location())
    assert clocks(make_type(start_step_minutes=30)) == []


def test_somebody_who_has_left_is_not_offered(place: Location, half_hour: AppointmentType) -> None:
    gone = make_practitioner(is_active=False)
    make_hours(gone, place)
    assert clocks(half_hour) == []
    assert availability.timetable(half_hour, TUESDAY, TUESDAY, NOW).practitioners == ()


def test_hours_count_from_their_first_day_to_their_last(place: Location, half_hour: AppointmentType) -> None:
    make_hours(make_practitioner(), place, starts=time(9), ends=time(10), valid_from=WEDNESDAY, valid_until=WEDNESDAY)
    found = {day: clocks(half_hour, day) for day in (TUESDAY, WEDNESDAY, THURSDAY)}
    assert found == {TUESDAY: [], WEDNESDAY: ["09:00", "09:30"], THURSDAY: []}


def test_leave_of_one_person_takes_their_time_only(
    wren: Practitioner, place: Location, half_hour: AppointmentType
) -> None:
    lark = make_practitioner()
    make_hours(lark, place, starts=time(9), ends=time(10))
    close(TUESDAY, "09:00", "10:00", wren)

    found = availability.timetable(half_hour, TUESDAY, TUESDAY, NOW).open_slots
    assert [(slot.starts_at, slot.practitioner_id) for slot in found] == [
        (local(TUESDAY, clock), who)
        for clock, who in (("09:00", lark.id), ("09:30", lark.id), ("10:00", wren.id), ("10:30", wren.id))
    ]


def test_a_holiday_closes_everybody(wren: Practitioner, half_hour: AppointmentType) -> None:
    close(TUESDAY, "00:00", "23:59")
    assert clocks(half_hour) == []
    assert clocks(half_hour, WEDNESDAY) != []


def test_leave_over_several_days_takes_all_of_them(wren: Practitioner, half_hour: AppointmentType) -> None:
    except_for(
        ExceptionKind.CLOSED, local(date(2026, 2, 1), "08:00"), local(THURSDAY, "10:00"), practitioner_id=wren.id
    )
    assert clocks(half_hour, WEDNESDAY) == []
    assert clocks(half_hour, THURSDAY) == ["10:00", "10:30"]


def extra(who: Practitioner, place: Location, starts_at: datetime, ends_at: datetime, calendar: str) -> None:
    make_calendar(calendar)
    except_for(
        ExceptionKind.EXTRA,
        starts_at,
        ends_at,
        practitioner_id=who.id,
        location_id=place.id,
        calendar_slug=calendar,
    )


def test_extra_hours_are_offered_in_their_calendar_only(
    wren: Practitioner, place: Location, half_hour: AppointmentType
) -> None:
    extra(wren, place, local(TUESDAY, "18:00"), local(TUESDAY, "19:00"), half_hour.calendar_slug)
    extra(wren, place, local(TUESDAY, "20:00"), local(TUESDAY, "21:00"), "another-calendar")
    assert clocks(half_hour)[-2:] == ["18:00", "18:30"]
    assert clocks(half_hour, WEDNESDAY)[-1] == "10:30"


def test_extra_hours_of_somebody_who_has_left_are_not_offered(place: Location, half_hour: AppointmentType) -> None:
    gone = make_practitioner(is_active=False)
    extra(gone, place, local(TUESDAY, "18:00"), local(TUESDAY, "19:00"), half_hour.calendar_slug)
    assert clocks(half_hour) == []


def test_extra_hours_at_an_address_are_no_hours_for_telehealth(wren: Practitioner, half_hour: AppointmentType) -> None:
    extra(wren, make_location(), local(TUESDAY, "18:00"), local(TUESDAY, "19:00"), half_hour.calendar_slug)
    assert clocks(half_hour)[-1] == "10:30"


def test_extra_hours_go_on_past_midnight(wren: Practitioner, place: Location, half_hour: AppointmentType) -> None:
    extra(wren, place, local(TUESDAY, "23:00"), local(WEDNESDAY, "00:30"), half_hour.calendar_slug)
    assert clocks(half_hour)[-2:] == ["23:00", "23:30"]
    assert clocks(half_hour, WEDNESDAY)[:2] == ["00:00", "09:00"]


def test_leave_beats_extra_hours(wren: Practitioner, place: Location, half_hour: AppointmentType) -> None:
    extra(wren, place, local(TUESDAY, "18:00"), local(TUESDAY, "19:00"), half_hour.calendar_slug)
    close(TUESDAY, "18:00", "18:30", wren)
    assert clocks(half_hour)[-2:] == ["10:30", "18:30"]


def taken_at_nine(wren: Practitioner, kind: AppointmentType, **columns: Any) -> Booking:
    starts_at = local(TUESDAY, "09:00")
    return make_booking(practitioner=wren, type=kind, starts_at=starts_at, **columns)


@pytest.mark.parametrize("status", list(Status))
def test_a_booking_takes_its_time_in_the_occupying_states_only(
    wren: Practitioner, half_hour: AppointmentType, status: Status
) -> None:
    taken_at_nine(wren, half_hour, status=status, hold_expires_at=NOW + timedelta(minutes=1))
    assert ("09:00" in clocks(half_hour)) == (status not in OCCUPYING)


def test_a_lapsed_hold_takes_nothing_from_its_deadline_on(wren: Practitioner, half_hour: AppointmentType) -> None:
    taken_at_nine(wren, half_hour, status=Status.HELD, hold_expires_at=NOW)
    assert "09:00" in clocks(half_hour, now=NOW)
    assert "09:00" not in clocks(half_hour, now=NOW - timedelta(seconds=1))


def test_a_booking_that_awaits_payment_takes_its_time_past_its_deadline(
    wren: Practitioner, half_hour: AppointmentType
) -> None:
    taken_at_nine(wren, half_hour, status=Status.AWAITING_PAYMENT, hold_expires_at=NOW - timedelta(minutes=1))
    assert "09:00" not in clocks(half_hour)


def test_an_override_counts_as_busy(wren: Practitioner, half_hour: AppointmentType) -> None:
    taken_at_nine(wren, half_hour, overlap_allowed=True, overlap_reason="Squeezed in by the desk")
    assert "09:00" not in clocks(half_hour)


def test_a_booking_is_not_in_its_own_way_when_it_moves(wren: Practitioner, half_hour: AppointmentType) -> None:
    booking = taken_at_nine(wren, half_hour)
    assert "09:00" in clocks(half_hour, ignoring_booking=booking.id)
    assert "09:00" not in clocks(half_hour, ignoring_booking=booking.id + 1)


def test_the_buffers_of_both_types_keep_visits_apart(wren: Practitioner, half_hour: AppointmentType) -> None:
    taken_at_nine(wren, make_type(length_minutes=20, buffer_after_minutes=10))
    assert clocks(make_type(length_minutes=15, start_step_minutes=5, buffer_before_minutes=5))[0] == "09:35"


def test_visits_of_different_types_stand_back_to_back(wren: Practitioner, half_hour: AppointmentType) -> None:
    taken_at_nine(wren, make_type(length_minutes=20))
    assert clocks(make_type(length_minutes=10, start_step_minutes=10))[0] == "09:20"
    make_booking(practitioner=wren, type=half_hour, starts_at=local(TUESDAY, "10:00"))
    assert clocks(make_type(length_minutes=40, start_step_minutes=20)) == ["09:20"]


def test_no_overlap_is_per_practitioner_across_calendars(
    wren: Practitioner, place: Location, half_hour: AppointmentType
) -> None:
    make_hours(wren, place, calendar_slug="gaps", starts=time(9), ends=time(11))
    taken_at_nine(wren, make_type(calendar_slug="gaps"))
    assert clocks(half_hour)[0] == "09:30"


def test_a_type_that_needs_a_room_waits_for_one(half_hour: AppointmentType) -> None:
    place = make_location()
    room = make_room(place)
    for person in (make_practitioner(), make_practitioner()):
        make_hours(person, place, starts=time(9), ends=time(10))
    in_person = make_type(mode=Mode.IN_PERSON, needs_room=True, start_step_minutes=30)
    assert clocks(in_person) == ["09:00", "09:00", "09:30", "09:30"]

    make_booking(type=in_person, starts_at=local(TUESDAY, "09:00"), room_id=room.id, location=place)
    assert clocks(in_person) == ["09:30", "09:30"]


def test_hours_are_in_the_zone_of_their_location(half_hour: AppointmentType) -> None:
    perth = make_location(is_telehealth=True, zone="Australia/Perth")
    make_hours(make_practitioner(), perth, starts=time(9), ends=time(10))
    first = availability.timetable(half_hour, TUESDAY, TUESDAY, NOW).open_slots[0]
    assert first.starts_at == datetime.combine(TUESDAY, time(9), ZoneInfo("Australia/Perth"))


def test_what_is_shown_at_an_instant_is_what_the_day_shows(wren: Practitioner, half_hour: AppointmentType) -> None:
    slots = availability.timetable(half_hour, TUESDAY, THURSDAY, NOW).open_slots
    assert len(slots) == 12
    for slot in slots:
        assert availability.at(half_hour, slot.starts_at, NOW).open_slots == [slot]
    assert availability.at(half_hour, local(TUESDAY, "09:10"), NOW).open_slots == []


def test_why_a_day_is_empty_asks_the_database_nothing(wren: Practitioner, half_hour: AppointmentType) -> None:
    close(TUESDAY, "00:00", "23:59")
    table = availability.timetable(half_hour, TUESDAY, WEDNESDAY, NOW)
    with counted_queries() as sent:
        assert list(table.why_empty()) == [TUESDAY]
    assert sent == []


def test_the_number_of_queries_is_the_same_for_a_day_and_for_two_months(
    wren: Practitioner, place: Location, half_hour: AppointmentType
) -> None:
    for _ in range(5):
        make_hours(make_practitioner(), place)
    taken_at_nine(wren, half_hour)

    def queries(days: int) -> int:
        db.session.rollback()
        db.session.expire_all()
        with counted_queries() as sent:
            assert availability.timetable(half_hour, TUESDAY, TUESDAY + timedelta(days=days), NOW).open_slots
        return len(sent)

    assert queries(0) == queries(60) == 3  # the type itself, whether anything has changed, and everything else
