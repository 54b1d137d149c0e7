"""Where the starts of visits lie on a local day, the days of a clock change included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from portal.scheduling.diary import Range, Rules, Shift

DAY = 24 * 60


class Stretch(NamedTuple):
    """Minutes of a local day that happen once and follow each other evenly, [first, end); the instant of its minute 0.

    An ordinary day is one stretch. A clock change leaves two, and what it skips or repeats is in neither.
    """

    first: int
    end: int
    zero: int


class Days:
    """Where local days begin and end, and how their clocks run; each day is looked up once."""

    def __init__(self, zones: Mapping[int, ZoneInfo]) -> None:
        self._zones = zones
        self._stretches: dict[tuple[int, date], Sequence[Stretch]] = {}
        self._bounds: dict[tuple[int, date], Range] = {}

    def stretches(self, location_id: int, day: date) -> Sequence[Stretch]:
        """The day's even stretches, in order."""
        key = location_id, day
        if key not in self._stretches:
            self._stretches[key] = _stretches(*self.bounds(location_id, day), self._zones[location_id])
        return self._stretches[key]

    def bounds(self, location_id: int, day: date) -> Range:
        """The day as a range; it may have 23, 24 or 25 hours."""
        key = location_id, day
        if key not in self._bounds:
            zone = self._zones[location_id]
            midnights = (datetime.combine(each, time(), zone) for each in (day, day + timedelta(days=1)))
            begin, end = (int(midnight.timestamp()) for midnight in midnights)
            self._bounds[key] = begin, end
        return self._bounds[key]


def starts_in(rules: Rules, shift: Shift, days: Days) -> Sequence[int]:
    """Starts on the grid whose visit ends within the shift, and in the stretch of the day where it began.

    So wall times that a clock change skips or repeats are never offered, nor visits that touch or span the change.
    """
    first, step = first_minute(rules, shift), rules.start_step
    last = minutes_of(shift.ends) - rules.length
    stretches = days.stretches(shift.location_id, shift.day)
    if len(stretches) == 1:
        zero = stretches[0].zero
        return range(zero + first * 60, zero + last * 60 + 1, step * 60)
    starts: list[int] = []
    for stretch in stretches:
        begin = first + max(0, -(-(stretch.first - first) // step)) * step
        # The end itself is a wall time that somebody looks at.
        until = min(last, stretch.end - 1 - rules.length)
        starts += range(stretch.zero + begin * 60, stretch.zero + until * 60 + 1, step * 60)
    return starts


def first_minute(rules: Rules, shift: Shift) -> int:
    """The first minute of the day that is in the shift and on the grid."""
    begin = minutes_of(shift.starts) + (shift.starts.second > 0)
    return begin if rules.counts_from_hours else -(-begin // rules.start_step) * rules.start_step


def minutes_of(at: time) -> int:
    """A wall time as minutes of the day; 23:59 stands for the end of the day, because a wall time has no 24:00."""
    minutes = at.hour * 60 + at.minute
    return DAY if minutes >= DAY - 1 else minutes


def _stretches(begin: int, end: int, zone: ZoneInfo) -> Sequence[Stretch]:
    jump = DAY - (end - begin) // 60  # minutes by which the clock is put on, or back if negative
    if jump == 0:
        return (Stretch(0, DAY + 1, begin),)
    at = (_change(begin, end, zone) - begin) // 60
    return Stretch(0, min(at, at + jump), begin), Stretch(max(at, at + jump), DAY + 1, begin - jump * 60)


def _change(begin: int, end: int, zone: ZoneInfo) -> int:
    """The first instant of a day at which its clock runs otherwise than in the beginning; it changes once."""
    before = _offset(begin, zone)
    while end - begin > 1:
        middle = (begin + end) // 2
        begin, end = (middle, end) if _offset(middle, zone) == before else (begin, middle)
    return end


def _offset(at: int, zone: ZoneInfo) -> timedelta | None:
    return datetime.fromtimestamp(at, zone).utcoffset()
