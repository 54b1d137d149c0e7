"""Money that passes over the desk: taken at the clinic, and handed back there. Stripe hears of none of it."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import func, select, union_all

from portal import money
from portal.bookings.auditing import write_down
from portal.bookings.history import record
from portal.bookings.models import Booking, ChangeKind
from portal.bookings.states import Status, WrongState
from portal.db import db, transaction
from portal.payments.models import Method, Payment, PaymentState, Refund, RefundState
from portal.staff.access import Staff, holder_of
from portal.staff.models import Action
from portal.staff.tasks import raise_task, settle_task

GIVE_BACK = "give-back"  # the task
# A visit that stands or has been; nobody came still owes what was agreed.
PAYABLE = frozenset({Status.CONFIRMED, Status.ARRIVED, Status.IN_SESSION, Status.COMPLETED, Status.DID_NOT_ARRIVE})


class NothingToPay(Exception):
    """It is free, paid already, or being paid online right now."""


def settled_by(booking: Booking) -> Payment | None:
    """The payment that settles a booking."""
    wanted = select(Payment).where(Payment.booking_id == booking.id, Payment.settles_booking)
    return db.session.scalars(wanted.execution_options(populate_existing=True)).one_or_none()


def owes(booking: Booking) -> int:
    """Cents that are still to be paid for a visit."""
    if booking.status not in PAYABLE:
        return 0
    if settled_by(booking) is None:
        return booking.price_cents
    return 0 if booking.status == Status.DID_NOT_ARRIVE else owed_again([booking.id]).get(booking.id, 0)


def owed_again(booking_ids: Collection[int]) -> dict[int, int]:
    """Cents by booking that were given back because nobody came, and were not paid again since. Owed where somebody
    came after all."""
    of_these = Payment.booking_id.in_(booking_ids), Payment.state == PaymentState.PAID
    given_back = (
        select(Payment.booking_id, Refund.amount_cents.label("cents"))
        .join(Refund, Refund.payment_id == Payment.id)
        .where(*of_these, Refund.cause == str(ChangeKind.DID_NOT_ARRIVE), Refund.state != RefundState.FAILED)
    )
    paid_again = select(Payment.booking_id, -Payment.amount_cents).where(
        *of_these, Payment.method == Method.CLINIC, ~Payment.settles_booking
    )
    both = union_all(given_back, paid_again).subquery()
    left = func.sum(both.c.cents)
    rows = db.session.execute(select(both.c.booking_id, left).group_by(both.c.booking_id).having(left > 0))
    return {booking_id: int(cents) for booking_id, cents in rows}


def take(booking: Booking, staff: Staff, now: datetime) -> None:
    """All that is still to be paid was paid at the clinic. The booking's row is locked by the caller. Raises
    NothingToPay."""
    cents = owes(booking)
    if cents == 0:
        raise NothingToPay
    db.session.add(
        Payment(
            attempt=f"desk-{secrets.token_hex(8)}",
            booking_id=booking.id,
            amount_cents=cents,
            method=Method.CLINIC,
            state=PaymentState.PAID,
            customer_email="",
            session_expires_at=now,
            settles_booking=settled_by(booking) is None,
            created_at=now,
            paid_at=now,
        )
    )
    record(booking, "booking.paid_at_clinic", now, by=holder_of(staff.id))
    write_down(booking, Action.CHANGED, staff, now, kind="payment", part="paid at the clinic")


def take_back(booking: Booking, staff: Staff, now: datetime) -> None:
    """It was not paid after all: a slip. What has begun to go back stays. Raises WrongState."""
    wanted = select(Payment).where(
        Payment.booking_id == booking.id, Payment.method == Method.CLINIC, Payment.state == PaymentState.PAID
    )
    payment = db.session.scalars(wanted.order_by(Payment.id.desc()).limit(1)).first()
    if payment is None or payment.refunds:
        raise WrongState(booking.status, booking.status)
    payment.state, payment.settles_booking = PaymentState.CLOSED, False
    record(booking, "booking.payment_taken_back", now, by=holder_of(staff.id))
    write_down(booking, Action.CHANGED, staff, now, kind="payment", part="payment undone")


def ask_to_give_back(payment: Payment, now: datetime) -> None:
    """No machine can hand it back, so somebody has to. Asked again, nothing changes."""
    cents = sum(refund.amount_cents for refund in _waiting(payment))
    if cents:
        words = f"Give back {money.in_words(cents)} for {payment.booking.reference}: it was paid to the desk."
        with transaction():
            raise_task(GIVE_BACK, words, now, booking_id=payment.booking_id)


def given_back(booking: Booking, staff: Staff, now: datetime) -> None:
    """Somebody has handed it back. Raises NothingToPay when there was nothing to hand back."""
    payments = db.session.scalars(
        select(Payment).where(Payment.booking_id == booking.id, Payment.method == Method.CLINIC)
    )
    waiting = [refund for payment in payments for refund in _waiting(payment)]
    if not waiting:
        raise NothingToPay
    for refund in waiting:
        refund.state = RefundState.DONE
    settle_task(GIVE_BACK, now, booking_id=booking.id)
    write_down(booking, Action.CHANGED, staff, now, kind="payment", part="money handed back")


def _waiting(payment: Payment) -> list[Refund]:
    return [refund for refund in payment.refunds if refund.state == RefundState.WANTED]
