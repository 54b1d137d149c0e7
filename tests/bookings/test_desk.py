"""Acts of the desk where two people reach for the same thing, and what is kept of each."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from portal.bookings import change, desk, find, hold, overrides
from portal.bookings.desk import ChangedMeanwhile
from portal.bookings.models import Booking, BookingEvent
from portal.bookings.overrides import Place
from portal.bookings.states import Status, WrongState
from portal.catalogue.models import AppointmentType
from portal.clock import now
from portal.db import db, transaction
from portal.scheduling import availability, claims
from portal.scheduling.claims import SlotTaken
from portal.scheduling.models import Location
from portal.staff.access import Role, Staff
from portal.staff.models import Practitioner
from tests.support.factories import make_booking, make_hours
from tests.support.race import Race
from tests.support.staff import admitted

pytestmark = pytest.mark.usefixtures("ctx")
HOUR = timedelta(hours=1)


def test_of_two_receptionists_who_move_one_visit_the_second_is_told(visit: Booking, pia: Staff, race: Race) -> None:
    max, seen, first, visit_id = admitted(Role.MANAGER), desk.last_event(visit.id), visit.starts_at, visit.id

    def moving(staff: Staff, to: datetime) -> None:
        def act() -> None:
            booking = find.get_locked(visit_id)
            desk.expect(booking, seen)
            desk.move(booking, to, staff, now())

        claims.claim(act)

    outcomes = race(lambda: moving(pia, first + HOUR), lambda: moving(max, first + 2 * HOUR))
    (lost,) = [one for one in outcomes if one is not None]
    assert isinstance(lost, ChangedMeanwhile)
    assert str(lost) == "booking.moved"
    db.session.refresh(visit)
    assert visit.version == 1


def test_of_the_desk_and_a_patient_one_gets_the_time(visit: Booking, pia: Staff, race: Race) -> None:
    wanted, visit_id, type_id = visit.starts_at + HOUR, visit.id, visit.appointment_type_id

    def by_desk() -> None:
        claims.claim(lambda: desk.move(find.get_locked(visit_id), wanted, pia, now()))

    def by_patient() -> None:
        claims.claim(lambda: hold.hold(db.session.get_one(AppointmentType, type_id), wanted, now()) and None)

    outcomes = race(by_desk, by_patient)
    assert sum(one is None for one in outcomes) == 1
    assert sum(isinstance(one, SlotTaken) for one in outcomes) == 1
    db.session.rollback()
    assert db.session.scalar(select(func.count(Booking.id)).where(Booking.starts_at == wanted)) == 1


def test_undo_and_a_patient_who_wants_the_old_time_cannot_both_have_it(visit: Booking, pia: Staff, race: Race) -> None:
    first, visit_id, type_id = visit.starts_at, visit.id, visit.appointment_type_id
    claims.claim(lambda: desk.move(find.get_locked(visit_id), first + HOUR, pia, now()))

    def undo() -> None:
        claims.claim(lambda: desk.take_back(find.get_locked(visit_id), pia, now()))

    def by_patient() -> None:
        claims.claim(lambda: hold.hold(db.session.get_one(AppointmentType, type_id), first, now()) and None)

    outcomes = race(undo, by_patient)
    assert sum(one is None for one in outcomes) == 1
    db.session.rollback()
    assert db.session.scalar(select(func.count(Booking.id)).where(Booking.starts_at == first)) == 1


def test_an_override_is_busy_time_for_everybody_else(
    visit: Booking, pia: Staff, wren: Practitioner, place: Location
) -> None:
    wanted = Place(visit.starts_at + 10 * HOUR, wren.id, "She flies in")
    claims.claim(lambda: overrides.move_anyway(find.get_locked(visit.id), wanted, pia, now()))
    db.session.refresh(visit)
    assert (visit.starts_at, visit.overlap_allowed) == (wanted.starts_at, True)
    make_hours(wren, place, starts=datetime.min.time(), ends=datetime.max.time().replace(second=0, microsecond=0))
    why = availability.explain(visit.appointment_type, wren.id, wanted.starts_at, now())
    assert why is not None


def test_a_visit_that_moves_to_an_open_time_leaves_the_override_behind(
    visit: Booking, pia: Staff, wren: Practitioner
) -> None:
    first = visit.starts_at
    wanted = Place(first + 10 * HOUR, wren.id, "She flies in")
    claims.claim(lambda: overrides.move_anyway(find.get_locked(visit.id), wanted, pia, now()))
    claims.claim(lambda: change.move(find.get_locked(visit.id), first + HOUR, now(), by="patient"))
    db.session.refresh(visit)
    assert (visit.overlap_allowed, visit.overlap_reason) == (False, "")


def test_nobody_is_booked_into_the_past(visit: Booking, pia: Staff, wren: Practitioner) -> None:
    long_ago = Place(now() - 3 * HOUR, wren.id, "Forgot to write it down")
    with pytest.raises(SlotTaken):
        claims.claim(lambda: overrides.hold_anyway(visit.appointment_type, long_ago, pia, now()))
    walked_in = Place(now() - HOUR / 2, wren.id, "Walked in")
    booking = claims.claim(lambda: overrides.hold_anyway(visit.appointment_type, walked_in, pia, now()))
    assert booking.status == Status.HELD


@pytest.mark.parametrize("status", [Status.HELD, Status.AWAITING_PAYMENT, Status.CANCELLED, Status.EXPIRED])
def test_the_steps_of_the_day_are_for_visits(pia: Staff, status: Status) -> None:
    booking = make_booking(status=status)
    for wanted in (Status.ARRIVED, Status.CONFIRMED, Status.COMPLETED, Status.CANCELLED):
        with pytest.raises(WrongState), transaction():
            desk.set_status(find.get_locked(booking.id), wanted, pia, now())


def test_a_hold_is_not_cancelled_as_a_visit(pia: Staff) -> None:
    booking = make_booking(status=Status.HELD)
    with pytest.raises(WrongState), transaction():
        desk.cancel(find.get_locked(booking.id), pia, now(), wished_by="clinic")


def test_a_visit_nobody_came_to_takes_its_time_again_only_if_it_is_free(
    pia: Staff, wren: Practitioner, place: Location
) -> None:
    at = now() - timedelta(minutes=30)
    missed = make_booking(practitioner=wren, location=place, starts_at=at)
    with transaction():
        desk.did_not_arrive(find.get_locked(missed.id), pia, now())
    make_booking(practitioner=wren, location=place, starts_at=at)
    with pytest.raises(SlotTaken):
        claims.claim(lambda: desk.set_status(find.get_locked(missed.id), Status.ARRIVED, pia, now()))


def test_history_names_who_did_it_and_holds_nothing_of_the_reason(visit: Booking, pia: Staff) -> None:
    with transaction():
        desk.cancel(find.get_locked(visit.id), pia, now(), wished_by="patient", reason="Migraine", waiver="Ill")
    (event,) = db.session.scalars(select(BookingEvent)).all()
    assert (event.by, event.data) == (f"staff:{pia.id}", {"reason_given": True})
    for table in ("booking_note", "audit_entry", "booking", "outbox"):
        assert "Migraine" not in str(db.session.execute(db.text(f"select * from {table}")).all())
