"""What visits stand on in the desk's diary: hours in every calendar, holidays, closed time, busy time outside.

All of it as instants in UTC. Shifts are those of scheduling/books.py, so that the desk sees the hours patients are
offered.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select

from portal.db import db
from portal.scheduling import books
from portal.scheduling.books import Books
from portal.scheduling.diary import Shift
from portal.scheduling.facts import Closed, Extra, Facts, HolidayKept, Hours, Offering, Place
from portal.scheduling.grid import minutes_of
from portal.scheduling.models import (
    BusyTime,
    ExceptionKind,
    Holiday,
    HoursException,
    Location,
    Outside,
    OutsideCalendar,
    WorkingHours,
)
from portal.staff.models import Practitioner

WHOLE_DAY = 24 * 60


class Person(NamedTuple):
    """Somebody who has a diary."""

    id: int
    slug: str
    name: str
    is_active: bool


class Span(NamedTuple):
    """A range of time, [starts_at, ends_at)."""

    starts_at: datetime
    ends_at: datetime

    @property
    def minutes(self) -> int:
        return int((self.ends_at - self.starts_at).total_seconds()) // 60

    def meets(self, other: Span) -> bool:
        return self.starts_at < other.ends_at and other.starts_at < self.ends_at

    def within(self, other: Span) -> Span:
        """The part of it that lies in the other; they must meet."""
        return Span(max(self.starts_at, other.starts_at), min(self.ends_at, other.ends_at))


class Work(NamedTuple):
    """Hours at a place."""

    span: Span
    location_id: int


class Closure(NamedTuple):
    """Leave or closed hours; `reason` is what staff wrote."""

    span: Span
    reason: str


class BusyOutside(NamedTuple):
    """Busy with something that is not ours; never with what."""

    span: Span
    source: Outside
    in_person_only: bool


@dataclass(frozen=True)
class Ground:
    """By practitioner, but for the places."""

    work: dict[int, list[Work]]
    holidays: dict[int, dict[date, str]]  # whose hours a holiday takes away, and its name
    closures: dict[int, list[Closure]]
    busy: dict[int, list[BusyOutside]]
    unknown: frozenset[int]  # whose Outlook cannot be read, so that patients are not offered them
    places: dict[int, str]


def read(people: Sequence[Person], first: date, last: date, around: Span, now: datetime) -> Ground:
    """Hours of the local days `first` to `last`, the rest where it meets `around`; seven queries, however many days."""
    ids = [who.id for who in people]
    facts = _facts(people, ids, first, last, around)
    kept = books.keep(facts, (), (), first, last, type_id=0, needs_room=False)
    return Ground(
        work={who: _work(kept, who) for who in ids},
        holidays={who: _holidays_of(kept, who) for who in ids},
        closures={who: _closures(kept, who) for who in ids},
        busy=_busy(ids, around),
        unknown=_unknown(ids, now),
        places={id: place.name for id, place in facts.places.items()},
    )


def _facts(people: Sequence[Person], ids: list[int], first: date, last: date, around: Span) -> Facts:
    extra, closed = _exceptions(ids, around)
    return Facts(
        practitioners=tuple(Offering(who.id, who.slug, who.name) for who in people),
        hours=_hours(ids, first, last),
        extra=extra,
        closed=closed,
        places=_places(),
        holidays=_holidays(first, last),
    )


def _hours(ids: list[int], first: date, last: date) -> tuple[Hours, ...]:
    each = WorkingHours
    columns = (each.practitioner_id, each.location_id, each.weekday, each.starts, each.ends)
    wanted = select(*columns, each.valid_from, each.valid_until).where(
        each.practitioner_id.in_(ids),
        or_(each.valid_from.is_(None), each.valid_from <= last),
        or_(each.valid_until.is_(None), each.valid_until >= first),
    )
    return tuple(Hours(*row) for row in db.session.execute(wanted.order_by(each.id)))


def _exceptions(ids: list[int], around: Span) -> tuple[tuple[Extra, ...], tuple[Closed, ...]]:
    each = HoursException
    wanted = select(each).where(
        or_(each.practitioner_id.is_(None), each.practitioner_id.in_(ids)),
        each.starts_at < around.ends_at,
        each.ends_at > around.starts_at,
    )
    extra: list[Extra] = []
    closed: list[Closed] = []
    for row in db.session.scalars(wanted.order_by(each.starts_at, each.id)):
        span = int(row.starts_at.timestamp()), int(row.ends_at.timestamp())
        if row.kind == ExceptionKind.CLOSED:
            closed.append(Closed(row.practitioner_id, span, row.reason))
        elif row.practitioner_id is not None and row.location_id is not None:  # the table has it so
            extra.append(Extra(row.practitioner_id, row.location_id, span))
    return tuple(extra), tuple(closed)


def _places() -> dict[int, Place]:
    rows = db.session.execute(select(Location.id, Location.name, Location.zone).order_by(Location.name))
    return {id: Place(name, ZoneInfo(zone)) for id, name, zone in rows}


def _holidays(first: date, last: date) -> dict[tuple[int, date], HolidayKept]:
    wanted = (
        select(Location.id, Holiday.day, Holiday.name, Holiday.state)
        .join(Holiday, or_(Holiday.location_id == Location.id, Holiday.state == Location.state))
        .where(Holiday.is_kept, Holiday.day.between(first, last))
    )
    return {(where, day): HolidayKept(name, state) for where, day, name, state in db.session.execute(wanted)}


def _busy(ids: list[int], around: Span) -> dict[int, list[BusyOutside]]:
    each = BusyTime
    wanted = select(each.practitioner_id, each.starts_at, each.ends_at, each.source, each.in_person_only).where(
        each.practitioner_id.in_(ids), each.starts_at < around.ends_at, each.ends_at > around.starts_at
    )
    found: dict[int, list[BusyOutside]] = defaultdict(list)
    for who, starts_at, ends_at, source, in_person_only in db.session.execute(wanted.order_by(each.starts_at, each.id)):
        found[who].append(BusyOutside(Span(starts_at, ends_at), source, in_person_only))
    return found


def _unknown(ids: list[int], now: datetime) -> frozenset[int]:
    """The same rule as scheduling/facts_statement.py: unreadable is unknown, and so is what nobody has ever read."""
    known = select(OutsideCalendar.practitioner_id).where(
        OutsideCalendar.source == Outside.OUTLOOK,
        or_(OutsideCalendar.unknown_from.is_(None), OutsideCalendar.unknown_from > now),
    )
    has_mailbox = (Practitioner.id.in_(ids), Practitioner.graph_user_id.is_not(None))
    return frozenset(db.session.scalars(select(Practitioner.id).where(*has_mailbox, Practitioner.id.not_in(known))))


def _work(kept: Books, who: int) -> list[Work]:
    """In order; hours of two calendars that meet at one place are one."""
    zones = kept.clinic.zones
    shifts = {(shift.location_id, _span(shift, zones[shift.location_id])) for shift in kept.diary_of(who).shifts}
    by_place: dict[int, list[Span]] = defaultdict(list)
    for place, span in sorted(shifts):
        spans = by_place[place]
        if spans and span.starts_at <= spans[-1].ends_at:
            spans[-1] = Span(spans[-1].starts_at, max(spans[-1].ends_at, span.ends_at))
        else:
            spans.append(span)
    return sorted(Work(span, place) for place, spans in by_place.items() for span in spans)


def _holidays_of(kept: Books, who: int) -> dict[date, str]:
    return {
        shift.day: kept.facts.holidays[shift.location_id, shift.day].name for shift in kept.diary_of(who).on_holiday
    }


def _closures(kept: Books, who: int) -> list[Closure]:
    closed = [each for each in kept.causes.get(who, ()) if isinstance(each, Closed)]
    return [Closure(Span(*(datetime.fromtimestamp(at, UTC) for at in each.span)), each.reason) for each in closed]


def _span(shift: Shift, zone: ZoneInfo) -> Span:
    """Wall times of its place as instants; 23:59 stands for the end of the day."""
    until = (shift.day, shift.ends)
    if minutes_of(shift.ends) == WHOLE_DAY:
        until = (shift.day + timedelta(days=1), time())
    return Span(
        datetime.combine(shift.day, shift.starts, zone).astimezone(UTC), datetime.combine(*until, zone).astimezone(UTC)
    )
