"""Public holidays: which days they are, that staff's changes stay, and whose visits stand on one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from portal import clock
from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.db import LockKind, db, transaction
from portal.scheduling import holidays
from portal.scheduling.models import Holiday, Location
from portal.staff.models import StaffTask
from tests.support.factories import make_booking, make_location, make_practitioner

NOW = datetime(2026, 11, 20, 1, tzinfo=UTC)
AUSTRALIA_DAY = date(2027, 1, 26)


def names_of(state: str, year: int) -> dict[date, str]:
    return dict(holidays.public_holidays(state, year))


def load(*years: int) -> list[Holiday]:
    with transaction():
        return holidays.load(years, NOW)


def holiday_on(day: date, **place: Any) -> Holiday:
    return db.session.scalars(select(Holiday).filter_by(day=day, **place)).one()


def visit(place: Location, starts_at: datetime, **columns: Any) -> Booking:
    return make_booking(location=place, starts_at=starts_at, **columns)


def open_tasks(kind: str = holidays.TASK) -> list[str]:
    wanted = select(StaffTask.words).where(StaffTask.kind == kind, StaffTask.done_at.is_(None))
    return list(db.session.scalars(wanted.order_by(StaffTask.id)))


# --- which days


@pytest.mark.parametrize(
    ("state", "day", "name"),
    [
        ("NSW", AUSTRALIA_DAY, "Australia Day"),
        ("NSW", date(2026, 10, 5), "Labour Day"),
        ("NSW", date(2026, 4, 27), "ANZAC Day (observed)"),
        ("NSW", date(2026, 12, 28), "Boxing Day (observed)"),
        ("NSW", date(2038, 4, 25), "ANZAC Day and Easter Sunday"),
        ("VIC", date(2026, 11, 3), "Melbourne Cup Day"),
        ("QLD", date(2026, 10, 5), "King's Birthday"),
    ],
)
def test_a_state_keeps_its_own_days_under_the_names_they_have_here(state: str, day: date, name: str) -> None:
    assert names_of(state, day.year)[day] == name


@pytest.mark.parametrize(
    ("state", "day"),
    [
        ("QLD", date(2026, 12, 24)),  # a holiday from 6 pm only: the day before it is an ordinary one
        ("QLD", date(2026, 4, 27)),  # ANZAC Day has no substitute there
        ("NSW", date(2026, 8, 3)),  # the banks' holiday
        ("NSW", date(2026, 11, 3)),
    ],
)
def test_what_is_no_holiday_of_everybody_is_left_out(state: str, day: date) -> None:
    assert day not in names_of(state, day.year)


@pytest.mark.parametrize("state", holidays.STATES)
def test_every_state_has_a_years_worth_and_no_day_of_another_year(state: str) -> None:
    for year in range(2026, 2036):
        days = [day for day, _ in holidays.public_holidays(state, year)]
        assert 9 <= len(days) <= 16
        assert {day.year for day in days} == {year}


# --- loading


def test_loading_adds_the_holidays_of_the_states_the_clinic_is_in(ctx: None) -> None:
    make_location()
    make_location(state="VIC", zone="Australia/Melbourne")
    added = load(2026, 2027)
    assert {holiday.state for holiday in added} == {"NSW", "VIC"}
    assert holiday_on(AUSTRALIA_DAY, state="NSW").name == "Australia Day"
    assert len(added) == sum(len(names_of(state, year)) for state in ("NSW", "VIC") for year in (2026, 2027))


def test_loading_again_adds_nothing_and_leaves_what_staff_changed(ctx: None) -> None:
    make_location()
    with transaction():
        own = holidays.add_holiday(date(2027, 6, 14), "Our picnic", NOW, state="NSW")
    load(2026, 2027)
    with transaction():
        holidays.unkeep(holiday_on(AUSTRALIA_DAY), NOW)
        holiday_on(date(2026, 12, 25)).name = "Christmas"
    assert load(2026, 2027) == []
    assert not holiday_on(AUSTRALIA_DAY).is_kept
    assert holiday_on(date(2026, 12, 25)).name == "Christmas"
    assert own.name == "Our picnic"


def test_the_sweep_adds_this_year_and_the_coming_two(ctx: None) -> None:
    make_location()
    with transaction():
        holidays.look_ahead(NOW)
    assert {day.year for day in db.session.scalars(select(Holiday.day))} == {2026, 2027, 2028}


def test_a_place_in_no_state_of_ours_is_told_and_keeps_nobody_else_from_their_holidays(ctx: None) -> None:
    make_location()
    abroad = make_location(name="Auckland rooms", state="Auckland")
    assert {holiday.state for holiday in load(2027)} == {"NSW"}
    assert open_tasks("state-unknown") == [
        "Auckland rooms keeps no public holidays: its state is none of ACT, NSW, NT, QLD, SA, TAS, VIC, WA."
    ]
    with transaction():
        abroad.state = "NSW"
    load(2027)
    assert open_tasks("state-unknown") == []


# --- visits that stand on one


@pytest.fixture
def place(ctx: None) -> Location:
    return make_location()


def test_a_new_holiday_names_the_visits_that_stand_on_it(place: Location) -> None:
    later = visit(place, datetime(2027, 1, 26, 4, tzinfo=UTC))
    first = visit(place, datetime(2027, 1, 25, 22, tzinfo=UTC))  # 9 am in Sydney
    visit(place, datetime(2027, 1, 25, 12, tzinfo=UTC))  # 11 pm of the day before
    visit(place, datetime(2027, 1, 26, 13, tzinfo=UTC))  # midnight of the day after
    load(2027)
    assert open_tasks() == [
        f"2 visits are booked on Australia Day, Tuesday 26 January 2027: {first.reference}, {later.reference}."
    ]


def test_a_visit_elsewhere_or_one_that_is_off_is_none_of_them(place: Location) -> None:
    at = datetime(2027, 6, 13, 23, tzinfo=UTC)  # the King's Birthday in NSW, and no holiday in Western Australia
    visit(make_location(state="WA", zone="Australia/Perth"), at)
    for status in (Status.CANCELLED, Status.EXPIRED, Status.DID_NOT_ARRIVE):
        visit(place, at, status=status)
    load(2027)
    assert open_tasks() == []


def test_a_visit_that_is_being_booked_counts_until_its_hold_lapses(place: Location) -> None:
    expires_at = NOW + timedelta(minutes=10)
    held = visit(place, datetime(2027, 1, 26, 0, tzinfo=UTC), status=Status.HELD, hold_expires_at=expires_at)
    load(2027)
    assert open_tasks() == [f"1 visit is booked on Australia Day, Tuesday 26 January 2027: {held.reference}."]
    with transaction():
        holidays.review_tasks(expires_at)
    assert open_tasks() == []


def test_a_task_follows_the_visits_and_is_settled_when_the_last_one_has_gone(place: Location) -> None:
    staying, leaving = (visit(place, datetime(2027, 1, 26, hour, tzinfo=UTC)) for hour in (0, 2))
    load(2027)
    with transaction():
        leaving.starts_at += timedelta(days=1)
        leaving.ends_at += timedelta(days=1)
        leaving.blocked = type(leaving.blocked)(leaving.starts_at, leaving.ends_at)
        db.session.flush()
        holidays.review_tasks(NOW)
    assert open_tasks() == [f"1 visit is booked on Australia Day, Tuesday 26 January 2027: {staying.reference}."]
    with transaction():
        staying.status = Status.CANCELLED
        db.session.flush()
        holidays.review_tasks(NOW)
    assert open_tasks() == []


def test_a_task_that_staff_have_settled_is_not_raised_again_by_the_sweep(place: Location) -> None:
    visit(place, datetime(2027, 1, 26, 0, tzinfo=UTC))
    load(2027)
    with transaction():
        db.session.scalars(select(StaffTask).filter_by(kind=holidays.TASK)).one().done_at = NOW
        holidays.look_ahead(NOW)
    assert open_tasks() == []


def test_a_task_ends_with_its_day(place: Location) -> None:
    visit(place, datetime(2027, 1, 26, 0, tzinfo=UTC))
    load(2027)
    with transaction():
        holidays.review_tasks(datetime(2027, 1, 26, 14, tzinfo=UTC))
    assert open_tasks() == []


def test_working_on_a_holiday_settles_its_task_and_keeping_it_again_raises_it(place: Location) -> None:
    visit(place, datetime(2027, 1, 26, 0, tzinfo=UTC))
    load(2027)
    with transaction():
        holidays.unkeep(holiday_on(AUSTRALIA_DAY), NOW)
    assert open_tasks() == []
    with transaction():
        holidays.keep(holiday_on(AUSTRALIA_DAY), NOW)
    assert len(open_tasks()) == 1


def test_a_holiday_of_one_place_names_the_visits_of_that_place_only(place: Location) -> None:
    at = datetime(2027, 2, 5, 0, tzinfo=UTC)
    here, _elsewhere = visit(place, at), visit(make_location(), at)
    with transaction():
        holidays.add_holiday(date(2027, 2, 5), "Show Day", NOW, location_id=place.id)
    assert open_tasks() == [f"1 visit is booked on Show Day, Friday 5 February 2027: {here.reference}."]


def test_the_same_day_cannot_be_added_twice(place: Location) -> None:
    load(2027)
    with pytest.raises(holidays.HolidayExists), transaction():
        holidays.add_holiday(AUSTRALIA_DAY, "Another name", NOW, state="NSW")
    with transaction():
        holidays.add_holiday(AUSTRALIA_DAY, "Here as well", NOW, location_id=place.id)
    with pytest.raises(holidays.HolidayExists), transaction():
        holidays.add_holiday(AUSTRALIA_DAY, "Here twice", NOW, location_id=place.id)


def test_a_new_holiday_waits_for_whoever_is_taking_a_time(place: Location) -> None:
    """Neither of the two would see what the other has just done."""
    claiming = {"kind": LockKind.PRACTITIONER, "id": make_practitioner().id}
    with db.engine.begin() as somebody:
        somebody.execute(text("select pg_advisory_xact_lock(:kind, :id)"), claiming)
        with pytest.raises(DBAPIError, match="lock timeout"):
            load(2027)
    assert len(load(2027)) > 9


def test_visits_are_told_in_order_with_the_zone_of_their_place(place: Location) -> None:
    [on_it] = [visit(place, datetime(2027, 1, 26, 0, tzinfo=UTC))]
    [found] = holidays.visits_on(AUSTRALIA_DAY, clock.now(), location_id=place.id)
    assert (found.reference, found.starts_at, found.zone.key) == (on_it.reference, on_it.starts_at, "Australia/Sydney")
