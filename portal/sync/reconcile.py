"""Compares Outlook and MediRecords with our bookings every 15 minutes: a difference becomes an action or a task.

This catches what everything else missed: copies made by lost answers, events that were to go, entries that somebody
moved or removed by hand (security baseline 3).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

import structlog
from sqlalchemy import select

from portal.bookings.models import Booking
from portal.clients import clients
from portal.clock import day_bounds, now
from portal.db import db, transaction
from portal.integrations.graph import NO_MAILBOX, GraphEvent
from portal.integrations.http import NotFound
from portal.integrations.medirecords import Appointment
from portal.outbox.models import OutboxMessage
from portal.staff.models import Practitioner
from portal.staff.tasks import raise_task
from portal.sync import medirecords_link, moved
from portal.sync.marker import MARKER
from portal.sync.medirecords_link import CANCELLED
from portal.sync.models import MediRecordsLink, OutlookLink
from portal.sync.outlook import ON_CALENDAR, event_was_deleted

log = structlog.get_logger(__name__)

AHEAD = timedelta(days=90)
SETTLED = timedelta(minutes=2)  # what was written later than this may still be on its way
MOST = 50  # of what is out of sight, asked for one by one; the others are left for the next time


def outlook(practitioner_id: int) -> None:
    """One practitioner's calendar against their bookings."""
    at = now()
    practitioner = db.session.get_one(Practitioner, practitioner_id)
    user_id = practitioner.graph_user_id
    if user_id is None:
        return
    db.session.rollback()
    found = _events_by_reference(clients().graph.events_between(user_id, at - timedelta(days=1), at + AHEAD))
    for event_id in _events_to_remove(practitioner_id, found, at):
        log.warning("reconcile.event_removed", system="graph", practitioner=practitioner_id)
        clients().graph.delete_event(user_id, event_id)
    db.session.rollback()
    out_of_sight = _events_out_of_sight(practitioner_id, user_id, found, at)
    db.session.rollback()
    # Linked events by their id; None is one that is gone.
    known = {event.id: event for events in found.values() for event in events} | {
        event_id: _find_event(user_id, event_id) for event_id in out_of_sight
    }
    with transaction():
        _tell_of_events(practitioner_id, user_id, known, at)


def medirecords() -> None:
    """Every local day that has appointments of ours, against our bookings."""
    at = now()
    for day in _days_with_links(at):
        db.session.rollback()
        rows = clients().medirecords.find_appointments(on=day)
        for appointment_id in _appointments_to_cancel(_rows_by_reference(rows), at):
            log.warning("reconcile.appointment_cancelled", system="medirecords")
            clients().medirecords.cancel_appointment(appointment_id)
        db.session.rollback()
        out_of_sight = _appointments_out_of_sight(day, rows, at)
        db.session.rollback()
        known = {row.id: row for row in rows} | {id: _find_appointment(id) for id in out_of_sight}
        with transaction():
            _tell_of_appointments(day, known, at)


def _events_by_reference(events: Iterable[GraphEvent]) -> dict[str, list[GraphEvent]]:
    found: dict[str, list[GraphEvent]] = defaultdict(list)
    for event in events:
        reference = (event.metadata or {}).get("b")
        if isinstance(reference, str) and not event.is_cancelled:
            found[reference].append(event)
    return found


def _events_to_remove(practitioner_id: int, found: Mapping[str, list[GraphEvent]], at: datetime) -> list[str]:
    """Copies, and events of bookings that should have none here. The linked event stays, else the oldest."""
    wrong: list[str] = []
    for booking, link in _bookings(found):
        if link is not None and not _is_settled(link.synced_at, at):
            continue
        events = found[booking.reference]
        if booking.status not in ON_CALENDAR or booking.practitioner_id != practitioner_id:
            wrong += [event.id for event in events]
        elif len(events) > 1:
            known = link.event_id if link else None
            kept = known if known in {event.id for event in events} else events[0].id
            wrong += [event.id for event in events if event.id != kept]
    return wrong


def _bookings(references: Iterable[str]) -> list[tuple[Booking, OutlookLink | None]]:
    rows = db.session.execute(
        select(Booking, OutlookLink)
        .outerjoin(OutlookLink, OutlookLink.booking_id == Booking.id)
        .where(Booking.reference.in_(list(references)))
    )
    return [(row[0], row[1]) for row in rows]


def _events_out_of_sight(
    practitioner_id: int, user_id: str, found: Mapping[str, list[GraphEvent]], at: datetime
) -> list[str]:
    """The events that a visit should have and that are not in the days we look at: deleted, or moved far away."""
    expected = _with_event(practitioner_id, user_id, at)
    return [link.event_id for booking, link in expected if booking.reference not in found and link.event_id][:MOST]


def _find_event(user_id: str, event_id: str) -> GraphEvent | None:
    try:
        event = clients().graph.get_event(user_id, event_id)
    except NotFound as error:
        if error.code.startswith(NO_MAILBOX):
            raise
        return None
    return None if event.is_cancelled else event


def _tell_of_events(practitioner_id: int, user_id: str, known: Mapping[str, GraphEvent | None], at: datetime) -> None:
    """A visit that stands but has lost its event gets one again, and staff hear of it; of one that was moved they hear
    too, and it stays where it is."""
    owed = _owed("sync.outlook")
    for booking, link in _with_event(practitioner_id, user_id, at):
        event_id = link.event_id
        if event_id is None or event_id not in known:
            continue
        event = known[event_id]
        if event is None:
            event_was_deleted(booking, link, at)
        elif booking.id not in owed and (move := moved.of_event(booking, link, event)):
            moved.tell_once(move, at)


