"""What the pages of patients share: whose record it is, and writing down that it was read."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

from flask import Blueprint, abort, current_app

from portal import clock
from portal.bookings.scope import patients_of
from portal.db import db, transaction
from portal.patients import match
from portal.patients.models import Patient
from portal.staff import audit
from portal.web.staff import who

bp = Blueprint("patients", __name__, url_prefix="/patients")

MOST_ID = 2**63
RECORD = "record"  # what the audit calls a look at the whole of it


def get(patient_id: int) -> Patient:
    """A patient who is this person's work; 404 for any other."""
    wanted = patients_of(who.staff()).where(Patient.id == patient_id)
    found = db.session.scalars(wanted).one_or_none() if patient_id < MOST_ID else None
    return found if found is not None else abort(404)


def read(patient_id: int, part: str) -> Patient:
    """The same, once it stands in the audit that this part of the record is read."""
    with transaction():
        found = get(patient_id)
        audit.read(who.staff(), "patient", clock.now(), patient_id=found.id, part=part)
    return found


def find_survivor(patient_id: int) -> int | None:
    """Whose record an old link means, where the desk has joined it to another one of this person's work."""
    gone = db.session.get(Patient, patient_id) if patient_id < MOST_ID else None
    return get(match.survivor(gone).id).id if gone is not None and gone.merged_into_id is not None else None


def zone() -> ZoneInfo:
    found: ZoneInfo = current_app.config["PORTAL"].zone
    return found


def born(day: date) -> str:
    """ "9 March 1984"."""
    return f"{day.day} {day:%B %Y}"


def age(day: date) -> int:
    """In whole years, today in the clinic."""
    today = clock.now().astimezone(zone()).date()
    return today.year - day.year - ((today.month, today.day) < (day.month, day.day))
