"""Answers which times are open: the one answer that is shown, and that decides whether a time may be held."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from portal.catalogue.models import AppointmentType
from portal.scheduling import facts, slots
from portal.scheduling.facts import Facts, Offering
from portal.scheduling.slots import Diary, OpenSlot, Range, RoomDiary, Rules, Shift


@dataclass(frozen=True)
class Timetable:
    """Who offers a type, and its open slots in order, as they were at one moment."""

    practitioners: tuple[Offering, ...]
    open_slots: list[OpenSlot]


def rules_of(appointment_type: AppointmentType) -> Rules:
    """The rules of a type that can be booked."""
    assert appointment_type.length_minutes is not None
    return Rules(
        length=appointment_type.length_minutes,
        buffer_before=appointment_type.buffer_before_minutes,
        buffer_after=appointment_type.buffer_after_minutes,
        minimum_notice=appointment_type.minimum_notice_minutes,
        horizon_days=appointment_type.horizon_days,
        start_step=appointment_type.start_step_minutes,
    )


def timetable(
    appointment_type: AppointmentType,
    first: date,
    last: date,
    now: datetime,
    *,
    ignoring_booking: int | None = None,
) -> Timetable:
    """Open slots from the first to the last local day, both included, in order; one query, however many days.

    `ignoring_booking` leaves one booking out of what is taken, because a visit does not stand in its own way when it
    moves. Holds that have lapsed take nothing.
    """
    # Two days around the window, because buffers and zones reach over its edges; and whole weeks, see facts.py.
    since = datetime.combine(_monday(first - timedelta(days=2)), time(), UTC)
    until = datetime.combine(_monday(last + timedelta(days=9)), time(), UTC)
    reading = facts.read(appointment_type, first, last, since, until, now, ignoring_booking)
    rules = rules_of(appointment_type)
    free = _free_slots(rules, reading.facts, reading.taken, first, last, appointment_type.needs_room)
    found = slots.not_too_soon_or_late(rules, free, reading.facts.zones, int(now.timestamp()))
    return Timetable(reading.facts.practitioners, found)


def open_slots(
    appointment_type: AppointmentType,
    first: date,
    last: date,
    now: datetime,
    *,
    practitioner_ids: Sequence[int] | None = None,
    ignoring_booking: int | None = None,
) -> list[OpenSlot]:
    """The timetable's open slots; `practitioner_ids` narrows to these people."""
    found = timetable(appointment_type, first, last, now, ignoring_booking=ignoring_booking).open_slots
    return [slot for slot in found if practitioner_ids is None or slot.practitioner_id in practitioner_ids]


def slots_at(
    appointment_type: AppointmentType, starts_at: datetime, now: datetime, *, ignoring_booking: int | None = None
) -> list[OpenSlot]:
    """The open slots that begin at this very instant: one per practitioner who is free then."""
    day = starts_at.astimezone(UTC).date()
    window = open_slots(
        appointment_type, day - timedelta(days=1), day + timedelta(days=1), now, ignoring_booking=ignoring_booking
    )
    return [slot for slot in window if slot.start == starts_at.timestamp()]


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


# Everything the answer follows from is an argument, so a kept answer is never an old one.
@lru_cache(facts.MOST_KEPT)
def _free_slots(
    rules: Rules, arranged: Facts, taken: str, first: date, last: date, needs_room: bool
) -> tuple[OpenSlot, ...]:
    by_practitioner: dict[int, list[Range]] = defaultdict(list)
    by_room: dict[int, list[Range]] = defaultdict(list)
    for row in facts.taken_ranges(taken):
        by_practitioner[row.practitioner_id].append(row.span)
        if row.room_id is not None:
            by_room[row.room_id].append(row.span)
    closed: dict[int | None, list[Range]] = defaultdict(list)
    for who, span in arranged.closed:
        closed[who].append(span)
    diaries = [
        Diary(who, shifts, [*by_practitioner[who], *closed[who], *closed[None]])
        for who, shifts in _shifts(arranged, first, last).items()
    ]
    rooms = [RoomDiary(room, location, by_room[room]) for room, location in arranged.rooms] if needs_room else None
    return tuple(slots.free_slots(rules, diaries, rooms, arranged.zones))


def _shifts(arranged: Facts, first: date, last: date) -> dict[int, list[Shift]]:
    """Each practitioner's shifts on each day: the weekly hours in force, and extra hours."""
    shifts: dict[int, list[Shift]] = defaultdict(list)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    for hours in arranged.hours:
        for day in days:
            in_force = (hours.valid_from or day) <= day <= (hours.valid_until or day)
            if day.weekday() == hours.weekday and in_force:
                shifts[hours.practitioner_id].append(Shift(day, hours.starts, hours.ends, hours.location_id))
    for extra in arranged.extra:
        zone = arranged.zones[extra.location_id]
        starts, ends = (datetime.fromtimestamp(at, zone) for at in extra.span)
        for day in days:
            if starts.date() <= day <= ends.date():
                # One that goes on past midnight is a shift on each of its days.
                begin = starts.time() if day == starts.date() else time()
                until = ends.time() if day == ends.date() else time(23, 59)
                shifts[extra.practitioner_id].append(Shift(day, begin, until, extra.location_id))
    return shifts
