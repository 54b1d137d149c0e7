"""Opens Stripe's payment page for a held booking.

The one place that commits before and after a foreign call of its own: the attempt and its key must be in the
database before Stripe hears of them, so that a lost answer can be asked for again (security baseline 3).
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from threading import BoundedSemaphore

from sqlalchemy import select

from portal import crash
from portal.bookings import confirm, find
from portal.bookings.hold import HoldExpired
from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.clients import clients
from portal.db import db, transaction
from portal.integrations.http import Ambiguous, PartnerError, Permanent, Transient
from portal.integrations.stripe import CheckoutSession
from portal.payments import settle
from portal.payments.models import UNFINISHED, Payment, PaymentState
from portal.staff.tasks import raise_task, settle_task

SESSION_TIME = timedelta(minutes=33)  # Stripe wants more than 30; our own deadline is two minutes later
REFUSED = "stripe-refused"  # a key that was taken back, or a request that Stripe finds wrong: nobody can pay

# At most half of a web process's threads: a Stripe that hangs must not keep everybody else from their pages.
_may_wait, PATIENCE_SECONDS = BoundedSemaphore(2), 1.0


class PageUnavailable(Exception):
    """Stripe did not give us a page. The time is still held; `may_exist` says that we do not know for sure."""

    def __init__(self, *, may_exist: bool) -> None:
        super().__init__("payment page unavailable")
        self.may_exist = may_exist


class AlreadyPaid(Exception):
    """There is nothing to pay: the booking is confirmed or on its way there."""


def start(booking_id: int, now: datetime) -> str:
    """The address of the payment page for a booking; an open one is reused, also after Back.

    Raises HoldExpired, AlreadyPaid, NotComplete or PageUnavailable.
    """
    with transaction():
        payment = _attempt(find.get_locked(booking_id), now)
        if payment.state == PaymentState.OPEN and payment.session_url:
            return payment.session_url
        payment_id, is_new = payment.id, payment.created_at == now
    crash.point("checkout.stored")
    try:
        session = _ask_in_turn(payment)
    except PartnerError as error:
        if not _was_not_made(payment_id, error, is_new):
            # The attempt stays: the same key finds the same session next time.
            raise PageUnavailable(may_exist=True) from None
        with transaction():
            _give_up(payment_id, now)
            if is_new and isinstance(error, Permanent):
                raise_task(REFUSED, f"Patients cannot pay: Stripe opens no payment page ({error}).", now)
        if not is_new:
            return start(booking_id, now)  # once: the attempt is a new one then
        raise PageUnavailable(may_exist=False) from None
    crash.point("checkout.created")
    with transaction():
        settle_task(REFUSED, now)
        payment = db.session.get_one(Payment, payment_id, with_for_update=True)
        remember(payment, session)
        is_ours = payment.session_id == session.id
    if not is_ours:
        # It was given up while Stripe took its time. Nobody may be sent to that page; nobody knows its address.
        raise PageUnavailable(may_exist=True)
    if session.url is None:
        raise AlreadyPaid
    return session.url


def _ask_in_turn(payment: Payment) -> CheckoutSession:
    if not _may_wait.acquire(timeout=PATIENCE_SECONDS):
        raise Transient("stripe", "others are waiting for it")
    try:
        return ask_for_session(payment)
    finally:
        _may_wait.release()


def _was_not_made(payment_id: int, error: PartnerError, is_new: bool) -> bool:
    """Whether we know that Stripe has no session of this attempt, so that the next one may be made.

    An attempt of an earlier press may be under way in another request, which only Stripe can tell of. It remembers an
    answer for its key, failures too: whoever asks with an old key may be told for a day that it went wrong.
    """
    if is_new or isinstance(error, Permanent):
        # After three minutes an earlier attempt is refused, because its page would close too soon.
        return not isinstance(error, Ambiguous)
    if not isinstance(error, Ambiguous):
        return False
    try:
        return made_for(db.session.get_one(Payment, payment_id)) is None
    except PartnerError:
        return False


def made_for(payment: Payment) -> CheckoutSession | None:
    """The session that Stripe has of an attempt, as it stands there now. None: it never made one."""
    attempt, since = payment.attempt, payment.created_at - timedelta(minutes=1)
    db.session.rollback()
    made = clients().stripe.list_sessions(created_since=since)
    return next((session for session in made if session.client_reference_id == attempt), None)


def ask_for_session(payment: Payment) -> CheckoutSession:
    """Create the attempt's session, or get the one that an earlier try with the same key created.

    Every parameter comes from the stored attempt, because Stripe refuses a key that comes back with other ones.
    Nothing that tells of health goes there: a neutral name, our reference, opaque ids (security baseline 5).
    """
    reference, minutes = payment.booking.reference, payment.booking.terms["length_minutes"]
    amount, attempt, key = payment.amount_cents, payment.attempt, payment.idempotency_key
    email, expires_at = payment.customer_email, payment.session_expires_at
    page = f"{clients().settings.public_url}/bookings/{reference}"
    # A transaction must not stay open while we wait for Stripe.
    db.session.rollback()
    return clients().stripe.create_checkout_session(
        amount_cents=amount,
        product_name=f"Appointment, {minutes} minutes",
        description=f"Booking {reference}",
        attempt=attempt,
        metadata={"booking": reference, "attempt": attempt},
        customer_email=email,
        # Stripe replaces the braces; url_for would have encoded them.
        success_url=page + "/return?session_id={CHECKOUT_SESSION_ID}",
        cancel_url=page + "/check",
        expires_at=expires_at,
        idempotency_key=key,
    )


def remember(payment: Payment, session: CheckoutSession) -> None:
    """Write down which session belongs to the attempt."""
    if payment.state == PaymentState.STARTING:
        payment.state = PaymentState.OPEN
        payment.session_id, payment.session_url = session.id, session.url


def unfinished(booking_id: int) -> Payment | None:
    """The booking's attempt that is still under way; there is at most one."""
    return db.session.scalars(
        select(Payment).where(Payment.booking_id == booking_id, Payment.state.in_(UNFINISHED)).with_for_update()
    ).one_or_none()


def _attempt(booking: Booking, now: datetime) -> Payment:
    """The attempt under way, or a new one that starts the payment deadline."""
    if booking.status == Status.AWAITING_PAYMENT:
        payment = unfinished(booking.id)
        assert payment is not None, "a booking awaits payment only with an attempt under way"
        if payment.state == PaymentState.PENDING:
            raise AlreadyPaid
        if booking.is_lapsed(now):
            raise HoldExpired
        return payment
    if booking.status not in (Status.HELD, Status.EXPIRED, Status.CANCELLED):
        raise AlreadyPaid
    if booking.is_lapsed(now):
        raise HoldExpired
    confirm.await_payment(booking, now)
    assert booking.patient is not None
    payment = Payment(
        attempt=secrets.token_hex(10),
        booking=booking,
        amount_cents=booking.price_cents,
        state=PaymentState.STARTING,
        customer_email=booking.patient.email,
        session_expires_at=(now + SESSION_TIME).replace(microsecond=0),
        created_at=now,
    )
    db.session.add(payment)
    db.session.flush()
    return payment


def _give_up(payment_id: int, now: datetime) -> None:
    """Stripe made no session: close the attempt and hold the time as before."""
    booking, payment = settle.locked(payment_id)
    if payment.state != PaymentState.STARTING:
        return
    payment.state = PaymentState.CLOSED
    if booking.status == Status.AWAITING_PAYMENT:
        confirm.return_to_hold(booking, now)
