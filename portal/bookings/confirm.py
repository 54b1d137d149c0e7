"""Turns a held time into a visit."""

from __future__ import annotations

from datetime import datetime, timedelta

from portal import clinic
from portal.bookings.history import change_status
from portal.bookings.hold import HoldExpired, expire_lapsed_holds, take_slot
from portal.bookings.models import Booking
from portal.bookings.states import Status, WrongState
from portal.patients import match
from portal.scheduling.claims import SlotTaken
from portal.scheduling.explain import PAST

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
    if booking.is_cancelled:
        raise WrongState(booking.status, Status.CONFIRMED)  # only undo.py brings back what was cancelled
    change_status(booking, Status.CONFIRMED, now, event="booking.confirmed", by=by)
    booking.confirmed_at, booking.hold_expires_at = now, None
    assert booking.patient is not None
    booking.patient_id = match.join_known(booking.patient).id


def place_again(booking: Booking, now: datetime) -> None:
    """A payment came after the time was let go: take the same time again. Run it through claims.claim.

    The notice rule counts as kept, because it was kept when the person chose the time. Raises SlotTaken.
    """
    if booking.starts_at <= now:
        raise SlotTaken(PAST)
    expire_lapsed_holds(now)
    slot, _ = take_slot(
        booking.appointment_type,
        booking.starts_at,
        booking.held_at,
        practitioner_id=booking.practitioner_id,
        instead_of=booking,
    )
    booking.room_id = slot.room_id
    confirm(booking, now, by="stripe")


def return_to_hold(booking: Booking, now: datetime) -> None:
    """The payment page could not be made: the time is held again, for what is left of the longest hold."""
    change_status(booking, Status.HELD, now, event="booking.payment_not_started", by="clock")
    holds = clinic.holds()
    booking.hold_expires_at = max(now + timedelta(minutes=5), min(now + holds.step, booking.held_at + holds.longest))


def _require_patient(booking: Booking) -> None:
    if booking.patient_id is None:
        raise NotComplete("details")
