"""For three minutes a change by staff can be undone, and nobody hears of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.bookings import desk, find, undo
from portal.bookings.models import Booking, BookingEvent, ChangeKind
from portal.bookings.states import Status
from portal.bookings.undo import WAIT, TooLateToUndo
from portal.clock import now
from portal.db import db, transaction
from portal.scheduling import claims
from portal.scheduling.claims import SlotTaken
from portal.scheduling.models import Location
from portal.staff.access import Staff
from portal.staff.models import Practitioner
from tests.support.factories import make_booking
from tests.support.outbox import owed

pytestmark = pytest.mark.usefixtures("ctx")
HOUR = timedelta(hours=1)


def move(visit: Booking, by: timedelta, staff: Staff, at_minute: float = 0) -> None:
    wanted, at = visit.starts_at + by, now() + timedelta(minutes=at_minute)
    claims.claim(lambda: desk.move(find.get_locked(visit.id), wanted, staff, at))


def cancel(visit: Booking, staff: Staff, wished_by: str = "patient") -> None:
    with transaction():
        desk.cancel(find.get_locked(visit.id), staff, now(), wished_by=wished_by)


def take_back(visit: Booking, staff: Staff, after: timedelta = timedelta()) -> None:
    at = now() + after
    claims.claim(lambda: desk.take_back(find.get_locked(visit.id), staff, at))


def looks_like(visit: Booking) -> tuple[object, ...]:
    db.session.refresh(visit)
    return (
        visit.starts_at,
        visit.ends_at,
        visit.blocked,
        visit.practitioner_id,
        visit.room_id,
        visit.version,
        visit.status,
    )


def events(visit: Booking) -> list[str]:
    rows = select(BookingEvent.name).where(BookingEvent.booking_id == visit.id).order_by(BookingEvent.id)
    return list(db.session.scalars(rows))


def wait_of(job: str) -> timedelta:
    (row,) = owed(job)
    return row.not_before - row.created_at


def test_the_calendars_are_told_at_once_and_the_patient_in_three_minutes(visit: Booking, pia: Staff) -> None:
    move(visit, HOUR, pia)
    assert wait_of("sync.outlook") == wait_of("sync.medirecords") == timedelta()
    assert wait_of("notices.send_moved") == WAIT == timedelta(minutes=3)


def test_of_a_cancellation_the_money_waits_too(visit: Booking, pia: Staff) -> None:
    cancel(visit, pia)
    assert wait_of("sync.outlook") == timedelta()
    assert wait_of("notices.send_cancelled") == wait_of("payments.refund_if_due") == WAIT


def test_an_undone_move_leaves_everything_as_it_was(visit: Booking, pia: Staff) -> None:
    before = looks_like(visit)
    move(visit, HOUR, pia)
    assert looks_like(visit) != before
    take_back(visit, pia)
    assert looks_like(visit) == before
    assert events(visit) == ["booking.moved", "booking.put_back"]
    assert undo.find(visit) is None


def test_an_undone_cancellation_leaves_everything_as_it_was(visit: Booking, pia: Staff) -> None:
    before = looks_like(visit)
    cancel(visit, pia)
    take_back(visit, pia)
    assert looks_like(visit) == before
    assert (visit.cancelled_at, visit.cancelled_by, visit.fee_waived) == (None, "", False)


def test_after_two_moves_in_a_row_undo_leads_to_what_the_patient_knows(visit: Booking, pia: Staff) -> None:
    before = looks_like(visit)
    move(visit, HOUR, pia)
    move(visit, HOUR, pia)
    take_back(visit, pia)
    assert looks_like(visit) == before


def test_a_visit_that_is_moved_back_by_hand_is_no_news(visit: Booking, pia: Staff) -> None:
    before = looks_like(visit)
    move(visit, HOUR, pia)
    move(visit, -HOUR, pia)
    assert looks_like(visit) == before
    assert undo.find(visit) is None


def test_after_three_minutes_it_stands(visit: Booking, pia: Staff) -> None:
    move(visit, HOUR, pia)
    db.session.refresh(visit)
    moved = looks_like(visit)
    with pytest.raises(TooLateToUndo):
        take_back(visit, pia, after=WAIT + timedelta(seconds=1))
    assert looks_like(visit) == moved


def test_a_time_that_somebody_has_taken_meanwhile_is_not_taken_back(
    visit: Booking, pia: Staff, wren: Practitioner, place: Location
) -> None:
    first = visit.starts_at
    move(visit, HOUR, pia)
    other = make_booking(type=visit.appointment_type, practitioner=wren, location=place, starts_at=first)
    with pytest.raises(SlotTaken):
        take_back(visit, pia)
    db.session.refresh(visit)
    assert (visit.starts_at, visit.version) == (first + HOUR, 1)
    assert other.status == Status.CONFIRMED


def test_an_override_that_took_the_time_keeps_it_too(
    visit: Booking, pia: Staff, wren: Practitioner, place: Location
) -> None:
    first = visit.starts_at
    cancel(visit, pia)
    make_booking(
        type=visit.appointment_type,
        practitioner=wren,
        location=place,
        starts_at=first,
        overlap_allowed=True,
        overlap_reason="A sister comes along",
    )
    with pytest.raises(SlotTaken):
        take_back(visit, pia)


def test_what_the_patient_changes_meanwhile_is_not_undone_by_staff(visit: Booking, pia: Staff) -> None:
    from portal.bookings import change

    move(visit, HOUR, pia)
    wanted = visit.starts_at + HOUR
    claims.claim(lambda: change.move(find.get_locked(visit.id), wanted, now(), by="patient"))
    with pytest.raises(TooLateToUndo):
        take_back(visit, pia)
    # And their own mail goes at once.
    (row,) = owed("notices.send_moved")
    assert row.not_before <= now()
    assert undo.waits_until(visit, ChangeKind.MOVED, now()) is None


def test_tell_now_ends_the_wait_and_the_undo(visit: Booking, pia: Staff) -> None:
    cancel(visit, pia)
    with transaction():
        desk.tell_now(find.get_locked(visit.id), pia, now())
    rows = owed()
    assert rows
    assert all(row.not_before <= now() for row in rows)
    with pytest.raises(TooLateToUndo):
        take_back(visit, pia)


def test_do_not_tell_says_who_decided_it(visit: Booking, pia: Staff) -> None:
    move(visit, HOUR, pia)
    with transaction():
        desk.keep_quiet(find.get_locked(visit.id), pia, now())
    assert undo.is_kept_quiet(visit, ChangeKind.MOVED)
    event = db.session.scalars(select(BookingEvent).where(BookingEvent.name == "booking.not_told")).one()
    assert event.by == f"staff:{pia.id}"


def test_a_later_move_is_told_again_although_the_first_was_not(visit: Booking, pia: Staff) -> None:
    move(visit, HOUR, pia)
    with transaction():
        desk.keep_quiet(find.get_locked(visit.id), pia, now())
    move(visit, HOUR, pia)
    assert not undo.is_kept_quiet(visit, ChangeKind.MOVED)
    assert undo.waits_until(visit, ChangeKind.MOVED, now()) is not None
