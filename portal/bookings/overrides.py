"""Books or moves a visit against the rules, for a typed reason. Patients never can.

Such a visit stands outside the guards against overlap, and is busy time for everybody else: each hold and move asks
whether a time is open, under the lock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from portal import clinic
from portal.bookings import hold, notes, undo
from portal.bookings.auditing import write_down
from portal.bookings.desk import SOURCE
from portal.bookings.history import record
from portal.bookings.models import Booking, ChangeKind
from portal.bookings.states import Status, WrongState
from portal.catalogue import offer
from portal.catalogue.models import AppointmentType
from portal.db import db
from portal.patients.models import Patient
from portal.scheduling import claims
from portal.scheduling.claims import SlotTaken
from portal.scheduling.explain import PAST
from portal.scheduling.models import Location, WorkingHours
from portal.staff.access import Staff, holder_of
from portal.staff.models import Action

# What the row says of the reason, which may tell of health: it is sealed in a note and in the audit.
NOTED = "in a note"
LATE_ENTRY = timedelta(hours=1)  # somebody who walked in is written down a little later
AUDITED_AS = "time against the rules"


@dataclass(frozen=True)
class Place:
    """When, with whom and where, as a person has chosen it; `reason` is why, and is never empty."""

    starts_at: datetime
    practitioner_id: int
    reason: str


def hold_anyway(
    appointment_type: AppointmentType, place: Place, staff: Staff, now: datetime, *, patient: Patient | None = None
) -> Booking:
    """Hold a time that is not open. Run it through claims.claim. Raises SlotTaken for a time that has passed."""
    _begin(place, now - LATE_ENTRY)
    assert appointment_type.length_minutes is not None
    booking = Booking(
        reference=hold.new_reference(),
        appointment_type_id=appointment_type.id,
        location_id=_location_id(appointment_type, place.practitioner_id),
        status=Status.HELD,
        held_at=now,
        hold_expires_at=now + clinic.holds().step,
        terms=offer.terms_of(appointment_type, now),
        source=SOURCE,
        patient_id=patient.id if patient else None,
    )
    _set(booking, appointment_type, place, appointment_type.length_minutes)
    db.session.add(booking)
    db.session.flush()
    record(booking, "booking.held", now, by=holder_of(staff.id), overlaps=True)
    notes.write_reason(booking, "Against the rules", place.reason, staff, now)
    write_down(booking, Action.ADDED, staff, now, part=AUDITED_AS, why=place.reason)
    return booking


def move_anyway(booking: Booking, place: Place, staff: Staff, now: datetime) -> None:
    """Move a visit to a time that is not open. Run it through claims.claim. Raises SlotTaken or WrongState."""
    if booking.status != Status.CONFIRMED:
        raise WrongState(booking.status, Status.CONFIRMED)
    _begin(place, now)
    before, from_starts_at = undo.snapshot(booking, now), booking.starts_at.isoformat()
    _set(booking, booking.appointment_type, place, booking.length_minutes)
    booking.version += 1
    record(
        booking,
        "booking.moved",
        now,
        by=holder_of(staff.id),
        undo_until=now + undo.WAIT,
        from_starts_at=from_starts_at,
        overlaps=True,
    )
    undo.remember(booking, ChangeKind.MOVED, before, staff, now)
    notes.write_reason(booking, "Against the rules", place.reason, staff, now)
    write_down(booking, Action.CHANGED, staff, now, part=AUDITED_AS, why=place.reason)


def _begin(place: Place, earliest: datetime) -> None:
    assert place.reason, "an override says why"
    if place.starts_at < earliest:
        raise SlotTaken(PAST)
    claims.lock([place.practitioner_id], [])


def _set(booking: Booking, appointment_type: AppointmentType, place: Place, minutes: int) -> None:
    ends_at = place.starts_at + timedelta(minutes=minutes)
    booking.practitioner_id, booking.room_id = place.practitioner_id, None
    booking.starts_at, booking.ends_at = place.starts_at, ends_at
    booking.blocked = hold.blocked(appointment_type, place.starts_at, ends_at)
    booking.overlap_allowed, booking.overlap_reason = True, NOTED


def _location_id(appointment_type: AppointmentType, practitioner_id: int) -> int:
    """Where this person works in this way, else any place of that kind."""
    wanted = select(Location.id).where(Location.is_telehealth == appointment_type.is_telehealth).order_by(Location.id)
    own = wanted.join(WorkingHours, WorkingHours.location_id == Location.id).where(
        WorkingHours.practitioner_id == practitioner_id
    )
    found = db.session.scalars(own.limit(1)).first() or db.session.scalars(wanted.limit(1)).first()
    if found is None:
        raise SlotTaken
    return found
