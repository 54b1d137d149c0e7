"""What was agreed, paid and given back, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from portal import money, words
from portal.bookings import policy
from portal.bookings.models import Booking
from portal.db import db
from portal.notices.compose import price_in_words
from portal.payments import desk
from portal.payments.models import Method, Payment, PaymentState, Refund, RefundState

HOW = {Method.CARD: "by card online", Method.CLINIC: "to the desk"}
REFUNDS = {
    RefundState.WANTED: "goes back",
    RefundState.SENT: "is on its way back",
    RefundState.DONE: "was given back",
    RefundState.FAILED: "could not be given back",
}


@dataclass(frozen=True)
class Account:
    """The money of one booking: lines of (what, words), and what can be done."""

    lines: list[tuple[str, str]]
    owes_cents: int
    can_undo: bool  # a payment that the desk has recorded
    to_hand_back_cents: int


def of(booking: Booking, zone: ZoneInfo) -> Account:
    """Refunds stand below the payment they belong to."""
    wanted = select(Payment).where(Payment.booking_id == booking.id).options(selectinload(Payment.refunds))
    payments = db.session.scalars(wanted.order_by(Payment.id)).all()
    owes = desk.owes(booking)
    lines = [("Price", price_in_words(booking.terms)), *_paid(payments, zone)]
    if owes:
        lines.append(("Still to pay", money.in_words(owes)))
    if booking.fee_waived:
        lines.append(("Fee", "Waived"))
    at_clinic = [
        payment for payment in payments if payment.method == Method.CLINIC and payment.state == PaymentState.PAID
    ]
    return Account(
        lines=lines,
        owes_cents=owes,
        can_undo=any(not payment.refunds for payment in at_clinic[-1:]),
        to_hand_back_cents=sum(
            refund.amount_cents
            for payment in payments
            for refund in payment.refunds
            if payment.method == Method.CLINIC and refund.state == RefundState.WANTED
        ),
    )


def paid_cents(booking: Booking) -> int:
    """What settles the booking."""
    payment = desk.settled_by(booking)
    return payment.amount_cents if payment is not None else 0


def cost_words(cost: policy.Cost, paid: int) -> str:
    """What a cancellation or a missed visit means for the money, exactly."""
    if paid == 0:
        return "Nothing was paid here, so nothing goes back."
    if cost.fee_cents == 0:
        return f"No fee. All of {money.in_words(paid)} goes back."
    if cost.refund_cents == 0:
        return f"The fee is {money.in_words(cost.fee_cents)}, all that was paid. Nothing goes back."
    return f"The fee is {money.in_words(cost.fee_cents)}. {money.in_words(cost.refund_cents)} goes back."


def refund_words(refund: Refund) -> str:
    return f"{money.in_words(refund.amount_cents)} {REFUNDS[refund.state]}"


def _paid(payments: Iterable[Payment], zone: ZoneInfo) -> Iterator[tuple[str, str]]:
    for payment in payments:
        cents = money.in_words(payment.amount_cents)
        if payment.state == PaymentState.PAID:
            yield "Paid", f"{cents} {HOW[payment.method]}, {words.brief(payment.paid_at or payment.created_at, zone)}"
        elif payment.state != PaymentState.CLOSED:
            yield "Being paid", f"{cents}, since {words.brief(payment.created_at, zone)}"
        for refund in payment.refunds:
            yield "Back", refund_words(refund)
