"""What the list of times shows: the days of one page, what narrows them, and why there may be none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import islice
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import current_app, request
from markupsafe import Markup

from portal import money, words
from portal.bookings.models import Booking
from portal.catalogue.models import AppointmentType
from portal.clock import now
from portal.keep import kept
from portal.scheduling.availability import Timetable
from portal.scheduling.question import NEXT_DAYS
from portal.scheduling.reading import MOST_KEPT
from portal.scheduling.slots import OpenSlot
from portal.web.booking import clock_change, month, narrow, nearest, slot_list, zones
from portal.web.booking import span as spans
from portal.web.booking.narrow import Filters
from portal.web.booking.nearest import Lost
from portal.web.booking.slot_list import Day, Offered
from portal.web.booking.span import Span

DAYS_PER_PAGE = 7
DROP_WORDS = {"weekdays": "Look at all days of the week", "part": "Look at the whole day", "chosen": "Look at everyone"}


def context(
    appointment_type: AppointmentType,
    *,
    form_action: str,
    here: str,
    zone_path: str,
    error: str | None = None,
    lost: Lost | None = None,
    moving: Booking | None = None,
) -> dict[str, Any]:
    """What the list of times shows; the page that moves a visit shows the same list. Its values can be compared.

    `error` is what is wrong with what was sent, `lost` the time that it was about.
    """
    span = Span(appointment_type, now(), current_app.config["PORTAL"].zone, moving)
    table = _first_table(span)
    if (there := span.told_as(table)) != span:
        # Its days are others there, so it is asked again.
        span, table = there, _first_table(there)
    wanted_from, first_to = table.question.first, table.question.last
    filters = Filters.read(request.values, table.practitioners, moving.practitioner.slug if moving else None)
    offered = Offered.of(appointment_type, filters, span.zone, table.question.facts.places)
    tables: tuple[Timetable, ...] = (table,)
    days = _first_days(tables, filters, span.zone, offered)
    if len(days) <= DAYS_PER_PAGE and first_to < span.last_day:
        # Most lists are full before this, and nobody waits for the rest of the horizon.
        tables = table, span.read(first_to + timedelta(days=1), span.last_day)
        days = _first_days(tables, filters, span.zone, offered)
    shown, later = days[:DAYS_PER_PAGE], days[DAYS_PER_PAGE:]
    return {
        **_type_words(appointment_type, span),
        **_heading(shown, span, filters, wanted_from),
        **_zone_words(shown, span, offered),
        **_nothing_words(tables, shown, span, filters, wanted_from, here),
        "days": shown,
        # Where nobody is named, several people are free.
        "is_open_who": filters.is_choice and any(not time.one_name for day in shown for time in day.times),
        "day_html": slot_list.day_html,
        "filters": filters,
        "day_why": _day_why(table, shown, span, filters),
        "month": month.grid(span, filters) if filters.month else None,
        "month_from": shown[0].date.replace(day=1) if shown else wanted_from.replace(day=1),
        "has_earlier": wanted_from > span.today,
        "later_from": later[0].date if later else None,
        "error": error,
        "nearest_html": _nearest(tables, filters, lost, span.zone, offered) if lost else Markup(),
        # A time that is taken meanwhile must not cost the person their filters.
        "form_action": f"{form_action}?{urlencode(filters.query)}" if filters.query else form_action,
        "here": here,
        "zone_href": filters.address(zone_path) if appointment_type.is_telehealth else None,
    }


def _first_table(span: Span) -> Timetable:
    """Of the days from the one that is wanted, or the nearest that can be booked."""
    wanted_from = min(max(narrow.from_day(request.values) or span.today, span.today), span.last_day)
    return span.read(wanted_from, min(wanted_from + timedelta(days=NEXT_DAYS - 1), span.last_day))


# The list follows from these alone, and stays the same until somebody takes a time or one comes too soon.
@kept(MOST_KEPT)
def _first_days(tables: tuple[Timetable, ...], filters: Filters, zone: ZoneInfo, offered: Offered) -> tuple[Day, ...]:
    """The days of one page, and the one after them if there is one."""
    return tuple(islice(slot_list.days(filters.fitting(_slots(tables), zone), zone, offered), DAYS_PER_PAGE + 1))


def _slots(tables: Iterable[Timetable]) -> list[OpenSlot]:
    # In order, also where places keep different clocks and one's evening lies in the other's next day.
    return sorted(slot for table in tables for slot in table.open_slots)


def _type_words(appointment_type: AppointmentType, span: Span) -> dict[str, Any]:
    price = appointment_type.price_at(span.at)
    return {
        "type": appointment_type,
        "length_words": words.length(appointment_type.length_minutes or 0),
        "price_words": money.in_words(price.amount_cents) if price else None,
    }


def _heading(shown: Sequence[Day], span: Span, filters: Filters, wanted_from: date) -> dict[str, Any]:
    """Says where the list begins, so that a skipped week is not mistaken for a broken page."""
    if not shown:
        return {"heading": "We found no free time", "announce": "We found no free time", "picked": False}
    first, count = shown[0], sum(day.count for day in shown)
    picked = filters.from_day == first.date
    if picked:
        heading = f"{slot_list.count_words(first.count)} on {first.heading_words}"
        return {"heading": heading, "announce": heading, "picked": True}
    beginning = "The first free day" if wanted_from == span.today else "The next free day"
    fitting = " that fits" if filters.are_set else ""
    heading = f"{beginning}{fitting} is {first.heading_words}."
    on_days = f"{len(shown)} day{'' if len(shown) == 1 else 's'}"
    return {"heading": heading, "announce": f"{heading} {slot_list.count_words(count)} on {on_days}.", "picked": False}


def _day_why(table: Timetable, shown: Sequence[Day], span: Span, filters: Filters) -> str | None:
    """Why the day that was asked for is not the one the list begins with."""
    wanted = filters.from_day
    if wanted is None or (shown and shown[0].date == wanted):
        return None
    return f"{words.day(wanted)}: {span.why(wanted, spans.reasons(table, filters)).words}"


def _zone_words(shown: Sequence[Day], span: Span, offered: Offered) -> dict[str, Any]:
    first, last = (shown[0].date, shown[-1].date) if shown else (span.today, span.today)
    elsewhere = _elsewhere(shown) if offered.elsewhere else []
    told = [span.zone, *elsewhere, *filter(None, [offered.beside])]
    changes = [clock_change.reminder(zone, zones.place(zone), span.today, first, last) for zone in told]
    starts = [part.times[0].starts_at for day in shown for part in day.parts]
    return {
        "zone_words": slot_list.zone_words(shown, span.zone, span.at),
        "own_place": zones.place(span.zone),
        "beside_words": zones.explained(starts, span.zone, offered.beside) or zones.explained_elsewhere(elsewhere),
        "clock_changes": tuple(words for words in changes if words),
    }


def _elsewhere(shown: Sequence[Day]) -> list[ZoneInfo]:
    """The zones of places where clocks show something else."""
    times = (time for day in shown for time in day.times if time.beside_words)
    return list(dict.fromkeys(zone for time in times for zone in time.elsewhere))


@kept(MOST_KEPT)
def _nearest(tables: tuple[Timetable, ...], filters: Filters, lost: Lost, zone: ZoneInfo, offered: Offered) -> Markup:
    return nearest.html(nearest.among(filters.fitting(_slots(tables), zone), lost, zone, offered))


def _nothing_words(
    tables: Iterable[Timetable], shown: Sequence[Day], span: Span, filters: Filters, wanted_from: date, here: str
) -> dict[str, Any]:
    """Why there is nothing to choose from, and what would help."""
    if shown:
        return {"empty_words": None, "drop_links": ()}
    slots = _slots(tables)
    if not slots:
        since = f"from {words.day(wanted_from)} " if wanted_from > span.today else ""
        return {"empty_words": f"There is no free time {since}up to {words.day(span.last_day)}.", "drop_links": ()}
    bare = {"weekdays": (), "part": None, "chosen": None}
    helps = filters.in_the_way(slots, span.zone)
    links = [(DROP_WORDS[name], filters.address(here, **{name: bare[name]})) for name in helps]
    until = words.day(span.last_day)
    return {
        "empty_words": f"Nothing fits these choices. No time is free {filters.words}, up to {until}.",
        "drop_links": tuple(links) if len(filters.said) > 1 else (),
    }
