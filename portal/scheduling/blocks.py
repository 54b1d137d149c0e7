"""Which rule forbids a time: the other side of slots.py, over the same diaries, grid, caps and rooms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from portal.scheduling.caps import is_person_full, is_type_full
from portal.scheduling.diary import Clinic, Diary, Rules, Shift
from portal.scheduling.grid import Days, first_minute, minutes_of, starts_in
from portal.scheduling.taken import Rooms


class Rule(StrEnum):
    """What may keep a time from being booked, in the order in which it is looked at."""

    NOT_OFFERED = "not-offered"
    UNKNOWN = "unknown"
    TOO_SOON = "too-soon"
    TOO_FAR = "too-far"
    OUTSIDE_HOURS = "outside-hours"
    HOLIDAY = "holiday"
    OFF_GRID = "off-grid"
    CLOCK_CHANGE = "clock-change"
    CLOSED = "closed"
    LEAVE = "leave"
    TAKEN = "taken"
    BUFFER = "buffer"
    BUSY = "busy"
    DAILY_CAP = "daily-cap"
    TYPE_CAP = "type-cap"
    NO_ROOM = "no-room"
    FULL = "full"  # of a day: each of its times is kept by one of the rules above

    @property
    def place(self) -> int:
        """How far a time came before this rule stopped it."""
        return _PLACES[self]


_PLACES = {rule: place for place, rule in enumerate(Rule)}


class Block(NamedTuple):
    """The rule that forbids a time, the shift it was looked for in, and which of the diary's taken ranges it meets."""

    rule: Rule
    shift: Shift | None = None
    taken: tuple[int, ...] = ()


def first_block(rules: Rules, clinic: Clinic, diary: Diary, start: float, now: int) -> Block | None:
    """The first rule that keeps this start from being open in this diary; None exactly if `open_slots` has it.

    `clinic` must reach over the whole local day of the start.
    """
    if diary.is_unknown:
        return Block(Rule.UNKNOWN)
    if start < rules.earliest_start(now):
        return Block(Rule.TOO_SOON)
    if start >= max(rules.end_of_horizon(zone, now) for zone in clinic.zones.values()):
        return Block(Rule.TOO_FAR)
    shifts = _shifts_of_day(diary.shifts, clinic, start)
    blocks = [_block_in(rules, clinic, diary, shift, start, now) for shift in shifts]
    if None in blocks:
        return None
    # Where several shifts could have had it, the one that came closest has the most to say.
    closest = max((block for block in blocks if block), key=lambda block: block.rule.place, default=None)
    if closest is None or closest.rule == Rule.OUTSIDE_HOURS:
        return _no_shift(rules, clinic, diary, start)
    return closest


def _shifts_of_day(shifts: Sequence[Shift], clinic: Clinic, start: float) -> Iterator[Shift]:
    for shift in shifts:
        if shift.day == datetime.fromtimestamp(start, clinic.zones[shift.location_id]).date():
            yield shift


def _block_in(rules: Rules, clinic: Clinic, diary: Diary, shift: Shift, start: float, now: int) -> Block | None:
    zone, days = clinic.zones[shift.location_id], Days(clinic.zones)
    if start >= rules.end_of_horizon(zone, now):
        return Block(Rule.TOO_FAR, shift)
    if not _is_within(rules, shift, zone, start):
        return Block(Rule.OUTSIDE_HOURS, shift)
    wall = datetime.fromtimestamp(start, zone)
    minute = wall.hour * 60 + wall.minute
    if wall.second or wall.microsecond or (minute - first_minute(rules, shift)) % rules.start_step:
        return Block(Rule.OFF_GRID, shift)
    start = int(start)
    if start not in starts_in(rules, shift, days):
        return Block(Rule.CLOCK_CHANGE, shift)
    begin, end = rules.blocked_range(start)
    met = tuple(n for n, taken in enumerate(diary.taken) if taken[0] < end and begin < taken[1])
    if met:
        return Block(Rule.TAKEN, shift, met)
    if is_person_full(diary, shift, days):
        return Block(Rule.DAILY_CAP, shift)
    if is_type_full(rules, clinic, shift, days):
        return Block(Rule.TYPE_CAP, shift)
    rooms = Rooms(clinic)
    if rooms.are_needed and rooms.find_free(shift.location_id, (begin, end)) is None:
        return Block(Rule.NO_ROOM, shift)
    return None


def _is_within(rules: Rules, shift: Shift, zone: ZoneInfo, start: float) -> bool:
    """Whether a visit at this instant lies in the shift, as far as clocks on the wall tell."""
    wall = datetime.fromtimestamp(start, zone)
    begin = wall.hour * 60 + wall.minute
    return wall.time() >= shift.starts and begin + rules.length <= minutes_of(shift.ends)


def _no_shift(rules: Rules, clinic: Clinic, diary: Diary, start: float) -> Block:
    for shift in _shifts_of_day(diary.on_holiday, clinic, start):
        if _is_within(rules, shift, clinic.zones[shift.location_id], start):
            return Block(Rule.HOLIDAY, shift)
    return Block(Rule.OUTSIDE_HOURS)
