"""What was read before is kept, and no change is ever missed: the same question again, after each kind of change."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

import pytest
from sqlalchemy import func, select, text

from portal import changes
from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.catalogue.models import AppointmentType, Mode
from portal.changes import ChangeMark
from portal.db import db, transaction
from portal.scheduling import availability
from portal.scheduling.availability import Timetable
from portal.scheduling.models import (
    BusyTime,
    ExceptionKind,
    Holiday,
    HoursException,
    Location,
    Outside,
    TypePractitioner,
    WorkingHours,
)
from tests.support.database import counted_queries
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

NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)
TUESDAY = date(2026, 3, 3)
NINE = datetime.combine(TUESDAY, time(9), SYDNEY)

pytestmark = pytest.mark.usefixtures("ctx")


@pytest.fixture
def visit(ctx: None) -> AppointmentType:
    """Somebody works from 9 to 11 every day, by the half hour, in the only room."""
    place = make_location()
    make_room(place)
    make_hours(make_practitioner(name="Willa Wren"), place, starts=time(9), ends=time(11))
    return make_type(mode=Mode.IN_PERSON, needs_room=True, start_step_minutes=30)


def ask(visit: AppointmentType, now: datetime = NOW) -> Timetable:
    return availability.timetable(visit, TUESDAY, TUESDAY, now)


def clocks(visit: AppointmentType, now: datetime = NOW) -> list[str]:
    return [f"{slot.starts_at.astimezone(SYDNEY):%H:%M}" for slot in ask(visit, now).open_slots]


def elsewhere(statement: str) -> None:
    """Somebody else changes and commits, over a connection of their own."""
    with db.engine.begin() as connection:
        assert connection.execute(text(statement)).rowcount > 0
    db.session.expire_all()


def tidy_up() -> None:
    with transaction():
        changes.forget_old(NOW)


def marks() -> int:
    return db.session.scalars(select(func.count()).where(ChangeMark.about == "times")).one()


def add(row: object) -> None:
    with transaction():
        db.session.add(row)


def close() -> None:
    add(HoursException(kind=ExceptionKind.CLOSED, starts_at=NINE, ends_at=NINE + timedelta(hours=1)))


def add_extra_hours() -> None:
    who, where = db.session.query(WorkingHours.practitioner_id, WorkingHours.location_id).limit(1).one()
    known = {"practitioner_id": who, "location_id": where, "calendar_slug": CALENDAR}
    starts_at = NINE + timedelta(hours=5)
    add(HoursException(kind=ExceptionKind.EXTRA, starts_at=starts_at, ends_at=starts_at + timedelta(hours=1), **known))


def book_the_room() -> None:
    room, where = db.session.execute(text("select id, location_id from room")).one()
    make_booking(starts_at=NINE, room_id=room, location=db.session.get(Location, where))


def keep_a_holiday() -> None:
    add(Holiday(day=TUESDAY, name="Founders' Day", state="NSW"))


def be_busy_in_outlook() -> None:
    (who,) = db.session.query(WorkingHours.practitioner_id).limit(1).one()
    times = {"starts_at": NINE, "ends_at": NINE + timedelta(minutes=10)}
    add(BusyTime(practitioner_id=who, source=Outside.OUTLOOK, external_id="event", **times))


def name_somebody_else() -> None:
    (kind,) = db.session.query(AppointmentType.id).one()
    add(TypePractitioner(type_id=kind, practitioner_id=make_practitioner().id))


def readings(sent: list[str]) -> list[str]:
    """Those of the statements that read what open times follow from."""
    return [statement for statement in sent if "with offered as" in statement]


CHANGES: dict[str, tuple[Callable[[], None], list[str]]] = {
    "nothing": (lambda: None, ["09:00", "09:30", "10:00", "10:30"]),
    "hours begin later": (lambda: elsewhere("update working_hours set starts = '10:00'"), ["10:00", "10:30"]),
    "hours move to another day": (lambda: elsewhere("update working_hours set weekday = 6 where weekday = 1"), []),
    "hours have a last day": (lambda: elsewhere("update working_hours set valid_until = '2026-03-02'"), []),
    "hours are removed": (lambda: elsewhere("delete from working_hours"), []),
    "the clinic closes": (close, ["10:00", "10:30"]),
    "extra hours": (add_extra_hours, ["09:00", "09:30", "10:00", "10:30", "14:00", "14:30"]),
    "the place is in another zone": (
        lambda: elsewhere("update location set zone = 'Australia/Brisbane'"),
        ["10:00", "10:30", "11:00", "11:30"],
    ),
    "the place is not one any more": (lambda: elsewhere("update location set is_telehealth = true"), []),
    "the room is gone": (lambda: elsewhere("delete from room"), []),
    "the room is taken": (book_the_room, ["09:30", "10:00", "10:30"]),
    "a holiday is kept": (keep_a_holiday, []),
    "an event in Outlook": (be_busy_in_outlook, ["09:30", "10:00", "10:30"]),
    "a mailbox that nobody has read": (lambda: elsewhere("update practitioner set graph_user_id = 'mailbox'"), []),
    "somebody else is named for the type": (name_somebody_else, []),
    "the practitioner's day is full": (lambda: elsewhere("update practitioner set daily_cap = 0"), []),
    "the type's day is full": (lambda: elsewhere("update appointment_type set daily_cap = 0"), []),
    "starts count from the hours": (
        lambda: elsewhere("update appointment_type set start_alignment = 'hours', start_step_minutes = 50"),
        ["09:00", "09:50"],
    ),
    "the practitioner leaves": (lambda: elsewhere("update practitioner set is_active = false"), []),
    "visits are longer": (lambda: elsewhere("update appointment_type set length_minutes = 90"), ["09:00", "09:30"]),
    "starts are rarer": (lambda: elsewhere("update appointment_type set start_step_minutes = 60"), ["09:00", "10:00"]),
}


@pytest.mark.parametrize("what", CHANGES)
def test_every_change_shows_at_once(visit: AppointmentType, what: str) -> None:
    change, expected = CHANGES[what]
    assert clocks(visit) == clocks(visit) == ["09:00", "09:30", "10:00", "10:30"]
    change()
    assert clocks(visit) == expected


def test_a_new_name_shows_at_once(visit: AppointmentType) -> None:
    assert [one.name for one in ask(visit).practitioners] == ["Willa Wren"]
    elsewhere("update practitioner set name = 'Willa Wren-Moss'")
    assert [one.name for one in ask(visit).practitioners] == ["Willa Wren-Moss"]


def test_a_change_that_is_committed_late_is_not_taken_for_one_before(visit: AppointmentType) -> None:
    with db.engine.connect() as late, db.engine.connect() as soon:
        late.execute(text("update working_hours set starts = '10:00'"))  # its mark is the earlier one
        soon.execute(text("update practitioner set name = 'Willa Moss'"))
        soon.commit()
        tidy_up()
        assert clocks(visit) == ["09:00", "09:30", "10:00", "10:30"]
        late.commit()
        tidy_up()
    assert clocks(visit) == ["10:00", "10:30"]
    assert marks() == 1


def test_a_booking_takes_its_time_and_gives_it_back(visit: AppointmentType) -> None:
    before = clocks(visit)
    who = ask(visit).practitioners[0].id
    booking = make_booking(type=visit, starts_at=NINE)
    elsewhere(f"update booking set practitioner_id = {who}")
    assert clocks(visit) == before[1:]
    elsewhere(f"update booking set status = 'cancelled' where id = {booking.id}")
    assert clocks(visit) == before


def test_what_was_read_for_more_days_answers_for_fewer(visit: AppointmentType) -> None:
    availability.timetable(visit, TUESDAY, TUESDAY + timedelta(days=13), NOW)
    with counted_queries() as sent:
        assert clocks(visit) == ["09:00", "09:30", "10:00", "10:30"]
    assert not readings(sent)


def test_one_reading_serves_everybody_who_has_a_visit_of_their_own_to_move(visit: AppointmentType) -> None:
    who = ask(visit).practitioners[0].id
    bookings = [make_booking(type=visit, starts_at=NINE + timedelta(minutes=after)) for after in (0, 60)]
    elsewhere(f"update booking set practitioner_id = {who}")
    assert clocks(visit) == ["09:30", "10:30"]
    with counted_queries() as sent:
        for booking, expected in zip(bookings, (["09:00", "09:30", "10:30"], ["09:30", "10:00", "10:30"]), strict=True):
            table = availability.timetable(visit, TUESDAY, TUESDAY, NOW, ignoring_booking=booking.id)
            assert [f"{slot.starts_at.astimezone(SYDNEY):%H:%M}" for slot in table.open_slots] == expected
    assert not readings(sent)


def test_time_alone_frees_what_was_held(visit: AppointmentType) -> None:
    who = ask(visit).practitioners[0].id
    make_booking(type=visit, starts_at=NINE, status=Status.HELD, hold_expires_at=NOW + timedelta(minutes=1))
    elsewhere(f"update booking set practitioner_id = {who}")
    assert "09:00" not in clocks(visit)
    assert "09:00" in clocks(visit, NOW + timedelta(minutes=1))


def test_time_alone_takes_what_is_too_soon(visit: AppointmentType) -> None:
    assert clocks(visit, NINE) == ["09:00", "09:30", "10:00", "10:30"]
    assert clocks(visit, NINE + timedelta(seconds=1)) == ["09:30", "10:00", "10:30"]


def test_what_a_transaction_has_done_counts_for_itself_until_it_is_undone(visit: AppointmentType) -> None:
    before = clocks(visit)
    hours = db.session.query(WorkingHours).filter_by(weekday=TUESDAY.weekday()).one()
    hours.starts = time(10)
    assert clocks(visit) == before[2:]
    db.session.rollback()
    assert clocks(visit) == before


def test_a_booking_of_this_transaction_counts_before_it_is_committed(visit: AppointmentType) -> None:
    who = ask(visit).practitioners[0].id
    booking = make_booking(type=visit, starts_at=NINE)
    db.session.get_one(Booking, booking.id).practitioner_id = who
    assert "09:00" not in clocks(visit)
    db.session.rollback()
    assert "09:00" in clocks(visit)
