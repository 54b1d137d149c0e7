"""Finds or creates a patient in MediRecords; who it is must be beyond doubt."""

from __future__ import annotations

from portal import crash
from portal.clients import clients
from portal.clock import now
from portal.db import LockKind, db, exclusive, transaction
from portal.integrations.http import Transient
from portal.integrations.medirecords import MrPatient, NewPatient
from portal.patients.models import Patient
from portal.sync import medirecords_link


class NeedsYou(Exception):
    """Only a person can settle this; the words are for staff and hold no health data."""


def get_id(patient: Patient, booking_id: int) -> str:
    """The id in MediRecords: known, found, or created. Alone, because two visits may bring the same new patient."""
    own_id = patient.id
    with exclusive(LockKind.MEDIRECORDS_PATIENT, own_id):
        patient = db.session.get_one(Patient, own_id, populate_existing=True)
        if patient.medirecords_id is not None:
            return patient.medirecords_id
        found_id = _find_or_create(_new_patient(patient), booking_id)
        with transaction():
            db.session.get_one(Patient, own_id).medirecords_id = found_id
            medirecords_link.get(booking_id).patient_sent_at = None
        return found_id


def _find_or_create(new: NewPatient, booking_id: int) -> str:
    sent_before = medirecords_link.get(booking_id).patient_sent_at
    db.session.rollback()
    hits = clients().medirecords.find_patients(
        mobile=new.mobile, email=new.email, family_name=new.family_name, born_on=new.born_on
    )
    known = _same_person(hits, new)
    if known is not None:
        return known.id
    if medirecords_link.may_yet_appear(sent_before):
        raise Transient("medirecords", "waiting to see whether the patient was created", retry_after=5)
    with transaction():
        medirecords_link.get(booking_id).patient_sent_at = now()
    created = clients().medirecords.create_patient(new)
    crash.point("patient.created")
    return created.id


def _same_person(hits: list[MrPatient], new: NewPatient) -> MrPatient | None:
    """Exactly one hit with the same given name. A twin or a second record is for a person to look at."""
    if not hits:
        return None
    same = [hit for hit in hits if hit.given_name.casefold() == new.given_name.casefold()]
    if len(hits) > 1 or not same:
        raise NeedsYou("MediRecords knows somebody with this family name and birth date, but it is not clear who.")
    return same[0]


def _new_patient(patient: Patient) -> NewPatient:
    return NewPatient(
        given_name=patient.given_name,
        family_name=patient.family_name,
        preferred_name=patient.preferred_name or None,
        born_on=patient.born_on,
        gender=str(patient.gender),
        mobile=patient.mobile,
        email=patient.email,
    )
