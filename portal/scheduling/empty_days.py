"""Why a day has no time to offer: it is closed, full, too soon, or too far ahead."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from portal.keep import kept
from portal.scheduling import explain
from portal.scheduling.explain import Reason
from portal.scheduling.question import Question
from portal.scheduling.reading import MOST_KEPT
from portal.scheduling.slots import OpenSlot


def reasons(
    question: Question, open_slots: Sequence[OpenSlot], wanted: tuple[int, ...], now: int
) -> dict[date, Reason]:
    """The reason of each local day of the question on which none of the open slots is with one of the wanted people.

    A day is compared with the same clinic without a visit: what even that one does not offer is closed.
    """
    bookable, possible = _last_starts(question, wanted, open_slots), _possible(question.without_visits(), wanted)
    days = (question.first + timedelta(days=n) for n in range((question.last - question.first).days + 1))
    return {day: _reason(question, wanted, day, possible.get(day), now) for day in days if day not in bookable}


def _reason(question: Question, wanted: Sequence[int], day: date, last_start: int | None, now: int) -> Reason:
    rules, zones = question.rules, question.books.clinic.zones.values()
    if zones and all(day > rules.last_day(zone, now) for zone in zones):
        return explain.too_far(rules, next(iter(zones)), now)
    if last_start is None:
        return explain.of_day(question.books, wanted, day)
    if last_start < rules.earliest_start(now):
        return explain.too_soon(rules, whole_day=True)
    return explain.full()


@kept(MOST_KEPT)
def _possible(question: Question, wanted: tuple[int, ...]) -> dict[date, int]:
    return _last_starts(question, wanted, question.free_slots)


def _last_starts(question: Question, wanted: Sequence[int], slots: Sequence[OpenSlot]) -> dict[date, int]:
    """The last start of each local day on which one of these people has any."""
    zones, people = question.books.clinic.zones, set(wanted)
    found: dict[date, int] = {}
    for zone in set(zones.values()):
        starts = [slot.start for slot in slots if slot.practitioner_id in people and zones[slot.location_id] == zone]
        for day, start in _last_of_each_day(starts, zone):
            found[day] = max(start, found.get(day, start))
    return found


def _last_of_each_day(starts: Sequence[int], zone: ZoneInfo) -> Iterable[tuple[date, int]]:
    """Of ascending starts, by leaps from day to day."""
    end = len(starts)
    while end:
        last = starts[end - 1]
        day = datetime.fromtimestamp(last, zone).date()
        yield day, last
        end = bisect_left(starts, datetime.combine(day, time(), zone).timestamp(), 0, end)
