"""Reads what a type's open times follow from: hours, exceptions, places, people and what is taken, in one statement.

A reading is kept until something has changed (see changes.py), so a change made by anybody, committed a moment ago or
in this transaction, is never missed. The statement answers in texts: what was parsed from one is found again by it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Date, DateTime, bindparam, text

from portal import changes
from portal.catalogue.models import AppointmentType
from portal.db import db
from portal.scheduling.diary import Range

MOST_KEPT = 64
NOTHING = "[]"


class Offering(NamedTuple):
    """Somebody who offers the type: named for it, or everybody with hours in its calendar if nobody is."""

    id: int
    slug: str
    name: str
    daily_cap: int | None = None


class Hours(NamedTuple):
    """Weekly hours in the location's wall time; the last day they are valid is included."""

    practitioner_id: int
    location_id: int
    weekday: int
    starts: time
    ends: time
    valid_from: date | None
    valid_until: date | None


class Extra(NamedTuple):
    """Hours beside the weekly ones, in epoch seconds."""

    practitioner_id: int
    location_id: int
    span: Range


class Closed(NamedTuple):
    """Leave or closed hours of one practitioner, or of everybody (None); `reason` is what staff wrote."""

    practitioner_id: int | None
    span: Range
    reason: str


class Place(NamedTuple):
    """A location."""

    name: str
    zone: ZoneInfo


class HolidayKept(NamedTuple):
    """A public holiday as a location keeps it; without a state it is kept only there."""

    name: str
    state: str | None


class RoomAt(NamedTuple):
    """A room and where it is."""

    id: int
    location_id: int
    name: str


@dataclass(frozen=True, eq=False)
class Facts:
    """What the clinic has arranged. Two are equal only if they are one, which makes them cheap keys."""

    practitioners: tuple[Offering, ...]  # in the clinic's order
    hours: tuple[Hours, ...] = ()
    extra: tuple[Extra, ...] = ()
    closed: tuple[Closed, ...] = ()
    places: dict[int, Place] = field(default_factory=dict)
    rooms: tuple[RoomAt, ...] = ()
    holidays: dict[tuple[int, date], HolidayKept] = field(default_factory=dict)  # by location and day
    unknown: dict[int, int | None] = field(default_factory=dict)  # practitioner -> since when Outlook is unreadable


class Reading(NamedTuple):
    """What the clinic has arranged, and what is taken by visits and outside, as the texts came."""

    facts: Facts
    visits: str
    busy: str


class Visit(NamedTuple):
    """What a visit takes of a practitioner and, maybe, a room: `span` is the visit and its buffers."""

    practitioner_id: int
    room_id: int | None
    span: Range
    type_id: int
    starts: int
    ends: int


class Busy(NamedTuple):
    """Busy time of a practitioner outside, such as in Outlook."""

    practitioner_id: int
    span: Range
    source: str


def read(
    appointment_type: AppointmentType,
    first: date,
    last: date,
    since: datetime,
    until: datetime,
    now: datetime,
    ignoring_booking: int | None = None,
) -> Reading:
    """Hours and holidays of the local days `first` to `last`; the rest from `since` to `until`."""
    asked = {
        "type": appointment_type.id,
        "calendar": appointment_type.calendar_slug,
        "telehealth": appointment_type.is_telehealth,
        "first": first,
        "last": last,
        "since": since,
        "until": until,
        "ignored": ignoring_booking or 0,
    }
    key, state = tuple(asked.values()), changes.state().times
    kept = _kept.get(key)
    if kept is not None and kept.state == state and kept.since <= now < kept.until:
        return kept.reading
    *arranged, visits, busy, ends = db.session.execute(_STATEMENT, {**asked, "now": now}).one()
    reading = Reading(_parse(*arranged), visits or NOTHING, busy or NOTHING)
    if len(_kept) >= MOST_KEPT:
        _kept.clear()
    _kept[key] = _Kept(state, now, ends or datetime.max.replace(tzinfo=UTC), reading)
    return reading


@dataclass(frozen=True)
class _Kept:
    """A reading, what had changed when it was made, and the moments that it holds for: then a hold lapses."""

    state: int | None
    since: datetime
    until: datetime
    reading: Reading


_kept: dict[tuple[object, ...], _Kept] = {}


