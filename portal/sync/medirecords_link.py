"""Remembers what stands in MediRecords for a booking, and says what should."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.dialects.postgresql import insert

from portal.bookings.models import Booking
from portal.clock import now
from portal.db import db
from portal.integrations import medirecords_contract as contract
from portal.patients.models import Patient
from portal.sync.models import MediRecordsLink

BOOKED, CANCELLED = contract.STATUS["booked"].value, contract.STATUS["cancelled"].value
VISIBLE_AFTER = timedelta(seconds=20)  # how long a new appointment may stay invisible to a search


def get(booking_id: int) -> MediRecordsLink:
    """The link as it is now; a booking that has none gets an empty one."""
    db.session.execute(
        insert(MediRecordsLink)
        .values(booking_id=booking_id, written={}, is_live=False, needs_you="")
        .on_conflict_do_nothing()
    )
    return db.session.get_one(MediRecordsLink, booking_id, populate_existing=True)


def wanted(booking: Booking) -> dict[str, Any]:
    """What the appointment should say, comparable with what was written last time."""
    return {
        "starts_at": as_written(booking.starts_at),
        "provider": booking.practitioner.medirecords_provider_id,
        "code": booking.terms["medi_code"],
        "minutes": booking.terms["medi_minutes"],
        "patient": booking.patient_id,
    }


def is_for_somebody_else(link: MediRecordsLink, booking: Booking) -> bool:
    """Whether the appointment was made for another person. Two of our records may be one person there."""
    known = db.session.get(Patient, link.written["patient"]) if "patient" in link.written else None
    if known is None or known.id == booking.patient_id or booking.patient is None:
        return False
    return known.medirecords_id is None or known.medirecords_id != booking.patient.medirecords_id


def may_yet_appear(sent_at: datetime | None) -> bool:
    """Whether something that was sent then, and never answered, may be there although a search does not find it."""
    return sent_at is not None and now() - sent_at < VISIBLE_AFTER


def ends_at(link: MediRecordsLink) -> datetime:
    """When the appointment ends, as we last wrote it."""
    return datetime.fromisoformat(link.written["starts_at"]) + timedelta(minutes=link.written["minutes"])


def as_written(instant: datetime) -> str:
    """As it stands in `written`; texts of this form sort as the instants do."""
    return instant.astimezone(UTC).isoformat()
