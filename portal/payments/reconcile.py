"""Compares Stripe with our payments every 15 minutes: money without a visible end is what nobody may overlook."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import or_, select

from portal.clients import clients
from portal.clock import now
from portal.db import db, transaction
from portal.integrations.stripe import CheckoutSession
from portal.payments import settle, stripe_events
from portal.payments.models import Payment, PaymentState, Refund, RefundState
from portal.staff.tasks import raise_task

# `created` is when a session was made, not when it was paid; a session lives up to a day.
LOOK_BACK = timedelta(hours=26)


def sessions() -> None:
    """Paid sessions that we have not settled, and notifications that never reached us."""
    stripe, since = clients().stripe, now() - LOOK_BACK
    for session in [*stripe.list_sessions(created_since=since, status="complete")]:
        if session.payment_status == "paid":
            with transaction():
                _compare(session, now())
    missed = [*stripe.list_undelivered_events(since=since)]
    with transaction():
        for event in missed:
            stripe_events.store(event, now())


def refunds_to_follow(at: datetime) -> list[int]:
    """Payments with a refund that Stripe has not finished, or that never reached Stripe."""
    return list(
        db.session.scalars(
            select(Refund.payment_id)
            .where(
                or_(Refund.state == RefundState.SENT, Refund.state == RefundState.WANTED),
                Refund.created_at <= at - timedelta(minutes=2),
            )
            .distinct()
        )
    )


def _compare(session: CheckoutSession, at: datetime) -> None:
    attempt = session.client_reference_id or ""
    payment = db.session.scalars(
        select(Payment).where(or_(Payment.session_id == session.id, Payment.attempt == attempt))
    ).one_or_none()
    if payment is None and "attempt" in session.metadata:
        raise_task(
            "stripe-unknown",
            "Stripe holds a paid session that belongs to none of our bookings. Please look it up there.",
            at,
            about=session.id,
        )
    elif payment is not None and payment.state != PaymentState.PAID:
        settle.apply(payment.id, session, at)
