"""Open slots as people read them: by day and part of the day, each fully labelled."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple
from zoneinfo import ZoneInfo

from flask import current_app
from markupsafe import Markup

from portal import words
from portal.catalogue.models import AppointmentType
from portal.clock import now
from portal.scheduling import availability
from portal.scheduling.facts import Offering
from portal.scheduling.slots import OpenSlot

# name -> the hours it covers (product-reference 3)
PARTS = {"morning": (0, 12), "afternoon": (12, 17), "evening": (17, 24)}
MOST_DAYS_KEPT = 512
# Only years that arithmetic on either side stays inside of.
_VALUE = re.compile(r"(2\d{3}-\d{2}-\d{2}T\d{2}:\d{2}Z)/(\d{1,9})", re.ASCII)


@dataclass(frozen=True)
class Time:
    """One radio button."""

    starts_at: datetime
    value: str
    clock_words: str
    label: str
    practitioner_name: str


@dataclass(frozen=True)
class Part:
    name: str
    times: list[Time]


class Offered(NamedTuple):
    """What the words about a time need to know beside the time: who offers it, and how long it takes."""

    practitioners: tuple[Offering, ...]
    length_minutes: int

    @classmethod
    def of(cls, appointment_type: AppointmentType, practitioners: tuple[Offering, ...]) -> Offered:
        return cls(practitioners, appointment_type.length_minutes or 0)


@dataclass(frozen=True, eq=False)
class Day:
    """One day of the list. Two of them are equal only if they are one."""

    date: date
    heading_words: str
    parts: list[Part]

    @property
    def count(self) -> int:
        return sum(len(part.times) for part in self.parts)


@dataclass(frozen=True)
class Filters:
    """What narrows the list; unreadable values are as good as none."""

    from_day: date | None
    chosen: Offering | None
    part: str | None
    practitioners: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, values: Mapping[str, str], practitioners: Sequence[Offering]) -> Filters:
        part = values.get("part", "")
        return cls(
            from_day=from_day(values),
            chosen=next((one for one in practitioners if one.slug == values.get("practitioner")), None),
            part=part if part in PARTS else None,
            practitioners=tuple((one.slug, one.name) for one in practitioners),
        )

    @property
    def practitioner(self) -> str | None:
        return self.chosen.slug if self.chosen else None

    @property
    def query(self) -> dict[str, str]:
        """The filters as they stand in an address."""
        from_day = self.from_day.isoformat() if self.from_day else None
        named = {"from": from_day, "practitioner": self.practitioner, "part": self.part}
        return {name: value for name, value in named.items() if value}

    def of_chosen(self, slots: list[OpenSlot]) -> list[OpenSlot]:
        """Those of the practitioner that the person has chosen."""
        if self.chosen is None:
            return slots
        return [slot for slot in slots if slot.practitioner_id == self.chosen.id]

    def in_part(self, slots: list[OpenSlot], zone: ZoneInfo) -> list[OpenSlot]:
        """Those in the part of the day that the person has chosen."""
        if self.part is None:
            return slots
        return [slot for slot in slots if part_of(slot.starts_at, zone) == self.part]


def from_day(values: Mapping[str, str]) -> date | None:
    """The day from which times are wanted."""
    try:
        return date.fromisoformat(values.get("from", ""))
    except ValueError:
        return None


def days(slots: Sequence[OpenSlot], zone: ZoneInfo, offered: Offered) -> Iterator[Day]:
    """The days that have times. `slots` are in order."""
    place = 0
    while place < len(slots):
        day = slots[place].starts_at.astimezone(zone).date()
        next_midnight = datetime.combine(day + timedelta(days=1), time(), zone)
        end = bisect_left(slots, (int(next_midnight.timestamp()),), place)
        yield _day(day, tuple(slots[place:end]), zone, offered)
        place = end


def nearest(
    slots: Sequence[OpenSlot], wanted: datetime, zone: ZoneInfo, offered: Offered, count: int = 3
) -> list[Time]:
    """The open times closest to the one that was lost, in order of time."""
    distinct = {slot.start: slot for slot in reversed(slots)}.values()
    closest = sorted(distinct, key=lambda slot: abs(slot.start - wanted.timestamp()))[:count]
    return [_time(slot, zone, offered, with_day=True) for slot in sorted(closest)]


def nearest_to(appointment_type: AppointmentType, wanted: datetime) -> list[Time]:
    """The three open times closest to one that was lost, looked for in the weeks around it."""
    at = now()
    zone = current_app.config["PORTAL"].zone
    today = at.astimezone(zone).date()
    middle = max(wanted.astimezone(zone).date(), today)
    first, last = max(today, middle - timedelta(days=14)), middle + timedelta(days=21)
    table = availability.timetable(appointment_type, first, last, at)
    return nearest(table.open_slots, wanted, zone, Offered.of(appointment_type, table.practitioners))


def first_words(shown: Sequence[Day], wanted_from: date, today: date) -> str | None:
    """Says where the list begins, so that a skipped week is not mistaken for a broken page."""
    if not shown:
        return None
    beginning = "The first free day" if wanted_from == today else "The next free day"
    return f"{beginning} is {shown[0].heading_words}."


def zone_words(shown: Sequence[Day], zone: ZoneInfo, at: datetime) -> str:
    """The zone of the times on the page; both names when the clock changes between its days."""
    first = shown[0].parts[0].times[0].starts_at if shown else at
    last = shown[-1].parts[-1].times[-1].starts_at if shown else at
    return " and later ".join(dict.fromkeys([words.zone_name(first, zone), words.zone_name(last, zone)]))


def part_of(instant: datetime, zone: ZoneInfo) -> str:
    hour = instant.astimezone(zone).hour
    return next(name for name, (first, last) in PARTS.items() if first <= hour < last)


def value_of(slot: OpenSlot) -> str:
    """A slot as the value of a form field; it says when and who, and proves nothing."""
    return f"{slot.starts_at.astimezone(UTC):%Y-%m-%dT%H:%MZ}/{slot.practitioner_id}"


def read_value(value: str) -> tuple[datetime, int] | None:
    """The start in UTC and the practitioner's id, or None for anything that we did not write."""
    match = _VALUE.fullmatch(value)
    if match is None:
        return None
    try:
        return datetime.strptime(match[1], "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC), int(match[2])
    except ValueError:
        return None


@lru_cache(MOST_DAYS_KEPT)
def day_html(day: Day, *, is_open: bool, is_choice: bool, has_first: bool) -> Markup:
    """A day of the list as the page has it; rendered once, because nothing but these arguments is in it.

    `is_choice` names practitioners; `has_first` gives the first time the id that an error leads to.
    """
    template = current_app.jinja_env.get_template("booking/_day.html")
    html = template.render(day=day, is_open=is_open, is_choice=is_choice, has_first=has_first)
    return Markup(html)  # noqa: S704 - Jinja has escaped what is in it


# What a day reads like follows from these arguments alone, and most of the days on a page are those of the page before.
@lru_cache(MOST_DAYS_KEPT)
def _day(day: date, slots: Sequence[OpenSlot], zone: ZoneInfo, offered: Offered) -> Day:
    """One button per start: of several people free then, the one the clinic lists first."""
    order = {one.id: place for place, one in enumerate(offered.practitioners)}
    firsts = (
        min(same, key=lambda slot: order.get(slot.practitioner_id, len(order)))
        for _, same in groupby(slots, key=lambda slot: slot.start)
    )
    by_part = groupby(firsts, key=lambda slot: part_of(slot.starts_at, zone))
    parts = [Part(name.capitalize(), [_time(slot, zone, offered) for slot in of_part]) for name, of_part in by_part]
    return Day(day, words.day(day), parts)


def _time(slot: OpenSlot, zone: ZoneInfo, offered: Offered, *, with_day: bool = False) -> Time:
    name = next((one.name for one in offered.practitioners if one.id == slot.practitioner_id), "")
    local = slot.starts_at.astimezone(zone)
    clock, day = words.clock(local, zone), words.day(local)
    length = words.length(offered.length_minutes)
    return Time(
        starts_at=slot.starts_at,
        value=value_of(slot),
        clock_words=f"{day}, {clock}" if with_day else clock,
        label=f"{day}, {words.clock_in_zone(local, zone)}, {length} with {name}",
        practitioner_name=name,
    )
