"""Random clinics: whatever staff may arrange, on ordinary days and on those when the clocks change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from portal.scheduling import books
from portal.scheduling.books import Books
from portal.scheduling.diary import Range, Rules
from portal.scheduling.facts import Busy, Closed, Extra, Facts, HolidayKept, Hours, Offering, Place, RoomAt, Visit

T = TypeVar("T")

ZONES = ("Australia/Sydney", "Australia/Lord_Howe", "Australia/Brisbane", "Australia/Adelaide")
DAYS = (
    date(2026, 4, 4),
    date(2026, 4, 5),  # New South Wales, South Australia and Lord Howe put their clocks back
    date(2026, 7, 15),
    date(2026, 10, 4),  # and on
    date(2026, 12, 31),
)
TYPE, OTHER_TYPE = 70, 71


@dataclass(frozen=True)
class Invented:
    """A clinic, the type and the days that one asks about, and the moment of asking."""

    rules: Rules
    facts: Facts
    visits: tuple[Visit, ...]
    busy: tuple[Busy, ...]
    first: date
    last: date
    needs_room: bool
    now: int

    @property
    def books(self) -> Books:
        return books.keep(
            self.facts, self.visits, self.busy, self.first, self.last, type_id=TYPE, needs_room=self.needs_room
        )

    def changed(self, **rules: Any) -> Invented:
        return replace(self, rules=replace(self.rules, **rules))


@st.composite
def clinics(draw: st.DrawFn, zone: str) -> Invented:
    """One or two practitioners at one or two places, on a day or two; the first place is in this zone."""
    day = draw(st.sampled_from(DAYS))
    first, last = day - timedelta(days=draw(st.integers(0, 1))), day
    people = tuple(
        Offering(who, f"person-{who}", f"Person {who}", draw(_mostly_none(st.integers(1, 2))))
        for who in range(1, draw(st.integers(1, 2)) + 1)
    )
    places = {7: Place("Here", ZoneInfo(zone)), 8: Place("There", ZoneInfo(draw(st.sampled_from((zone, *ZONES)))))}
    rooms = tuple(
        RoomAt(number, draw(st.sampled_from(tuple(places))), f"Room {number}")
        for number in range(1, draw(st.integers(0, 2)) + 1)
    )
    facts = Facts(
        practitioners=people,
        hours=tuple(draw(st.lists(_hours(len(people), first, last), min_size=1, max_size=4))),
        extra=tuple(Extra(*each) for each in draw(_spans_with(first, last, len(people), st.sampled_from((7, 8)), 2))),
        closed=tuple(
            Closed(draw(st.sampled_from((who, None))), span, reason)
            for who, reason, span in draw(_spans_with(first, last, len(people), st.just(""), 2))
        ),
        places=places,
        rooms=rooms,
        holidays=draw(_holidays(first, last)),
        unknown=draw(st.sampled_from((*[{}] * 7, {1: None}))),
    )
    found = draw(_spans_with(first, last, len(people), st.sampled_from((TYPE, OTHER_TYPE)), 5))
    visits = tuple(_visit(draw, who, kind, span, len(rooms)) for who, kind, span in found)
    busy = tuple(Busy(*each) for each in draw(_busy(first, last, len(people))))
    begin = datetime.combine(first, time(), UTC) - timedelta(days=draw(st.integers(0, 5)))
    return Invented(
        rules=draw(_rules),
        facts=facts,
        visits=visits,
        busy=busy,
        first=first,
        last=last,
        needs_room=draw(st.sampled_from((False, False, bool(rooms)))),
        now=int(begin.timestamp()) + draw(st.integers(0, 24 * 3600)),
    )


def plain(length: int, day: date, zone: str) -> Invented:
    """A whole night of one practitioner, on every fifth minute."""
    who = Offering(1, "person-1", "Person 1")
    hours = Hours(1, 7, day.weekday(), time(0), time(5), None, None)
    now = datetime.combine(day, time(), UTC) - timedelta(days=2)
    return Invented(
        rules=Rules(length, 0, 0, 0, 9, 5),
        facts=Facts((who,), hours=(hours,), places={7: Place("Here", ZoneInfo(zone))}),
        visits=(),
        busy=(),
        first=day,
        last=day,
        needs_room=False,
        now=int(now.timestamp()),
    )


def _mostly_none(values: st.SearchStrategy[T]) -> st.SearchStrategy[T | None]:
    return st.one_of(st.none(), st.none(), values)


_minutes = st.integers(0, 287).map(lambda fives: fives * 5) | st.just(24 * 60)
_rules = st.builds(
    Rules,
    length=st.sampled_from((5, 10, 15, 20, 30, 45, 60)),
    buffer_before=st.sampled_from((0, 5, 15)),
    buffer_after=st.sampled_from((0, 5, 10, 30)),
    minimum_notice=st.sampled_from((0, 0, 1, 60, 120, 1440)),
    horizon_days=st.sampled_from((0, 1, 4, 30, 30, 30)),
    start_step=st.sampled_from((5, 7, 10, 15, 20, 30, 45, 60)),
    counts_from_hours=st.booleans(),
    daily_cap=_mostly_none(st.integers(1, 2)),
)


@st.composite
def _hours(draw: st.DrawFn, people: int, first: date, last: date) -> Hours:
    begin, end = sorted(draw(st.lists(_minutes, min_size=2, max_size=2, unique=True)))
    # Long hours have the most times, and those around a clock change are where mistakes live.
    begin, end = draw(st.sampled_from(((begin, end), (540, 1020), (0, 180), (0, 300), (1080, 1440))))
    return Hours(
        practitioner_id=draw(st.integers(1, people)),
        location_id=draw(st.sampled_from((7, 8))),
        weekday=draw(st.sampled_from((first, last))).weekday(),
        starts=_wall(begin),
        ends=_wall(end),
        valid_from=draw(_mostly_none(st.sampled_from((first, last)))),
        valid_until=draw(_mostly_none(st.sampled_from((first, last)))),
    )


def _wall(minute: int) -> time:
    return time(minute // 60, minute % 60) if minute < 24 * 60 else time(23, 59)


@st.composite
def _spans_with(
    draw: st.DrawFn, first: date, last: date, people: int, beside: st.SearchStrategy[T], most: int
) -> list[tuple[int, T, Range]]:
    """Somebody, something, and a span of up to three hours on any five minutes of the days."""
    midnight = int(datetime.combine(first, time(), UTC).timestamp()) - 12 * 3600
    fives = ((last - first).days * 24 + 36) * 12
    begins = draw(st.lists(st.integers(0, fives), max_size=most))
    return [
        (
            draw(st.integers(1, people)),
            draw(beside),
            (midnight + begin * 300, midnight + (begin + draw(st.integers(1, 36))) * 300),
        )
        for begin in begins
    ]


@st.composite
def _busy(draw: st.DrawFn, first: date, last: date, people: int) -> list[tuple[int, Range, str]]:
    sources = st.sampled_from(("outlook", "medirecords", "calendly"))
    return [(who, span, source) for who, source, span in draw(_spans_with(first, last, people, sources, 2))]


@st.composite
def _holidays(draw: st.DrawFn, first: date, last: date) -> dict[tuple[int, date], HolidayKept]:
    kept = draw(st.lists(st.tuples(st.sampled_from((7, 8)), st.sampled_from((first, last))), max_size=1))
    return dict.fromkeys(draw(st.sampled_from(([], [], kept))), HolidayKept("Founders' Day", "NSW"))


def _visit(draw: st.DrawFn, who: int, type_id: int, span: Range, rooms: int) -> Visit:
    before, after = draw(st.sampled_from(((0, 0), (0, 300), (300, 0))))
    begin, end = span
    if end - begin <= before + after:
        before = after = 0
    room = draw(st.sampled_from((None, *range(1, rooms + 1))))
    return Visit(who, room, span, type_id, begin + before, end - after)
