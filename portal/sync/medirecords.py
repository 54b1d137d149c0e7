"""A service's processor of kind medirecords: find or create the patient, then type, duration, billing code and the
practitioner's calendar, sent as one POST with our marker in it (MediRecords contract 7 to 9)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import insert

from portal import crash
from portal.bookings import find
from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.catalogue.models import ProcessorKind
from portal.clients import clients
from portal.clock import now
from portal.db import Busy, LockKind, db, exclusive, transaction
from portal.integrations import medirecords_contract as contract
from portal.integrations.http import Permanent, Transient
from portal.integrations.medirecords import (
    Appointment,
    AppointmentSpec,
    AppointmentType,
    AuthRefused,
    Conflict,
    MappingError,
    MrPatient,
    NewPatient,
    UnwritableTime,
)
from portal.patients.models import Patient
from portal.staff.tasks import raise_task, settle_task
from portal.sync.models import MediRecordsLink, OutlookLink, ProcessorRun, RunState
from portal.sync.outlook import ON_CALENDAR

BOOKED, CANCELLED = contract.STATUS["booked"].value, contract.STATUS["cancelled"].value
VISIBLE_AFTER = timedelta(seconds=20)  # how long a new appointment may stay invisible to a search
ENDED = frozenset({Status.CANCELLED, Status.EXPIRED, Status.PAID_UNPLACED})


class NeedsYou(Exception):
    """Only a person can settle this; the words are for staff and hold no health data."""


class Run:
    """Notes each step of a processor's run, so that staff see how far it came."""

    def __init__(self, booking_id: int, kind: str, cause: str) -> None:
        with transaction():
            row = ProcessorRun(
                booking_id=booking_id, kind=kind, cause=cause, state=RunState.RUNNING, steps=[], started_at=now()
            )
            db.session.add(row)
            db.session.flush()
            self.id = row.id
        self.steps: list[dict[str, Any]] = []

    def step(self, name: str, resolve: Callable[[], Any], words: Callable[[Any], str] = str) -> Any:
        """Resolve one named step; what it found is noted, and that it failed too."""
        try:
            found = resolve()
        except Exception as error:
            self.steps.append({"step": name, "failed": type(error).__name__})
            raise
        self.steps.append({"step": name, "found": words(found)})
        return found

    def end(self, state: RunState) -> None:
        with transaction():
            row = db.session.get_one(ProcessorRun, self.id)
            row.state, row.steps, row.finished_at = state, list(self.steps), now()


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
            _with_run(booking, cause, _withdraw)
        return
    if booking.status not in ON_CALENDAR:
        return
    if link is None or link.appointment_id is None:
        outlook = db.session.get(OutlookLink, booking_id)
        if outlook is None or outlook.event_id is None:
            return  # the Outlook event comes first; its notification, or the sweep, brings us back (design D7)
        _with_run(booking, cause, _create)
    elif _is_for_somebody_else(link, booking):
        # An appointment there keeps its patient, so the other person gets one of their own.
        _with_run(booking, cause, _withdraw)
        _with_run(find.get(booking_id), cause, _create)
    elif link.written != _wanted(booking):
        _with_run(booking, cause, _change)


def marker(reference: str) -> str:
    """What makes our appointment findable: the server knows no external id (contract 7)."""
    return f"[ref:{reference}]"


def notes(booking: Booking) -> str:
    """The appointment's notes: the marker, and the billing code for whoever bills (strategy notes_tag, contract 8)."""
    return f"Booked online. {marker(booking.reference)} [bill:{booking.terms['billing_code']}]"


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


def _create(booking: Booking, run: Run) -> None:
    """Resolve the four named steps, look for our marker, then POST once."""
    booking_id, mark, starts_at = booking.id, marker(booking.reference), booking.starts_at
    # Read together with the spec: a booking that moves while we ask around is changed by its own job afterwards.
    wanted, days = _wanted(booking), _days(booking)
    sent_before = _link(booking_id).create_sent_at
    spec = _spec(booking, run)
    db.session.rollback()
    found = _by_marker(mark, days)
    if found is None and sent_before is not None and now() - sent_before < VISIBLE_AFTER:
        raise Transient("medirecords", "waiting to see whether the last try arrived", retry_after=5)
    if found is None:
        with transaction():
            link = _link(booking_id)
            link.create_sent_at, link.written = now(), wanted
        crash.point("medirecords.stored")
        try:
            found = clients().medirecords.create_appointment(spec)
            crash.point("medirecords.created")
        except Conflict:
            # Ours after all, if an earlier try got through and was invisible until now.
            found = _by_marker(mark, days)
            if found is None:
                with transaction():
                    _link(booking_id).create_sent_at = None
                raise
    run.steps.append({"step": "appointment", "found": found.id})
    with transaction():
        link = _link(booking_id)
        link.appointment_id, link.is_live, link.create_sent_at = found.id, True, None
        link.written, link.synced_at = wanted, now()
    if found.starts_at != starts_at or found.provider_id != spec.provider_id:
        # Adopted from a try before the booking moved.
        with transaction():
            _link(booking_id).written = {}
        _change(find.get(booking_id), run)


