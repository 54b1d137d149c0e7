"""Dates, times and lengths as people read them, on pages, in mails and in calendar entries."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo


def day(value: date | datetime, zone: ZoneInfo | None = None) -> str:
    """ "Tuesday 1 December 2026"; an instant needs the zone to know its day."""
    local = value.astimezone(zone) if isinstance(value, datetime) and zone else value
    return f"{local:%A} {local.day} {local:%B %Y}"


def birth_date(born_on: date) -> str:
    """ "09/03/1984": as tables and forms in Australia say it."""
    return f"{born_on:%d/%m/%Y}"


def clock(instant: datetime, zone: ZoneInfo) -> str:
    """ "10:00 am" in the zone."""
    local = instant.astimezone(zone)
    return f"{local.hour % 12 or 12}:{local:%M} {'am' if local.hour < 12 else 'pm'}"


def soon(instant: datetime, zone: ZoneInfo) -> str:
    """ "Tuesday 1 December, 10:00 am Sydney time": a time in the months ahead, in few words."""
    local = instant.astimezone(zone)
    return f"{local:%A} {local.day} {local:%B}, {clock(local, zone)} {place(zone)} time"


def brief(instant: datetime, zone: ZoneInfo) -> str:
    """ "Tue 1 Dec 2026, 10:00 am": for lists that staff read in the clinic's own zone."""
    local = instant.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %Y}, {clock(local, zone)}"


def place(zone: ZoneInfo) -> str:
    """ "Sydney", "Lord Howe"."""
    return zone.key.rpartition("/")[2].replace("_", " ")


def zone_name(instant: datetime, zone: ZoneInfo) -> str:
    """ "Sydney time (AEDT)": the place people know, and the abbreviation in force at that instant."""
    return f"{place(zone)} time ({instant.astimezone(zone):%Z})"


def clock_in_zone(instant: datetime, zone: ZoneInfo) -> str:
    """ "10:00 am Sydney time (AEDT)"."""
    return f"{clock(instant, zone)} {zone_name(instant, zone)}"


def when(instant: datetime, zone: ZoneInfo) -> str:
    """ "Tuesday 1 December 2026, 10:00 am Sydney time (AEDT)"."""
    return f"{day(instant, zone)}, {clock_in_zone(instant, zone)}"


def length(minutes: int) -> str:
    """ "15 minutes", "1 hour", "1 hour 30 minutes"."""
    hours, rest = divmod(minutes, 60)
    parts = [f"{hours} hour{'s' if hours > 1 else ''}"] if hours else []
    if rest or not hours:
        parts.append(f"{rest} minute{'s' if rest != 1 else ''}")
    return " ".join(parts)
