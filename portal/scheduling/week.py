"""The weekly hours of a practitioner in one calendar, changed from a day on. What was true before stays."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from itertools import combinations

from sqlalchemy import select

from portal import words
from portal.db import LockKind, db, lock_together
from portal.scheduling.models import WorkingHours

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
A_DAY = timedelta(days=1)


class HoursChanged(Exception):
    """Somebody else has changed these hours since they were looked at."""


@dataclass(frozen=True, order=True)
class Hours:
    """A range of one weekday (Monday is 0) at one place, in its wall time; 23:59 is the end of the day."""

    weekday: int
    starts: time
    ends: time
    location_id: int


@dataclass(frozen=True)
class Period:
    """From the first to the last day (None: without end) the same weekly hours hold."""

    first: date
    last: date | None
    hours: tuple[Hours, ...]


def rows_of(practitioner_id: int, calendar_slug: str) -> list[WorkingHours]:
    """All that was ever arranged, past and coming."""
    wanted = select(WorkingHours).where(
        WorkingHours.practitioner_id == practitioner_id, WorkingHours.calendar_slug == calendar_slug
    )
    return list(db.session.scalars(wanted.order_by(WorkingHours.id).execution_options(populate_existing=True)))


def on(rows: Iterable[WorkingHours], day: date) -> tuple[Hours, ...]:
    """The week that holds on a day."""
    return tuple(sorted(_hours(row) for row in rows if _holds(row, day)))


def periods(rows: Sequence[WorkingHours], today: date) -> list[Period]:
    """Today's week and those that are planned after it, in order."""
    begins = {row.valid_from for row in rows if row.valid_from and row.valid_from > today}
    begins |= {row.valid_until + A_DAY for row in rows if row.valid_until and row.valid_until >= today}
    firsts = [today, *sorted(begins)]
    lasts = [*(first - A_DAY for first in firsts[1:]), None]
    return [Period(first, last, on(rows, first)) for first, last in zip(firsts, lasts, strict=True)]


def problems(hours: Sequence[Hours], telehealth_ids: Collection[int]) -> dict[int, str]:
    """What is wrong with each weekday, in words. By video somebody may be at two places at once, else not."""
    found: dict[int, str] = {}
    for each in hours:
        if each.ends <= each.starts:
            found[each.weekday] = (
                f"{DAYS[each.weekday]}: the end, {_clock(each.ends)}, is not after {_clock(each.starts)}."
            )
    for one, other in combinations(sorted(hours), 2):
        if one.weekday != other.weekday or one.weekday in found or other.starts >= one.ends:
            continue
        ranges = f"{_range(one)} and {_range(other)}"
        if one.location_id == other.location_id:
            found[one.weekday] = f"{DAYS[one.weekday]}: {ranges} overlap."
        elif not {one.location_id, other.location_id} & set(telehealth_ids):
            found[one.weekday] = f"{DAYS[one.weekday]}: {ranges} are at two places at once."
    return found


def replace(
    practitioner_id: int, calendar_slug: str, hours: Iterable[Hours], first: date, last: date | None, *, seen: str
) -> None:
    """From the first day to the last (None: for good) these hours hold. `seen` is `written` of what they replace.

    What holds before and after stays: a row that reaches over an edge is cut there. Raises HoursChanged.
    """
    lock_together((LockKind.PRACTITIONER, practitioner_id))
    rows = rows_of(practitioner_id, calendar_slug)
    if written(rows) != seen:
        raise HoursChanged
    write(practitioner_id, calendar_slug, rows, hours, first, last)


def write(
    practitioner_id: int,
    calendar_slug: str,
    rows: Sequence[WorkingHours],
    hours: Iterable[Hours],
    first: date,
    last: date | None,
) -> None:
    """Without a lock and without a look at what others did: for a trial that is taken back."""
    wanted = set(hours)
    for row in rows:
        if not _touches(row, first, last):
            continue
        if _hours(row) in wanted and _covers(row, first, last):
            wanted.discard(_hours(row))
            continue
        _cut(row, first, last)
    for each in sorted(wanted):
        db.session.add(_row(practitioner_id, calendar_slug, each, first, last))
    db.session.flush()


def written(rows: Iterable[WorkingHours]) -> str:
    """Rows as a text that travels with the form, to see whether and what somebody else has changed."""
    return json.dumps(sorted(_values(row) for row in rows))


def differences(seen: str, rows: Iterable[WorkingHours], places: dict[int, str]) -> list[str]:
    """What is no more and what is new since a text was written; nothing for a text that is not ours."""
    try:
        before = {tuple(values) for values in json.loads(seen)}
        now = {tuple(_values(row)) for row in rows}
        gone = [f"Gone: {_told(values, places)}" for values in sorted(before - now)]
        return gone + [f"New: {_told(values, places)}" for values in sorted(now - before)]
    except (ValueError, TypeError, IndexError, KeyError):
        return []


def _cut(row: WorkingHours, first: date, last: date | None) -> None:
    """Leave of a row what lies before and after."""
    goes_on = last is not None and (row.valid_until is None or row.valid_until > last)
    if goes_on:
        assert last is not None
        after = _row(row.practitioner_id, row.calendar_slug, _hours(row), last + A_DAY, row.valid_until)
        db.session.add(after)
    if row.valid_from is None or row.valid_from < first:
        row.valid_until = first - A_DAY
    else:
        db.session.delete(row)


def _row(practitioner_id: int, calendar_slug: str, hours: Hours, first: date | None, last: date | None) -> WorkingHours:
    return WorkingHours(
        practitioner_id=practitioner_id,
        calendar_slug=calendar_slug,
        location_id=hours.location_id,
        weekday=hours.weekday,
        starts=hours.starts,
        ends=hours.ends,
        valid_from=first,
        valid_until=last,
    )


def _hours(row: WorkingHours) -> Hours:
    return Hours(row.weekday, row.starts, row.ends, row.location_id)


def _holds(row: WorkingHours, day: date) -> bool:
    return _touches(row, day, day)


def _touches(row: WorkingHours, first: date, last: date | None) -> bool:
    begins_in_time = last is None or row.valid_from is None or row.valid_from <= last
    return begins_in_time and (row.valid_until is None or row.valid_until >= first)


def _covers(row: WorkingHours, first: date, last: date | None) -> bool:
    reaches = row.valid_until is None or (last is not None and row.valid_until >= last)
    return reaches and (row.valid_from is None or row.valid_from <= first)


def _values(row: WorkingHours) -> list[str]:
    days = [day.isoformat() if day else "" for day in (row.valid_from, row.valid_until)]
    return [str(row.weekday), f"{row.starts:%H:%M}", f"{row.ends:%H:%M}", str(row.location_id), *days]


def _told(values: Sequence[str], places: dict[int, str]) -> str:
    """ "Monday 09:00 to 12:00, Telehealth, from Monday 1 February 2027"."""
    weekday, starts, ends, location_id, first, last = values
    told = f"{DAYS[int(weekday)]} {starts} to {ends}, {places.get(int(location_id), 'another place')}"
    told += f", from {words.day(date.fromisoformat(first))}" if first else ""
    return told + (f", until {words.day(date.fromisoformat(last))}" if last else "")


def _range(hours: Hours) -> str:
    return f"{_clock(hours.starts)} to {_clock(hours.ends)}"


def _clock(at: time) -> str:
    return f"{at:%H:%M}"