def _change(booking: Booking, run: Run) -> None:
    """A moved booking moves its appointment, and one whose cancellation was undone stands again; everything else in it
    stays as staff left it."""
    booking_id = booking.id
    link, wanted = _link(booking_id), _wanted(booking)
    appointment_id, revived = link.appointment_id, {} if link.is_live else {"status": BOOKED}
    assert appointment_id is not None
    spec = _spec(booking, run)
    db.session.rollback()
    clients().medirecords.replace_appointment(
        appointment_id,
        starts_at=spec.starts_at,
        provider_id=spec.provider_id,
        type_id=spec.type_id,
        interval_code=spec.interval_code,
        **revived,
    )
    crash.point("medirecords.changed")
    run.steps.append({"step": "moved", "found": appointment_id})
    with transaction():
        link = _link(booking_id)
        link.written, link.is_live, link.synced_at = wanted, True, now()


def _withdraw(booking: Booking, run: Run) -> None:
    """Cancel the appointment; one whose create was never answered is looked for by its marker first."""
    booking_id, mark, days = booking.id, marker(booking.reference), _days(booking)
    link = _link(booking_id)
    appointment_id, sent_before = link.appointment_id, link.create_sent_at
    db.session.rollback()
    if appointment_id is None:
        found = _by_marker(mark, days)
        if found is None and sent_before is not None and now() - sent_before < VISIBLE_AFTER:
            raise Transient("medirecords", "waiting to see whether the create arrived", retry_after=5)
        appointment_id = found.id if found else None
    if appointment_id is not None:
        clients().medirecords.cancel_appointment(appointment_id)
        crash.point("medirecords.cancelled")
    run.steps.append({"step": "cancelled", "found": appointment_id or "nothing was there"})
    with transaction():
        link = _link(booking_id)
        link.appointment_id, link.is_live, link.create_sent_at = appointment_id, False, None
        # Whose it was stays known: should the visit come back, it may be another person's by then.
        link.written = {name: value for name, value in link.written.items() if name == "patient"}
        link.synced_at = now()


def _spec(booking: Booking, run: Run) -> AppointmentSpec:
    """The patient and the seed's four steps, each noted by name."""
    medirecords, terms = clients().medirecords, booking.terms
    starts_at, text, provider_id = booking.starts_at, notes(booking), booking.practitioner.medirecords_provider_id
    type_id, code, patient = booking.appointment_type.medi_type_id, terms["medi_code"], booking.patient
    assert patient is not None
    patient_id = run.step("patient", lambda: _patient_id(patient, booking.id))
    db.session.rollback()
    types = medirecords.appointment_types()
    mr_type = run.step("type", lambda: resolve_type(types, code, type_id), lambda found: f"{code}: {found.name}")
    minutes = int(terms["medi_minutes"])
    interval = run.step(
        "duration", lambda: medirecords.interval_code(minutes), lambda found: f"{minutes} min: interval {found}"
    )
    run.step("billing code", lambda: _billing_code(terms["billing_code"]))
    provider = run.step("practitioner's calendar", lambda: _provider(provider_id))
    return AppointmentSpec(
        patient_id=patient_id,
        type_id=mr_type.id,
        provider_id=provider,
        room_id=None,
        starts_at=starts_at,
        interval_code=interval,
        status=BOOKED,
        notes=text,
    )


def resolve_type(types: list[AppointmentType], code: str, type_id: str | None) -> AppointmentType:
    """The appointment type a code stands for: by stored id, else by exact name, else by the code in its description.

    Raises MappingError when there is none or more than one, or when it is switched off (contract 9).
    """
    ways: list[Callable[[AppointmentType], bool]] = [
        lambda one: one.id == type_id,
        lambda one: one.name == code,
        lambda one: re.search(rf"\b{re.escape(code)}\b", one.description) is not None,
    ]
    for fits in ways[:1] if type_id else ways[1:]:
        hits = [one for one in types if fits(one)]
        if len(hits) > 1:
            raise MappingError("medirecords", f"more than one appointment type for {code}")
        if hits:
            if not hits[0].is_active:
                raise MappingError("medirecords", f"the appointment type for {code} is inactive")
            return hits[0]
    raise MappingError("medirecords", f"no appointment type for {code}")


def _billing_code(code: str | None) -> str:
    if not code:
        raise MappingError("medirecords", "the type has no billing code")
    return code


def _provider(provider_id: str | None) -> str:
    known = {provider.id: provider for provider in clients().medirecords.providers()}
    if provider_id is None or provider_id not in known or not known[provider_id].is_active:
        raise MappingError("medirecords", "the practitioner is not an active provider there")
    return provider_id


