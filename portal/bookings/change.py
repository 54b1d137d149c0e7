"""Moves and cancels a confirmed visit."""

from __future__ import annotations

from datetime import datetime

from portal.bookings import policy
from portal.bookings.history import change_status, record
from portal.bookings.hold import take_slot, times_of
from portal.bookings.models import Booking
from portal.bookings.states import Status, WrongState
from portal.scheduling.slots import OpenSlot


class TooLate(Exception):
    """The agreed notice has passed, or the visit has begun: the desk has to help."""


def cancel(
    booking: Booking,
    now: datetime,
    *,
    by: str,
    reason: str = "",
    wished_by: str | None = None,
    undo_until: datetime | None = None,
) -> None:
    """Cancel a visit. What goes back is worked out from the moment of cancelling (policy.cancel_cost).

    `wished_by` is whose wish it was, where that is not who did it: the desk cancels for a patient who calls.
    """
    if by == "patient" and booking.status != Status.CONFIRMED:
        # What is only held is let go by hold.release; what is being paid, by closing its session at Stripe first.
        raise WrongState(booking.status, Status.CANCELLED)
    if by == "patient" and booking.starts_at <= now:
        raise TooLate
    change_status(
        booking,
        Status.CANCELLED,
        now,
        event="booking.cancelled",
        by=by,
        undo_until=undo_until,
        columns={"cancelled_at": now, "cancelled_by": wished_by or by},
        reason_given=bool(reason),
    )


def move(
    booking: Booking,
    starts_at: datetime,
    now: datetime,
    *,
    by: str,
    practitioner_id: int | None = None,
    undo_until: datetime | None = None,
) -> None:
    """Move a visit to another open time: one UPDATE under the lock (design D8). Run it through claims.claim.

    The terms stay as agreed, the length of the visit among them; without a name it stays with its practitioner if they
    are free. Raises SlotTaken, TooLate, or WrongState for a visit that is not confirmed.
    """
    if booking.status != Status.CONFIRMED:
        raise WrongState(booking.status, Status.CONFIRMED)
    if by == "patient" and not policy.may_move_online(
        booking.terms, starts_at=booking.starts_at, confirmed_at=booking.confirmed_at, now=now
    ):
        raise TooLate
    if starts_at == booking.starts_at and practitioner_id in (None, booking.practitioner_id):
        return
    slot, because = take_slot(
        booking.appointment_type, starts_at, now, practitioner_id=practitioner_id, instead_of=booking
    )
    if slot.practitioner_id != booking.practitioner_id:
        booking.chosen_because = because
    put_at(booking, slot, now, by=by, undo_until=undo_until)


def put_at(booking: Booking, slot: OpenSlot, now: datetime, *, by: str, undo_until: datetime | None = None) -> None:
    """The visit is at this slot from now on, which hold.take_slot has found free."""
    before = booking.starts_at.isoformat()
    booking.overlap_allowed, booking.overlap_reason = False, ""  # where it goes, nothing is in its way
    for column, value in times_of(booking.appointment_type, slot, booking).items():
        setattr(booking, column, value)
    booking.version += 1
    record(booking, "booking.moved", now, by=by, undo_until=undo_until, from_starts_at=before)
