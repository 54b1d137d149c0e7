"""Open slots as people read them: by day and part of the day, each fully labelled."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from flask import current_app

from portal import words
from portal.catalogue.models import AppointmentType
from portal.clock import now
from portal.scheduling import availability
from portal.scheduling.availability import OpenSlot
from portal.staff.models import Practitioner

# name -> the hours it covers (product-reference 3)
PARTS = {"morning": (0, 12), "afternoon": (12, 17), "evening": (17, 24)}
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


@dataclass(frozen=True)
class Day:
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
    chosen: Practitioner | None
    part: str | None
    practitioners: list[tuple[str, str]]

    @classmethod
    def read(cls, values: Mapping[str, str], practitioners: Sequence[Practitioner]) -> Filters:
        part = values.get("part", "")
        return cls(
            from_day=_read_day(values.get("from", "")),
            chosen=next((one for one in practitioners if one.slug == values.get("practitioner")), None),
            part=part if part in PARTS else None,
            practitioners=[(one.slug, one.name) for one in practitioners],
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

    def fits(self, starts_at: datetime, zone: ZoneInfo) -> bool:
        return self.part is None or part_of(starts_at, zone) == self.part


def days(
    slots: Iterable[OpenSlot],
    zone: ZoneInfo,
    practitioners: Sequence[Practitioner],
    appointment_type: AppointmentType,
) -> list[Day]:
    """The days that have times. One button per start: of several people free then, the one the clinic lists first."""
    names = {one.id: one.name for one in practitioners}
    order = {one.id: place for place, one in enumerate(practitioners)}
    firsts = (
        min(same, key=lambda slot: order.get(slot.practitioner_id, len(order)))
        for _, same in groupby(slots, key=lambda slot: slot.starts_at)
    )
    found = []
    for day, of_day in groupby(firsts, key=lambda slot: slot.starts_at.astimezone(zone).date()):
        by_part = groupby(of_day, key=lambda slot: part_of(slot.starts_at, zone))
        parts = [
            Part(name.capitalize(), [_time(slot, zone, names, appointment_type) for slot in of_part])
            for name, of_part in by_part
        ]
        found.append(Day(day, words.day(day), parts))
    return found


def nearest(
    slots: Sequence[OpenSlot],
    wanted: datetime,
    zone: ZoneInfo,
    practitioners: Sequence[Practitioner],
    appointment_type: AppointmentType,
    count: int = 3,
) -> list[Time]:
    """The open times closest to the one that was lost, in order of time."""
    names = {one.id: one.name for one in practitioners}
    distinct = {slot.starts_at: slot for slot in reversed(slots)}.values()
    closest = sorted(distinct, key=lambda slot: abs(slot.starts_at - wanted))[:count]
    return [_time(slot, zone, names, appointment_type, with_day=True) for slot in sorted(closest)]


def nearest_to(appointment_type: AppointmentType, wanted: datetime) -> list[Time]:
    """The three open times closest to one that was lost, looked for in the weeks around it."""
    at = now()
    zone = current_app.config["PORTAL"].zone
    today = at.astimezone(zone).date()
    middle = max(wanted.astimezone(zone).date(), today)
    slots = availability.open_slots(
        appointment_type, max(today, middle - timedelta(days=14)), middle + timedelta(days=21), at
    )
    practitioners = availability.practitioners_offering(appointment_type)
    return nearest(slots, wanted, zone, practitioners, appointment_type)


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


def _time(
    slot: OpenSlot,
    zone: ZoneInfo,
    names: Mapping[int, str],
    appointment_type: AppointmentType,
    *,
    with_day: bool = False,
) -> Time:
    name = names.get(slot.practitioner_id, "")
    clock, day = words.clock(slot.starts_at, zone), words.day(slot.starts_at, zone)
    length = words.length(appointment_type.length_minutes or 0)
    return Time(
        starts_at=slot.starts_at,
        value=value_of(slot),
        clock_words=f"{day}, {clock}" if with_day else clock,
        label=f"{day}, {words.clock_in_zone(slot.starts_at, zone)}, {length} with {name}",
        practitioner_name=name,
    )


def _read_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
