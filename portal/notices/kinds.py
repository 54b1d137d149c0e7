"""The mails we write about a booking, and when each of them is still true. Pure."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from portal.bookings.models import Booking
from portal.bookings.states import Status


class MailKind(StrEnum):
    CONFIRMATION = "confirmation"
    MOVED = "moved"
    CANCELLED = "cancelled"
    NOT_PLACED = "not_placed"
    PERSONAL_LINK = "personal_link"
    CONFIRMATION_AGAIN = "confirmation_again"
    OFFER = "offer"


# These say where and when to be.
OF_A_COMING_VISIT = frozenset({MailKind.CONFIRMATION, MailKind.MOVED, MailKind.CONFIRMATION_AGAIN})
WITH_CALENDAR_ENTRY = OF_A_COMING_VISIT | {MailKind.CANCELLED}


def is_wanted(kind: MailKind, booking: Booking, now: datetime) -> bool:
    """Whether the mail would still tell the truth; asked before each try, because hours may lie between."""
    if booking.patient_id is None:
        return False
    was_booked = booking.confirmed_at is not None
    if kind in OF_A_COMING_VISIT:
        is_coming = booking.status in (Status.CONFIRMED, Status.ARRIVED) and booking.starts_at > now
        if kind == MailKind.CONFIRMATION_AGAIN:
            return is_coming
        # A visit that moved before its confirmation went out gets one mail, with the newest time.
        return is_coming and (booking.version > 0) == (kind == MailKind.MOVED)
    if kind == MailKind.OFFER:
        return booking.is_confirmed  # whether the offer is open still is asked where its times are
    if kind == MailKind.CANCELLED:
        return was_booked and booking.is_cancelled
    if kind == MailKind.NOT_PLACED:
        return booking.is_cancelled
    return was_booked


def cause_of(kind: MailKind, booking: Booking) -> str:
    """What the mail is about, once each: a time of the visit, or a thing that happens to a booking only once."""
    if kind in OF_A_COMING_VISIT:
        return f"{booking.starts_at.isoformat()} v{booking.version}"
    return str(kind)
