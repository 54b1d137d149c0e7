"""Compares what we know of a practitioner's Outlook with its free/busy: a check, and never what times follow from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select

from portal import words
from portal.bookings.models import Booking
from portal.clients import clients
from portal.clock import day_bounds, now
from portal.db import db, transaction
from portal.integrations.graph import ScheduleItem, ScheduleUnknown
from portal.scheduling.models import BusyTime, Outside, OutsideCalendar
from portal.staff.models import Practitioner
from portal.staff.tasks import raise_task, settle_task
from portal.sync import busy, outside
from portal.sync.busy import SHOWN_AS, Blocks
from portal.sync.models import OutlookLink
from portal.sync.outlook import ON_CALENDAR

Span = tuple[datetime, datetime]
MOST_DAYS = timedelta(days=31)  # of one question; Graph answers up to 42 days
TOO_SHORT = timedelta(minutes=1)
NAMED = 3


def check(practitioner_id: int) -> None:
    """After a fresh reading: does free/busy say the same? If not, even after all was read anew, staff are told.

    Run it under the calendar's lock.
    """
    if not busy.read(practitioner_id):
        return  # told by the reading itself
    at, practitioner = now(), db.session.get_one(Practitioner, practitioner_id)
    user_id, address, name = practitioner.graph_user_id, practitioner.email, practitioner.name
    assert user_id is not None
    try:
        told = _differences(practitioner_id, user_id, address, at)
        if told:
            busy.read_anew(practitioner_id, user_id, at)
            told = _differences(practitioner_id, user_id, address, at)
    except ScheduleUnknown as error:
        told = [f"Outlook does not say when {name} is free ({error.code}), so it could not be compared."]
    with transaction():
        if told:
            head = f"What the portal has read of the calendar of {name} is not what Outlook itself says."
            raise_task("outlook-differs", " ".join([head, *told]), at, about=str(practitioner_id))
        else:
            settle_task("outlook-differs", at, about=str(practitioner_id))


def _differences(practitioner_id: int, user_id: str, address: str, at: datetime) -> list[str]:
    """In words, the first few; empty when all is well."""
    zone = clients().settings.zone
    calendar = outside.find_calendar(practitioner_id, Outside.OUTLOOK)
    until = min(at + outside.horizon(), _window_until(calendar) or at)
    db.session.rollback()
    shown = [item for chunk in _chunks(at, until) for item in clients().graph.schedule(user_id, address, *chunk)]
    known, ours = _known(practitioner_id, at, until), _ours(practitioner_id, user_id, at, until)
    db.session.rollback()
    missed, invented = compare(shown, known, ours, (at, until), zone)
    return [
        *(f"Outlook shows {words.soon(start, zone)} as busy, and the portal offers it." for start, _ in missed[:NAMED]),
        *(
            f"Outlook shows {words.soon(start, zone)} as free, and the portal keeps it."
            for start, _ in invented[:NAMED]
        ),
    ]


def compare(
    shown: Iterable[ScheduleItem], known: list[Span], ours: list[Span], window: Span, zone: ZoneInfo
) -> tuple[list[Span], list[Span]]:
    """-> what free/busy shows and we do not know, and what we know and it does not show, inside the window."""
    busy_there = [item for item in shown if SHOWN_AS.get(item.status, Blocks.ALL) is Blocks.ALL]
    readings = [_readings(item, zone) for item in busy_there]
    missed = [
        rest
        for spans in readings
        for rest in min((list(_without(_inside(span, window), known + ours)) for span in spans), key=len)
    ]
    there = [span for spans in readings for span in spans]
    invented = [rest for span in known for rest in _without(_inside(span, window), there)]
    return missed, invented


def _readings(item: ScheduleItem, zone: ZoneInfo) -> list[Span]:
    """As it stands; and what lasts from midnight to midnight UTC may also be whole days of the clinic."""
    edges = item.starts_at, item.ends_at
    if not all(edge.astimezone(UTC).time() == time() for edge in edges):
        return [edges]
    first, last = (day_bounds(edge.astimezone(UTC).date(), zone)[0] for edge in edges)
    return [edges, (first, last)]


def _inside(span: Span, window: Span) -> Span:
    return max(span[0], window[0]), min(span[1], window[1])


def _without(span: Span, others: Iterable[Span]) -> Iterator[Span]:
    """What is left of a range where none of the others is."""
    start, end = span
    for other_start, other_end in sorted(others):
        if other_end <= start:
            continue
        if other_start >= end:
            break
        if other_start - start >= TOO_SHORT:
            yield start, other_start
        start = max(start, other_end)
    if end - start >= TOO_SHORT:
        yield start, end


def _known(practitioner_id: int, at: datetime, until: datetime) -> list[Span]:
    rows = select(BusyTime.starts_at, BusyTime.ends_at).where(
        BusyTime.practitioner_id == practitioner_id,
        BusyTime.source == Outside.OUTLOOK,
        BusyTime.in_person_only.is_(False),
        BusyTime.starts_at < until,
        BusyTime.ends_at > at,
    )
    return [(start, end) for start, end in db.session.execute(rows)]


def _ours(practitioner_id: int, user_id: str, at: datetime, until: datetime) -> list[Span]:
    """Our own events: where the visits are, and where we last wrote them, as either may not have arrived yet."""
    rows = (
        select(Booking.starts_at, Booking.ends_at, OutlookLink.written)
        .outerjoin(OutlookLink, OutlookLink.booking_id == Booking.id)
        .where(
            or_(
                (Booking.practitioner_id == practitioner_id) & Booking.status.in_(ON_CALENDAR),
                (OutlookLink.graph_user_id == user_id) & OutlookLink.event_id.is_not(None),
            ),
            Booking.starts_at < until + MOST_DAYS,
            Booking.ends_at > at - MOST_DAYS,
        )
    )
    found = [(start, end, written or {}) for start, end, written in db.session.execute(rows)]
    return [(start, end) for start, end, _ in found] + [_as_written(written) for *_, written in found if written]


def _as_written(written: dict[str, Any]) -> Span:
    return datetime.fromisoformat(written["starts_at"]), datetime.fromisoformat(written["ends_at"])


def _window_until(calendar: OutsideCalendar | None) -> datetime | None:
    return calendar.window_until if calendar is not None else None


def _chunks(start: datetime, end: datetime) -> Iterator[Span]:
    while start < end:
        yield start, min(start + MOST_DAYS, end)
        start += MOST_DAYS
