"""Reads what a type's open times follow from, in one statement, and keeps it until something has changed.

What has changed is told by changes.py, so a change made by anybody, committed a moment ago or in this transaction, is
never missed. The statement answers in texts: what was parsed from one is found again by it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import lru_cache
from threading import Lock
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from portal import changes
from portal.catalogue.models import AppointmentType
from portal.db import db
from portal.scheduling.facts import Busy, Closed, Extra, Facts, HolidayKept, Hours, Offering, Place, RoomAt, Visit
from portal.scheduling.facts_statement import STATEMENT

MOST_KEPT = 64
NOTHING = "[]"
PATIENCE_SECONDS = 0.25

Key = tuple[object, ...]


class Reading(NamedTuple):
    """What the clinic has arranged, and what is taken by visits and outside, as the texts came."""

    facts: Facts
    visits: str
    busy: str


def read(
    appointment_type: AppointmentType, first: date, last: date, since: datetime, until: datetime, now: datetime
) -> Reading:
    """Hours and holidays of the local days `first` to `last`; the rest from `since` to `until`.

    What was read for more days answers for fewer, so that it may tell of more than was asked.
    """
    about = {
        "type": appointment_type.id,
        "calendar": appointment_type.calendar_slug,
        "telehealth": appointment_type.is_telehealth,
    }
    key, state = tuple(about.values()), changes.state().times
    found = _find(key, state, first, last, now)
    if found is not None:
        return found
    # After a change many ask at once: one reads, and the others wait for it. Not for long, because some of them hold
    # locks for which yet others wait.
    turn = _turns.setdefault(key, Lock())
    is_ours = turn.acquire(timeout=PATIENCE_SECONDS)
    try:
        found = _find(key, state, first, last, now)
        if found is not None:
            return found
        window = {"first": first, "last": last, "since": since, "until": until, "now": now}
        *arranged, visits, busy, ends = db.session.execute(STATEMENT, about | window).one()
        reading = Reading(_parse(*arranged), visits or NOTHING, busy or NOTHING)
        newest = _Kept(state, first, last, now, ends or datetime.max.replace(tzinfo=UTC), reading)
        known = [kept for kept in _kept.get(key, ()) if kept.state == state]
        _kept[key] = (*known[1 - MOST_KEPT :], newest)
        return reading
    finally:
        if is_ours:
            turn.release()


def _find(key: Key, state: int | None, first: date, last: date, now: datetime) -> Reading | None:
    """A kept reading that still holds, of these days or more."""
    for kept in _kept.get(key, ()):
        if kept.state == state and kept.first <= first and last <= kept.last and kept.starts <= now < kept.ends:
            return kept.reading
    return None


@dataclass(frozen=True)
class _Kept:
    """A reading, what had changed when it was made, its days, and the moments that it holds for: then a hold lapses."""

    state: int | None
    first: date
    last: date
    starts: datetime
    ends: datetime
    reading: Reading


# By what is asked about; of each only what still holds.
_kept: dict[Key, tuple[_Kept, ...]] = {}
_turns: dict[Key, Lock] = {}


def parse_visits(text: str) -> tuple[Visit, ...]:
    """The visits of a reading."""
    return tuple(
        Visit(who, room, (begin, end), type_id, starts, ends, booking_id)
        for who, room, begin, end, type_id, starts, ends, booking_id in json.loads(text)
    )


def parse_busy(text: str) -> tuple[Busy, ...]:
    """The busy times of a reading."""
    return tuple(Busy(who, (starts, ends), source) for who, starts, ends, source in json.loads(text))


@lru_cache(MOST_KEPT)
def _parse(
    practitioners: str | None,
    hours: str | None,
    extra: str | None,
    closed: str | None,
    places: str | None,
    rooms: str | None,
    holidays: str | None,
    unknown: str | None,
) -> Facts:
    return Facts(
        practitioners=tuple(Offering(*row) for row in _rows(practitioners)),
        hours=tuple(_hours(*row) for row in _rows(hours)),
        extra=tuple(Extra(who, where, (start, end)) for who, where, start, end in _rows(extra)),
        closed=tuple(Closed(who, (start, end), reason) for who, start, end, reason in _rows(closed)),
        places={location: Place(name, ZoneInfo(zone)) for location, name, zone in _rows(places)},
        rooms=tuple(RoomAt(*row) for row in _rows(rooms)),
        holidays={
            (location, date.fromisoformat(day)): HolidayKept(name, state)
            for location, day, name, state in _rows(holidays)
        },
        unknown=dict(_rows(unknown)),
    )


def _hours(
    practitioner_id: int,
    location_id: int,
    weekday: int,
    starts: str,
    ends: str,
    valid_from: str | None,
    valid_until: str | None,
) -> Hours:
    return Hours(
        practitioner_id,
        location_id,
        weekday,
        time.fromisoformat(starts),
        time.fromisoformat(ends),
        date.fromisoformat(valid_from) if valid_from else None,
        date.fromisoformat(valid_until) if valid_until else None,
    )


def _rows(text: str | None) -> list[Any]:
    return list(json.loads(text)) if text else []
