"""Says in words why a time, or a whole day, cannot be booked: to staff what stands in the way, to patients what helps.

The words name times and rules, never a person's name: a neighbouring visit is "the 11:00 visit" to everybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from portal import words
from portal.scheduling.blocks import Block, Rule, first_block
from portal.scheduling.books import Books, Cause
from portal.scheduling.diary import Range, Rules
from portal.scheduling.facts import Busy, Closed, Visit

SOURCES = {"outlook": "Outlook", "medirecords": "MediRecords", "calendly": "Calendly"}


@dataclass(frozen=True)
class Reason:
    """The first rule that stands in the way: `words` for staff, `for_patients` a sentence for whoever wants to book."""

    rule: Rule
    words: str
    for_patients: str


JUST_TAKEN = Reason(Rule.TAKEN, "taken a moment ago", "That time has just been taken.")
CLOCK_CHANGES = Reason(Rule.CLOCK_CHANGE, "the clock changes then", "That time cannot be booked.")
PAST = Reason(Rule.TOO_SOON, "in the past", "That time has passed.")


def of_time(rules: Rules, books: Books, practitioner_id: int | None, start: float, now: int) -> Reason | None:
    """Why a visit cannot start at this instant with this practitioner, or with anybody (None). None: it can.

    Of several practitioners, the one who came closest to being free has the reason.
    """
    offered = [who.id for who in books.facts.practitioners if practitioner_id in (None, who.id)]
    if not offered:
        return _not_offered(practitioner_id)
    blocks = [(first_block(rules, books.clinic, books.diary_of(who), start, now), who) for who in offered]
    if any(block is None for block, _ in blocks):
        return None
    block, who = max(((block, who) for block, who in blocks if block), key=lambda found: found[0].rule.place)
    return _in_words(rules, books, block, who, start, now)


def of_day(books: Books, practitioner_ids: Sequence[int], day: date) -> Reason:
    """Why nobody of these could see anybody on a day, even if there were no visits at all."""
    diaries = [diary for diary in books.clinic.diaries if diary.practitioner_id in practitioner_ids]
    if not diaries:
        return _not_offered(None)
    if all(diary.is_unknown for diary in diaries):
        return _unknown(books, diaries[0].practitioner_id)
    shifts = [(diary, shift) for diary in diaries for shift in diary.shifts if shift.day == day]
    for diary, shift in shifts:
        zone = books.clinic.zones[shift.location_id]
        hours = _instants(day, shift.starts, shift.ends, zone)
        for cause in books.causes.get(diary.practitioner_id, ()):
            if isinstance(cause, Closed) and _meet(cause.span, hours):
                return _closed(cause, zone, whole_day=True)
    for diary in diaries if not shifts else ():
        for shift in diary.on_holiday:
            if shift.day == day:
                return _holiday(books, shift.location_id, day)
    return Reason(Rule.OUTSIDE_HOURS, "no hours on this day", "There are no appointments on this day.")


def too_soon(rules: Rules, *, whole_day: bool = False) -> Reason:
    """The minimum notice cannot be kept any more."""
    what = "Times on this day need" if whole_day else "That time needs"
    return Reason(
        Rule.TOO_SOON,
        f"minimum notice {_short(rules.minimum_notice)}",
        f"{what} {_of_notice(rules.minimum_notice)} notice.",
    )


def too_far(rules: Rules, zone: ZoneInfo, now: int) -> Reason:
    """Beyond the horizon."""
    last = words.day(rules.last_day(zone, now))
    return Reason(Rule.TOO_FAR, f"too far ahead: bookable until {last}", f"Times can be booked until {last}.")


def full() -> Reason:
    """Of a day that has hours, and each of whose times something stands in the way of."""
    return Reason(Rule.FULL, "fully booked", "Every time on this day is taken.")


def _in_words(rules: Rules, books: Books, block: Block, who: int, start: float, now: int) -> Reason:
    clinic, shift = books.clinic, block.shift
    zone = clinic.zones[shift.location_id] if shift else next(iter(clinic.zones.values()))
    match block.rule:
        case Rule.UNKNOWN:
            return _unknown(books, who)
        case Rule.TOO_SOON:
            return too_soon(rules) if start >= now else PAST
        case Rule.TOO_FAR:
            return too_far(rules, zone, now)
        case Rule.HOLIDAY:
            assert shift is not None
            return _holiday(books, shift.location_id, shift.day)
        case Rule.OFF_GRID:
            return _not_a_time(block.rule, _grid(rules, shift.starts if shift else time()))
        case Rule.CLOCK_CHANGE:
            return CLOCK_CHANGES
        case Rule.TAKEN:
            return _taken(rules, [books.causes[who][place] for place in block.taken], int(start), zone)
        case Rule.DAILY_CAP:
            cap = books.diary_of(who).daily_cap or 0
            return _day_is_full(block.rule, f"daily cap of {_visits(cap)} reached")
        case Rule.TYPE_CAP:
            return _day_is_full(block.rule, f"daily cap of {_visits(rules.daily_cap or 0)} of this type reached")
        case Rule.NO_ROOM:
            assert shift is not None
            return _no_room(books, shift.location_id)
    return _not_a_time(Rule.OUTSIDE_HOURS, "outside hours")


def _taken(rules: Rules, causes: Sequence[Cause], start: int, zone: ZoneInfo) -> Reason:
    """Closed hours first, then a visit rather than its buffer, then what is busy outside."""
    own = start, start + rules.length * 60
    visits = [cause for cause in causes if isinstance(cause, Visit)]
    for cause in (*causes[:1], *visits):
        if isinstance(cause, Closed):
            return _closed(cause, zone)
        if isinstance(cause, Visit) and _meet(own, (cause.starts, cause.ends)):
            return Reason(Rule.TAKEN, f"taken by the {_clock(cause.starts, zone)} visit", JUST_TAKEN.for_patients)
    if visits:
        return Reason(Rule.BUFFER, _buffer(visits[0], own, zone), JUST_TAKEN.for_patients)
    busy = causes[0]
    assert isinstance(busy, Busy)
    close = "" if _meet(own, busy.span) else ", too close for the buffer"
    told = f"{SOURCES.get(busy.source, busy.source)} busy {_span(busy.span, zone)}{close}"
    return Reason(Rule.BUSY, told, "That time is not free any more.")


def _buffer(visit: Visit, own: Range, zone: ZoneInfo) -> str:
    place = "after" if visit.starts < own[0] else "before"
    if _meet(own, visit.span):
        return f"buffer {place} the {_clock(visit.starts, zone)} visit"
    return f"too little time {place} the {_clock(visit.starts, zone)} visit for the buffers of both"


def _closed(closed: Closed, zone: ZoneInfo, *, whole_day: bool = False) -> Reason:
    when = _span(closed.span, zone)
    if closed.practitioner_id is not None:
        told = "There are no appointments on this day." if whole_day else "That time is not free any more."
        return Reason(Rule.LEAVE, f"leave {when}", told)
    why = f": {closed.reason}" if closed.reason else ""
    told = "The clinic is closed on this day." if whole_day else "The clinic is closed then."
    return Reason(Rule.CLOSED, f"clinic closed {when}{why}", told)


def _holiday(books: Books, location_id: int, day: date) -> Reason:
    holiday = books.facts.holidays[location_id, day]
    where = holiday.state or f"at {books.facts.places[location_id].name}"
    return Reason(Rule.HOLIDAY, f"public holiday {where}: {holiday.name}", f"The clinic is closed for {holiday.name}.")


def _no_room(books: Books, location_id: int) -> Reason:
    rooms = [room.name for room in books.facts.rooms if room.location_id == location_id]
    told = f"no room at {books.facts.places[location_id].name}"
    if rooms:
        told = f"{rooms[0]} taken" if len(rooms) == 1 else f"all {len(rooms)} rooms taken"
    return Reason(Rule.NO_ROOM, told, "That time is not free any more.")


def _unknown(books: Books, practitioner_id: int) -> Reason:
    since = books.facts.unknown[practitioner_id]
    zone = next(iter(books.clinic.zones.values()))
    told = "Outlook calendar has never been read"
    if since is not None:
        local = datetime.fromtimestamp(since, zone)
        told = f"Outlook calendar unreadable since {_day(local)} {local:%H:%M}"
    return Reason(Rule.UNKNOWN, told, "That time cannot be booked online at the moment.")


def _not_offered(practitioner_id: int | None) -> Reason:
    told = "nobody offers this type" if practitioner_id is None else "does not offer this type"
    return Reason(Rule.NOT_OFFERED, told, "That time cannot be booked.")


def _not_a_time(rule: Rule, told: str) -> Reason:
    return Reason(rule, told, "That time cannot be booked.")


def _day_is_full(rule: Rule, told: str) -> Reason:
    return Reason(rule, told, "That day is fully booked.")


def _grid(rules: Rules, begin: time) -> str:
    every = f"not on the grid: starts every {words.length(rules.start_step)}"
    return f"{every} from {begin:%H:%M}" if rules.counts_from_hours else every


def _visits(count: int) -> str:
    return f"{count} visit{'' if count == 1 else 's'}"


def _of_notice(minutes: int) -> str:
    """ "24 hours'", "1 hour's", "1 hour 30 minutes'"."""
    told = words.length(minutes)
    return f"{told}'" if told.endswith("s") else f"{told}'s"


def _short(minutes: int) -> str:
    """ "24 h", "1 h 30 min"."""
    hours, rest = divmod(minutes, 60)
    return " ".join([f"{hours} h"] * (hours > 0) + [f"{rest} min"] * (rest > 0 or not hours))


def _span(span: Range, zone: ZoneInfo) -> str:
    """ "13:00-14:00" within a day, "4-8 May" for whole days, else both ends in full."""
    begin, end = (datetime.fromtimestamp(at, zone) for at in span)
    last = end - timedelta(minutes=1)  # midnight, and 23:59 as leave is often written, end the day before
    if begin.time() == time() and (last + timedelta(minutes=2)).date() > last.date():
        return _days(begin.date(), last.date())
    if begin.date() == last.date():
        return f"{begin:%H:%M}-{end:%H:%M}"
    return f"{_day(begin)} {begin:%H:%M} to {_day(end)} {end:%H:%M}"


def _days(first: date, last: date) -> str:
    if first == last:
        return _day(first)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}-{_day(last)}"
    return f"{_day(first)} to {_day(last)}"


def _day(day: date) -> str:
    return f"{day.day} {day:%B}"


def _clock(at: int, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(at, zone):%H:%M}"


def _instants(day: date, starts: time, ends: time, zone: ZoneInfo) -> Range:
    begin, end = (datetime.combine(day, at, zone).timestamp() for at in (starts, ends))
    return int(begin), int(end)


def _meet(one: Range, other: Range) -> bool:
    return one[0] < other[1] and other[0] < one[1]
