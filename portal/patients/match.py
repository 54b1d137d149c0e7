"""Decides whether two records are the same person. Only an exact match is joined; the rest is for a person to see."""

from __future__ import annotations

from sqlalchemy import func, select

from portal.db import db
from portal.patients.models import Patient


def join_known(patient: Patient) -> Patient:
    """The earliest patient who agrees in family and given name, birth date, e-mail and mobile; else `patient`.

    Where the desk has joined that record to another one, it is the other one.

    Nothing is copied from one record to the other: equal means that there is nothing to copy. Whoever shares only
    an e-mail address with someone, as families do, stays a person of their own.
    """
    same = select(Patient).where(
        func.lower(Patient.family_name) == patient.family_name.lower(),
        func.lower(Patient.given_name) == patient.given_name.lower(),
        Patient.born_on == patient.born_on,
        func.lower(Patient.email) == patient.email.lower(),
        Patient.mobile == patient.mobile,
        Patient.id <= patient.id,
    )
    return stay_with(db.session.scalars(same.order_by(Patient.id)).first() or patient)


def stay_with(patient: Patient) -> Patient:
    """The record that stands for this one, and will until our transaction ends.

    A merge locks the records that it joins, so it either has happened before we look or finds what we are about to add.
    """
    found = survivor(patient)
    db.session.refresh(found, with_for_update={"read": True})
    return found if found.merged_into_id is None else stay_with(found)


def survivor(patient: Patient) -> Patient:
    """The record that stands for this one, after whatever the desk has joined."""
    while patient.merged_into_id is not None:
        patient = db.session.get_one(Patient, patient.merged_into_id)
    return patient
