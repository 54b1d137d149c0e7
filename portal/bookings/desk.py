"""What the desk does with a booking: book, move, cancel, the steps of the day. Every act is written into the audit.

Acts that change what a patient expects can be undone for three minutes (undo.py). `seen` is the last event that
somebody had before their eyes: whoever acts on an older picture is told what has happened since.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select

from portal.bookings import change, confirm, hold, links, notes, undo
from portal.bookings.auditing import write_down
from portal.bookings.history import change_status, record
from portal.bookings.models import BookedFor, Booking, BookingEvent, ChangeKind
from portal.bookings.states import Status, WrongState
from portal.catalogue.models import AppointmentType
from portal.db import db
from portal.patients import match
from portal.patients.models import Patient
from portal.staff import audit
from portal.staff.access import Staff, holder_of
from portal.staff.models import Action

SOURCE = "desk"
# The steps of a day at the desk, forward and back, with the event that each writes down.
STEPS = {
    Status.ARRIVED: "booking.arrived",
    Status.IN_SESSION: "booking.in_session",
    Status.COMPLETED: "booking.completed",
}
# A step back is a slip being corrected, not a step of its own.
ONE_BACK = {
    Status.ARRIVED: Status.CONFIRMED,
    Status.IN_SESSION: Status.ARRIVED,
    Status.COMPLETED: Status.IN_SESSION,
    Status.DID_NOT_ARRIVE: Status.CONFIRMED,
}


class ChangedMeanwhile(Exception):
    """Somebody else has changed the booking; `events` are what the person acting has not seen."""

    def __init__(self, events: Sequence[BookingEvent]) -> None:
        super().__init__(", ".join(event.name for event in events))
        self.events = events


def last_event(booking_id: int) -> int:
    """The newest event of a booking, by its id."""
    wanted = select(func.coalesce(func.max(BookingEvent.id), 0)).where(BookingEvent.booking_id == booking_id)
    return db.session.execute(wanted).scalar_one()


def expect(booking: Booking, seen: int) -> None:
    """Refuse to act on a booking that has changed since. Its row is locked by the caller. Raises ChangedMeanwhile."""
    newer = select(BookingEvent).where(BookingEvent.booking_id == booking.id, BookingEvent.id > seen)
    events = db.session.scalars(newer.order_by(BookingEvent.id)).all()
    if events:
        raise ChangedMeanwhile(events)


def hold_time(
    appointment_type: AppointmentType,
    starts_at: datetime,
    staff: Staff,
    now: datetime,
    *,
    practitioner_id: int | None = None,
    patient: Patient | None = None,
) -> Booking:
    """Hold a time while somebody is on the phone. Run it through claims.claim. Raises SlotTaken."""
    booking = hold.hold(
        appointment_type, starts_at, now, practitioner_id=practitioner_id, source=SOURCE, by=holder_of(staff.id)
    )
    if patient is not None:
        _give(booking, patient)
    write_down(booking, Action.ADDED, staff, now)
    return booking


def book(booking: Booking, staff: Staff, now: datetime) -> None:
    """Make the held time a visit. Raises WrongState, NotComplete, or HoldExpired."""
    if booking.source != SOURCE:
        raise WrongState(booking.status, Status.CONFIRMED)  # somebody is booking it online right now
    if booking.status == Status.EXPIRED or booking.is_lapsed(now):
        raise hold.HoldExpired
    confirm.confirm(booking, now, by=holder_of(staff.id))
    write_down(booking, Action.CHANGED, staff, now, part="booked")


def let_go(booking: Booking, staff: Staff, now: datetime) -> None:
    """The held time is not wanted after all."""
    if booking.source != SOURCE or booking.status != Status.HELD:
        raise WrongState(booking.status, Status.CANCELLED)
    who = {"cancelled_at": now, "cancelled_by": "clinic"}
    change_status(booking, Status.CANCELLED, now, event="booking.released", by=holder_of(staff.id), columns=who)


def move(
    booking: Booking, starts_at: datetime, staff: Staff, now: datetime, *, practitioner_id: int | None = None
) -> None:
    """Move a visit to an open time; the patient hears of it in three minutes. Run it through claims.claim.

    Raises SlotTaken or WrongState.
    """
    before, version = undo.snapshot(booking, now), booking.version
    until = now + undo.WAIT
    change.move(booking, starts_at, now, by=holder_of(staff.id), practitioner_id=practitioner_id, undo_until=until)
    if booking.version != version:
        undo.remember(booking, ChangeKind.MOVED, before, staff, now)
        write_down(booking, Action.CHANGED, staff, now, part="time")


def cancel(
    booking: Booking, staff: Staff, now: datetime, *, wished_by: str, reason: str = "", waiver: str = ""
) -> None:
    """Cancel a visit because the patient wishes it ("patient") or the clinic has to ("clinic"); a `waiver` is the typed
    reason for which no fee is kept. Mail and refund wait three minutes. Raises WrongState."""
    if booking.confirmed_at is None:
        raise WrongState(booking.status, Status.CANCELLED)
    before = undo.snapshot(booking, now)
    booking.fee_waived = bool(waiver)
    until = now + undo.WAIT
    change.cancel(booking, now, by=holder_of(staff.id), reason=reason, wished_by=wished_by, undo_until=until)
    undo.remember(booking, ChangeKind.CANCELLED, before, staff, now)
    notes.write_reason(booking, "Cancelled", reason, staff, now)
    notes.write_reason(booking, "Fee waived", waiver, staff, now)
    write_down(booking, Action.CHANGED, staff, now, part="cancelled", why=waiver or reason)


def did_not_arrive(booking: Booking, staff: Staff, now: datetime, *, waiver: str = "") -> None:
    """Nobody came. What the policy gives back of the payment waits three minutes. Raises WrongState, also before the
    visit has begun."""
    if booking.starts_at > now:
        raise WrongState(booking.status, Status.DID_NOT_ARRIVE)
    before = undo.snapshot(booking, now)
    booking.fee_waived = bool(waiver)
    change_status(
        booking,
        Status.DID_NOT_ARRIVE,
        now,
        event="booking.did_not_arrive",
        by=holder_of(staff.id),
        undo_until=now + undo.WAIT,
    )
    undo.remember(booking, ChangeKind.DID_NOT_ARRIVE, before, staff, now)
    notes.write_reason(booking, "Fee waived", waiver, staff, now)
    write_down(booking, Action.CHANGED, staff, now, part="did not arrive", why=waiver)


def set_status(booking: Booking, wanted: Status, staff: Staff, now: datetime) -> None:
    """A step of the day, or one step back. Run it through claims.claim: a visit that nobody came to takes its time
    again. Raises WrongState."""
    is_back = ONE_BACK.get(booking.status) == wanted
    if not is_back and (wanted not in STEPS or booking.is_waiting or booking.is_cancelled):
        raise WrongState(booking.status, wanted)
    event = "booking.set_back" if is_back else STEPS[wanted]
    if booking.status == Status.DID_NOT_ARRIVE:
        booking.fee_waived = False
    change_status(booking, wanted, now, event=event, by=holder_of(staff.id), to=str(wanted))
    write_down(booking, Action.CHANGED, staff, now, part="status")


def take_back(booking: Booking, staff: Staff, now: datetime) -> None:
    """Undo the latest change. Run it through claims.claim. Raises TooLateToUndo or SlotTaken."""
    undo.undo(booking, staff, now)
    write_down(booking, Action.CHANGED, staff, now, part="undone")


def tell_now(booking: Booking, staff: Staff, now: datetime) -> None:
    """Do not wait for the three minutes. Raises TooLateToUndo."""
    undo.tell_now(booking, staff, now)
    write_down(booking, Action.CHANGED, staff, now, part="told now")


def keep_quiet(booking: Booking, staff: Staff, now: datetime) -> None:
    """The patient gets no mail about the change. Raises TooLateToUndo."""
    undo.keep_quiet(booking, staff, now)
    write_down(booking, Action.CHANGED, staff, now, part="not told")


def may_give(booking: Booking) -> bool:
    """Whether the desk may say whose visit it is. What is being booked online is in a stranger's browser, which shows
    the details of whoever stands in it; and a time held for an offer is its visit's."""
    if booking.status == Status.HELD:
        return booking.source == SOURCE
    return booking.status in (Status.CONFIRMED, Status.ARRIVED)


def give_to(booking: Booking, patient: Patient, staff: Staff, now: datetime) -> None:
    """The visit is somebody else's than was written. Links in mails to the wrong person open nothing any more.

    Raises WrongState where may_give says no.
    """
    if not may_give(booking):
        raise WrongState(booking.status, booking.status)
    patient = match.stay_with(patient)
    if booking.patient_id == patient.id:
        return
    former, is_booked = booking.patient_id, booking.confirmed_at is not None
    _give(booking, patient)
    if is_booked:
        links.revoke_all([booking.id], now)
        record(booking, "booking.patient_changed", now, by=holder_of(staff.id), from_patient_id=former)
        # Both records tell of it.
        audit.record(
            staff, Action.REMOVED, "booking", now, subject=booking.reference, patient_id=former, part="patient"
        )
    write_down(booking, Action.CHANGED, staff, now, part="patient")


def _give(booking: Booking, patient: Patient) -> None:
    booking.patient_id, booking.patient = patient.id, patient
    booking.booked_for, booking.booked_by, booking.says_new = BookedFor.SELF, "", None
