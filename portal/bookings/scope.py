"""Which bookings and patients are somebody's work. Pages of staff load through these and through nothing else.

A foreign row and a missing one look the same: neither is found.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, false, select

from portal.bookings.models import Booking
from portal.bookings.same_people import is_settled
from portal.patients.models import Patient
from portal.staff.access import DESK, Role, Staff


def bookings_of(staff: Staff) -> Select[Booking]:
    """Visits: the desk works with all of them, a practitioner with those of their own diary."""
    if staff.may(DESK):
        return select(Booking)
    return select(Booking).where(_is_in_own_diary(staff))


def payable_by(staff: Staff) -> Select[Booking]:
    """Bookings whose money somebody may see: theirs, and all of them for the bookkeeper, who sees nothing else of them.

    Apart from bookings_of, so that somebody with two roles sees no more of a visit than each of them does.
    """
    return select(Booking) if Role.BOOKKEEPER in staff.roles else bookings_of(staff)


def patients_of(staff: Staff) -> Select[Patient]:
    """The desk works with all patients, a practitioner with those who have or had a visit in their own diary, the
    bookkeeper with none: a payment names its booking."""
    standing = select(Patient).where(Patient.merged_into_id.is_(None))  # a record joined to another is the other one's
    if staff.may(DESK):
        return standing
    # Who only began to book, and let it be, has had no visit.
    theirs = select(Booking.patient_id).where(_is_in_own_diary(staff), is_settled())
    return standing.where(Patient.id.in_(theirs))


def is_own_diary(staff: Staff, practitioner_id: int) -> bool:
    """Whether somebody works with this diary: the desk with all of them, a practitioner with their own."""
    return staff.may(DESK) or (Role.PRACTITIONER in staff.roles and staff.practitioner_id == practitioner_id)


def _is_in_own_diary(staff: Staff) -> ColumnElement[bool]:
    if Role.PRACTITIONER not in staff.roles or staff.practitioner_id is None:
        return false()
    return Booking.practitioner_id == staff.practitioner_id
