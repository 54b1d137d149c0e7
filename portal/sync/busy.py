"""Reads when practitioners are busy in Outlook: delta rounds say what changed, the calendar itself says what it is now.

A delta row is a hint like a notification is: it may be repeated, it never shows our property, and of an occurrence of
a series it tells not even whether it is busy. So each changed entry is asked for; and when there are many, or a series
is among them, the whole window is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time, timedelta
from enum import Enum
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import and_, or_, select

from portal import words
from portal.bookings.models import Booking
from portal.clients import clients
from portal.clock import day_bounds, now
from portal.db import db, transaction
from portal.integrations.graph import NO_MAILBOX, CalendarEntry, Change, Changes, RoundsAreOver
from portal.integrations.http import NotFound, PartnerError, Permanent
from portal.outbox.post import owe, remind
from portal.scheduling.models import Outside, OutsideCalendar
from portal.staff.models import Practitioner
from portal.staff.tasks import raise_task, settle_task
from portal.sync import outside
from portal.sync.models import OutlookLink
from portal.sync.outside import Busy

log = structlog.get_logger(__name__)

EVERY = timedelta(minutes=2)
BEFORE = timedelta(days=1)
# Windows of delta rounds are frozen. They reach further than anybody can book, so that a new one is due once a week.
REACH, SPARE = timedelta(days=2), timedelta(days=7)
MANY = 20
_TRANSACTION = re.compile(r"(BK-[0-9A-Z]{6}):\d+")


class Blocks(Enum):
    """What an entry of a calendar stands in the way of."""

    NOTHING = "nothing"
    IN_PERSON = "visits in person"
    ALL = "all visits"


# What Outlook's "show as" means for us, in lower case as free/busy spells it.
SHOWN_AS = {
    "free": Blocks.NOTHING,  # a birthday, a reminder: its owner says that they are available
    "workingelsewhere": Blocks.IN_PERSON,  # at work, but not in the clinic: there is nobody in the room
    "tentative": Blocks.ALL,  # it may still happen, and a patient cannot be given half a time
    "busy": Blocks.ALL,
    "oof": Blocks.ALL,  # out of office
    "unknown": Blocks.ALL,  # unknown is never free; what Graph may add to this list is not either
}


def order_read(practitioner_id: int, at: datetime) -> None:
    """Somebody says that a calendar has changed. One that cannot be read is not asked again before its time."""
    calendar = outside.find_calendar(practitioner_id, Outside.OUTLOOK)
    is_failing = calendar is not None and calendar.failed_at is not None
    (remind if is_failing else owe)("sync.read_outlook_busy", practitioner_id, now=at)


def practitioners_to_read(at: datetime) -> list[int]:
    """Whose calendar was not read for a while; and whose was read once and is connected no more."""
    calendar = and_(OutsideCalendar.practitioner_id == Practitioner.id, OutsideCalendar.source == Outside.OUTLOOK)
    is_due = or_(OutsideCalendar.read_at.is_(None), OutsideCalendar.read_at <= at - EVERY)
    is_connected = and_(Practitioner.is_active, Practitioner.graph_user_id.is_not(None))
    has_left = and_(Practitioner.graph_user_id.is_(None), OutsideCalendar.practitioner_id.is_not(None))
    rows = select(Practitioner.id).outerjoin(OutsideCalendar, calendar).where(or_(is_connected & is_due, has_left))
    return list(db.session.scalars(rows.order_by(Practitioner.id)))


def read(practitioner_id: int) -> bool:
    """Bring what we know of a calendar up to date. -> whether it could be read. Run it under the calendar's lock.

    A failure is no error of the job: it is noted, the next try is owed, and what was known stays.
    """
    at = now()
    practitioner = db.session.get_one(Practitioner, practitioner_id, populate_existing=True)
    user_id = practitioner.graph_user_id
    if user_id is None:
        with transaction():
            outside.forget_calendar(practitioner_id, Outside.OUTLOOK)
            _settle(practitioner_id, at)
        return False
    try:
        _read(practitioner_id, user_id, at)
    except PartnerError as error:
        _note_failure(practitioner_id, user_id, error, at)
        return False
    return True


def read_anew(practitioner_id: int, user_id: str, at: datetime) -> None:
    """A first round over a window that begins now, and everything in it. What was known stays until all is there."""
    db.session.rollback()
    window = at - BEFORE, at + outside.horizon() + REACH + SPARE
    db.session.rollback()
    graph = clients().graph
    # First where the rounds begin, then what there is: what happens in between is told by the next round.
    changes = graph.first_round(user_id, *window)
    entries = graph.entries_between(user_id, *window)
    with transaction():
        outside.replace(practitioner_id, Outside.OUTLOOK, busy_of(entries))
        _note_read(practitioner_id, user_id, window, changes, at)


def busy_of(entries: Sequence[CalendarEntry]) -> list[Busy]:
    """What stands in the way of visits: neither our own events, nor what takes no time."""
    own, zone = _own_ids(entries), clients().settings.zone
    found = []
    for entry in entries:
        blocks = Blocks.NOTHING if entry.is_cancelled else SHOWN_AS.get(entry.show_as.lower(), Blocks.ALL)
        starts_at, ends_at = span(entry, zone)
        if blocks is not Blocks.NOTHING and entry.id not in own and starts_at < ends_at:
            found.append(Busy(entry.id, starts_at, ends_at, in_person_only=blocks is Blocks.IN_PERSON))
    return found


def span(entry: CalendarEntry, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """From when to when, in UTC. A whole day comes as midnight to midnight of no zone: it is the clinic's day."""
    edges = entry.starts_at, entry.ends_at
    if entry.is_all_day and all(edge.astimezone(UTC).time() == time() for edge in edges):
        first, last = (day_bounds(edge.astimezone(UTC).date(), zone)[0] for edge in edges)
        return first, last
    return edges


