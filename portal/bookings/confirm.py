"""Turns a held time into a visit."""

from __future__ import annotations

from datetime import datetime, timedelta

from portal.bookings.history import change_status
from portal.bookings.hold import HoldExpired, take_slot
from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.db import db
from portal.patients import match
from portal.scheduling.claims import SlotTaken

PAYMENT_TIME = timedelta(minutes=35)


class NotComplete(Exception):
    """Something that the visit needs has not been answered; `step` is where."""

    def __init__(self, step: str) -> None:
        super().__init__(step)
        self.step = step


def await_payment(booking: Booking, now: datetime) -> None:
    """Keep the time while the person pays: 35 minutes, set once and never extended (design §12)."""
    _require_patient(booking)
    if not booking.is_held:
        raise HoldExpired
    change_status(booking, Status.AWAITING_PAYMENT, now, event="booking.payment_started", by="patient")
    booking.hold_expires_at = now + PAYMENT_TIME


def confirm(booking: Booking, now: datetime, *, by: str) -> None:
    """Confirm a held, paid or newly placed booking, and join its patient to a known one if they are the same."""
    _require_patient(booking)
    change_status(booking, Status.CONFIRMED, now, event="booking.confirmed", by=by)
    booking.confirmed_at, booking.hold_expires_at = now, None
    assert booking.patient is not None
    booking.patient_id = match.join_known(booking.patient).id


def place_again(booking: Booking, now: datetime) -> bool:
    """A payment came after the time was let go: take the same time again if it is still free. -> placed?

    Run it through claims.claim. The notice rule counts as kept, because it was when the person chose the time.
    """
    appointment_type = booking.appointment_type
    try:
        chosen_at = min(now, booking.held_at)
        if booking.starts_at <= now:
            raise SlotTaken
        slot = take_slot(
            appointment_type, booking.starts_at, chosen_at, practitioner_id=booking.practitioner_id
        )
    except SlotTaken:
        return False
    booking.room_id = slot.room_id
    db.session.flush()
    confirm(booking, now, by="stripe")
    return True


def _require_patient(booking: Booking) -> None:
    if booking.patient_id is None:
        raise NotComplete("details")
