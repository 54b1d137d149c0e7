"""The shapes that the arithmetic of open times works on: a type's rules, shifts, diaries, rooms.

Instants are whole seconds since the epoch, because arithmetic on them is what it spends its time on.
Ranges are half open, [start, end).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Rules:
    """An appointment type's rules. Minutes, except `horizon_days`, which counts local days from today."""

    length: int
    buffer_before: int
    buffer_after: int
    minimum_notice: int
    horizon_days: int
    start_step: int
    counts_from_hours: bool = False  # the step counts from the beginning of the hours, not from midnight
    daily_cap: int | None = None  # visits of the type on one local day, whoever gives them

    def blocked_range(self, start: int) -> Range:
        """What a visit at `start` keeps from everybody else: itself and its buffers."""
        return start - self.buffer_before * 60, start + (self.length + self.buffer_after) * 60

    def uncapped(self) -> Rules:
        """The same without a cap."""
        return replace(self, daily_cap=None)

    def earliest_start(self, now: int) -> int:
        """The first instant that keeps the minimum notice."""
        return now + self.minimum_notice * 60

    def last_day(self, zone: ZoneInfo, now: int) -> date:
        """The last local day within the horizon."""
        return datetime.fromtimestamp(now, zone).date() + timedelta(days=self.horizon_days)

    def end_of_horizon(self, zone: ZoneInfo, now: int) -> int:
        """The first instant that is too far ahead."""
        return int(datetime.combine(self.last_day(zone, now) + timedelta(days=1), time(), zone).timestamp())


@dataclass(frozen=True, slots=True)
class Shift:
    """Hours on one local day at one location, in the wall time of the location's zone."""

    day: date
    starts: time
    ends: time
    location_id: int


@dataclass(frozen=True, slots=True)
class Diary:
    """One practitioner's days: when they work, and what is taken (buffers of neighbours included)."""

    practitioner_id: int
    shifts: Sequence[Shift]
    taken: Sequence[Range]  # any order, may touch or overlap
    visits: Sequence[int] = ()  # where their visits start, of any type, ascending
    daily_cap: int | None = None  # of these visits on one local day
    on_holiday: Sequence[Shift] = ()  # what they would have worked
    is_unknown: bool = False  # nobody can tell what is taken


@dataclass(frozen=True, slots=True)
class RoomDiary:
    """A room at a location and when it is taken."""

    room_id: int
    location_id: int
    taken: Sequence[Range]


@dataclass(frozen=True, slots=True)
class Clinic:
    """Everybody's diaries, the rooms (None for a type that needs none), and the zone of each location."""

    diaries: Sequence[Diary]
    rooms: Sequence[RoomDiary] | None
    zones: Mapping[int, ZoneInfo]
    visits_of_type: Sequence[int] = ()  # where visits of the type start, whoever gives them, ascending
