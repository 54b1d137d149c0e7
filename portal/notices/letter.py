"""Gathers what a mail about a booking says, for the mail that goes out and for the preview that staff read first."""

from __future__ import annotations

from datetime import datetime
from email.message import EmailMessage

from portal import clinic
from portal.bookings.models import Booking
from portal.bookings.policy import Cost
from portal.config import Settings
from portal.notices.compose import Letter, compose
from portal.notices.kinds import MailKind
from portal.payments import refunds, settle

# Stands where the link will be: the real one is made when the mail goes out, and nobody but its reader sees it.
NO_LINK_YET = "…"


def about(booking: Booking, kind: MailKind, settings: Settings, *, message_id: str, token: str, at: datetime) -> Letter:
    """The letter as things stand at this moment."""
    return Letter(
        kind=kind,
        booking=booking,
        clinic=clinic.details(),
        message_id=message_id,
        sender=settings.mail_from,
        public_url=settings.public_url,
        public_host=settings.public_host,
        token=token,
        cost=cost_of(kind, booking),
        written_at=at,
        is_paid=any(payment.settles_booking for payment in settle.payments_of(booking)),
    )


def preview(booking: Booking, kind: MailKind, settings: Settings, at: datetime) -> EmailMessage:
    """The very mail that would go out now, but for its link. Raises BadAddress."""
    return compose(about(booking, kind, settings, message_id="<preview@localhost>", token=NO_LINK_YET, at=at))


def cost_of(kind: MailKind, booking: Booking) -> Cost:
    """What of the money is kept and what goes back, for the mails that speak of money."""
    fee = refunded = 0
    for payment in settle.payments_of(booking):
        if kind == MailKind.NOT_PLACED:
            refunded += sum(each.amount_cents for each in payment.refunds if each.cause == "not-placed")
        elif kind == MailKind.CANCELLED and payment.settles_booking and booking.cancelled_at is not None:
            # The refund's own job may not have run yet: then it is what that job will find.
            refunded += sum(each.amount_cents for each in payment.refunds) or refunds.due(booking, payment)
            fee += payment.amount_cents - refunded
    return Cost(fee_cents=fee, refund_cents=refunded, is_late=fee > 0)
