"""Which times can be booked: pure interval arithmetic, linear in practitioners x days.

Instants are whole seconds since the epoch, because arithmetic on them is what this module spends its time on.
Ranges are half open, [start, end).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from portal.clock import local_instant

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


@dataclass(frozen=True, slots=True)
class RoomDiary:
    """A room at a location and when it is taken."""

    room_id: int
    location_id: int
    taken: Sequence[Range]


class OpenSlot(NamedTuple):
    """A time that can be booked: start (epoch seconds), practitioner, location and, where one is needed, room."""

    start: int
    practitioner_id: int
    location_id: int
    room_id: int | None

    @property
    def starts_at(self) -> datetime:
        """The start as an instant in UTC."""
        return datetime.fromtimestamp(self.start, UTC)


def open_slots(
    rules: Rules,
    diaries: Iterable[Diary],
    rooms: Sequence[RoomDiary] | None,
    zones: Mapping[int, ZoneInfo],
    now: int,
) -> list[OpenSlot]:
    """Every bookable slot within the diaries' shifts, by start and then practitioner.

    `rooms` is None for a type that needs no room. `zones` maps location ids to their zones. A start must keep the
    notice, lie within the horizon, fit its visit into the shift, and keep its visit with both buffers clear of
    everything taken. The same answer decides what is shown and what may be held.
    """
    return not_too_soon_or_late(rules, free_slots(rules, diaries, rooms, zones), zones, now)


def free_slots(
    rules: Rules, diaries: Iterable[Diary], rooms: Sequence[RoomDiary] | None, zones: Mapping[int, ZoneInfo]
) -> list[OpenSlot]:
    """What the diaries leave free, whenever one looks: notice and horizon are left to `not_too_soon_or_late`."""
    room_gaps = None if rooms is None else [(room, _Taken(room.taken)) for room in rooms]
    midnights = _Midnights(zones)
    slots: list[OpenSlot] = []
    for diary in diaries:
        taken = _Taken(diary.taken)
        for shift in diary.shifts:
            starts = taken.leaves(_starts(rules, shift, midnights), rules)
            who, where = diary.practitioner_id, shift.location_id
            if room_gaps is None:
                slots += [OpenSlot(start, who, where, None) for start in starts]
                continue
            for start in starts:
                room_id = _free_room(room_gaps, where, blocked_range(rules, start))
                if room_id is not None:
                    slots.append(OpenSlot(start, who, where, room_id))
    # Overlapping shifts would offer a time twice.
    return sorted(set(slots))


def not_too_soon_or_late(
    rules: Rules, slots: Sequence[OpenSlot], zones: Mapping[int, ZoneInfo], now: int
) -> list[OpenSlot]:
    """Those of the sorted slots that keep the minimum notice and lie within the horizon at this instant."""
    slots = list(slots[bisect_left(slots, (now + rules.minimum_notice * 60,)) :])
    ends = {location_id: _end_of_horizon(rules, zone, now) for location_id, zone in zones.items()}
    if not slots or slots[-1].start < min(ends.values()):
        return slots
    return [slot for slot in slots if slot.start < ends[slot.location_id]]


def blocked_range(rules: Rules, start: int) -> Range:
    """What a visit at `start` keeps from everybody else: itself and its buffers."""
    return start - rules.buffer_before * 60, start + (rules.length + rules.buffer_after) * 60


def _end_of_horizon(rules: Rules, zone: ZoneInfo, now: int) -> int:
    last_day = datetime.fromtimestamp(now, zone).date() + timedelta(days=rules.horizon_days)
    return int(datetime.combine(last_day + timedelta(days=1), time(), zone).timestamp())


class _Midnights:
    """Where local days begin, and whether their clocks run evenly; each day is looked up once."""

    def __init__(self, zones: Mapping[int, ZoneInfo]) -> None:
        self.zones = zones
        self._known: dict[tuple[int, date], int | None] = {}

    def find(self, location_id: int, day: date) -> int | None:
        """The day's beginning in epoch seconds, or None when the clock changes on it."""
        key = location_id, day
        if key not in self._known:
            zone = self.zones[location_id]
            midnight, last_minute = datetime.combine(day, time(), zone), datetime.combine(day, time(23, 59), zone)
            is_even = midnight.utcoffset() == last_minute.utcoffset()
            self._known[key] = int(midnight.timestamp()) if is_even else None
        return self._known[key]


def _starts(rules: Rules, shift: Shift, midnights: _Midnights) -> Sequence[int]:
    """Starts on the step's grid (counted from local midnight) whose visit ends within the shift."""
    step = rules.start_step
    first = -(-_minutes(shift.starts) // step) * step
    last = _minutes(shift.ends) - rules.length
    zero = midnights.find(shift.location_id, shift.day)
    if zero is not None:
        return range(zero + first * 60, zero + last * 60 + 1, step * 60)
    # The clock changes on this day: wall times it skips or repeats are never offered, nor visits that span the change.
    zone = midnights.zones[shift.location_id]
    starts = []
    for minute in range(first, last + 1, step):
        start = local_instant(shift.day, time(minute // 60, minute % 60), zone)
        end = _instant_of_minute(shift.day, minute + rules.length, zone)
        if start is not None and end is not None and end - start == timedelta(minutes=rules.length):
            starts.append(int(start.timestamp()))
    return starts


def _instant_of_minute(day: date, minute: int, zone: ZoneInfo) -> datetime | None:
    days, rest = divmod(minute, 24 * 60)
    return local_instant(day + timedelta(days), time(rest // 60, rest % 60), zone)


def _minutes(at: time) -> int:
    # 23:59 stands for the end of the day, because a wall time has no 24:00.
    minutes = at.hour * 60 + at.minute
    return 24 * 60 if minutes >= 24 * 60 - 1 else minutes


def _free_room(rooms: Sequence[tuple[RoomDiary, _Taken]], location_id: int, blocked: Range) -> int | None:
    for room, taken in rooms:
        if room.location_id == location_id and taken.is_clear(blocked):
            return room.room_id
    return None


class _Taken:
    """Taken ranges, merged and sorted, so that one look-up tells whether a range is clear."""

    __slots__ = ("ends", "starts")

    def __init__(self, ranges: Iterable[Range]) -> None:
        self.starts: list[int] = []
        self.ends: list[int] = []
        for start, end in sorted(ranges):
            if self.ends and start <= self.ends[-1]:
                self.ends[-1] = max(self.ends[-1], end)
            else:
                self.starts.append(start)
                self.ends.append(end)

    def is_clear(self, wanted: Range) -> bool:
        """Merged ranges do not overlap, so only the last one that begins before `wanted` ends can touch it."""
        place = bisect_left(self.starts, wanted[1]) - 1
        return place < 0 or self.ends[place] <= wanted[0]

    def leaves(self, starts: Sequence[int], rules: Rules) -> Sequence[int]:
        """Those of the ascending starts whose blocked range is clear, in one walk along both."""
        if not starts:
            return starts
        before, after = blocked_range(rules, 0)
        place, count = bisect_right(self.ends, starts[0] + before), len(self.ends)
        if place == count or self.starts[place] >= starts[-1] + after:
            return starts
        clear = []
        for start in starts:
            while place < count and self.ends[place] <= start + before:
                place += 1
            if place == count or self.starts[place] >= start + after:
                clear.append(start)
        return clear
