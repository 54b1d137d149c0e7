"""A month as a grid: which days have times that fit, and why the others have none."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, timedelta

from portal.web.booking import slot_list, span
from portal.web.booking.narrow import Filters
from portal.web.booking.span import Span, Why


@dataclass(frozen=True)
class Cell:
    """One day of the grid."""

    day: date
    count: int
    why: Why | None  # of a day without times
    is_chosen: bool

    @property
    def times_words(self) -> str:
        return slot_list.count_words(self.count)


@dataclass(frozen=True)
class Month:
    """Whole weeks from Monday to Sunday; None stands for a day of another month."""

    first: date
    weeks: tuple[tuple[Cell | None, ...], ...]
    earlier: date | None
    later: date | None

    @property
    def name(self) -> str:
        return name_of(self.first)

    @property
    def announce(self) -> str:
        free = sum(1 for week in self.weeks for cell in week if cell is not None and cell.count)
        return f"{self.name}: {free} day{'' if free == 1 else 's'} with free times."


def name_of(first: date) -> str:
    """ "December 2026"."""
    return f"{first:%B %Y}"


def grid(of: Span, filters: Filters) -> Month:
    """The month that is asked for, or the nearest that can be booked."""
    assert filters.month is not None
    first = min(max(filters.month, _first_of(of.today)), _first_of(of.last_day))
    following = _first_of(first + timedelta(days=31))
    table = of.read(max(first, of.today), min(following - timedelta(days=1), of.last_day))
    by_day = slot_list.by_day(filters.fitting(table.open_slots, of.zone), of.zone)
    counts = {day: len({slot.start for slot in slots}) for day, slots in by_day}
    reasons = span.reasons(table, filters)

    def cell(day: date) -> Cell | None:
        if day.month != first.month:
            return None
        why = None if day in counts else of.why(day, reasons)
        return Cell(day, counts.get(day, 0), why, day == filters.from_day)

    weeks = calendar.Calendar().monthdatescalendar(first.year, first.month)
    return Month(
        first=first,
        weeks=tuple(tuple(cell(day) for day in week) for week in weeks),
        earlier=_first_of(first - timedelta(days=1)) if first > of.today else None,
        later=following if following <= of.last_day else None,
    )


def _first_of(day: date) -> date:
    return day.replace(day=1)
