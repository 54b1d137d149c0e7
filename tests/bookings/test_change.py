"""A confirmed visit is moved or cancelled; its row, reference and terms stay."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from portal.bookings import change, find
from portal.bookings.change import TooLate
from portal.bookings.models import Booking, BookingEvent
from portal.bookings.states import Status, WrongState
from portal.clock import now
from portal.db import db, transaction
from portal.scheduling import claims
from portal.scheduling.blocks import Rule
from portal.scheduling.claims import SlotTaken
from portal.scheduling.models import Location
from portal.staff.models import Practitioner
from tests.support.factories import make_booking, make_hours, make_practitioner, make_type
from tests.support.outbox import jobs_owed

pytestmark = pytest.mark.usefixtures("ctx")


@pytest.fixture
def visit(wren: Practitioner, place: Location) -> Booking:
    kind = make_type(buffer_before_minutes=5, buffer_after_minutes=10)
    return make_booking(type=kind, practitioner=wren, location=place, confirmed_at=now() - timedelta(days=1))


def move(
    booking: Booking, starts_at: datetime, *, by: str = "patient", to: int | None = None, at: datetime | None = None
) -> None:
    booking_id, at = booking.id, at or now()
    claims.claim(lambda: change.move(find.get_locked(booking_id), starts_at, at, by=by, practitioner_id=to))


def test_a_moved_visit_keeps_its_row_reference_and_terms(visit: Booking) -> None:
    before, reference, terms = visit.starts_at, visit.reference, dict(visit.terms)
    wanted = before + timedelta(hours=2)
    move(visit, wanted)

    assert (visit.starts_at, visit.ends_at) == (wanted, wanted + timedelta(minutes=30))
    assert (visit.blocked.lower, visit.blocked.upper) == (
        wanted - timedelta(minutes=5),
        wanted + timedelta(minutes=40),
    )
    assert (visit.status, visit.reference, visit.terms, visit.version) == (Status.CONFIRMED, reference, terms, 1)
    (event,) = db.session.scalars(select(BookingEvent)).all()
    assert (event.name, event.by, event.data) == (
        "booking.moved",
        "patient",
        {"from_starts_at": before.isoformat()},
    )
    assert sorted(jobs_owed()) == ["notices.send_moved", "sync.medirecords", "sync.outlook"]


@pytest.mark.parametrize("minutes", [15, -15])
def test_a_visit_never_clashes_with_itself_when_it_moves_by_fifteen_minutes(visit: Booking, minutes: int) -> None:
    wanted = visit.starts_at + timedelta(minutes=minutes)
    move(visit, wanted)
    assert visit.starts_at == wanted


def test_a_visit_does_not_count_against_the_caps_when_it_moves_within_its_day(
    visit: Booking, wren: Practitioner
) -> None:
    with transaction():
        wren.daily_cap = visit.appointment_type.daily_cap = 1
    wanted = visit.starts_at + timedelta(hours=2)
    move(visit, wanted)
    assert visit.starts_at == wanted


def test_a_moved_visit_lasts_as_long_as_was_agreed(visit: Booking, wren: Practitioner, place: Location) -> None:
    last = visit.starts_at + timedelta(hours=6, minutes=30)  # half an hour before the end of the hours
    with transaction():
        visit.appointment_type.length_minutes = 60
    move(visit, last)
    assert (visit.starts_at, visit.ends_at) == (last, last + timedelta(minutes=30))
    assert visit.blocked.upper == last + timedelta(minutes=40)


def test_a_visit_that_was_agreed_to_be_longer_needs_all_of_its_time(
    visit: Booking, wren: Practitioner, place: Location
) -> None:
    other = visit.starts_at + timedelta(hours=3)
    make_booking(type=make_type(), practitioner=wren, location=place, starts_at=other)
    with transaction():
        visit.appointment_type.length_minutes = 15
    with pytest.raises(SlotTaken) as taken:
        move(visit, other - timedelta(minutes=30))
    assert taken.value.reason.rule == Rule.BUFFER


def test_a_visit_moves_to_somebody_else_at_the_same_time(visit: Booking, place: Location) -> None:
    lark = make_practitioner()
    make_hours(lark, place)
    before = visit.starts_at
    move(visit, before, to=lark.id)
    assert (visit.starts_at, visit.practitioner_id, visit.version) == (before, lark.id, 1)


def test_a_move_to_where_it_is_changes_nothing(visit: Booking) -> None:
    move(visit, visit.starts_at)
    assert (visit.version, jobs_owed()) == (0, [])


def test_a_visit_does_not_move_onto_another_one(visit: Booking, wren: Practitioner, place: Location) -> None:
    # 35 minutes later: the visits do not overlap, their buffers do.
    other = visit.starts_at + timedelta(minutes=60)
    make_booking(type=visit.appointment_type, practitioner=wren, location=place, starts_at=other)
    before = visit.starts_at
    for wanted in (other, other - timedelta(minutes=30), other + timedelta(minutes=30)):
        with pytest.raises(SlotTaken):
            move(visit, wanted)
    assert (visit.starts_at, visit.version) == (before, 0)


def test_a_late_move_is_for_the_desk(visit: Booking) -> None:
    wanted, late = visit.starts_at + timedelta(hours=2), visit.starts_at - timedelta(hours=23)
    with pytest.raises(TooLate):
        move(visit, wanted, at=late)
    move(visit, wanted, at=late, by="staff")
    assert visit.starts_at == wanted


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.CONFIRMED}))
def test_only_a_confirmed_visit_moves(status: Status) -> None:
    booking = make_booking(status=status)
    with pytest.raises(WrongState):
        move(booking, booking.starts_at + timedelta(hours=1))


def test_a_cancelled_visit_says_when_and_by_whom(visit: Booking) -> None:
    at = now()
    with transaction():
        change.cancel(find.get_locked(visit.id), at, by="patient", reason="I am away")
    assert (visit.status, visit.cancelled_at, visit.cancelled_by) == (Status.CANCELLED, at, "patient")
    (event,) = db.session.scalars(select(BookingEvent)).all()
    assert event.data == {"reason_given": True}  # what it was is nobody's business here


def test_nobody_cancels_a_visit_twice(visit: Booking) -> None:
    with transaction():
        change.cancel(find.get_locked(visit.id), now(), by="patient")
    with pytest.raises(WrongState), transaction():
        change.cancel(find.get_locked(visit.id), now(), by="staff")


def test_a_patient_does_not_cancel_a_visit_that_has_begun_but_the_desk_does(visit: Booking) -> None:
    for at in (visit.starts_at, visit.starts_at + timedelta(minutes=5)):
        with pytest.raises(TooLate), transaction():
            change.cancel(find.get_locked(visit.id), at, by="patient")
    with transaction():
        change.cancel(find.get_locked(visit.id), visit.starts_at, by="staff")
    assert visit.status == Status.CANCELLED
