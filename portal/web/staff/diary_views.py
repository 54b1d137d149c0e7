"""The three ways to look at the diary: a day, a week, and a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from portal import words
from portal.bookings.diary import Column, Diary
from portal.bookings.diary_ground import Span
from portal.bookings.diary_visits import Visit
from portal.db import Json
from portal.web.staff import diary_cards, diary_grid
from portal.web.staff.diary_asked import Asked, View
from portal.web.staff.diary_cards import Card, Cards
from portal.web.staff.diary_grid import Axis, Placed
from portal.web.staff.pager import Page

IN_AGENDA = 200  # rows of one page


@dataclass(frozen=True)
class ShownColumn:
    """A column with what stands in it. `bands` are classes of the hours, of what buffers keep, and of now."""

    column: Column
    hours: list[str]
    cards: list[Placed[Card]]
    open_bands: list[str]
    buffers: list[str]
    now: str | None


def of(asked: Asked, found: Diary, cards: Cards, now: datetime) -> Json:
    """What the template of the view shows."""
    return _VIEWS[asked.view](asked, found, cards, now)


def shown(asked: Asked, found: Diary) -> Sequence[Visit]:
    """The visits that the view has room for."""
    return [visit for visit, _ in _agenda_page(asked, found).rows] if asked.view == View.AGENDA else found.visits


def _day(asked: Asked, found: Diary, cards: Cards, now: datetime) -> Json:
    """Who has nothing to do with the day is named, and has no column unless asked for."""
    shown = [column for column in found.columns if column.has_something or asked.practitioner]
    away = [column.who.name for column in found.columns if column not in shown]
    axis = diary_grid.axis_of(shown, cards.zone)
    return {
        "axis": axis,
        "columns": [_shown(column, found, cards, axis, now) for column in shown],
        "away": away,
        "labels": axis.labels(shown[0]) if axis else [],
        "now_words": words.clock(now, cards.zone) if now.astimezone(cards.zone).date() == asked.day else "",
    }


def _week(asked: Asked, found: Diary, cards: Cards, now: datetime) -> Json:
    """One practitioner's days on a grid, or everybody's as a table. A weekend without anything is left out."""
    by_day = {day: [column for column in found.columns if column.day == day] for day in found.days}
    days = [day for day in found.days if day.weekday() < 5 or any(each.has_something for each in by_day[day])]
    if asked.practitioner or len(found.people) == 1:
        shown = [column for day in days for column in by_day[day]]
        axis = diary_grid.axis_of(shown, cards.zone, by_wall=True)
        return {
            "axis": axis,
            "days": days,
            "columns": [_shown(column, found, cards, axis, now) for column in shown],
            "labels": axis.labels(shown[0]) if axis else [],
        }
    rows: dict[int, list[ShownColumn]] = {}
    for column in found.columns:
        if column.day in days:
            rows.setdefault(column.who.id, []).append(_shown(column, found, cards, None, now))
    return {"days": days, "rows": [row for row in rows.values() if any(each.column.has_something for each in row)]}


def _agenda(asked: Asked, found: Diary, cards: Cards, now: datetime) -> Json:
    """Who comes, in order; a page holds two hundred."""
    page = _agenda_page(asked, found)
    by_day: dict[date, list[Card]] = {}
    for visit, column in page.rows:
        by_day.setdefault(column.day, []).append(cards.of_visit(visit, column))
    return {"page": page, "by_day": by_day}


def _agenda_page(asked: Asked, found: Diary) -> Page[tuple[Visit, Column]]:
    everybody = [(visit, column) for column in found.columns for visit in column.visits]
    everybody.sort(key=lambda pair: (pair[0].span.starts_at, pair[0].reference))
    typed = asked.page
    most = max(1, -(-len(everybody) // IN_AGENDA))
    number = min(max(1, int(typed)), most) if typed.isdecimal() and len(typed) < 9 else 1
    rows = everybody[(number - 1) * IN_AGENDA : number * IN_AGENDA]
    return Page(rows, number, IN_AGENDA, len(everybody))


_VIEWS = {View.DAY: _day, View.WEEK: _week, View.AGENDA: _agenda}


def _shown(column: Column, found: Diary, cards: Cards, axis: Axis | None, now: datetime) -> ShownColumn:
    hours = diary_cards.hours_of(column, found, cards)
    if axis is None:
        plain = [Placed(cards.of_visit(visit, column), visit.span, "") for visit in column.visits]
        return ShownColumn(column, hours, plain, [], [], None)
    is_now = column.whole.starts_at <= now < column.whole.ends_at and axis.shows(Span(now, now), column)
    return ShownColumn(
        column=column,
        hours=hours,
        cards=cards.in_column(column, axis),
        open_bands=[axis.place(each.span, column) for each in column.work],
        buffers=[axis.place(span, column) for span in column.buffers if axis.shows(span, column)],
        now=axis.place(Span(now, now + timedelta(minutes=1)), column) if is_now else None,
    )
