"""Nobody came, the money went back, and then they came after all: the visit is paid for like any other."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.bookings import desk as visits
from portal.bookings import find
from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.bookings.undo import WAIT
from portal.clock import now
from portal.db import db, transaction
from portal.payments import desk, refunds
from portal.payments.desk import NothingToPay
from portal.payments.models import Refund, RefundState
from portal.scheduling import claims
from portal.staff.access import Role, Staff
from tests.support.factories import make_booking, make_payment, make_policy
from tests.support.staff import admitted

pytestmark = pytest.mark.usefixtures("ctx")


@pytest.fixture
def pia(ctx: None) -> Staff:
    return admitted(Role.RECEPTION)


@pytest.fixture
def visit(ctx: None) -> Booking:
    """Paid online, and begun twenty minutes ago."""
    made = make_booking(starts_at=now() - timedelta(minutes=20))
    make_payment(made)
    return made


def miss(visit: Booking, staff: Staff, *, waiver: str = "") -> None:
    """Nobody came, and the three minutes are over."""
    with transaction():
        visits.did_not_arrive(find.get_locked(visit.id), staff, now(), waiver=waiver)
    give_back(visit)


def give_back(visit: Booking) -> None:
    with transaction():
        refunds.want(find.get_locked(visit.id), now() + WAIT)


def arrive(visit: Booking, staff: Staff) -> None:
    claims.claim(lambda: visits.set_status(find.get_locked(visit.id), Status.ARRIVED, staff, now()))


def pay(visit: Booking, staff: Staff) -> None:
    with transaction():
        desk.take(find.get_locked(visit.id), staff, now())


def cancel(visit: Booking, staff: Staff, *, wished_by: str) -> None:
    with transaction():
        visits.cancel(find.get_locked(visit.id), staff, now(), wished_by=wished_by)
    give_back(visit)


def owed(visit: Booking) -> int:
    db.session.rollback()
    return desk.owes(find.get(visit.id))


def went_back() -> list[int]:
    db.session.rollback()
    return list(db.session.scalars(select(Refund.amount_cents).order_by(Refund.id)))


def test_who_came_after_all_pays_what_they_got_back(visit: Booking, pia: Staff) -> None:
    miss(visit, pia, waiver="Ambulance")
    assert (went_back(), owed(visit)) == ([11900], 0)
    arrive(visit, pia)
    assert owed(visit) == 11900
    pay(visit, pia)
    assert owed(visit) == 0
    with pytest.raises(NothingToPay):
        pay(visit, pia)


def test_a_part_that_went_back_is_the_part_to_pay(pia: Staff) -> None:
    make_policy(no_show_fee_percent=50)
    visit = make_booking(starts_at=now() - timedelta(minutes=20))
    make_payment(visit)
    miss(visit, pia)
    assert (went_back(), owed(visit)) == ([5950], 0)
    arrive(visit, pia)
    assert owed(visit) == 5950


def test_a_fee_that_was_kept_pays_for_the_visit(visit: Booking, pia: Staff) -> None:
    miss(visit, pia)
    arrive(visit, pia)
    assert (went_back(), owed(visit)) == ([], 0)


@pytest.mark.parametrize("state", [RefundState.FAILED, RefundState.DONE])
def test_only_money_that_went_back_because_nobody_came_is_owed(visit: Booking, pia: Staff, state: RefundState) -> None:
    """A refund that failed left the money here, and a kindness in Stripe's own dashboard stays one."""
    miss(visit, pia, waiver="Ambulance")
    with transaction():
        refund = db.session.scalars(select(Refund)).one()
        refund.state = state
        if state == RefundState.DONE:
            refund.cause = "stripe:re_1"
    arrive(visit, pia)
    assert owed(visit) == 0


def test_a_payment_written_down_by_mistake_is_taken_back(visit: Booking, pia: Staff) -> None:
    miss(visit, pia, waiver="Ambulance")
    arrive(visit, pia)
    pay(visit, pia)
    with transaction():
        desk.take_back(find.get_locked(visit.id), pia, now())
    assert owed(visit) == 11900


@pytest.mark.parametrize(("wished_by", "back"), [("clinic", [11900, 11900]), ("patient", [11900, 5950])])
def test_what_was_paid_again_goes_back_by_the_policy_too(
    visit: Booking, pia: Staff, wished_by: str, back: list[int]
) -> None:
    with transaction():
        visit.confirmed_at = now() - timedelta(days=1)
    miss(visit, pia, waiver="Ambulance")
    arrive(visit, pia)
    pay(visit, pia)
    cancel(visit, pia, wished_by=wished_by)
    assert went_back() == back


def test_missed_again_the_fee_is_kept_of_what_was_paid_again(visit: Booking, pia: Staff) -> None:
    miss(visit, pia, waiver="Ambulance")
    arrive(visit, pia)
    pay(visit, pia)
    claims.claim(lambda: visits.set_status(find.get_locked(visit.id), Status.CONFIRMED, pia, now()))
    miss(visit, pia)
    assert went_back() == [11900]
    arrive(visit, pia)
    assert owed(visit) == 0
