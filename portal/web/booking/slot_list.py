"""Open slots as people read them: by day and part of the day, each fully labelled."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import NamedTuple
from zoneinfo import ZoneInfo

from flask import current_app
from markupsafe import Markup

from portal import words
from portal.catalogue.models import AppointmentType
from portal.keep import kept
from portal.scheduling.facts import Offering, Place
from portal.scheduling.slots import OpenSlot
from portal.web.booking import zones
from portal.web.booking.narrow import Filters, part_of

MOST_DAYS_KEPT = 512
MOST_NAMES = 3
ANYONE = "any"
# Only years that arithmetic on either side stays inside of.
_VALUE = re.compile(r"(2\d{3}-\d{2}-\d{2}T\d{2}:\d{2}Z)/(\d{1,9}|any)", re.ASCII)


@dataclass(frozen=True)
class Time:
    """One radio button."""

    starts_at: datetime
    value: str
    clock_words: str
    beside_words: str | None  # the same time where the person lives, or where the visit takes place
    elsewhere: tuple[ZoneInfo, ...]  # the zones of its places that are not the list's
    label: str
    who_words: str
    one_name: str  # empty where several people could take the visit


@dataclass(frozen=True)
class Part:
    name: str
    times: list[Time]


class Offered(NamedTuple):
    """What the words about a time need to know beside the time."""

    practitioners: tuple[Offering, ...]
    length_minutes: int
    is_choice: bool  # whoever is free takes the visit
    beside: ZoneInfo | None  # a second zone, in which each time is told as well
    elsewhere: tuple[tuple[int, ZoneInfo], ...]  # the locations with another zone, in which their times are told too

    @classmethod
    def of(
        cls, appointment_type: AppointmentType, filters: Filters, zone: ZoneInfo, places: Mapping[int, Place]
    ) -> Offered:
        """For a list in `zone`; `places` are the clinic's."""
        is_telehealth, length_minutes = appointment_type.is_telehealth, appointment_type.length_minutes or 0
        others = ((location_id, place.zone) for location_id, place in places.items() if place.zone != zone)
        return cls(
            filters.practitioners,
            length_minutes,
            filters.is_choice,
            beside=zones.chosen() if is_telehealth else None,
            elsewhere=() if is_telehealth else tuple(others),
        )


@dataclass(frozen=True, eq=False)
class Day:
    """One day of the list. Two of them are equal only if they are one."""

    date: date
    heading_words: str
    parts: list[Part]

    @property
    def times(self) -> list[Time]:
        return [time for part in self.parts for time in part.times]

    @property
    def count(self) -> int:
        return sum(len(part.times) for part in self.parts)


def days(slots: Sequence[OpenSlot], zone: ZoneInfo, offered: Offered) -> Iterator[Day]:
    """The days that have times. `slots` are in order."""
    for day, of_day in by_day(slots, zone):
        yield _day(day, of_day, zone, offered)


def by_day(slots: Sequence[OpenSlot], zone: ZoneInfo) -> Iterator[tuple[date, tuple[OpenSlot, ...]]]:
    """Each day with its slots. `slots` are in order."""
    place = 0
    while place < len(slots):
        day = slots[place].starts_at.astimezone(zone).date()
        next_midnight = datetime.combine(day + timedelta(days=1), time(), zone)
        end = bisect_left(slots, (int(next_midnight.timestamp()),), place)
        yield day, tuple(slots[place:end])
        place = end


def choices(slots: Sequence[OpenSlot], zone: ZoneInfo, offered: Offered, *, with_day: bool = False) -> list[Time]:
    """One choice per start, whoever is free then. `slots` are in order."""
    by_start = groupby(slots, key=lambda slot: slot.start)
    return [_time(tuple(same), zone, offered, with_day=with_day) for _, same in by_start]


def count_words(count: int) -> str:
    return f"{count} free time{'' if count == 1 else 's'}"


def zone_words(shown: Sequence[Day], zone: ZoneInfo, at: datetime) -> str:
    """The zone of the times on the page; both names when the clock changes between its days."""
    first = shown[0].parts[0].times[0].starts_at if shown else at
    last = shown[-1].parts[-1].times[-1].starts_at if shown else at
    return " and later ".join(dict.fromkeys([words.zone_name(first, zone), words.zone_name(last, zone)]))


def value_of(starts_at: datetime, practitioner_id: int | None) -> str:
    """A time as the value of a form field; it says when and who, None for anyone, and proves nothing."""
    return f"{starts_at.astimezone(UTC):%Y-%m-%dT%H:%MZ}/{practitioner_id or ANYONE}"


def read_value(value: str) -> tuple[datetime, int | None] | None:
    """The start in UTC and the practitioner's id (None: anyone), or None for anything that we did not write."""
    match = _VALUE.fullmatch(value)
    if match is None:
        return None
    try:
        starts_at = datetime.strptime(match[1], "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC)
    except ValueError:
        return None
    return starts_at, None if match[2] == ANYONE else int(match[2])


@kept(MOST_DAYS_KEPT)
def day_html(day: Day, *, is_open: bool, is_choice: bool, has_first: bool) -> Markup:
    """A day of the list as the page has it; rendered once, because nothing but these arguments is in it.

    `is_choice` names practitioners; `has_first` gives the first time the id that an error leads to.
    """
    template = current_app.jinja_env.get_template("booking/_day.html")
    html = template.render(day=day, is_open=is_open, is_choice=is_choice, has_first=has_first)
    return Markup(html)  # noqa: S704 - Jinja has escaped what is in it


# What a day reads like follows from these arguments alone, and most of the days on a page are those of the page before.
@kept(MOST_DAYS_KEPT)
def _day(day: date, slots: Sequence[OpenSlot], zone: ZoneInfo, offered: Offered) -> Day:
    by_part = groupby(choices(slots, zone, offered), key=lambda time: part_of(time.starts_at, zone))
    return Day(day, words.day(day), [Part(name.capitalize(), list(of_part)) for name, of_part in by_part])


def _time(same: Sequence[OpenSlot], zone: ZoneInfo, offered: Offered, *, with_day: bool) -> Time:
    """The choice that stands for the slots of one start: of several people the one who gets it is fixed at hold."""
    starts_at = same[0].starts_at
    free = {slot.practitioner_id for slot in same}
    names = [one.name for one in offered.practitioners if one.id in free]
    local = starts_at.astimezone(zone)
    clock, day, length = words.clock(local, zone), words.day(local), words.length(offered.length_minutes)
    elsewhere = _elsewhere(same, offered) if offered.elsewhere else ()
    told = (zones.beside(starts_at, zone, second) for second in elsewhere or (offered.beside,))
    beside = ", ".join(filter(None, told)) or None
    who, also = _who_words(names), f", {beside}" if beside else ""
    return Time(
        starts_at=starts_at,
        value=value_of(starts_at, None if offered.is_choice else same[0].practitioner_id),
        clock_words=f"{day}, {clock}" if with_day else clock,
        beside_words=beside,
        elsewhere=elsewhere,
        label=f"{day}, {words.clock_in_zone(local, zone)}{also}, {length} with {who}",
        who_words=who,
        one_name=names[0] if len(names) == 1 else "",
    )


def _elsewhere(same: Sequence[OpenSlot], offered: Offered) -> tuple[ZoneInfo, ...]:
    known = dict(offered.elsewhere)
    return tuple(dict.fromkeys(known[slot.location_id] for slot in same if slot.location_id in known))


def _who_words(names: Sequence[str]) -> str:
    if len(names) > MOST_NAMES:
        return f"one of {len(names)} practitioners"
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
