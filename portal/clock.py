"""The one place that says what time it is, and what a day is in the clinic's zone."""

from __future__ import annotations

import mmap
import os
import struct
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from time import monotonic
from zoneinfo import ZoneInfo


class OffsetFile:
    """Seconds to be added to the real time, for all processes that have this file. It is made where there is none.

    It holds one number and is looked at in memory: every request asks several times what time it is, and a thread that
    reads a file lets others go first.
    """

    _number = struct.Struct("<d")

    def __init__(self, path: Path) -> None:
        descriptor, size = os.open(path, os.O_RDWR | os.O_CREAT, 0o644), self._number.size
        try:
            if (found := os.fstat(descriptor).st_size) != size:
                # Never shorter than one number, also for a moment: others may be looking at it. Zeros are one.
                os.pwrite(descriptor, bytes(min(found, size)), 0)
                os.ftruncate(descriptor, size)
            self._memory = mmap.mmap(descriptor, size)
        finally:
            os.close(descriptor)

    @property
    def seconds(self) -> float:
        """Negative ones lie in the past."""
        seconds: float = self._number.unpack_from(self._memory)[0]
        return seconds

    @seconds.setter
    def seconds(self, seconds: float) -> None:
        self._number.pack_into(self._memory, 0, seconds)


_offset: OffsetFile | None = None


def follow(offset: OffsetFile | None) -> None:
    """Add these seconds to the real time from now on. Only local mode calls this, never production."""
    global _offset
    _offset = offset


def now() -> datetime:
    """The current instant in UTC. Rules take it as an argument; only the edges call this."""
    real = datetime.now(UTC)
    return real if _offset is None else real + timedelta(seconds=_offset.seconds)


def ticks() -> float:
    """Seconds that pass evenly whatever is done to the machine's clock, for periodic work; the local offset counts."""
    return monotonic() if _offset is None else monotonic() + _offset.seconds


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
