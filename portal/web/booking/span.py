"""The days of a type that can be booked at one moment: their open slots, and why a day has none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from portal import words
from portal.bookings.models import Booking
from portal.catalogue.models import AppointmentType
from portal.scheduling import availability
from portal.scheduling.availability import Timetable
from portal.scheduling.blocks import Rule
from portal.scheduling.explain import Reason
from portal.web.booking.narrow import Filters


class Why(NamedTuple):
    """Why a day has no time to choose: a word that fits into a grid (it may be empty), and a sentence."""

    short: str
    words: str


SHORT = {Rule.FULL: "Full", Rule.HOLIDAY: "Holiday", Rule.TOO_SOON: "Too soon", Rule.TOO_FAR: "Not yet"}
CLOSED = "Closed"
PASSED = Why("", "This day has passed.")
NONE_FITS = Why("None fit", "There are times on this day, but none that fits your choices.")


@dataclass(frozen=True)
class Span:
    """A type's days from today to the last one that can be booked."""

    type: AppointmentType
    at: datetime
    zone: ZoneInfo  # whose days they are, and that its times are told in
    moving: Booking | None = None  # a visit does not stand in its own way

    @property
    def today(self) -> date:
        return self.at.astimezone(self.zone).date()

    @property
    def last_day(self) -> date:
        return self.today + timedelta(days=self.type.horizon_days)

    def told_as(self, table: Timetable) -> Span:
        """The same in the zone of the places where an in-person type is visited, if they share one."""
        if self.type.is_telehealth:
            return self
        facts = table.question.facts
        visited = {hours.location_id for hours in facts.hours} | {extra.location_id for extra in facts.extra}
        shared = {facts.places[location_id].zone for location_id in visited}
        return replace(self, zone=shared.pop()) if len(shared) == 1 else self

    def read(self, first: date, last: date) -> Timetable:
        """The timetable of some of the days, in one query."""
        if self.moving is None:
            return availability.timetable(self.type, first, last, self.at)
        own = {"ignoring_booking": self.moving.id, "length_minutes": self.moving.length_minutes}
        return availability.timetable(self.type, first, last, self.at, **own)

    def why(self, day: date, reasons: Mapping[date, Reason]) -> Why:
        """Why a day has nothing that fits; `reasons` are those of its timetable."""
        if day < self.today:
            return PASSED
        if day > self.last_day:
            return Why(SHORT[Rule.TOO_FAR], f"Times can be booked until {words.day(self.last_day)}.")
        reason = reasons.get(day)
        return Why(SHORT.get(reason.rule, CLOSED), reason.for_patients) if reason else NONE_FITS


def reasons(table: Timetable, filters: Filters) -> dict[date, Reason]:
    """Why days of the timetable are empty, for the practitioner that is chosen or for all."""
    return table.why_empty([filters.chosen.id] if filters.chosen else None)
