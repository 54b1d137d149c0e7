"""Where the starts of visits lie on a local day, the days of a clock change included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from portal.clock import local_instant
from portal.scheduling.diary import Range, Rules, Shift


class Days:
    """Where local days begin and end, and whether their clocks run evenly; each day is looked up once."""

    def __init__(self, zones: Mapping[int, ZoneInfo]) -> None:
        self.zones = zones
        self._midnights: dict[tuple[int, date], int | None] = {}
        self._bounds: dict[tuple[int, date], Range] = {}

    def even_midnight(self, location_id: int, day: date) -> int | None:
        """The day's beginning, or None when the clock changes on it."""
        key = location_id, day
        if key not in self._midnights:
            zone = self.zones[location_id]
            midnight, last_minute = datetime.combine(day, time(), zone), datetime.combine(day, time(23, 59), zone)
            is_even = midnight.utcoffset() == last_minute.utcoffset()
            self._midnights[key] = int(midnight.timestamp()) if is_even else None
        return self._midnights[key]

    def bounds(self, location_id: int, day: date) -> Range:
        """The day as a range; it may have 23, 24 or 25 hours."""
        key = location_id, day
        if key not in self._bounds:
            zone = self.zones[location_id]
            midnights = (datetime.combine(each, time(), zone) for each in (day, day + timedelta(days=1)))
            begin, end = (int(midnight.timestamp()) for midnight in midnights)
            self._bounds[key] = begin, end
        return self._bounds[key]


def starts_in(rules: Rules, shift: Shift, days: Days) -> Sequence[int]:
    """Starts on the grid whose visit ends within the shift."""
    first, step = first_minute(rules, shift), rules.start_step
    last = minutes_of(shift.ends) - rules.length
    zero = days.even_midnight(shift.location_id, shift.day)
    if zero is not None:
        return range(zero + first * 60, zero + last * 60 + 1, step * 60)
    # The clock changes on this day: wall times it skips or repeats are never offered, nor visits that span the change.
    zone = days.zones[shift.location_id]
    starts = []
    for minute in range(first, last + 1, step):
        start = local_instant(shift.day, time(minute // 60, minute % 60), zone)
        end = _instant_of_minute(shift.day, minute + rules.length, zone)
        if start is not None and end is not None and end - start == timedelta(minutes=rules.length):
            starts.append(int(start.timestamp()))
    return starts


def first_minute(rules: Rules, shift: Shift) -> int:
    """The first minute of the day that is in the shift and on the grid."""
    begin = minutes_of(shift.starts) + (shift.starts.second > 0)
    return begin if rules.counts_from_hours else -(-begin // rules.start_step) * rules.start_step


def _instant_of_minute(day: date, minute: int, zone: ZoneInfo) -> datetime | None:
    days, rest = divmod(minute, 24 * 60)
    return local_instant(day + timedelta(days), time(rest // 60, rest % 60), zone)


def minutes_of(at: time) -> int:
    # 23:59 stands for the end of the day, because a wall time has no 24:00.
    minutes = at.hour * 60 + at.minute
    return 24 * 60 if minutes >= 24 * 60 - 1 else minutes
