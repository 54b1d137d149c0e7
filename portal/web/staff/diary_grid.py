"""Puts a diary's columns on a grid of five-minute rows: pure, and in classes, because our pages have no inline style.

A place is told as hours and fives of minutes, "h2 m6 lh0 lm3": from row 30 on, three rows long. staff-1.css adds them
up. What overlaps stands side by side in lanes of twelve narrow columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo

from portal.bookings.diary import Column
from portal.bookings.diary_ground import Span

ROW, ROWS_AN_HOUR, HOUR = 5, 12, 60
LANES = 12
# So many side by side, so that each is a whole number of narrow columns wide.
WIDTHS = (1, 2, 3, 4, 6, 12)
T = TypeVar("T")


@dataclass(frozen=True)
class Axis:
    """The hours that are shown, in minutes since midnight.

    One day counts minutes as they pass, so that a night with a clock change has its 23 or 25 hours. A week lays days
    side by side, so it goes by the clock on the wall.
    """

    zone: ZoneInfo
    first: int
    last: int
    by_wall: bool = False

    @property
    def rows(self) -> int:
        return (self.last - self.first) // ROW

    def row(self, at: datetime, column: Column) -> int:
        """The row in which an instant of this column's day lies; those out of sight lie at the nearest edge."""
        minute = minute_of(at, column, self.zone, by_wall=self.by_wall)
        return round((min(max(minute, self.first), self.last) - self.first) / ROW)

    def place(self, span: Span, column: Column) -> str:
        return _classes(*self.rows_of(span, column))

    def rows_of(self, span: Span, column: Column) -> tuple[int, int]:
        """-> its first row, and how many; never none."""
        begin = min(self.row(span.starts_at, column), self.rows - 1)
        return begin, max(1, self.row(span.ends_at, column) - begin)

    def shows(self, span: Span, column: Column) -> bool:
        """Whether any of it is in sight."""
        begin, end = (minute_of(at, column, self.zone, by_wall=self.by_wall) for at in span)
        return begin < self.last and max(end, begin + 1) > self.first

    @property
    def length(self) -> str:
        """The classes of something as long as the axis."""
        return _classes(0, self.rows)

    def labels(self, column: Column) -> list[tuple[str, str]]:
        """Where each hour begins, and what a clock on the wall says then: "9 am", or "2 am AEDT" on an uneven day."""
        minutes = range(self.first, self.last, HOUR)
        return [
            (_classes((minute - self.first) // ROW, ROWS_AN_HOUR), self._label(minute, column)) for minute in minutes
        ]

    def _label(self, minute: int, column: Column) -> str:
        if self.by_wall or not column.is_uneven:
            return _hour_in_words(minute // HOUR)
        wall = (column.whole.starts_at + timedelta(minutes=minute)).astimezone(self.zone)
        return f"{_hour_in_words(wall.hour)} {wall:%Z}"


@dataclass(frozen=True)
class Placed(Generic[T]):
    """Something on the grid, with the classes that put it there."""

    what: T
    span: Span
    place: str


def axis_of(columns: Iterable[Column], zone: ZoneInfo, *, by_wall: bool = False) -> Axis | None:
    """As many whole hours as hold everybody's hours and visits; None where there are none."""
    minutes = [
        [minute_of(at, column, zone, by_wall=by_wall) for at in span]
        for column in columns
        for span in [*(each.span for each in column.work), *(each.span for each in column.visits)]
    ]
    if not minutes:
        return None
    first, last = min(map(min, minutes)), max(map(max, minutes))
    first = first // HOUR * HOUR
    return Axis(zone, first, max(-(-last // HOUR) * HOUR, first + HOUR), by_wall)


def minute_of(at: datetime, column: Column, zone: ZoneInfo, *, by_wall: bool) -> int:
    """Minutes since the midnight with which the column's day begins."""
    if at >= column.whole.ends_at:
        return 24 * HOUR if by_wall else column.whole.minutes
    if by_wall:
        wall = at.astimezone(zone)
        return wall.hour * HOUR + wall.minute
    return int((at - column.whole.starts_at).total_seconds()) // 60


def side_by_side(things: Sequence[tuple[Span, T]], axis: Axis, column: Column) -> list[Placed[T]]:
    """From top to bottom; what shares a row with something else gets a lane of its own."""
    found = sorted(
        ((axis.rows_of(span, column), span, what) for span, what in things), key=lambda each: (each[0][0], each[1])
    )
    lanes = _lanes([rows for rows, _, _ in found])
    return [
        Placed(what, span, f"{_classes(*rows)} {lane}") for (rows, span, what), lane in zip(found, lanes, strict=True)
    ]


def _lanes(rows: Sequence[tuple[int, int]]) -> list[str]:
    """For ranges in order: each gets the first free lane of its cluster, and a cluster shares its width."""
    lanes: list[int] = []
    found: list[str] = []
    ends: list[int] = []
    for begin, length in rows:
        if begin >= max(ends, default=0):
            found += _widths(lanes)
            lanes, ends = [], []
        free = next((n for n, end in enumerate(ends) if end <= begin), len(ends))
        ends[free : free + 1] = [begin + length]
        lanes.append(free)
    return found + _widths(lanes)


def _widths(lanes: Sequence[int]) -> list[str]:
    if not lanes:
        return []
    width = LANES // next(each for each in WIDTHS if each > max(lanes) or each == LANES)
    return [f"lane-{min(lane, LANES - 1) * width + 1} wide-{width}" for lane in lanes]


def _hour_in_words(hour: int) -> str:
    return f"{hour % 12 or 12} {'am' if hour < 12 else 'pm'}"


def _classes(row: int, length: int) -> str:
    return f"h{row // ROWS_AN_HOUR} m{row % ROWS_AN_HOUR} lh{length // ROWS_AN_HOUR} lm{length % ROWS_AN_HOUR}"
