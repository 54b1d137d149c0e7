"""Finds records that may be one person, for the desk to decide; and remembers which of them are two people."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Select, delete, exists, select, union
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.db import db
from portal.patients import likeness
from portal.patients.models import Patient, PatientDistinction
from portal.staff import audit
from portal.staff.access import Staff
from portal.staff.models import Action

MOST = 100

_one, _other = aliased(Patient), aliased(Patient)


def pairs() -> list[tuple[Patient, Patient]]:
    """The doubtful matches, the newest first, among people who have booked.

    A question for each rule, so that time grows with the number of patients and not with its square.
    """
    found = union(*map(_both, likeness.rules(_one, _other))).subquery()
    newest = select(found).order_by(found.c.other_id.desc(), found.c.one_id.desc()).limit(MOST)
    ids = [(row.one_id, row.other_id) for row in db.session.execute(newest)]
    people = select(Patient).where(Patient.id.in_({id for pair in ids for id in pair}))
    known = {each.id: each for each in db.session.scalars(people)}
    return [(known[one], known[other]) for one, other in ids]


def keep_apart(one: Patient, other: Patient, staff: Staff, now: datetime) -> None:
    """They are two people. Said twice, it is said once."""
    first, second = sorted((one.id, other.id))
    decided = insert(PatientDistinction).values(one_id=first, other_id=second, decided_at=now, decided_by_id=staff.id)
    if db.session.scalar(decided.on_conflict_do_nothing().returning(PatientDistinction.one_id)) is not None:
        _write_down(one, other, "not the same person", staff, now)


def doubt_again(one: Patient, other: Patient, staff: Staff, now: datetime) -> None:
    """They may be one person after all."""
    first, second = sorted((one.id, other.id))
    pair = (PatientDistinction.one_id == first) & (PatientDistinction.other_id == second)
    if db.session.scalar(delete(PatientDistinction).where(pair).returning(PatientDistinction.one_id)) is not None:
        _write_down(one, other, "may be the same person", staff, now)


def are_apart(one: Patient, other: Patient) -> bool:
    """Whether a person has said that they are two people."""
    first, second = sorted((one.id, other.id))
    return db.session.get(PatientDistinction, (first, second)) is not None


def is_settled() -> ColumnElement[bool]:
    """A booking that became a visit, or was paid; holds that come to nothing belong to nobody yet."""
    return Booking.confirmed_at.is_not(None) | (Booking.status == Status.PAID_UNPLACED)


def _both(rule: ColumnElement[bool]) -> Select[int, int]:
    distinction = (PatientDistinction.one_id == _one.id) & (PatientDistinction.other_id == _other.id)
    return (
        select(_one.id.label("one_id"), _other.id.label("other_id"))
        .join(_other, _one.id < _other.id)
        .where(rule, _has_booked(_one), _has_booked(_other), ~exists().where(distinction))
    )


def _has_booked(patient: type[Patient]) -> ColumnElement[bool]:
    return patient.merged_into_id.is_(None) & exists().where(Booking.patient_id == patient.id, is_settled())


def _write_down(one: Patient, other: Patient, part: str, staff: Staff, now: datetime) -> None:
    for each in (one, other):
        audit.record(staff, Action.CHANGED, "patient", now, patient_id=each.id, part=part)
