"""What patients would see of a practitioner's week: free times by type and day, from the hours as they stand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from portal import words
from portal.catalogue import offer
from portal.catalogue.models import AppointmentType
from portal.db import db
from portal.scheduling import availability
from portal.staff.models import Practitioner

DAYS = 7


@dataclass(frozen=True)
class Cell:
    """One day of a type: how many times, from the first to the last."""

    count: int
    span: str


@dataclass(frozen=True)
class Line:
    """One type."""

    name: str
    cells: list[Cell]


def of(practitioner: Practitioner, calendar_slug: str, first: date, now: datetime, zone: ZoneInfo) -> list[Line]:
    """A line for each type that can be booked in this calendar, a cell for each of seven days; one query a type.

    The types' horizon does not count: hours are often planned for a time that cannot be booked yet.
    """
    wanted = select(AppointmentType).where(AppointmentType.calendar_slug == calendar_slug, AppointmentType.is_active)
    types = [
        each for each in db.session.scalars(wanted.order_by(AppointmentType.position)) if offer.is_bookable(each, now)
    ]
    return [Line(each.name, _cells(each, practitioner, first, now, zone)) for each in types]


def _cells(
    appointment_type: AppointmentType, practitioner: Practitioner, first: date, now: datetime, zone: ZoneInfo
) -> list[Cell]:
    days = [first + timedelta(days=n) for n in range(DAYS)]
    table = availability.timetable(appointment_type, days[0], days[-1], now)
    starts = [
        slot.starts_at
        for slot in table.question.free_slots
        if slot.practitioner_id == practitioner.id and slot.starts_at > now
    ]
    return [_cell([start for start in starts if start.astimezone(zone).date() == day], zone) for day in days]


def _cell(starts: list[datetime], zone: ZoneInfo) -> Cell:
    if not starts:
        return Cell(0, "")
    begin, end = words.clock(starts[0], zone), words.clock(starts[-1], zone)
    return Cell(len(starts), begin if begin == end else f"{begin} to {end}")
