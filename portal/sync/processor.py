"""Runs a service's processor of kind medirecords: decides what has to be written, and tells staff what cannot be."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import or_, select

from portal.bookings import find
from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.catalogue.models import ProcessorKind
from portal.clock import now
from portal.db import Busy, db, transaction
from portal.integrations.http import Permanent, Transient
from portal.integrations.medirecords import AuthRefused, Conflict, MappingError, UnwritableTime
from portal.staff.tasks import raise_task, settle_task
from portal.sync import medirecords, medirecords_link
from portal.sync.medirecords_patient import NeedsYou
from portal.sync.models import MediRecordsLink, OutlookLink, ProcessorRun, RunState
from portal.sync.outlook import ON_CALENDAR
from portal.sync.processor_run import Run

ENDED = frozenset({Status.CANCELLED, Status.EXPIRED, Status.PAID_UNPLACED})


def process(booking: Booking, cause: str) -> None:
    """Make MediRecords match a booking. Run it under the booking's exclusive lock. May run twice without harm."""
    booking_id = booking.id
    processor = booking.appointment_type.service.processor
    if processor is None or processor.kind != ProcessorKind.MEDIRECORDS or not booking.terms["medi_code"]:
        _note_nothing_to_do(booking, processor.kind if processor else ProcessorKind.NONE, cause)
        return
    link = db.session.get(MediRecordsLink, booking_id, populate_existing=True)
    if booking.status in ENDED:
        # "Needs you" too: what was refused as a double booking may have been our own, and the task is settled by this.
        if link is not None and (link.is_live or link.create_sent_at is not None or link.needs_you):
            _with_run(booking, cause, medirecords.withdraw)
        return
    if booking.status not in ON_CALENDAR:
        return
    if link is None or link.appointment_id is None:
        outlook = db.session.get(OutlookLink, booking_id)
        if outlook is None or outlook.event_id is None:
            return  # the Outlook event comes first; its notification, or the sweep, brings us back (design D7)
        _with_run(booking, cause, medirecords.create)
    elif medirecords_link.is_for_somebody_else(link, booking):
        # An appointment there keeps its patient, so the other person gets one of their own.
        _with_run(booking, cause, medirecords.withdraw)
        _with_run(find.get(booking_id), cause, medirecords.create)
    elif link.written != medirecords_link.wanted(booking):
        _with_run(booking, cause, medirecords.change)


def _with_run(booking: Booking, cause: str, act: Callable[[Booking, Run], None]) -> None:
    booking_id, reference = booking.id, booking.reference
    run = Run(booking_id, ProcessorKind.MEDIRECORDS, cause)
    try:
        act(find.get(booking_id), run)
    except (MappingError, Conflict, NeedsYou, UnwritableTime) as error:
        if isinstance(error, Conflict) and _waits_for_our_own(booking_id):
            run.end(RunState.RUNNING)
            raise Transient("medirecords", "a visit of ours that has left that time is still there") from error
        _ask_staff(booking_id, reference, error)
        run.end(RunState.NEEDS_YOU)
    except AuthRefused:
        run.end(RunState.NEEDS_YOU)
        raise
    except (Transient, Permanent, Busy):
        run.end(RunState.RUNNING)
        raise
    else:
        with transaction():
            settle_task("medirecords", now(), booking_id=booking_id)
            db.session.get_one(MediRecordsLink, booking_id).needs_you = ""
        run.end(RunState.DONE)


def _ask_staff(booking_id: int, reference: str, error: Exception) -> None:
    """The booking stays as it is; the sync board and a task say what a person has to do."""
    why = error.code if isinstance(error, Permanent) else str(error)
    if isinstance(error, Conflict):
        why = "the practitioner or the patient is already booked at that time in MediRecords"
    with transaction():
        medirecords_link.get(booking_id).needs_you = why
        raise_task("medirecords", f"{reference} is not in MediRecords yet: {why}.", now(), booking_id=booking_id)


def _waits_for_our_own(booking_id: int) -> bool:
    """Whether a visit of ours has left this time, by a move or a cancellation that MediRecords has not heard of yet.

    Its own job is on the way, so this is nothing that a person has to settle.
    """
    db.session.rollback()
    booking = find.get(booking_id)
    starts_at = MediRecordsLink.written["starts_at"].astext
    nearby = select(Booking, MediRecordsLink).join(MediRecordsLink, MediRecordsLink.booking_id == Booking.id)
    others = db.session.execute(
        nearby.where(
            Booking.id != booking_id,
            or_(MediRecordsLink.is_live, MediRecordsLink.create_sent_at.is_not(None)),
            starts_at > medirecords_link.as_written(booking.starts_at - timedelta(days=1)),
            starts_at < medirecords_link.as_written(booking.ends_at),
        )
    )
    return any(
        (other.status in ENDED or link.written != medirecords_link.wanted(other))
        and medirecords_link.ends_at(link) > booking.starts_at
        for other, link in others
    )


def _note_nothing_to_do(booking: Booking, kind: ProcessorKind, cause: str) -> None:
    """A trail for visits without an appointment there, written once."""
    seen = db.session.scalar(db.select(ProcessorRun.id).where(ProcessorRun.booking_id == booking.id).limit(1))
    if seen is None:
        run = Run(booking.id, kind, cause)
        run.steps.append({"step": "nothing to do", "found": "no MediRecords appointment for this type"})
        run.end(RunState.NOTHING_TO_DO)
