"""What is owed to Stripe, and what its notifications set off."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from portal import crash
from portal.bookings import confirm, find, hold
from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.clients import clients
from portal.clock import now
from portal.db import LOST_RACE_STATES, Busy, db, sqlstate, transaction
from portal.integrations.stripe import CheckoutSession, SessionNotOpen
from portal.outbox.post import remind
from portal.payments import checkout, desk, refunds, settle
from portal.payments import reconcile as reconciliation
from portal.payments.models import UNFINISHED, Method, Payment, PaymentState, Refund, RefundState, StripeNotification
from portal.scheduling import claims
from portal.scheduling.claims import SlotTaken
from portal.staff.tasks import raise_task

CHECK_AFTER = timedelta(minutes=2)


def apply_notification(notification_id: int) -> None:
    """Act on a stored Stripe event: fetch what it is about, draw the consequences. Copies and order do not matter."""
    notification = db.session.get_one(StripeNotification, notification_id)
    if notification.applied_at is not None:
        return
    kind, object_id, intent = notification.type, notification.object_id, notification.payment_intent
    if kind.startswith("checkout.session."):
        session = _fetch_session(object_id)
        payment_id = _payment_of(session)
        with transaction():
            if payment_id is not None:
                settle.apply(payment_id, session, now(), has_failed=kind.endswith("async_payment_failed"))
    elif kind.startswith(("refund.", "charge.refund")):
        _apply_refund_news(intent)
    elif kind.startswith("charge.dispute."):
        _raise_dispute(intent, kind)
    with transaction():
        db.session.get_one(StripeNotification, notification_id).applied_at = now()


def check(payment_id: int) -> None:
    """Ask Stripe how an attempt stands: catches a notification that never came."""
    payment = db.session.get_one(Payment, payment_id)
    if payment.session_id is None or payment.state in (PaymentState.PAID, PaymentState.CLOSED):
        return
    session = _fetch_session(payment.session_id)
    with transaction():
        settle.apply(payment_id, session, now())


def release(booking_id: int) -> None:
    """Let go of a booking whose payment deadline has passed: first close the session at Stripe, then free the time.

    In the other order somebody could pay for a time that another person holds already.
    """
    payment = db.session.scalars(
        select(Payment).where(Payment.booking_id == booking_id, Payment.state.in_(UNFINISHED))
    ).one_or_none()
    booking = find.get(booking_id)
    if payment is None or booking.status != Status.AWAITING_PAYMENT:
        return
    if not booking.is_lapsed(now()):
        return
    payment_id = payment.id
    session = _close_session(payment)
    crash.point("release.closed")
    with transaction():
        if session is None:
            _nothing_was_made(payment_id)
        else:
            settle.apply(payment_id, session, now())


def place_or_refund(booking_id: int) -> None:
    """Paid after the time was let go: take the same time again if it is free, else give everything back."""
    if find.get(booking_id).status != Status.PAID_UNPLACED:
        return
    try:
        claims.claim(lambda: confirm.place_again(find.get_locked(booking_id), now()))
    except SlotTaken as taken:
        if taken.__cause__ is not None and sqlstate(taken.__cause__) in LOST_RACE_STATES:
            raise Busy from None  # nobody has said that the time is gone
        with transaction():
            booking = find.get_locked(booking_id)
            if booking.status == Status.PAID_UNPLACED:
                settle.refund_unplaced(booking, now())


def refund_if_due(booking_id: int) -> None:
    """A visit was cancelled, or nobody came: owe what the agreed policy gives back.

    What staff have done a moment ago can still be undone: then it is looked at again when it cannot.
    """
    with transaction():
        refunds.want(find.get_locked(booking_id), now())


def send_refunds(payment_id: int) -> None:
    """Send every refund of a payment that Stripe has not got yet. The stored key makes a repeat harmless."""
    payment = db.session.get_one(Payment, payment_id)
    if payment.method == Method.CLINIC:
        desk.ask_to_give_back(payment, now())
        return
    intent = payment.intent_id
    wanted = [refund.id for refund in payment.refunds if refund.state == RefundState.WANTED]
    if intent is None or not wanted:
        return
    for refund_id in wanted:
        refund = db.session.get_one(Refund, refund_id)
        amount, key, reason = refund.amount_cents, refund.idempotency_key, refunds.stripe_reason(refund)
        labels = {"attempt": payment.attempt, "cause": refund.cause}
        db.session.rollback()
        crash.point("refund.stored")
        answer = clients().stripe.create_refund(
            payment_intent=intent, amount_cents=amount, reason=reason, metadata=labels, idempotency_key=key
        )
        crash.point("refund.sent")
        with transaction():
            refunds.note(db.session.get_one(Refund, refund_id, with_for_update=True), answer)


def follow_refunds(payment_id: int) -> None:
    """Ask how the refunds are doing, then send what never went out.

    In this order: the answer to one may have been lost so long ago that Stripe has forgotten its key.
    """
    _apply_refund_news(db.session.get_one(Payment, payment_id).intent_id)
    send_refunds(payment_id)


def reconcile() -> None:
    """Compare Stripe's sessions and events with ours."""
    reconciliation.sessions()