def _with_event(practitioner_id: int, user_id: str, at: datetime) -> list[tuple[Booking, OutlookLink]]:
    """Visits ahead whose events have been here for a while. One that has changed hands, and whose event has not yet, is
    none of ours."""
    expected = db.session.execute(
        select(Booking, OutlookLink)
        .join(OutlookLink, OutlookLink.booking_id == Booking.id)
        .where(
            Booking.practitioner_id == practitioner_id,
            OutlookLink.graph_user_id == user_id,
            Booking.status.in_(ON_CALENDAR),
            Booking.starts_at.between(at, at + AHEAD - timedelta(days=1)),
            OutlookLink.event_id.is_not(None),
        )
        .order_by(Booking.starts_at)
    )
    return [(booking, link) for booking, link in expected if _is_settled(link.synced_at, at)]


def _days_with_links(at: datetime) -> list[date]:
    zone = clients().settings.zone
    starts = db.session.scalars(
        select(Booking.starts_at)
        .join(MediRecordsLink, MediRecordsLink.booking_id == Booking.id)
        .where(Booking.starts_at.between(at - timedelta(days=1), at + AHEAD))
    )
    return sorted({start.astimezone(zone).date() for start in starts})


def _rows_by_reference(rows: Iterable[Appointment]) -> dict[str, list[Appointment]]:
    found: dict[str, list[Appointment]] = defaultdict(list)
    for row in rows:
        marker = MARKER.search(row.notes)
        if marker is not None and row.status != CANCELLED:
            found[marker[1]].append(row)
    return found


def _appointments_to_cancel(found: Mapping[str, list[Appointment]], at: datetime) -> list[str]:
    """Copies, and appointments of visits that were called off."""
    rows = db.session.execute(
        select(Booking, MediRecordsLink)
        .outerjoin(MediRecordsLink, MediRecordsLink.booking_id == Booking.id)
        .where(Booking.reference.in_(list(found)))
    )
    wrong: list[str] = []
    for booking, link in rows:
        if link is not None and not _is_settled(link.synced_at, at):
            continue
        live = found[booking.reference]
        if booking.status not in ON_CALENDAR:
            wrong += [row.id for row in live]
        elif link is not None and link.appointment_id is not None:
            wrong += [row.id for row in live if row.id != link.appointment_id]
    return wrong


def _appointments_out_of_sight(day: date, rows: Iterable[Appointment], at: datetime) -> list[str]:
    """The appointments of this day's visits that the day does not show: removed, or moved to another one."""
    listed = {row.id for row in rows}
    ids = [link.appointment_id for _, link in _with_appointment(day, at)]
    return [id for id in ids if id is not None and id not in listed][:MOST]


def _find_appointment(appointment_id: str) -> Appointment | None:
    try:
        return clients().medirecords.get_appointment(appointment_id)
    except NotFound:
        return None


def _tell_of_appointments(day: date, known: Mapping[str, Appointment | None], at: datetime) -> None:
    """An appointment that the desk moved, cancelled or removed there: a person decides what becomes of the visit."""
    owed = _owed("sync.medirecords")
    for booking, link in _with_appointment(day, at):
        appointment_id = link.appointment_id
        if appointment_id is None or appointment_id not in known or booking.id in owed:
            continue
        row = known[appointment_id]
        if row is None or row.status == CANCELLED:
            raise_task(
                "medirecords-removed",
                f"The appointment of {booking.reference} was cancelled in MediRecords. The visit still stands here.",
                at,
                booking_id=booking.id,
            )
        elif move := moved.of_appointment(booking, link, row):
            moved.tell_once(move, at)


def _with_appointment(day: date, at: datetime) -> list[tuple[Booking, MediRecordsLink]]:
    """Visits ahead, of this local day, whose appointments have been there for a while. One that has moved, and whose
    appointment has not yet, is none of them: it stands where it was until its job is done."""
    begins_at, ends_at = day_bounds(day, clients().settings.zone)
    linked = db.session.execute(
        select(Booking, MediRecordsLink)
        .join(MediRecordsLink, MediRecordsLink.booking_id == Booking.id)
        .where(
            MediRecordsLink.is_live,
            Booking.status.in_(ON_CALENDAR),
            Booking.starts_at >= max(at, begins_at),
            Booking.starts_at < ends_at,
        )
        .order_by(Booking.starts_at)
    )
    return [
        (booking, link)
        for booking, link in linked
        if link.written.get("starts_at") == medirecords_link.as_written(booking.starts_at)
        and _is_settled(link.synced_at, at)
    ]


def _owed(job: str) -> set[int]:
    """The bookings for which this job is still to be done: what stands outside is not our last word."""
    waiting = select(OutboxMessage.args).where(
        OutboxMessage.job == job, OutboxMessage.done_at.is_(None), OutboxMessage.parked_at.is_(None)
    )
    return {args[0] for args in db.session.scalars(waiting)}


def _is_settled(synced_at: datetime | None, at: datetime) -> bool:
    return synced_at is None or at - synced_at > SETTLED
