"""Which times can be booked: pure interval arithmetic, linear in practitioners x days."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from portal.scheduling.caps import is_person_full, is_type_full
from portal.scheduling.diary import Clinic, Rules
from portal.scheduling.grid import Days, starts_in
from portal.scheduling.taken import Rooms, Taken


class OpenSlot(NamedTuple):
    """A time that can be booked: start (epoch seconds), practitioner, location and, where one is needed, room."""

    start: int
    practitioner_id: int
    location_id: int
    room_id: int | None

    @property
    def starts_at(self) -> datetime:
        """The start as an instant in UTC."""
        return datetime.fromtimestamp(self.start, UTC)


def open_slots(rules: Rules, clinic: Clinic, now: int) -> list[OpenSlot]:
    """Every bookable slot within the diaries' shifts, by start and then practitioner.

    A start lies on the grid, keeps the notice, lies within the horizon, fits its visit into the shift, keeps its visit
    with both buffers clear of everything taken, and finds a room and neither cap reached. The same answer decides what
    is shown and what may be held; `blocks.first_block` says for any other start why not.
    """
    free = free_slots(rules, clinic)
    return within(free, bounds(rules, free, clinic.zones, now))


def free_slots(rules: Rules, clinic: Clinic) -> list[OpenSlot]:
    """What the diaries leave free, whenever one looks: notice and horizon are left to `bounds`."""
    rooms = Rooms(clinic)
    days = Days(clinic.zones)
    slots: list[OpenSlot] = []
    for diary in clinic.diaries:
        if diary.is_unknown:
            continue
        taken, who = Taken(diary.taken), diary.practitioner_id
        for shift in diary.shifts:
            starts = taken.leaves(starts_in(rules, shift, days), rules)
            if not starts or is_person_full(diary, shift, days) or is_type_full(rules, clinic, shift, days):
                continue
            where = shift.location_id
            if not rooms.are_needed:
                slots += [OpenSlot(start, who, where, None) for start in starts]
                continue
            for start in starts:
                room_id = rooms.find_free(where, rules.blocked_range(start))
                if room_id is not None:
                    slots.append(OpenSlot(start, who, where, room_id))
    # Overlapping shifts would offer a time twice.
    return sorted(dict.fromkeys(slots))


class Bounds(NamedTuple):
    """Between which of the sorted free slots those lie that can be booked at one moment."""

    first: int  # its place: those before it are too soon
    ends: tuple[tuple[int, int], ...]  # by location, the first instant that is too far ahead


def bounds(rules: Rules, slots: Sequence[OpenSlot], zones: Mapping[int, ZoneInfo], now: int) -> Bounds:
    """What keeps the minimum notice and lies within the horizon at this instant. It stays the same for a while."""
    ends = tuple((location_id, rules.end_of_horizon(zone, now)) for location_id, zone in zones.items())
    return Bounds(bisect_left(slots, (rules.earliest_start(now),)), ends)


def within(slots: Sequence[OpenSlot], bounds: Bounds) -> list[OpenSlot]:
    """Those of the sorted slots that lie within the bounds."""
    kept, ends = list(slots[bounds.first :]), dict(bounds.ends)
    if not kept or kept[-1].start < min(ends.values()):
        return kept
    return [slot for slot in kept if slot.start < ends[slot.location_id]]
