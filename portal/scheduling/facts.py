"""Reads what a type's open times follow from: hours, exceptions, places, people and what is taken, in one statement.

The statement answers in texts. What was parsed from a text is kept and found again by that very text, so that a change
made by anybody, committed a moment ago or in this transaction, is never missed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Date, DateTime, bindparam, text

from portal.catalogue.models import AppointmentType
from portal.db import db
from portal.scheduling.slots import Range

MOST_KEPT = 64


class Offering(NamedTuple):
    """Somebody who has hours in the type's calendar."""

    id: int
    slug: str
    name: str


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


@dataclass(frozen=True, eq=False)
class Facts:
    """What the clinic has arranged. Two are equal only if they are one, which makes them cheap keys."""

    practitioners: tuple[Offering, ...]  # in the clinic's order
    hours: tuple[Hours, ...]
    extra: tuple[Extra, ...]
    closed: tuple[tuple[int | None, Range], ...]  # None is everybody
    zones: dict[int, ZoneInfo]  # by location
    rooms: tuple[tuple[int, int], ...]  # room, location


class Reading(NamedTuple):
    """What the clinic has arranged, and what is taken: rows of practitioner, room, start and end, as the text came."""

    facts: Facts
    taken: str


class Taken(NamedTuple):
    """A taken range of a practitioner and, maybe, a room, in epoch seconds."""

    practitioner_id: int
    room_id: int | None
    span: Range


def read(
    appointment_type: AppointmentType,
    first: date,
    last: date,
    since: datetime,
    until: datetime,
    now: datetime,
    ignoring_booking: int | None = None,
) -> Reading:
    """Hours of the local days `first` to `last`; exceptions and bookings from `since` to `until`."""
    db.session.flush()  # what this transaction has done counts, and a plain statement would not flush it
    row = db.session.execute(
        _STATEMENT,
        {
            "calendar": appointment_type.calendar_slug,
            "telehealth": appointment_type.is_telehealth,
            "first": first,
            "last": last,
            "since": since,
            "until": until,
            "now": now,
            "ignored": ignoring_booking or 0,
        },
    ).one()
    *arranged, taken = row
    return Reading(_parse(*arranged), taken or "[]")


@lru_cache(MOST_KEPT)
def taken_ranges(taken: str) -> tuple[Taken, ...]:
    """The taken ranges of a reading."""
    return tuple(Taken(practitioner, room, (start, end)) for practitioner, room, start, end in json.loads(taken))


@lru_cache(MOST_KEPT)
def _parse(
    practitioners: str | None,
    hours: str | None,
    extra: str | None,
    closed: str | None,
    locations: str | None,
    rooms: str | None,
) -> Facts:
    return Facts(
        practitioners=tuple(Offering(*row) for row in _rows(practitioners)),
        hours=tuple(_hours(*row) for row in _rows(hours)),
        extra=tuple(Extra(who, where, (start, end)) for who, where, start, end in _rows(extra)),
        closed=tuple((who, (start, end)) for who, start, end in _rows(closed)),
        zones={location: ZoneInfo(zone) for location, zone in _rows(locations)},
        rooms=tuple((room, location) for room, location in _rows(rooms)),
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
# that awaits payment is released by the payment's own end, never by the clock alone.
_STATEMENT = text(
    """
    select
    (select json_agg(json_build_array(who.id, who.slug, who.name) order by who.position, who.id)::text
     from practitioner who
     where who.is_active
       and who.id in (select practitioner_id from working_hours where calendar_slug = :calendar)),

    (select json_agg(json_build_array(hours.practitioner_id, hours.location_id, hours.weekday, hours.starts,
                                      hours.ends, hours.valid_from, hours.valid_until) order by hours.id)::text
     from working_hours hours
     join practitioner who on who.id = hours.practitioner_id and who.is_active
     join location place on place.id = hours.location_id and place.is_telehealth = :telehealth
     where hours.calendar_slug = :calendar
       and (hours.valid_from is null or hours.valid_from <= :last)
       and (hours.valid_until is null or hours.valid_until >= :first)),

    (select json_agg(json_build_array(extra.practitioner_id, extra.location_id,
                                      floor(extract(epoch from extra.starts_at)),
                                      floor(extract(epoch from extra.ends_at))) order by extra.id)::text
     from exception extra
     join practitioner who on who.id = extra.practitioner_id and who.is_active
     join location place on place.id = extra.location_id and place.is_telehealth = :telehealth
     where extra.kind = 'extra' and extra.calendar_slug = :calendar
       and extra.starts_at < :until and extra.ends_at > :since),

    (select json_agg(json_build_array(practitioner_id, floor(extract(epoch from starts_at)),
                                      ceil(extract(epoch from ends_at))) order by id)::text
     from exception
     where kind = 'closed' and starts_at < :until and ends_at > :since),

    (select json_agg(json_build_array(id, zone) order by id)::text from location),

    (select json_agg(json_build_array(id, location_id) order by id)::text from room),

    (select json_agg(json_build_array(practitioner_id, room_id, floor(extract(epoch from lower(blocked))),
                                      ceil(extract(epoch from upper(blocked)))) order by id)::text
     from booking
     where blocked && tstzrange(:since, :until)
       and status in ('held', 'awaiting_payment', 'confirmed', 'arrived', 'in_session', 'completed')
       and (status <> 'held' or hold_expires_at > :now)
       and id <> :ignored)
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
