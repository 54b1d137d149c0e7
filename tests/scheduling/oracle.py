"""Says which times are open by looking at every single minute: slow, and written without a look at slots.py.

It shares only the shapes that go in. A visit is open when each of its wall-clock minutes, first to last and the end
itself, happens exactly once that day, lies in the shift, and nothing taken touches the visit or its buffers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from portal.scheduling.diary import Diary, RoomDiary, Rules, Shift

Found = tuple[int, int, int, int | None]  # start, practitioner, location, room
Taken = Sequence[tuple[int, int]]


def open_minutes(
    rules: Rules, diaries: Sequence[Diary], rooms: Sequence[RoomDiary] | None, zones: dict[int, ZoneInfo], now: int
) -> set[Found]:
    found: set[Found] = set()
    for diary in diaries:
        for shift in diary.shifts:
            zone = zones[shift.location_id]
            today = datetime.fromtimestamp(now, zone).date()
            if (shift.day - today).days > rules.horizon_days:
                continue
            for start in _starts(rules, shift, zone):
                if start - now < rules.minimum_notice * 60 or _touches(rules, start, diary.taken):
                    continue
                if rooms is None:
                    found.add((start, diary.practitioner_id, shift.location_id, None))
                    continue
                free = [
                    room.room_id
                    for room in rooms
                    if room.location_id == shift.location_id and not _touches(rules, start, room.taken)
                ]
                if free:
                    found.add((start, diary.practitioner_id, shift.location_id, free[0]))
    return found


def _starts(rules: Rules, shift: Shift, zone: ZoneInfo) -> list[int]:
    walls, happens = _minutes_around(shift.day, zone.key)
    midnight = datetime.combine(shift.day, time())
    opens = midnight + timedelta(hours=shift.starts.hour, minutes=shift.starts.minute)
    closes = midnight + timedelta(hours=shift.ends.hour, minutes=shift.ends.minute)
    if (shift.ends.hour, shift.ends.minute) == (23, 59):  # how a wall time says "until midnight"
        closes += timedelta(minutes=1)
    starts = []
    for instant, wall in walls.items():
        in_shift = opens <= wall and wall + timedelta(minutes=rules.length) <= closes
        on_grid = ((wall - midnight) // timedelta(minutes=1)) % rules.start_step == 0
        if in_shift and on_grid and _is_plain(instant, wall, rules.length, walls, happens):
            starts.append(instant)
    return starts


def _is_plain(
    instant: int, wall: datetime, length: int, walls: dict[int, datetime], happens: Counter[datetime]
) -> bool:
    """Whether each minute of the visit follows the one before on the wall, and happens once."""
    for minute in range(length + 1):
        due = wall + timedelta(minutes=minute)
        if walls.get(instant + minute * 60) != due or happens[due] != 1:
            return False
    return True


@cache
def _minutes_around(day: date, zone: str) -> tuple[dict[int, datetime], Counter[datetime]]:
    """Every instant of three UTC days with what a clock on the wall shows then."""
    first = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=1)
    walls = {}
    for minute in range(3 * 24 * 60):
        instant = first + timedelta(minutes=minute)
        walls[int(instant.timestamp())] = instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    return walls, Counter(walls.values())


def _touches(rules: Rules, start: int, taken: Taken) -> bool:
    begin, end = start - rules.buffer_before * 60, start + (rules.length + rules.buffer_after) * 60
    return any(
        taken_from <= minute < taken_until for minute in range(begin, end, 60) for taken_from, taken_until in taken
    )
