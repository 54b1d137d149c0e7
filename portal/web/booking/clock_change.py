"""Says when the clocks change around the days of a list, so that nobody is an hour early or late."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from portal import words

REMIND_DAYS = 7


@lru_cache(64)
def reminder(zone: ZoneInfo, place: str, today: date, first: date, last: date) -> str | None:
    """A line for a list of the local days `first` to `last`, also for seven days after the change; else None.

    "Clocks in Sydney went forward an hour on Sunday 4 October 2026. All times here are the new time."
    """
    start = min(today, first) - timedelta(days=REMIND_DAYS)
    around = [start + timedelta(days=n) for n in range((last - start).days + 1)]
    changes = [day for day in around if _matters(day, today, first, last) and _shift(zone, day)]
    return _words(changes[-1], _shift(zone, changes[-1]), place, today) if changes else None


def _matters(day: date, today: date, first: date, last: date) -> bool:
    after = timedelta(days=REMIND_DAYS)
    return today - after <= day <= today or first - after <= day <= last


def _shift(zone: ZoneInfo, day: date) -> timedelta:
    """By how much the clock is put forward on this day; negative: back."""
    before, after = (datetime.combine(day + timedelta(days=n), time(), zone).utcoffset() for n in (0, 1))
    assert before is not None
    assert after is not None
    return after - before


def _words(day: date, shift: timedelta, place: str, today: date) -> str:
    way = "forward" if shift > timedelta() else "back"
    how_much = "an hour" if abs(shift) == timedelta(hours=1) else words.length(int(abs(shift).total_seconds() // 60))
    if day <= today:
        return f"Clocks in {place} went {way} {how_much} on {words.day(day)}. All times here are the new time."
    return f"Clocks in {place} go {way} {how_much} on {words.day(day)}. Each time is as clocks show it on its day."
