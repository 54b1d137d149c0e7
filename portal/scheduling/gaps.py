"""How much time is still open for patients: minutes by practitioner and day, for the desk's plans."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from portal.catalogue.models import AppointmentType
from portal.scheduling import availability
from portal.scheduling.diary import Range
from portal.scheduling.facts import Offering


@dataclass(frozen=True)
class Gaps:
    """What is open in one practitioner's week; a day without open time is not in `minutes`."""

    practitioner: Offering
    minutes: dict[date, int]


def between(types: Iterable[AppointmentType], first: date, last: date, now: datetime, zone: ZoneInfo) -> list[Gaps]:
    """Minutes that some visit could still fill, from the first to the last local day, both included; by name.

    One query a type. A minute counts once, however many types could fill it; `zone` tells which day it belongs to.
    """
    people: dict[int, Offering] = {}
    spans: dict[tuple[int, date], list[Range]] = defaultdict(list)
    for each in types:
        found = availability.timetable(each, first, last, now)
        people.update({who.id: who for who in found.practitioners})
        length = (each.length_minutes or 0) * 60
        for slot in found.open_slots:
            day = datetime.fromtimestamp(slot.start, zone).date()
            spans[slot.practitioner_id, day].append((slot.start, slot.start + length))
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return [_gaps(who, days, spans) for who in sorted(people.values(), key=lambda who: who.name)]


def _gaps(who: Offering, days: list[date], spans: dict[tuple[int, date], list[Range]]) -> Gaps:
    minutes = {day: covered(spans[who.id, day]) // 60 for day in days if (who.id, day) in spans}
    return Gaps(who, minutes)


def covered(spans: Iterable[Range]) -> int:
    """How many seconds lie in at least one of the ranges."""
    total, reached = 0, 0
    for start, end in sorted(spans):
        total += max(0, end - max(start, reached))
        reached = max(reached, end)
    return total