def _patient_id(patient: Patient, booking_id: int) -> str:
    """The id in MediRecords: known, found, or created. Alone, because two visits may bring the same new patient."""
    own_id = patient.id
    with exclusive(LockKind.MEDIRECORDS_PATIENT, own_id):
        patient = db.session.get_one(Patient, own_id, populate_existing=True)
        if patient.medirecords_id is not None:
            return patient.medirecords_id
        found_id = _find_or_create(_new_patient(patient), booking_id)
        with transaction():
            db.session.get_one(Patient, own_id).medirecords_id = found_id
            _link(booking_id).patient_sent_at = None
        return found_id


def _find_or_create(new: NewPatient, booking_id: int) -> str:
    sent_before = _link(booking_id).patient_sent_at
    db.session.rollback()
    hits = clients().medirecords.find_patients(
        mobile=new.mobile, email=new.email, family_name=new.family_name, born_on=new.born_on
    )
    known = _same_person(hits, new)
    if known is not None:
        return known.id
    if sent_before is not None and now() - sent_before < VISIBLE_AFTER:
        raise Transient("medirecords", "waiting to see whether the patient was created", retry_after=5)
    with transaction():
        _link(booking_id).patient_sent_at = now()
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


def _days(booking: Booking) -> set[date]:
    """The local days on which our appointment may stand: the visit's, and the one a lost create asked for."""
    written, zone = _link(booking.id).written, clients().settings.zone
    starts = {booking.starts_at}
    if "starts_at" in written:
        starts.add(datetime.fromisoformat(written["starts_at"]))
    return {start.astimezone(zone).date() for start in starts}


def _by_marker(mark: str, days: set[date]) -> Appointment | None:
    """Our live appointment of these local days; should there be two, the oldest stays and the others go."""
    ours = [
        one
        for day in days
        for one in clients().medirecords.find_appointments(on=day)
        if mark in one.notes and one.status != CANCELLED
    ]
    ours.sort(key=lambda one: str(one.raw.get("createdDateTime")))
    for extra in ours[1:]:
        clients().medirecords.cancel_appointment(extra.id)
    return ours[0] if ours else None


def _is_for_somebody_else(link: MediRecordsLink, booking: Booking) -> bool:
    """Whether the appointment was made for another person. Two of our records may be one person there."""
    known = db.session.get(Patient, link.written["patient"]) if "patient" in link.written else None
    if known is None or known.id == booking.patient_id or booking.patient is None:
        return False
    return known.medirecords_id is None or known.medirecords_id != booking.patient.medirecords_id


def _wanted(booking: Booking) -> dict[str, Any]:
    """What the appointment should say, comparable with what was written last time."""
    return {
        "starts_at": _as_written(booking.starts_at),
        "provider": booking.practitioner.medirecords_provider_id,
        "code": booking.terms["medi_code"],
        "minutes": booking.terms["medi_minutes"],
        "patient": booking.patient_id,
    }


def _link(booking_id: int) -> MediRecordsLink:
    db.session.execute(
        insert(MediRecordsLink)
        .values(booking_id=booking_id, written={}, is_live=False, needs_you="")
        .on_conflict_do_nothing()
    )
    return db.session.get_one(MediRecordsLink, booking_id, populate_existing=True)


def _ask_staff(booking_id: int, reference: str, error: Exception) -> None:
    """The booking stays as it is; the sync board and a task say what a person has to do."""
    why = error.code if isinstance(error, Permanent) else str(error)
    if isinstance(error, Conflict):
        why = "the practitioner or the patient is already booked at that time in MediRecords"
    with transaction():
        _link(booking_id).needs_you = why
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
            starts_at > _as_written(booking.starts_at - timedelta(days=1)),
            starts_at < _as_written(booking.ends_at),
        )
    )
    return any(
        (other.status in ENDED or link.written != _wanted(other)) and _ends_at(link) > booking.starts_at
        for other, link in others
    )


def _ends_at(link: MediRecordsLink) -> datetime:
    """When the appointment ends, as we last wrote it."""
    return datetime.fromisoformat(link.written["starts_at"]) + timedelta(minutes=link.written["minutes"])


def _as_written(instant: datetime) -> str:
    """As it stands in `written`; texts of this form sort as the instants do."""
    return instant.astimezone(UTC).isoformat()


def _note_nothing_to_do(booking: Booking, kind: ProcessorKind, cause: str) -> None:
    """A trail for visits without an appointment there, written once."""
    seen = db.session.scalar(db.select(ProcessorRun.id).where(ProcessorRun.booking_id == booking.id).limit(1))
    if seen is None:
        run = Run(booking.id, kind, cause)
        run.steps.append({"step": "nothing to do", "found": "no MediRecords appointment for this type"})
        run.end(RunState.NOTHING_TO_DO)
