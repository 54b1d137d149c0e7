"""Writes down who comes to a visit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from portal.bookings.models import BookedFor, Booking
from portal.bookings.states import WAITING, Status
from portal.catalogue.models import WhoMayBook
from portal.db import db
from portal.patients import contact
from portal.patients.contact import Contact
from portal.patients.models import Patient


@dataclass(frozen=True)
class Details(Contact):
    """What the details page asks (design §12): who comes and how they are reached, and what is about this visit."""

    booked_for: BookedFor
    booked_by: str
    says_new: bool


def record_details(booking: Booking, details: Details, now: datetime) -> None:
    """Store who the visit is for. A record that another visit stands on is never changed from here: a visitor who is
    not signed in may only change what they typed for this very booking."""
    patient = booking.patient if booking.patient is not None and _is_draft(booking.patient, booking) else None
    if patient is None:
        patient = Patient(created_at=now)
        db.session.add(patient)
    contact.change(patient, details)
    db.session.flush()
    booking.patient_id = patient.id
    booking.booked_for, booking.booked_by, booking.says_new = details.booked_for, details.booked_by, details.says_new


def mismatch(says_new: bool | None, who_may_book: WhoMayBook) -> str | None:
    """What somebody says of themselves that does not go with whom the type is for: a flag for staff, never a refusal
    (design §12)."""
    if says_new is True and who_may_book == WhoMayBook.RETURNING:
        return "Says they are new"
    if says_new is False and who_may_book == WhoMayBook.NEW:
        return "Says they have been here"
    return None


def _is_draft(patient: Patient, booking: Booking) -> bool:
    """Whether only this booking, and holds that came to nothing, use the record."""
    if patient.medirecords_id is not None or patient.merged_into_id is not None:
        return False
    unsettled = (*WAITING, Status.EXPIRED)
    others = select(Booking.id).where(
        Booking.patient_id == patient.id,
        Booking.id != booking.id,
        Booking.status.not_in(unsettled),
        Booking.confirmed_at.is_not(None) | (Booking.status == Status.PAID_UNPLACED),
    )
    return db.session.scalars(others).first() is None
