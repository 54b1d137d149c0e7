"""Tells staff of what somebody moved outside while the visit stands here: a task, never a silent change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, exists, select

from portal.bookings.models import Booking
from portal.db import db
from portal.integrations.graph import GraphEvent
from portal.integrations.medirecords import Appointment
from portal.staff.models import StaffTask
from portal.staff.tasks import raise_task
from portal.sync import medirecords_link
from portal.sync.models import MediRecordsLink, OutlookLink

_OUTLOOK, _MEDIRECORDS = "outlook-moved", "medirecords-moved"


@dataclass(frozen=True)
class Move:
    """Where something of ours was moved to. `about` names the place, and which of the visit's own places it left."""

    kind: str
    words: str
    booking_id: int
    about: str


def of_event(booking: Booking, link: OutlookLink, event: GraphEvent) -> Move | None:
    """Whether the visit's own event has been moved by somebody else than us."""
    wanted = booking.starts_at, booking.ends_at
    if not booking.is_confirmed or link.event_id != event.id or link.etag == event.etag:
        return None
    if (event.starts_at, event.ends_at) == wanted or not _was_written(link, booking):
        return None
    words = f"The event of {booking.reference} was moved in Outlook. The booking still has its time."
    return _move(_OUTLOOK, words, booking, event.starts_at, event.ends_at)


def of_appointment(booking: Booking, link: MediRecordsLink, row: Appointment) -> Move | None:
    """The same for the visit's own appointment: another time, length or provider than we have written."""
    written = link.written
    if link.appointment_id != row.id or written.get("starts_at") != medirecords_link.as_written(booking.starts_at):
        return None
    minutes = written.get("minutes") if row.minutes is None else row.minutes  # of an interval that nobody can read
    place = row.starts_at, row.provider_id, minutes
    if place == (booking.starts_at, written.get("provider"), written.get("minutes")):
        return None
    words = (
        f"The appointment of {booking.reference} was moved in MediRecords, to another time, length or practitioner. "
        "The visit here is as it was."
    )
    ends_at = row.starts_at + timedelta(minutes=minutes or 0)
    return _move(_MEDIRECORDS, words, booking, row.starts_at, ends_at, row.provider_id or "")


def tell(move: Move, at: datetime) -> None:
    """Raise the task, unless staff have an open one of this kind for the visit."""
    if not _is_told(StaffTask.kind == move.kind, StaffTask.booking_id == move.booking_id, StaffTask.done_at.is_(None)):
        raise_task(move.kind, move.words, at, booking_id=move.booking_id, about=move.about)


def tell_once(move: Move, at: datetime) -> None:
    """The same for what is seen again and again: staff who closed the task have left it where it is."""
    if not _is_told(StaffTask.key == f"{move.kind}:{move.about}"):
        tell(move, at)


def _move(kind: str, words: str, booking: Booking, starts_at: datetime, ends_at: datetime, provider: str = "") -> Move:
    edges = [f"{edge:%Y-%m-%dT%H:%MZ}" for edge in (starts_at, ends_at)]
    # A visit that we have moved since, and that somebody moves to the same place once more, is news.
    return Move(kind, words, booking.id, ":".join([str(booking.id), str(booking.version), *edges, provider]))


def _was_written(link: OutlookLink, booking: Booking) -> bool:
    """Whether Outlook has had the booking's present time from us; else our own change is still on its way."""
    edges = {"starts_at": booking.starts_at.isoformat(), "ends_at": booking.ends_at.isoformat()}
    return edges.items() <= link.written.items()


def _is_told(*which: ColumnElement[bool]) -> bool:
    return bool(db.session.scalar(select(exists().where(*which))))
