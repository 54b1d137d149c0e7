"""Makes the practitioner's Outlook match a booking: state-based, so that no order can arrive too late (design §12)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.dialects.postgresql import insert

from portal import crash
from portal.bookings import find
from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.clients import clients
from portal.clock import now
from portal.db import db, transaction
from portal.integrations.graph import NO_MAILBOX, EventSpec, GraphEvent
from portal.integrations.http import NotFound, Transient
from portal.outbox.post import owe
from portal.staff.tasks import raise_task
from portal.sync.models import OutlookLink

# A visit that took place, or that nobody came to, stays in the calendar.
ON_CALENDAR = frozenset({Status.CONFIRMED, Status.ARRIVED, Status.IN_SESSION, Status.COMPLETED, Status.DID_NOT_ARRIVE})
METADATA_VERSION = 1


@dataclass(frozen=True)
class Wanted:
    """The event a booking should have, and in whose calendar."""

    graph_user_id: str
    spec: EventSpec

    def as_written(self) -> dict[str, Any]:
        """Comparable with what was written last time."""
        spec = asdict(self.spec)
        for name in ("starts_at", "ends_at"):
            spec[name] = spec[name].astimezone(UTC).isoformat()
        return {"user": self.graph_user_id, **spec}


def wanted_event(booking: Booking) -> Wanted | None:
    """The event of a booking, or None when there should be none. Nothing in it tells of health or names the patient."""
    user_id = booking.practitioner.graph_user_id
    if booking.status not in ON_CALENDAR or user_id is None:
        return None
    return Wanted(
        user_id,
        EventSpec(
            subject=f"Appointment {booking.reference}",
            starts_at=booking.starts_at,
            ends_at=booking.ends_at,
            zone=booking.location.zone,
            location=booking.room.name if booking.room else booking.location.name,
            body=f"Booking {booking.reference}",
            metadata=metadata(booking),
        ),
    )


def metadata(booking: Booking) -> dict[str, Any]:
    """The seed's four tags (service, duration, practitioner, price) beside our reference, in one property."""
    return {
        "v": METADATA_VERSION,
        "b": booking.reference,
        "s": booking.terms["service_slug"],
        "d": booking.terms["length_minutes"],
        "p": booking.practitioner.slug,
        "c": booking.price_cents,
    }


def match(booking: Booking) -> None:
    """Create, change, move to another calendar, remove, or do nothing. Run it under the booking's exclusive lock."""
    wanted, link = wanted_event(booking), db.session.get(OutlookLink, booking.id, populate_existing=True)
    if link is None:
        if wanted is not None:
            _create(booking, wanted)
        return
    if link.event_id is None:
        if link.create_sent_at is not None and (wanted is None or wanted.graph_user_id != link.graph_user_id):
            # A create whose answer was lost may stand in a calendar where it should not be.
            _remove_by_reference(booking.reference, link.graph_user_id, booking.id)
        if wanted is not None:
            _create(booking, wanted)
        return
    if wanted is None:
        _remove(booking.id, link.graph_user_id, link.event_id)
    elif wanted.graph_user_id != link.graph_user_id:
        # Graph moves nothing between mailboxes: create there, remove here.
        _remove(booking.id, link.graph_user_id, link.event_id)
        _create(booking, wanted)
    elif wanted.as_written() != link.written:
        _change(booking, wanted, link.event_id)


def event_was_deleted(booking: Booking, link: OutlookLink, at: datetime) -> None:
    """Somebody deleted the event in Outlook. The visit still stands, so the calendar has to show it: it is written
    again, and staff decide whether the visit should be cancelled."""
    link.event_id, link.written = None, {}
    owe("sync.outlook", booking.id, now=at)
    raise_task(
        "outlook-deleted",
        f"The event of {booking.reference} was deleted in Outlook. The visit still stands, so it is there again; "
        "cancel the visit here if it should not take place.",
        at,
        booking_id=booking.id,
    )


def _create(booking: Booking, wanted: Wanted) -> None:
    """A number for this create is stored first; Graph treats the same transaction id as the same event."""
    booking_id, reference = booking.id, booking.reference
    with transaction():
        number = _begin_create(booking_id, wanted.graph_user_id)
    crash.point("outlook.stored")
    event = _created(booking_id, wanted, f"{reference}:{number}")
    crash.point("outlook.created")
    if not _says(event, wanted.spec):
        # It was created by an earlier try, before the booking changed.
        event = clients().graph.update_event(wanted.graph_user_id, event.id, wanted.spec)
    _remember(booking_id, wanted, event)


def _created(booking_id: int, wanted: Wanted, transaction_id: str) -> GraphEvent:
    try:
        return clients().graph.create_event(wanted.graph_user_id, wanted.spec, transaction_id=transaction_id)
    except NotFound as error:
        if error.code.startswith(NO_MAILBOX):
            raise
        # The id belongs to an event that somebody has deleted since: the next try needs a new one.
        with transaction():
            db.session.get_one(OutlookLink, booking_id).create_sent_at = None
        raise Transient("graph", "transaction id of a deleted event", retry_after=1) from None


def _begin_create(booking_id: int, user_id: str) -> int:
    db.session.execute(
        insert(OutlookLink)
        .values(booking_id=booking_id, graph_user_id=user_id, creates=0, etag="", written={})
        .on_conflict_do_nothing()
    )
    link = db.session.get_one(OutlookLink, booking_id, with_for_update=True, populate_existing=True)
    if link.create_sent_at is None or link.graph_user_id != user_id:
        link.creates += 1
        link.graph_user_id, link.create_sent_at = user_id, now()
    return link.creates


def _change(booking: Booking, wanted: Wanted, event_id: str) -> None:
    booking_id = booking.id
    db.session.rollback()
    try:
        event = clients().graph.update_event(wanted.graph_user_id, event_id, wanted.spec)
        crash.point("outlook.changed")
    except NotFound:
        # Somebody deleted it in Outlook. A confirmed booking has an event, so it gets a new one.
        with transaction():
            db.session.get_one(OutlookLink, booking_id).event_id = None
        _create(find.get(booking_id), wanted)
        return
    _remember(booking_id, wanted, event)


def _remove(booking_id: int, user_id: str, event_id: str) -> None:
    db.session.rollback()
    clients().graph.delete_event(user_id, event_id)
    crash.point("outlook.removed")
    _forget(booking_id)


def _remove_by_reference(reference: str, user_id: str, booking_id: int) -> None:
    db.session.rollback()
    for event in clients().graph.find_events(user_id, reference):
        clients().graph.delete_event(user_id, event.id)
    _forget(booking_id)


def _remember(booking_id: int, wanted: Wanted, event: GraphEvent) -> None:
    with transaction():
        link = db.session.get_one(OutlookLink, booking_id, with_for_update=True)
        link.graph_user_id, link.event_id, link.etag = wanted.graph_user_id, event.id, event.etag
        link.written, link.create_sent_at, link.synced_at = wanted.as_written(), None, now()


def _forget(booking_id: int) -> None:
    with transaction():
        link = db.session.get_one(OutlookLink, booking_id, with_for_update=True)
        link.event_id, link.etag, link.written = None, "", {}
        link.create_sent_at, link.synced_at = None, now()


def _says(event: GraphEvent, spec: EventSpec) -> bool:
    return (event.starts_at, event.ends_at, event.subject) == (spec.starts_at, spec.ends_at, spec.subject) and same(
        event.metadata, spec.metadata
    )


def same(found: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> bool:
    """Whether an event's property says what we would write now."""
    return found is None or dict(found) == dict(wanted)
