"""Days and times of day in forms of the desk, and the instants that they mean in the clinic's zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from wtforms import DateField, TimeField

from portal.clock import local_instant

FIRST_YEAR, LAST_YEAR = 2000, 2100
NO_TIME = "Enter a time, such as 09:30."


class Day(DateField):
    """A date, or None where nothing was typed."""

    data: date | None

    def __init__(self, label: str, *, wrong: str = "Enter a date, such as 27/03/2027.", **known: Any) -> None:
        super().__init__(label, invalid_value_message=wrong, **known)

    def process_formdata(self, valuelist: list[Any]) -> None:
        typed = _typed(valuelist)
        super().process_formdata(typed)
        self.data = self.data if typed else None
        if self.data is not None and not FIRST_YEAR <= self.data.year <= LAST_YEAR:
            self.data = None
            raise ValueError(f"Enter a date between {FIRST_YEAR} and {LAST_YEAR}.")


class Clock(TimeField):
    """A time of day, or None where nothing was typed."""

    data: time | None

    def __init__(self, label: str, **known: Any) -> None:
        super().__init__(label, invalid_value_message=NO_TIME, **known)

    def process_formdata(self, valuelist: list[Any]) -> None:
        typed = _typed(valuelist)
        super().process_formdata(typed)
        self.data = self.data if typed else None


def _typed(valuelist: list[Any]) -> list[Any]:
    """An empty box says nothing, so it is no wrong date: whether it may be left out is for the form to say."""
    return [each for each in valuelist if each.strip()]


def instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The instant of a wall time. Staff may name one that a clock change skips or repeats: the first is meant then."""
    return local_instant(day, at, zone) or datetime.combine(day, at, zone).astimezone(UTC)


def end_instant(day: date, at: time | None, zone: ZoneInfo) -> datetime:
    """The end of a day where no time, or midnight, is named."""
    return instant(day, at, zone) if at else instant(day + timedelta(days=1), time(), zone)
