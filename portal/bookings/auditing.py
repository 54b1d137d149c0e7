"""Writes into the audit what staff have done to one booking."""

from __future__ import annotations

from datetime import datetime

from portal.bookings.models import Booking
from portal.staff import audit
from portal.staff.access import Staff
from portal.staff.models import Action


def write_down(
    booking: Booking,
    action: Action,
    staff: Staff,
    now: datetime,
    *,
    kind: str = "booking",
    part: str = "",
    why: str = "",
) -> None:
    """As audit.record, under the booking's reference and in the record of the patient who has it now."""
    audit.record(staff, action, kind, now, subject=booking.reference, patient_id=booking.patient_id, part=part, why=why)
