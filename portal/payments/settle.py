"""Draws the consequences of what Stripe says about an attempt. Monotonic: old news and copies change nothing."""

from __future__ import annotations

from datetime import datetime

from portal.bookings import confirm, find, hold
from portal.bookings.history import change_status, record
from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.clients import clients
from portal.db import db
from portal.integrations.stripe import CheckoutSession
from portal.outbox.post import announce
from portal.payments.models import UNFINISHED, Payment, PaymentState, Refund, RefundState
from portal.staff.tasks import raise_task


def apply(payment_id: int, session: CheckoutSession, now: datetime, *, has_failed: bool = False) -> None:
    """Bring the attempt and its booking in line with a freshly fetched session. Run it in a transaction.

    `has_failed` is news that the session does not tell itself: its delayed payment will never come.
    """
    booking, payment = locked(payment_id)
    if payment.state == PaymentState.PAID:
        return
    if payment.session_id is None:
        payment.session_id, payment.session_url = session.id, session.url
    if session.status == "complete" and session.payment_status == "paid":
        if _agrees(payment, session):
            _paid(booking, payment, session, now)
        else:
            raise_task(
                "payment-differs",
                f"Stripe's session for {booking.reference} does not agree with our amount. Nothing was booked from it.",
                now,
                booking_id=booking.id,
            )
    elif payment.state not in UNFINISHED:
        return  # given up before, so it says nothing about the time: another attempt may be under way
    elif session.status == "expired" or has_failed:
        _closed(booking, payment, now)
    elif session.status == "complete":
        payment.state = PaymentState.PENDING


def locked(payment_id: int) -> tuple[Booking, Payment]:
    """An attempt and its booking for a change: the booking's row is locked first, everywhere in the same order."""
    booking = find.get_locked(db.session.get_one(Payment, payment_id).booking_id)
    return booking, db.session.get_one(Payment, payment_id, with_for_update=True, populate_existing=True)


def give_back(payment: Payment, cause: str, amount_cents: int, now: datetime) -> None:
    """Owe a refund, once per cause."""
    if amount_cents <= 0 or any(refund.cause == cause for refund in payment.refunds):
        return
    payment.refunds.append(Refund(cause=cause, amount_cents=amount_cents, state=RefundState.WANTED, created_at=now))
    db.session.flush()
    announce("payment.given_back", payment.id, now)


def given_back(payment: Payment) -> int:
    """Cents of a payment that are on their way back already, for whatever cause."""
    return sum(refund.amount_cents for refund in payment.refunds if refund.state != RefundState.FAILED)


def refund_unplaced(booking: Booking, now: datetime) -> None:
    """The time is gone for good: the whole payment goes back, and an honest mail goes out."""
    for payment in payments_of(booking):
        give_back(payment, "not-placed", payment.amount_cents - given_back(payment), now)
    who = {"cancelled_at": now, "cancelled_by": "clinic"}
    change_status(booking, Status.CANCELLED, now, event="booking.not_placed", by="clock", columns=who)


def payments_of(booking: Booking) -> list[Payment]:
    """The attempts that brought money, in order."""
    return list(
        db.session.scalars(
            db.select(Payment)
            .where(Payment.booking_id == booking.id, Payment.state == PaymentState.PAID)
            .order_by(Payment.id)
        )
    )


def _agrees(payment: Payment, session: CheckoutSession) -> bool:
    """Amount, currency, mode and session must be ours before anything is booked (Stripe contract 4)."""
    wants_live = not clients().settings.stripe_secret_key.startswith("sk_test_")
    return (
        session.id == payment.session_id
        and session.client_reference_id == payment.attempt
        and session.amount_total == payment.amount_cents
        and session.currency == payment.currency
        and session.livemode == wants_live
    )


def _paid(booking: Booking, payment: Payment, session: CheckoutSession, now: datetime) -> None:
    payment.state, payment.paid_at, payment.intent_id = PaymentState.PAID, now, session.payment_intent
    if booking.is_waiting:
        payment.settles_booking = True
        confirm.confirm(booking, now, by="stripe")
    elif booking.status == Status.EXPIRED:
        payment.settles_booking = True
        change_status(booking, Status.PAID_UNPLACED, now, event="booking.paid_too_late", by="stripe")
    elif booking.status == Status.CANCELLED:
        give_back(payment, "not-placed", payment.amount_cents, now)
        record(booking, "booking.not_placed", now, by="stripe")
    else:
        give_back(payment, "duplicate", payment.amount_cents, now)


def _closed(booking: Booking, payment: Payment, now: datetime) -> None:
    """The session ended without money: the time is free again."""
    payment.state = PaymentState.CLOSED
    if booking.status == Status.AWAITING_PAYMENT:
        hold.expire(booking, now)
