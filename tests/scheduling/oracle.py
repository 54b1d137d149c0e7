"""Says which times are open by looking at every single minute: slow, and written without a look at the real rules.

It shares only the shapes that go in. A visit is open when each of its wall-clock minutes, first to last and the end
itself, happens exactly once that day, it lies in hours that somebody works, nothing taken touches the visit or its
buffers, the day has room for one more, and so has the place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from portal.scheduling.diary import Range
from tests.scheduling.clinics import TYPE, Invented

Found = tuple[int, int, int, int | None]  # start, practitioner, location, room
Opening = tuple[int, date, datetime, datetime]  # location, day, and from when to when on the wall
MINUTE = timedelta(minutes=1)


def open_minutes(clinic: Invented) -> set[Found]:
    found: set[Found] = set()
    for who in clinic.facts.practitioners:
        if who.id in clinic.facts.unknown:
            continue
        taken = _minutes_of(_taken_of(clinic, who.id))
        for where, day, opens, closes in _openings(clinic, who.id):
            zone = clinic.facts.places[where].zone
            if _is_full(clinic, who.id, who.daily_cap, day, zone):
                continue
            for start in _starts(clinic, day, opens, closes, zone):
                blocked = _blocked(clinic, start)
                if taken.isdisjoint(blocked) and _keeps_notice_and_horizon(clinic, start, day, zone):
                    if not clinic.needs_room:
                        found.add((start, who.id, where, None))
                        continue
                    room = next(_free_rooms(clinic, where, blocked), None)
                    if room is not None:
                        found.add((start, who.id, where, room))
    return found


def _openings(clinic: Invented, who: int) -> Iterator[Opening]:
    """When somebody works: weekly hours but on holidays, and extra hours on whatever day."""
    for day in _days(clinic):
        for hours in clinic.facts.hours:
            is_theirs = hours.practitioner_id == who and hours.weekday == day.weekday()
            is_early = hours.valid_from is not None and day < hours.valid_from
            is_late = hours.valid_until is not None and day > hours.valid_until
            is_holiday = (hours.location_id, day) in clinic.facts.holidays
            if is_theirs and not is_early and not is_late and not is_holiday:
                opens, closes = datetime.combine(day, hours.starts), datetime.combine(day, hours.ends)
                yield hours.location_id, day, opens, _end_of_day(closes)
        for extra in clinic.facts.extra:
            if extra.practitioner_id == who:
                zone = clinic.facts.places[extra.location_id].zone
                begin, end = (datetime.fromtimestamp(at, zone).replace(tzinfo=None) for at in extra.span)
                midnight = datetime.combine(day, time())
                opens, closes = max(begin, midnight), min(_end_of_day(end), midnight + timedelta(days=1))
                yield extra.location_id, day, opens, closes


def _end_of_day(wall: datetime) -> datetime:
    """23:59 is how a wall time says "until midnight"."""
    return wall + MINUTE if (wall.hour, wall.minute) == (23, 59) else wall


def _days(clinic: Invented) -> list[date]:
    return [clinic.first + timedelta(days=n) for n in range((clinic.last - clinic.first).days + 1)]


def _starts(clinic: Invented, day: date, opens: datetime, closes: datetime, zone: ZoneInfo) -> list[int]:
    rules = clinic.rules
    walls, happens = _minutes_around(day, zone.key)
    grid_begins = opens if rules.counts_from_hours else datetime.combine(day, time())
    starts = []
    for instant, wall in walls.items():
        in_hours = opens <= wall and wall + timedelta(minutes=rules.length) <= closes
        on_grid = ((wall - grid_begins) // MINUTE) % rules.start_step == 0
        if in_hours and on_grid and _is_plain(instant, wall, rules.length, walls, happens):
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


def _keeps_notice_and_horizon(clinic: Invented, start: int, day: date, zone: ZoneInfo) -> bool:
    today = datetime.fromtimestamp(clinic.now, zone).date()
    return start - clinic.now >= clinic.rules.minimum_notice * 60 and (day - today).days <= clinic.rules.horizon_days


def _taken_of(clinic: Invented, who: int) -> Iterator[Range]:
    for visit in clinic.visits:
        if visit.practitioner_id == who:
            yield visit.span
    for busy in clinic.busy:
        if busy.practitioner_id == who:
            yield busy.span
    for closed in clinic.facts.closed:
        if closed.practitioner_id in (None, who):
            yield closed.span


def _is_full(clinic: Invented, who: int, cap: int | None, day: date, zone: ZoneInfo) -> bool:
    """Whether the practitioner, or the type, has as many visits on this day as it may."""
    that_day = [visit for visit in clinic.visits if datetime.fromtimestamp(visit.starts, zone).date() == day]
    theirs = sum(visit.practitioner_id == who for visit in that_day)
    of_type = sum(visit.type_id == TYPE for visit in that_day)
    type_cap = clinic.rules.daily_cap
    return (cap is not None and theirs >= cap) or (type_cap is not None and of_type >= type_cap)


def _free_rooms(clinic: Invented, where: int, blocked: range) -> Iterator[int]:
    for room in clinic.facts.rooms:
        taken = _minutes_of(visit.span for visit in clinic.visits if visit.room_id == room.id)
        if room.location_id == where and taken.isdisjoint(blocked):
            yield room.id


def _blocked(clinic: Invented, start: int) -> range:
    """The minutes of a visit and its buffers."""
    rules = clinic.rules
    return range(start - rules.buffer_before * 60, start + (rules.length + rules.buffer_after) * 60, 60)


def _minutes_of(spans: Iterable[Range]) -> set[int]:
    return {minute for begin, end in spans for minute in range(begin, end, 60)}
