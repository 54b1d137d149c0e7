"""Says what a type's open times follow from, as plain values: hours, exceptions, places, people and what is taken."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, time
from typing import NamedTuple
from zoneinfo import ZoneInfo

from portal.scheduling.diary import Range


class Offering(NamedTuple):
    """Somebody who offers the type: named for it, or everybody with hours in its calendar if nobody is."""

    id: int
    slug: str
    name: str
    daily_cap: int | None = None


class Hours(NamedTuple):
    """Weekly hours in the location's wall time; the last day they are valid is included."""

    practitioner_id: int
    location_id: int
    weekday: int
    starts: time
    ends: time
    valid_from: date | None
    valid_until: date | None


class Extra(NamedTuple):
    """Hours beside the weekly ones, in epoch seconds."""

    practitioner_id: int
    location_id: int
    span: Range


class Closed(NamedTuple):
    """Leave or closed hours of one practitioner, or of everybody (None); `reason` is what staff wrote."""

    practitioner_id: int | None
    span: Range
    reason: str


class Place(NamedTuple):
    """A location."""

    name: str
    zone: ZoneInfo


class HolidayKept(NamedTuple):
    """A public holiday as a location keeps it; without a state it is kept only there."""

    name: str
    state: str | None


class RoomAt(NamedTuple):
    """A room and where it is."""

    id: int
    location_id: int
    name: str


@dataclass(frozen=True, eq=False)
class Facts:
    """What the clinic has arranged. Two are equal only if they are one, which makes them cheap keys."""

    practitioners: tuple[Offering, ...]  # in the clinic's order
    hours: tuple[Hours, ...] = ()
    extra: tuple[Extra, ...] = ()
    closed: tuple[Closed, ...] = ()
    places: dict[int, Place] = field(default_factory=dict)
    rooms: tuple[RoomAt, ...] = ()
    holidays: dict[tuple[int, date], HolidayKept] = field(default_factory=dict)  # by location and day
    unknown: dict[int, int | None] = field(default_factory=dict)  # practitioner -> since when Outlook is unreadable


class Visit(NamedTuple):
    """What a visit takes of a practitioner and, maybe, a room: `span` is the visit and its buffers."""

    practitioner_id: int
    room_id: int | None
    span: Range
    type_id: int
    starts: int
    ends: int
    booking_id: int = 0


class Busy(NamedTuple):
    """Busy time of a practitioner outside, such as in Outlook."""

    practitioner_id: int
    span: Range
    source: str
