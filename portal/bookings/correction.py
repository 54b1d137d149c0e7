"""Corrects who a patient is and how they are reached."""

from __future__ import annotations

from datetime import datetime

from portal.bookings import links
from portal.patients import contact
from portal.patients.contact import PARTS, Contact
from portal.patients.models import Patient
from portal.staff import audit
from portal.staff.access import Staff
from portal.staff.models import Action


def correct(patient: Patient, wanted: Contact, staff: Staff, now: datetime) -> None:
    """Write the corrections down, and which parts they are. The patient's row is locked by the caller.

    With another e-mail address, what was mailed to the earlier one opens nothing any more: it may be a stranger's.
    """
    parts = contact.change(patient, wanted)
    for part in parts:
        audit.record(staff, Action.CHANGED, "patient", now, patient_id=patient.id, part=part)
    if PARTS["email"] in parts:
        links.revoke_of(patient.id, now)