def _read(practitioner_id: int, user_id: str, at: datetime) -> None:
    known, reach = outside.find_calendar(practitioner_id, Outside.OUTLOOK), at + outside.horizon() + REACH
    db.session.rollback()
    if (
        known is None
        or known.delta_link is None
        or known.external_id != user_id
        or known.window_from is None
        or known.window_until is None
        or known.window_until < reach
    ):
        read_anew(practitioner_id, user_id, at)
        return
    window = known.window_from, known.window_until
    try:
        changes = clients().graph.next_round(known.delta_link)
    except RoundsAreOver:
        log.info("busy.read_anew", system="graph", practitioner=practitioner_id)
        read_anew(practitioner_id, user_id, at)
        return
    _follow(practitioner_id, user_id, window, changes, at)


def _follow(
    practitioner_id: int, user_id: str, window: tuple[datetime, datetime], changes: Changes, at: datetime
) -> None:
    """Look at what a round names, and write down what it is now."""
    own, known = _own_ids(changes.changed), outside.known_ids(practitioner_id, Outside.OUTLOOK)
    db.session.rollback()
    to_see = [one for one in changes.changed if one.id not in own]
    # What was removed and is not known to us may have been a series: its occurrences are not named one by one.
    is_unclear = any(one.is_master or (one.is_removed and one.id not in known) for one in to_see)
    if is_unclear or len(to_see) > MANY:
        entries = clients().graph.entries_between(user_id, *window)
        with transaction():
            outside.replace(practitioner_id, Outside.OUTLOOK, busy_of(entries))
            _note_read(practitioner_id, user_id, window, changes, at)
        return
    entries = [entry for one in to_see if not one.is_removed for entry in _entry(user_id, one.id)]
    with transaction():
        busy = busy_of(entries)
        outside.forget(
            practitioner_id, Outside.OUTLOOK, {one.id for one in changes.changed} - {one.external_id for one in busy}
        )
        outside.put(practitioner_id, Outside.OUTLOOK, busy)
        _note_read(practitioner_id, user_id, window, changes, at)


def _entry(user_id: str, event_id: str) -> list[CalendarEntry]:
    """The entry as it is now; none if it has gone since."""
    try:
        return [clients().graph.get_entry(user_id, event_id)]
    except NotFound as error:
        if error.code.startswith(NO_MAILBOX):
            raise
        return []


def _own_ids(rows: Iterable[CalendarEntry | Change]) -> set[str]:
    """Which of these are events of our bookings, also one that we have created and not noted yet.

    What names a booking that we do not have is not ours, whoever wrote it: it blocks.
    """
    named = {row.id: _reference_of(row) for row in rows}
    bookings = set(db.session.scalars(select(Booking.reference).where(Booking.reference.in_({*named.values()} - {""}))))
    linked = set(db.session.scalars(select(OutlookLink.event_id).where(OutlookLink.event_id.in_(list(named)))))
    return {id for id, reference in named.items() if reference in bookings or id in linked}


def _reference_of(row: CalendarEntry | Change) -> str:
    """By our property, else by the transaction id, which a delta row does show."""
    named = (row.metadata or {}).get("b") if isinstance(row, CalendarEntry) else None
    if isinstance(named, str):
        return named
    match = _TRANSACTION.fullmatch(row.transaction_id or "")
    return match[1] if match else ""


def _note_read(
    practitioner_id: int, user_id: str, window: tuple[datetime, datetime], changes: Changes, at: datetime
) -> None:
    calendar = outside.note_read(practitioner_id, Outside.OUTLOOK, user_id, window, at)
    calendar.delta_link = changes.delta_link
    _settle(practitioner_id, at)


def _note_failure(practitioner_id: int, user_id: str, error: PartnerError, at: datetime) -> None:
    db.session.rollback()
    with transaction():
        calendar = outside.note_failure(practitioner_id, Outside.OUTLOOK, user_id, error, at)
        assert calendar.failed_at is not None
        assert calendar.unknown_from is not None
        owe(
            "sync.read_outlook_busy",
            practitioner_id,
            now=at,
            not_before=outside.next_try(calendar.failed_at, error, at),
        )
        # Of a mailbox that was never read, and says that it never will be, staff hear at once.
        is_hopeless = isinstance(error, Permanent) and calendar.unknown_from <= at
        if is_hopeless or at - calendar.failed_at >= outside.FLAG_AFTER:
            name = db.session.get_one(Practitioner, practitioner_id).name
            raise_task("outlook-unreadable", _told(calendar, name, at), at, about=str(practitioner_id))


def _told(calendar: OutsideCalendar, name: str, at: datetime) -> str:
    assert calendar.failed_at is not None
    assert calendar.unknown_from is not None
    zone = clients().settings.zone
    since, until = words.soon(calendar.failed_at, zone), words.soon(calendar.unknown_from, zone)
    told = f"The Outlook calendar of {name} cannot be read since {since}: {calendar.problem}."
    if calendar.unknown_from <= at:
        return f"{told} Nobody can book with {name} until it can be read."
    return f"{told} What was in it then still counts; from {until} on nobody can book with {name} until it can be read."


def _settle(practitioner_id: int, at: datetime) -> None:
    settle_task("outlook-unreadable", at, about=str(practitioner_id))
