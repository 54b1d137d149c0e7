"""Days and times of day in forms of the desk, and the instants that they mean in the clinic's zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from wtforms import DateField, TimeField

from portal.clock import local_instant

FIRST_YEAR, LAST_YEAR = 2000, 2100


class Day(DateField):
    """A date, or None where nothing was typed."""

    data: date | None

    def process_formdata(self, valuelist: list[Any]) -> None:
        if not "".join(valuelist).strip():
            self.data = None
            return
        try:
            super().process_formdata(valuelist)
        except ValueError:
            self.data = None
            raise ValueError("Enter a date, such as 27/03/2027.") from None
        if self.data is not None and not FIRST_YEAR <= self.data.year <= LAST_YEAR:
            self.data = None
            raise ValueError(f"Enter a date between {FIRST_YEAR} and {LAST_YEAR}.")


class Clock(TimeField):
    """A time of day, or None where nothing was typed."""

    data: time | None

    def process_formdata(self, valuelist: list[Any]) -> None:
        if not "".join(valuelist).strip():
            self.data = None
            return
        try:
            super().process_formdata(valuelist)
        except ValueError:
            self.data = None
            raise ValueError("Enter a time, such as 09:30.") from None


def instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The instant of a wall time. Staff may name one that a clock change skips or repeats: the first is meant then."""
    return local_instant(day, at, zone) or datetime.combine(day, at, zone).astimezone(UTC)


def end_instant(day: date, at: time | None, zone: ZoneInfo) -> datetime:
    """The end of a day where no time, or midnight, is named."""
    return instant(day, at, zone) if at else instant(day + timedelta(days=1), time(), zone)
