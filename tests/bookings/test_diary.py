"""What the diary reads: free time, hours of several calendars, first visits, and that hiding a visit frees nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest

from portal.bookings import diary
from portal.bookings.diary import Column, NoSuchDiary, free_spans
from portal.bookings.diary_ground import Span
from portal.bookings.states import Status
from portal.db import db, transaction
from portal.scheduling import holidays
from portal.scheduling.models import BusyTime, ExceptionKind, HoursException, Outside
from portal.staff.access import Role, Staff
from portal.staff.models import Practitioner
from tests.support import factories
from tests.support.busy_day import at
from tests.support.factories import LONG_AGO, SYDNEY

DAY = date(2027, 6, 15)  # a Tuesday
NOW = at(date(2027, 6, 1), 8)
DESK = Staff(1, "Pia Wattle", frozenset({Role.RECEPTION}))


def span(first: str, last: str) -> Span:
    """ "9:00" to "10:30" on the day."""
    begin, end = (datetime.combine(DAY, time.fromisoformat(said), UTC) for said in (first, last))
    return Span(begin, end)


FREE = {
    "nothing is taken": ([("09:00", "12:00")], [], [("09:00", "12:00")]),
    "a visit in the middle": ([("09:00", "12:00")], [("10:00", "10:30")], [("09:00", "10:00"), ("10:30", "12:00")]),
    "from the beginning": ([("09:00", "12:00")], [("08:30", "09:45")], [("09:45", "12:00")]),
    "all of it": ([("09:00", "12:00")], [("08:00", "13:00")], []),
    "visits that overlap": (
        [("09:00", "12:00")],
        [("09:00", "11:00"), ("09:30", "10:00")],
        [("11:00", "12:00")],
    ),
    "a rest too short": ([("09:00", "12:00")], [("09:05", "11:55")], []),
    "hours at two places": ([("09:00", "12:00"), ("10:00", "14:00")], [], [("09:00", "12:00"), ("12:00", "14:00")]),
    "a break": ([("13:00", "14:00"), ("09:00", "10:00")], [], [("09:00", "10:00"), ("13:00", "14:00")]),
    "busy across the break": (
        [("09:00", "10:00"), ("11:00", "12:00")],
        [("09:30", "11:20")],
        [("09:00", "09:30"), ("11:20", "12:00")],
    ),
}


@pytest.mark.parametrize("case", FREE)
def test_free_time_is_what_is_left_of_the_hours(case: str) -> None:
    work, taken, wanted = ([span(*pair) for pair in pairs] for pairs in FREE[case])
    assert free_spans(work, taken, LONG_AGO) == wanted


def test_nothing_is_free_in_the_past() -> None:
    now = datetime.combine(DAY, time(10, 2, 30), UTC)
    assert free_spans([span("09:00", "12:00")], [], now) == [span("10:05", "12:00")]
    assert free_spans([span("09:00", "10:00")], [], now) == []


def read(day: date = DAY, **narrowed: object) -> list[Column]:
    return list(diary.read(DESK, day, day, SYDNEY, NOW, **narrowed).columns)  # type: ignore[arg-type]


@pytest.fixture
def who(ctx: None) -> Practitioner:
    """Somebody who works from 9 to 5."""
    person = factories.make_practitioner()
    factories.make_hours(person, factories.make_location())
    return person


def test_hours_of_two_calendars_that_meet_are_one(who: Practitioner) -> None:
    place = factories.make_location(name="Annexe")
    for calendar, starts, ends in (("one", time(17), time(18)), ("two", time(17, 30), time(19))):
        factories.make_hours(who, place, calendar_slug=calendar, starts=starts, ends=ends)
    [column] = read()
    spans = [(each.span.starts_at, each.span.ends_at) for each in column.work]
    assert spans == [(at(DAY, 9), at(DAY, 17)), (at(DAY, 17), at(DAY, 19))]


def test_a_place_in_another_zone_is_told_in_the_clinics(ctx: None) -> None:
    perth = factories.make_location(zone="Australia/Perth", state="WA")
    factories.make_hours(factories.make_practitioner(), perth)
    [column] = read()
    assert [each.span for each in column.work] == [Span(at(DAY, 11), at(DAY, 19))]


def test_a_visit_that_a_filter_hides_still_takes_its_time(who: Practitioner) -> None:
    factories.make_booking(starts_at=at(DAY, 9), practitioner=who, type=factories.make_type(length_minutes=60))
    [column] = read(states=frozenset({Status.ARRIVED}))
    assert (column.visits, column.hidden) == ([], 1)
    assert column.free[0].starts_at == at(DAY, 10)


def test_what_is_over_or_lapsed_takes_nothing(who: Practitioner) -> None:
    for hour, status in ((9, Status.CANCELLED), (10, Status.DID_NOT_ARRIVE), (11, Status.EXPIRED)):
        factories.make_booking(starts_at=at(DAY, hour), status=status, practitioner=who)
    factories.make_booking(
        starts_at=at(DAY, 12), status=Status.HELD, practitioner=who, hold_expires_at=NOW - timedelta(minutes=1)
    )
    [column] = read()
    assert column.free == [Span(at(DAY, 9), at(DAY, 17))]
    assert [visit.status for visit in column.visits] == [Status.DID_NOT_ARRIVE]
    assert (column.hidden, column.cancelled) == (1, 1)


def test_busy_and_closed_time_is_not_free_but_time_elsewhere_is_for_video(who: Practitioner) -> None:
    rows = [
        BusyTime(
            practitioner_id=who.id,
            source=Outside.OUTLOOK,
            external_id=str(hour),
            starts_at=at(DAY, hour),
            ends_at=at(DAY, hour + 1),
            in_person_only=hour == 13,
        )
        for hour in (9, 13)
    ]
    closed = HoursException(kind=ExceptionKind.CLOSED, starts_at=at(DAY, 15), ends_at=at(DAY + timedelta(days=2), 9))
    with transaction():
        db.session.add_all([*rows, closed])
    [column] = read()
    assert column.free == [Span(at(DAY, 10), at(DAY, 15))]
    assert [each.in_person_only for each in column.busy] == [False, True]
    assert [each.span.ends_at for each in column.closures] == [at(DAY + timedelta(days=1), 0)]


def test_a_holiday_takes_the_hours_of_its_state(who: Practitioner) -> None:
    with transaction():
        holidays.add_holiday(DAY, "Wattle Day", NOW, state="NSW")
    [column] = read()
    assert (column.work, column.free, column.holiday) == ([], [], "Wattle Day")


def test_a_first_visit_is_the_earliest_we_know_of_unless_they_say_otherwise(who: Practitioner) -> None:
    nora, tane = factories.make_patient(), factories.make_patient(given_name="Tane")
    common = {"practitioner": who}
    factories.make_booking(starts_at=at(DAY, 9), patient=nora, **common)  # type: ignore[arg-type]
    factories.make_booking(starts_at=at(DAY, 10), patient=nora, **common)  # type: ignore[arg-type]
    factories.make_booking(starts_at=at(DAY, 11), patient=tane, says_new=False, **common)  # type: ignore[arg-type]
    assert [visit.is_first for visit in read()[0].visits] == [True, False, False]


def test_a_diary_that_cannot_be_read_outside_says_so(ctx: None) -> None:
    factories.make_hours(factories.make_practitioner(graph_user_id="a-mailbox"), factories.make_location())
    assert [column.is_unknown for column in read()] == [True]


def test_somebody_who_has_left_is_shown_while_they_have_visits(ctx: None) -> None:
    gone = factories.make_practitioner(is_active=False)
    assert read() == []
    factories.make_booking(starts_at=at(DAY, 9), practitioner=gone)
    assert [column.who.id for column in read()] == [gone.id]


def test_a_diary_that_is_not_theirs_looks_like_one_that_is_not_there(who: Practitioner) -> None:
    other = factories.make_practitioner()
    me = Staff(2, who.name, frozenset({Role.PRACTITIONER}), who.id)
    for slug in (other.slug, "nobody"):
        with pytest.raises(NoSuchDiary):
            diary.read(me, DAY, DAY, SYDNEY, NOW, practitioner=slug)
    assert [person.id for person in diary.read(me, DAY, DAY, SYDNEY, NOW).people] == [who.id]


@pytest.mark.parametrize(("day", "hours"), [(date(2027, 4, 4), 25), (date(2027, 10, 3), 23), (DAY, 24)])
def test_a_day_is_as_long_as_its_clocks_make_it(ctx: None, day: date, hours: int) -> None:
    factories.make_hours(factories.make_practitioner(), factories.make_location(), starts=time(0), ends=time(23, 59))
    [column] = read(day)
    assert column.whole.minutes == hours * 60
    assert sum(each.span.minutes for each in column.work) == hours * 60
    assert column.is_uneven == (hours != 24)
