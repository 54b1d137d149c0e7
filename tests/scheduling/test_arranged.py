"""What the database says about holidays, caps, named practitioners, and what is known of calendars outside."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.catalogue.models import AppointmentType, Mode, StartAlignment
from portal.db import db, transaction
from portal.scheduling import availability
from portal.scheduling.blocks import Rule
from portal.scheduling.models import (
    BusyTime,
    ExceptionKind,
    Holiday,
    HoursException,
    Location,
    Outside,
    OutsideCalendar,
    TypePractitioner,
)
from portal.staff.models import Practitioner
from tests.support.factories import (
    CALENDAR,
    SYDNEY,
    make_booking,
    make_hours,
    make_location,
    make_practitioner,
    make_room,
    make_type,
)

NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)  # a Monday at noon in Sydney
TUESDAY, WEDNESDAY = date(2026, 3, 3), date(2026, 3, 4)

pytestmark = pytest.mark.usefixtures("ctx")


@pytest.fixture
def place(ctx: None) -> Location:
    return make_location(is_telehealth=True, state="NSW")


@pytest.fixture
def wren(place: Location) -> Practitioner:
    """Works from 9 to 11 every day."""
    person = make_practitioner(name="Willa Wren")
    make_hours(person, place, starts=time(9), ends=time(11))
    return person


@pytest.fixture
def visit(ctx: None) -> AppointmentType:
    return make_type(start_step_minutes=30)


def local(clock: str, day: date = TUESDAY) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), SYDNEY).astimezone(UTC)


def add(*rows: object) -> None:
    with transaction():
        db.session.add_all(rows)


def clocks(kind: AppointmentType, day: date = TUESDAY, now: datetime = NOW) -> list[str]:
    """The starts open on a day."""
    return [
        f"{slot.starts_at.astimezone(SYDNEY):%H:%M}" for slot in availability.timetable(kind, day, day, now).open_slots
    ]


def why(kind: AppointmentType, clock: str, who: Practitioner | None = None, now: datetime = NOW) -> str | None:
    """The words for a time on Tuesday."""
    reason = availability.explain(kind, who.id if who else None, local(clock), now)
    return reason.words if reason else None


EVERYTHING = ["09:00", "09:30", "10:00", "10:30"]


@pytest.mark.parametrize(
    ("holiday", "is_kept"),
    [
        ({"state": "NSW"}, True),
        ({"state": "NSW", "is_kept": False}, False),
        ({"state": "QLD"}, False),
        ({"state": "NSW", "day": WEDNESDAY}, False),
    ],
)
def test_weekly_hours_do_not_count_on_a_holiday_that_the_state_keeps(
    wren: Practitioner, visit: AppointmentType, holiday: dict[str, Any], is_kept: bool
) -> None:
    add(Holiday(**({"day": TUESDAY, "name": "Founders' Day"} | holiday)))
    assert clocks(visit) == ([] if is_kept else EVERYTHING)
    assert why(visit, "09:00") == ("public holiday NSW: Founders' Day" if is_kept else None)


def test_a_holiday_of_one_place_is_kept_there_only(wren: Practitioner, place: Location, visit: AppointmentType) -> None:
    elsewhere = make_location(is_telehealth=True)
    make_hours(wren, elsewhere, starts=time(14), ends=time(15))
    add(Holiday(day=TUESDAY, name="Show Day", location_id=place.id))
    assert clocks(visit) == ["14:00", "14:30"]


def test_extra_hours_on_a_holiday_count(wren: Practitioner, place: Location, visit: AppointmentType) -> None:
    add(
        Holiday(day=TUESDAY, name="Founders' Day", state="NSW"),
        HoursException(
            kind=ExceptionKind.EXTRA,
            practitioner_id=wren.id,
            location_id=place.id,
            calendar_slug=CALENDAR,
            starts_at=local("10:00"),
            ends_at=local("11:00"),
        ),
    )
    assert clocks(visit) == ["10:00", "10:30"]


def test_a_holiday_added_over_bookings_leaves_them_and_offers_no_more(
    wren: Practitioner, visit: AppointmentType
) -> None:
    booked = make_booking(type=visit, practitioner=wren, starts_at=local("09:00"))
    add(Holiday(day=TUESDAY, name="Founders' Day", state="NSW"))
    assert clocks(visit) == []
    assert db.session.get_one(Booking, booked.id).status == Status.CONFIRMED
    assert why(visit, "09:00", wren) == "public holiday NSW: Founders' Day"


def test_a_type_that_names_people_is_offered_by_them_only(
    wren: Practitioner, place: Location, visit: AppointmentType
) -> None:
    lark = make_practitioner(name="Lena Lark")
    make_hours(lark, place, starts=time(14), ends=time(15))
    assert len(clocks(visit)) == 6  # nobody is named: everybody with hours in the calendar
    add(TypePractitioner(type_id=visit.id, practitioner_id=lark.id))

    table = availability.timetable(visit, TUESDAY, TUESDAY, NOW)
    assert [one.name for one in table.practitioners] == ["Lena Lark"]
    assert clocks(visit) == ["14:00", "14:30"]
    assert why(visit, "09:00", wren) == "does not offer this type"
    assert len(clocks(make_type(start_step_minutes=30))) == 6


def test_somebody_with_nothing_but_extra_hours_is_known_by_name(place: Location, visit: AppointmentType) -> None:
    locum = make_practitioner(name="Ida Locum")
    add(
        HoursException(
            kind=ExceptionKind.EXTRA,
            practitioner_id=locum.id,
            location_id=place.id,
            calendar_slug=CALENDAR,
            starts_at=local("10:00"),
            ends_at=local("11:00"),
        )
    )
    table = availability.timetable(visit, TUESDAY, TUESDAY, NOW)
    assert [one.name for one in table.practitioners] == ["Ida Locum"]
    assert len(table.open_slots) == 2


def busy(who: Practitioner, source: Outside = Outside.OUTLOOK, **columns: Any) -> BusyTime:
    known = {"external_id": f"event-{source}", "starts_at": local("09:00"), "ends_at": local("10:00")}
    return BusyTime(practitioner_id=who.id, source=source, **(known | columns))


@pytest.mark.parametrize("source", list(Outside))
def test_busy_time_outside_is_not_offered(wren: Practitioner, visit: AppointmentType, source: Outside) -> None:
    add(busy(wren, source))
    assert clocks(visit) == ["10:00", "10:30"]
    assert (why(visit, "09:30") or "").endswith(" busy 09:00-10:00")


def test_our_buffers_keep_clear_of_busy_time_outside(wren: Practitioner) -> None:
    add(busy(wren, starts_at=local("10:00"), ends_at=local("10:15")))
    buffered = make_type(start_step_minutes=15, buffer_after_minutes=15, buffer_before_minutes=5)
    assert clocks(buffered) == ["09:00", "09:15", "10:30"]
    assert why(buffered, "09:30") == "Outlook busy 10:00-10:15, too close for the buffer"


def test_somebody_who_works_elsewhere_sees_patients_by_video_only(wren: Practitioner, visit: AppointmentType) -> None:
    address = make_location()
    make_hours(wren, address, starts=time(9), ends=time(11))
    add(busy(wren, in_person_only=True))
    assert clocks(visit) == EVERYTHING
    assert clocks(make_type(mode=Mode.IN_PERSON, start_step_minutes=30)) == ["10:00", "10:30"]


def with_mailbox(who: Practitioner, **calendar: Any) -> None:
    with transaction():
        who.graph_user_id = f"mailbox-{who.id}"
        if calendar:
            db.session.add(OutsideCalendar(practitioner_id=who.id, source=Outside.OUTLOOK, **calendar))


def test_a_mailbox_that_was_never_read_is_unknown_and_not_offered(wren: Practitioner, visit: AppointmentType) -> None:
    with_mailbox(wren)
    assert clocks(visit) == []
    assert why(visit, "09:00") == "Outlook calendar has never been read"


def test_a_mailbox_is_believed_for_a_while_and_then_it_is_unknown(wren: Practitioner, visit: AppointmentType) -> None:
    failed_at = local("08:30", date(2026, 3, 1))
    with_mailbox(wren, unknown_from=NOW + timedelta(minutes=1), failed_at=failed_at, read_at=failed_at)
    assert clocks(visit) == EVERYTHING
    assert clocks(visit, now=NOW + timedelta(minutes=1)) == []
    later = why(visit, "09:00", now=NOW + timedelta(minutes=1))
    assert later == "Outlook calendar unreadable since 1 March 08:30"


def test_an_unread_calendar_in_medirecords_keeps_nobody_from_being_offered(
    wren: Practitioner, visit: AppointmentType
) -> None:
    add(OutsideCalendar(practitioner_id=wren.id, source=Outside.MEDIRECORDS))
    assert clocks(visit) == EVERYTHING


@pytest.mark.parametrize(
    ("cap", "status", "other_type", "is_open"),
    [
        (1, Status.CONFIRMED, False, False),
        (1, Status.CONFIRMED, True, False),  # of any type
        (2, Status.CONFIRMED, False, True),
        (1, Status.HELD, False, False),
        (1, Status.CANCELLED, False, True),
        (1, Status.DID_NOT_ARRIVE, False, True),
    ],
)
def test_a_practitioner_sees_no_more_people_on_a_day_than_their_cap(
    wren: Practitioner, visit: AppointmentType, cap: int, status: Status, other_type: bool, is_open: bool
) -> None:
    with transaction():
        wren.daily_cap = cap
    kind = make_type() if other_type else visit
    deadline: dict[str, Any] = {"hold_expires_at": NOW + timedelta(minutes=5)} if status == Status.HELD else {}
    make_booking(type=kind, practitioner=wren, starts_at=local("10:30"), status=status, **deadline)
    assert bool(clocks(visit)) == is_open
    assert (why(visit, "09:00") == "daily cap of 1 visit reached") == (not is_open)
    assert clocks(visit, WEDNESDAY) == EVERYTHING


def test_a_type_is_given_no_more_often_on_a_day_than_its_cap(
    wren: Practitioner, place: Location, visit: AppointmentType
) -> None:
    make_hours(make_practitioner(), place, starts=time(9), ends=time(10))
    rare = make_type(start_step_minutes=30, daily_cap=1)
    make_booking(type=visit, practitioner=wren, starts_at=local("09:00"))
    assert clocks(rare) != []
    booked = make_booking(type=rare, practitioner=wren, starts_at=local("10:00"))
    assert clocks(rare) == []
    assert why(rare, "09:30") == "daily cap of 1 visit of this type reached"
    assert availability.explain(rare, None, local("09:30"), NOW, ignoring_booking=booked.id) is None


def test_starts_may_count_from_the_beginning_of_the_hours(place: Location) -> None:
    make_hours(make_practitioner(), place, starts=time(9, 10), ends=time(10, 40))
    assert clocks(make_type(start_step_minutes=30)) == ["09:30", "10:00"]
    assert clocks(make_type(start_step_minutes=30, start_alignment=StartAlignment.HOURS)) == [
        "09:10",
        "09:40",
        "10:10",
    ]


def test_a_taken_room_is_named(ctx: None) -> None:
    address = make_location()
    room = make_room(address, name="Room 1")
    make_hours(make_practitioner(), address, starts=time(9), ends=time(11))
    in_person = make_type(mode=Mode.IN_PERSON, needs_room=True, start_step_minutes=30)
    make_booking(type=in_person, location=address, starts_at=local("09:00"), room_id=room.id)
    assert why(in_person, "09:00") == "Room 1 taken"


def reasons(kind: AppointmentType, first: date, last: date, now: datetime = NOW) -> dict[date, tuple[Rule, str]]:
    found = availability.timetable(kind, first, last, now).why_empty()
    return {day: (reason.rule, reason.for_patients) for day, reason in found.items()}


def test_every_day_without_a_time_says_why(place: Location) -> None:
    """From Monday on: too soon, open, leave, a holiday, fully booked, no hours, closed, too far ahead."""
    wren = make_practitioner()
    for weekday in (0, 1, 2, 3, 4, 6):
        make_hours(wren, place, weekdays=range(weekday, weekday + 1), starts=time(9), ends=time(10))
    monday = date(2026, 3, 2)
    days = [monday + timedelta(days=n) for n in range(8)]
    kind = make_type(start_step_minutes=30, minimum_notice_minutes=60, horizon_days=6)
    whole = {"starts_at": local("00:00", days[2]), "ends_at": local("23:59", days[2])}
    sunday = {"starts_at": local("00:00", days[6]), "ends_at": local("00:00", days[7])}
    add(
        HoursException(kind=ExceptionKind.CLOSED, practitioner_id=wren.id, **whole),
        HoursException(kind=ExceptionKind.CLOSED, reason="floors", **sunday),
        Holiday(day=days[3], name="Founders' Day", state="NSW"),
    )
    for clock in ("09:00", "09:30"):
        make_booking(type=kind, practitioner=wren, starts_at=local(clock, days[4]))

    assert reasons(kind, monday, days[7]) == {
        days[0]: (Rule.TOO_SOON, "Times on this day need 1 hour's notice."),
        days[2]: (Rule.LEAVE, "There are no appointments on this day."),
        days[3]: (Rule.HOLIDAY, "The clinic is closed for Founders' Day."),
        days[4]: (Rule.FULL, "Every time on this day is taken."),
        days[5]: (Rule.OUTSIDE_HOURS, "There are no appointments on this day."),
        days[6]: (Rule.CLOSED, "The clinic is closed on this day."),
        days[7]: (Rule.TOO_FAR, "Times can be booked until Sunday 8 March 2026."),
    }


def test_a_day_that_is_full_or_closed_for_one_of_two_people_depends_on_who_is_asked_for(
    wren: Practitioner, place: Location, visit: AppointmentType
) -> None:
    lark = make_practitioner()
    make_hours(lark, place, starts=time(9), ends=time(9, 30))
    make_booking(type=visit, practitioner=lark, starts_at=local("09:00"))
    table = availability.timetable(visit, TUESDAY, TUESDAY, NOW)

    assert table.why_empty() == {}
    assert [reason.rule for reason in table.why_empty([lark.id]).values()] == [Rule.FULL]
    assert [reason.rule for reason in table.why_empty([]).values()] == [Rule.NOT_OFFERED]


def test_a_day_of_people_with_unknown_calendars_says_so(wren: Practitioner, visit: AppointmentType) -> None:
    with_mailbox(wren)
    assert reasons(visit, TUESDAY, TUESDAY)[TUESDAY][0] == Rule.UNKNOWN