def owe_reconciliation(at: datetime) -> None:
    """Every 15 minutes: compare with Stripe, and follow each unfinished refund."""
    remind("payments.reconcile", now=at)
    for payment_id in reconciliation.refunds_to_follow(at):
        remind("payments.follow_refunds", payment_id, now=at)


def sweep(at: datetime) -> None:
    """Owe what time alone brings due: passed deadlines, quiet attempts, unplaced payments."""
    lapsed = select(Booking.id).where(Booking.status == Status.AWAITING_PAYMENT, Booking.hold_expires_at <= at)
    for booking_id in db.session.scalars(lapsed):
        remind("payments.release", booking_id, now=at)
    quiet = select(Payment.id).where(
        Payment.state.in_((PaymentState.OPEN, PaymentState.PENDING)), Payment.created_at <= at - CHECK_AFTER
    )
    for payment_id in db.session.scalars(quiet):
        remind("payments.check", payment_id, now=at)
    for booking_id in db.session.scalars(select(Booking.id).where(Booking.status == Status.PAID_UNPLACED)):
        remind("payments.place_or_refund", booking_id, now=at)


def _fetch_session(session_id: str) -> CheckoutSession:
    db.session.rollback()
    session = clients().stripe.get_checkout_session(session_id)
    crash.point("payment.fetched")
    return session


def _payment_of(session: CheckoutSession) -> int | None:
    """The attempt a session belongs to; by our own id when its session id was not stored before a crash."""
    return db.session.scalar(
        select(Payment.id).where(
            (Payment.session_id == session.id) | (Payment.attempt == (session.client_reference_id or ""))
        )
    )


def _close_session(payment: Payment) -> CheckoutSession | None:
    """The session in its final state, or None when Stripe never made one."""
    session_id = payment.session_id
    if session_id is None:
        # We never heard whether it was made.
        made = checkout.made_for(payment)
        if made is None:
            return None
        session_id = made.id
    else:
        db.session.rollback()
    try:
        return clients().stripe.expire_checkout_session(session_id)
    except SessionNotOpen:
        return clients().stripe.get_checkout_session(session_id)


def _nothing_was_made(payment_id: int) -> None:
    booking, payment = settle.locked(payment_id)
    if payment.state != PaymentState.STARTING:
        return  # somebody has pressed the button again meanwhile
    payment.state = PaymentState.CLOSED
    if booking.status == Status.AWAITING_PAYMENT:
        hold.expire(booking, now())


def _apply_refund_news(intent: str | None) -> None:
    payment = db.session.scalars(select(Payment).where(Payment.intent_id == intent)).one_or_none() if intent else None
    if payment is None or intent is None:
        return
    payment_id = payment.id
    db.session.rollback()
    news = clients().stripe.list_refunds(payment_intent=intent)
    with transaction():
        payment = db.session.get_one(Payment, payment_id, with_for_update=True)
        refunds.note_all(payment, news)


def _raise_dispute(intent: str | None, kind: str) -> None:
    payment = db.session.scalars(select(Payment).where(Payment.intent_id == intent)).one_or_none() if intent else None
    if payment is None:
        return
    with transaction():
        raise_task(
            "dispute",
            f"The payment for {payment.booking.reference} is disputed ({kind.rpartition('.')[2]}). See Stripe.",
            now(),
            booking_id=payment.booking_id,
            about=intent or "",
        )
