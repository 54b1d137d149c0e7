"""The one place that says what time it is, and what a day is in the clinic's zone."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from time import monotonic
from zoneinfo import ZoneInfo

_offset_file: Path | None = None
_descriptor: int | None = None  # of that file, once it has been there


def follow(offset_file: Path | None) -> None:
    """Add the seconds in this file to the real time from now on. Only local mode calls this, never production."""
    global _offset_file, _descriptor
    if _descriptor is not None:
        os.close(_descriptor)
    _offset_file, _descriptor = offset_file, None


def now() -> datetime:
    """The current instant in UTC. Rules take it as an argument; only the edges call this."""
    return datetime.now(UTC) + _offset()


def ticks() -> float:
    """Seconds that pass evenly whatever is done to the machine's clock, for periodic work; the local offset counts."""
    return monotonic() + _offset().total_seconds()


def _offset() -> timedelta:
    global _descriptor
    if _offset_file is None:
        return timedelta()
    try:
        if _descriptor is None:
            _descriptor = os.open(_offset_file, os.O_RDONLY)
        # Every request asks several times, so the file stays open; whoever sets the clock writes into it.
        return timedelta(seconds=float(os.pread(_descriptor, 100, 0) or 0))
    except (OSError, ValueError):
        return timedelta()


def local_instant(day: date, at: time, zone: ZoneInfo) -> datetime | None:
    """The UTC instant of a wall time, or None for a wall time that a clock change skips or repeats.

    Nobody can keep an appointment at 2:30 am on a night when that time happens twice or not at all.
    """
    first = datetime.combine(day, at, zone)
    second = first.replace(fold=1)
    if first.utcoffset() != second.utcoffset():
        return None
    return first.astimezone(UTC)


def day_bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Where a local day begins and ends, in UTC. A day may have 23, 24 or 25 hours."""
    start = datetime.combine(day, time(), zone)
    return start.astimezone(UTC), datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)