def parse_visits(text: str) -> tuple[Visit, ...]:
    """The visits of a reading."""
    return tuple(
        Visit(who, room, (begin, end), type_id, starts, ends)
        for who, room, begin, end, type_id, starts, ends in json.loads(text)
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


# Bookings lie further right in the import order, so all of it is read by name. An override counts as busy for everybody
# else, although the constraint lets it be; a lapsed hold takes nothing, also before the sweep has seen it. A booking
# that awaits payment is released by the payment's own end, never by the clock alone. An Outlook calendar that nobody
# has read for too long, or ever, is unknown: its text changes when that begins or ends, not with every reading.
_STATEMENT = text(
    """
    with offered as (
        select who.id, who.slug, who.name, who.daily_cap, who.position, who.graph_user_id
        from practitioner who
        where who.is_active
          and (who.id in (select practitioner_id from type_practitioner where type_id = :type)
               or not exists (select from type_practitioner where type_id = :type))
          and (who.id in (select practitioner_id from working_hours where calendar_slug = :calendar)
               or who.id in (select practitioner_id from exception
                             where kind = 'extra' and calendar_slug = :calendar
                               and starts_at < :until and ends_at > :since))
    )
    select
    (select json_agg(json_build_array(id, slug, name, daily_cap) order by position, id)::text from offered),

    (select json_agg(json_build_array(hours.practitioner_id, hours.location_id, hours.weekday, hours.starts,
                                      hours.ends, hours.valid_from, hours.valid_until) order by hours.id)::text
     from working_hours hours
     join offered on offered.id = hours.practitioner_id
     join location place on place.id = hours.location_id and place.is_telehealth = :telehealth
     where hours.calendar_slug = :calendar
       and (hours.valid_from is null or hours.valid_from <= :last)
       and (hours.valid_until is null or hours.valid_until >= :first)),

    (select json_agg(json_build_array(extra.practitioner_id, extra.location_id,
                                      floor(extract(epoch from extra.starts_at)),
                                      floor(extract(epoch from extra.ends_at))) order by extra.id)::text
     from exception extra
     join offered on offered.id = extra.practitioner_id
     join location place on place.id = extra.location_id and place.is_telehealth = :telehealth
     where extra.kind = 'extra' and extra.calendar_slug = :calendar
       and extra.starts_at < :until and extra.ends_at > :since),

    (select json_agg(json_build_array(practitioner_id, floor(extract(epoch from starts_at)),
                                      ceil(extract(epoch from ends_at)), reason) order by starts_at, id)::text
     from exception
     where kind = 'closed' and starts_at < :until and ends_at > :since),

    (select json_agg(json_build_array(id, name, zone) order by id)::text from location),

    (select json_agg(json_build_array(id, location_id, name) order by id)::text from room),

    (select json_agg(json_build_array(place.id, day.day, day.name, day.state)
                     order by day.day, place.id, day.state)::text
     from holiday day
     join location place on place.id = day.location_id or place.state = day.state
     where day.is_kept and day.day between :first and :last),

    (select json_agg(json_build_array(offered.id, floor(extract(epoch from coalesce(known.failed_at, known.read_at))))
                     order by offered.id)::text
     from offered
     left join outside_calendar known on known.practitioner_id = offered.id and known.source = 'outlook'
     where offered.graph_user_id is not null and coalesce(known.unknown_from <= :now, true)),

    (select json_agg(json_build_array(practitioner_id, room_id, floor(extract(epoch from lower(blocked))),
                                      ceil(extract(epoch from upper(blocked))), appointment_type_id,
                                      floor(extract(epoch from starts_at)), ceil(extract(epoch from ends_at)))
                     order by starts_at, id)::text
     from booking
     where blocked && tstzrange(:since, :until)
       and status in ('held', 'awaiting_payment', 'confirmed', 'arrived', 'in_session', 'completed')
       and (status <> 'held' or hold_expires_at > :now)
       and id <> :ignored),

    (select json_agg(json_build_array(practitioner_id, floor(extract(epoch from starts_at)),
                                      ceil(extract(epoch from ends_at)), source) order by starts_at, id)::text
     from busy_time
     where starts_at < :until and ends_at > :since and not (in_person_only and :telehealth)),

    least(
        (select min(hold_expires_at) from booking
         where blocked && tstzrange(:since, :until) and status = 'held' and hold_expires_at > :now),
        (select min(unknown_from) from outside_calendar where source = 'outlook' and unknown_from > :now))
    """
).bindparams(
    bindparam("first", type_=Date),
    bindparam("last", type_=Date),
    # Written into the statement: only then does Postgres see that its plan for any value is as good as one made anew,
    # and keeps it. Callers ask for whole weeks, so there are few such statements.
    bindparam("since", type_=DateTime(timezone=True), literal_execute=True),
    bindparam("until", type_=DateTime(timezone=True), literal_execute=True),
    bindparam("now", type_=DateTime(timezone=True)),
)
