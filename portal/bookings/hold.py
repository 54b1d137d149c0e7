"""Takes a time before any form is filled in, keeps it while the person answers, and lets it go."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import Range

from portal.bookings.history import change_status, record
from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.catalogue import offer
from portal.catalogue.models import AppointmentType
from portal.db import db
from portal.scheduling import availability, claims
from portal.scheduling.claims import SlotTaken
from portal.scheduling.models import Room
from portal.scheduling.slots import OpenSlot

HOLD = timedelta(minutes=15)
LONGEST_HOLD = timedelta(minutes=45)
# No 0/O, 1/I/L: references are read out over the telephone.
REFERENCE_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


class HoldExpired(Exception):
    """The hold has lapsed; the time may belong to somebody else by now."""


def hold(
    appointment_type: AppointmentType,
    starts_at: datetime,
    now: datetime,
    *,
    practitioner_id: int | None = None,
    source: str = "web",
) -> Booking:
    """Hold a time for 15 minutes, with its price and rules as they are now. Run it through claims.claim.

    `practitioner_id` None takes whoever is free. Raises SlotTaken.
    """
    slot = take_slot(appointment_type, starts_at, now, practitioner_id=practitioner_id)
    booking = Booking(
        reference=_new_reference(),
        appointment_type_id=appointment_type.id,
        status=Status.HELD,
        held_at=now,
        hold_expires_at=now + HOLD,
        terms=offer.terms_of(appointment_type, now),
        source=source,
        **times_of(appointment_type, slot),
    )
    db.session.add(booking)
    db.session.flush()
    record(booking, "booking.held", now, by="patient")
    return booking


def take_slot(
    appointment_type: AppointmentType,
    starts_at: datetime,
    now: datetime,
    *,
    practitioner_id: int | None = None,
    ignoring_booking: int | None = None,
) -> OpenSlot:
    """Lock whoever could take this visit, ask again under the lock, and clear lapsed holds out of the way.

    Raises SlotTaken when nobody is free then. The question before the lock answers most losers at once.
    """
    candidates = _wanted(
        availability.slots_at(appointment_type, starts_at, now, ignoring_booking=ignoring_booking), practitioner_id
    )
    if not candidates:
        raise SlotTaken
    practitioner_ids = {slot.practitioner_id for slot in candidates}
    claims.lock(practitioner_ids, _rooms_for(candidates))
    still_open = [
        slot
        for slot in _wanted(
            availability.slots_at(appointment_type, starts_at, now, ignoring_booking=ignoring_booking), practitioner_id
        )
        # Whoever has become free since is not locked, so that is somebody else's race.
        if slot.practitioner_id in practitioner_ids
    ]
    if not still_open:
        raise SlotTaken
    _expire_lapsed(still_open[0], times_of(appointment_type, still_open[0])["blocked"], now)
    return still_open[0]


def times_of(appointment_type: AppointmentType, slot: OpenSlot) -> dict[str, object]:
    """A booking's columns for this slot."""
    assert appointment_type.length_minutes is not None
    ends_at = slot.starts_at + timedelta(minutes=appointment_type.length_minutes)
    return {
        "practitioner_id": slot.practitioner_id,
        "location_id": slot.location_id,
        "room_id": slot.room_id,
        "starts_at": slot.starts_at,
        "ends_at": ends_at,
        "blocked": Range(
            slot.starts_at - timedelta(minutes=appointment_type.buffer_before_minutes),
            ends_at + timedelta(minutes=appointment_type.buffer_after_minutes),
        ),
    }


def extend(booking: Booking, now: datetime) -> None:
    """Keep a held time for 15 more minutes, at most 45 from its beginning. Raises HoldExpired."""
    if not booking.is_held:
        raise HoldExpired
    assert booking.hold_expires_at is not None
    # After a payment page that could not be made, a hold may last a little beyond the cap.
    wanted = max(booking.hold_expires_at, min(now + HOLD, booking.held_at + LONGEST_HOLD))
    if wanted <= now:
        raise HoldExpired
    booking.hold_expires_at = wanted


def release(booking: Booking, now: datetime) -> None:
    """Let a held time go because the person does not want it any more."""
    change_status(booking, Status.CANCELLED, now, event="booking.released", by="patient")
    booking.cancelled_at, booking.cancelled_by = now, "patient"


def expire(booking: Booking, now: datetime) -> None:
    """Let a lapsed hold go. A booking that awaits payment is expired only after its Checkout session is closed."""
    change_status(booking, Status.EXPIRED, now, event="booking.expired", by="clock")


def expire_lapsed_holds(now: datetime, limit: int = 200) -> int:
    """The sweep: expire holds nobody has come back for. -> how many"""
    lapsed = db.session.scalars(
        select(Booking)
        .where(Booking.status == Status.HELD, Booking.hold_expires_at <= now)
        .order_by(Booking.hold_expires_at)
        .limit(limit)
        .with_for_update(skip_locked=True, of=Booking)
    ).all()
    for booking in lapsed:
        expire(booking, now)
    return len(lapsed)


def _wanted(slots: Sequence[OpenSlot], practitioner_id: int | None) -> list[OpenSlot]:
    return [slot for slot in slots if practitioner_id in (None, slot.practitioner_id)]


def _rooms_for(slots: Sequence[OpenSlot]) -> list[int]:
    """Every room these slots may end up in: while we wait for the locks, somebody may take the one that was named."""
    if all(slot.room_id is None for slot in slots):
        return []
    return list(db.session.scalars(select(Room.id).where(Room.location_id.in_({slot.location_id for slot in slots}))))


def _expire_lapsed(slot: OpenSlot, blocked: object, now: datetime) -> None:
    """Lapsed holds still stand in the constraint's way until they are expired; the claim that meets them does it."""
    same_place = [Booking.practitioner_id == slot.practitioner_id]
    if slot.room_id is not None:
        same_place.append(Booking.room_id == slot.room_id)
    for lapsed in db.session.scalars(
        select(Booking)
        .where(
            Booking.status == Status.HELD,
            Booking.hold_expires_at <= now,
            Booking.blocked.overlaps(blocked),
            or_(*same_place),
        )
        .order_by(Booking.id)
        .with_for_update(of=Booking)
    ):
        expire(lapsed, now)


def _new_reference() -> str:
    while True:
        reference = "BK-" + "".join(secrets.choice(REFERENCE_LETTERS) for _ in range(6))
        if not db.session.scalar(select(Booking.id).where(Booking.reference == reference)):
            return reference
