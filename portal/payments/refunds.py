"""Says what of a payment goes back, and notes what became of it at Stripe. It calls nobody: jobs.py does."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from portal.bookings import policy, undo
from portal.bookings.models import Booking, ChangeKind
from portal.bookings.states import Status
from portal.clock import now
from portal.integrations.stripe import Refund as StripeRefund
from portal.outbox.post import owe
from portal.payments import settle
from portal.payments.models import Payment, Refund, RefundState
from portal.staff.tasks import raise_task

_REFUNDED = {Status.CANCELLED: ChangeKind.CANCELLED, Status.DID_NOT_ARRIVE: ChangeKind.DID_NOT_ARRIVE}
_STATES = {
    "succeeded": RefundState.DONE,
    "pending": RefundState.SENT,
    "requires_action": RefundState.SENT,
    "failed": RefundState.FAILED,
    "canceled": RefundState.FAILED,
}


def want(booking: Booking, at: datetime) -> None:
    """Owe what the agreed policy gives back for a visit that was cancelled, or that nobody came to. The booking's row
    is locked by the caller."""
    kind = _REFUNDED.get(booking.status)
    if kind is None:
        return
    wait = undo.waits_until(booking, kind, at)
    if wait is not None:
        owe("payments.refund_if_due", booking.id, now=at, not_before=wait)
        return
    paid = [each for each in settle.payments_of(booking) if each.settles_booking or each.pays_again]
    kept = [each.amount_cents - settle.given_back(each) for each in paid]
    left = _due(booking, sum(kept))
    # Who paid again, because the first payment had gone back, gets that back first.
    for payment, cents in reversed(list(zip(paid, kept, strict=True))):
        back = min(cents, left)
        settle.give_back(payment, str(kind), back, at)
        left -= back


def due(booking: Booking, payment: Payment) -> int:
    """Cents that go back of a payment for a booking that was cancelled, or that nobody came to."""
    return _due(booking, payment.amount_cents)


def _due(booking: Booking, paid_cents: int) -> int:
    if booking.status == Status.DID_NOT_ARRIVE:
        kept = 0 if booking.is_spared_fee else policy.no_show_cost(booking.terms, paid_cents=paid_cents).fee_cents
        return paid_cents - kept
    assert booking.cancelled_at is not None
    return policy.cancel_cost(
        booking.terms,
        paid_cents=paid_cents,
        starts_at=booking.starts_at,
        confirmed_at=booking.confirmed_at,
        now=booking.cancelled_at,
        by_clinic=booking.is_spared_fee,
    ).refund_cents


def note_all(payment: Payment, news: Iterable[StripeRefund]) -> None:
    """Bring a payment's refunds in line with all that Stripe lists. The payment's row is locked by the caller."""
    known = {refund.stripe_refund_id: refund for refund in payment.refunds}
    by_key = {refund.cause: refund for refund in payment.refunds}
    for item in news:
        refund = known.get(item.id) or by_key.get(item.metadata.get("cause", ""))
        if refund is not None:
            note(refund, item)
        else:
            _adopt(payment, item)


def note(refund: Refund, answer: StripeRefund) -> None:
    """A failed refund stays failed: an answer that says otherwise is older, such as a repeat of the first one."""
    if refund.state == RefundState.FAILED:
        return
    refund.stripe_refund_id = answer.id
    refund.state = _STATES.get(answer.status, RefundState.SENT)
    if refund.state == RefundState.FAILED:
        raise_task(
            "refund-failed",
            f"Stripe could not give back the money for {refund.payment.booking.reference}. Please contact the patient.",
            now(),
            booking_id=refund.payment.booking_id,
            about=answer.id,
        )


def stripe_reason(refund: Refund) -> str | None:
    """Why it goes back, in Stripe's words; None where it has none."""
    return {"duplicate": "duplicate", "cancelled": "requested_by_customer"}.get(refund.cause)


def _adopt(payment: Payment, item: StripeRefund) -> None:
    """Somebody gave money back in Stripe's own dashboard: it counts, and staff should know that we know."""
    payment.refunds.append(
        Refund(
            cause=f"stripe:{item.id}",
            amount_cents=item.amount_cents,
            state=_STATES.get(item.status, RefundState.SENT),
            stripe_refund_id=item.id,
            created_at=now(),
        )
    )
    raise_task(
        "refund-outside",
        f"A refund for {payment.booking.reference} was made in Stripe itself. It is noted here.",
        now(),
        booking_id=payment.booking_id,
        about=item.id,
    )
