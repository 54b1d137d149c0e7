"""Which times come closest to a visit that cannot be kept: pure, over open slots and the visit's own time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from portal.scheduling.slots import OpenSlot

NOON, EVENING = 12, 17


def ranked(slots: Iterable[OpenSlot], practitioner_id: int, starts_at: datetime, zone: ZoneInfo) -> list[OpenSlot]:
    """The same practitioner first, then the same weekday and part of the day, then the nearest: the best of each day.

    Three times within one morning would be no choice for somebody who cannot come that day.
    """
    wanted = _habit(starts_at, zone)

    def order(slot: OpenSlot) -> tuple[bool, bool, int, int, int, int]:
        is_unusual = _habit(slot.starts_at, zone) != wanted
        days, minutes = _distance(slot.starts_at.astimezone(zone), starts_at.astimezone(zone))
        return slot.practitioner_id != practitioner_id, is_unusual, days, minutes, slot.start, slot.practitioner_id

    best: dict[date, OpenSlot] = {}
    for slot in sorted(slots, key=order):
        best.setdefault(slot.starts_at.astimezone(zone).date(), slot)
    return list(best.values())


def _distance(one: datetime, other: datetime) -> tuple[int, int]:
    """Days apart, and minutes of the day apart: both are local times."""
    minutes = (one.hour - other.hour) * 60 + one.minute - other.minute
    return abs((one.date() - other.date()).days), abs(minutes)


def _habit(instant: datetime, zone: ZoneInfo) -> tuple[int, int]:
    """The weekday, and the morning (before 12), afternoon (12 to 5) or evening."""
    local = instant.astimezone(zone)
    return local.weekday(), (local.hour >= NOON) + (local.hour >= EVENING)
