"""Joins two records of one person, and parts them again. Nothing is deleted: the record that goes stays as it was.

MediRecords is never told and never guessed: an id is taken over where the kept record has none. Where both have one,
both stay, and a person joins them there.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import select, update

from portal.bookings import links
from portal.bookings.models import Booking
from portal.bookings.same_people import is_settled
from portal.db import db
from portal.patients.models import Patient, PatientMerge
from portal.staff import audit
from portal.staff.access import Staff
from portal.staff.models import Action
from portal.staff.tasks import raise_task, settle_task

TASK = "medirecords"


class AlreadyMerged(Exception):
    """One of the two has been joined to another record meanwhile."""


class NotTheLast(Exception):
    """The kept record was itself joined to another one since: that has to be undone first."""


def merge(kept_id: int, gone_id: int, staff: Staff, now: datetime) -> PatientMerge:
    """Make the visits of one record the other's. Raises AlreadyMerged."""
    kept, gone = _locked(kept_id, gone_id)
    if kept.merged_into_id is not None or gone.merged_into_id is not None:
        raise AlreadyMerged
    moved = _move(gone.id, kept.id)
    _close_links(moved, kept, gone, now)
    made = PatientMerge(
        gone_id=gone.id,
        kept_id=kept.id,
        moved=moved,
        took_medirecords_id=kept.medirecords_id is None and gone.medirecords_id is not None,
        merged_at=now,
        merged_by_id=staff.id,
    )
    gone.merged_into_id = kept.id
    db.session.add(made)
    db.session.flush()
    if made.took_medirecords_id:
        kept.medirecords_id = gone.medirecords_id
    elif gone.medirecords_id not in (None, kept.medirecords_id):
        _ask_to_join_there(made, now)
    _write_down(made, "joined with another record", staff, now)
    return made


def undo(made: PatientMerge, staff: Staff, now: datetime) -> list[str]:
    """Part them: what moved goes back, what came since stays. -> the references of what came since.

    Once more changes nothing. A visit that the desk has given to somebody else meanwhile stays with them. Raises
    NotTheLast.
    """
    kept, gone = _locked(made.kept_id, made.gone_id)
    db.session.refresh(made, with_for_update=True)
    if made.undone_at is not None:
        return []
    if kept.merged_into_id is not None:
        raise NotTheLast
    came_since = _since(made)
    back = update(Booking).where(Booking.id.in_(made.moved), Booking.patient_id == kept.id).values(patient_id=gone.id)
    came_back = back.returning(Booking.id).execution_options(synchronize_session="fetch")
    _close_links(db.session.scalars(came_back).all(), kept, gone, now)
    if made.took_medirecords_id and kept.medirecords_id == gone.medirecords_id:
        kept.medirecords_id = None
    gone.merged_into_id = None
    made.undone_at, made.undone_by_id = now, staff.id
    settle_task(TASK, now, about=_about(made))
    _write_down(made, "parted from another record", staff, now)
    return came_since


def standing(limit: int = 20) -> Sequence[PatientMerge]:
    """The records that are joined now, the newest first."""
    wanted = select(PatientMerge).where(PatientMerge.undone_at.is_(None)).order_by(PatientMerge.id.desc())
    return db.session.scalars(wanted.limit(limit)).all()


def _locked(kept_id: int, gone_id: int) -> tuple[Patient, Patient]:
    """Both rows, always in the same order, so that two who do the same wait for each other and no more."""
    wanted = select(Patient).where(Patient.id.in_((kept_id, gone_id))).order_by(Patient.id).with_for_update()
    found = {each.id: each for each in db.session.scalars(wanted.execution_options(populate_existing=True))}
    return found[kept_id], found[gone_id]


def _move(from_id: int, to_id: int) -> list[int]:
    """The visits; a hold stays where it is, because somebody may be typing into it."""
    wanted = update(Booking).where(Booking.patient_id == from_id, is_settled()).values(patient_id=to_id)
    moved = wanted.returning(Booking.id).execution_options(synchronize_session="fetch")
    return sorted(db.session.scalars(moved))


def _close_links(booking_ids: Collection[int], kept: Patient, gone: Patient, now: datetime) -> None:
    """Mails about these visits go to the other record's address from now on. Who reads the one that they went to
    before, we do not know."""
    if kept.email.lower() != gone.email.lower():
        links.revoke_all(booking_ids, now)


def _since(made: PatientMerge) -> list[str]:
    wanted = select(Booking.reference).where(
        Booking.patient_id == made.kept_id, Booking.held_at > made.merged_at, Booking.id.not_in(made.moved)
    )
    return list(db.session.scalars(wanted.where(is_settled()).order_by(Booking.id)))


def _ask_to_join_there(made: PatientMerge, now: datetime) -> None:
    references = db.session.scalars(select(Booking.reference).where(Booking.id.in_(made.moved)).order_by(Booking.id))
    words = "Two records of one person were joined here, and each has its own in MediRecords. Please join them there."
    visits = ", ".join(references)
    raise_task(TASK, f"{words} Visits: {visits}." if visits else words, now, about=_about(made))


def _about(made: PatientMerge) -> str:
    return f"merge-{made.id}"


def _write_down(made: PatientMerge, part: str, staff: Staff, now: datetime) -> None:
    for patient_id in (made.kept_id, made.gone_id):
        audit.record(staff, Action.CHANGED, "patient", now, patient_id=patient_id, part=part)
