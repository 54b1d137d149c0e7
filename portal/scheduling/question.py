"""One question about open times, and the answers that are kept for whoever asks the same again."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from portal.catalogue.models import AppointmentType, StartAlignment
from portal.keep import kept
from portal.scheduling import books, slots
from portal.scheduling.books import Books
from portal.scheduling.diary import Rules
from portal.scheduling.facts import Facts, Visit
from portal.scheduling.reading import MOST_KEPT, NOTHING, parse_busy, parse_visits, read
from portal.scheduling.slots import Bounds, OpenSlot

NEXT_DAYS = 21  # enough to fill the list's first page where somebody works on three days of the week


class Question(NamedTuple):
    """All that the free times follow from but the moment, so that a kept answer is never an old one."""

    rules: Rules
    facts: Facts
    visits: str
    busy: str
    first: date
    last: date
    type_id: int
    needs_room: bool
    ignored: int | None  # a booking that does not stand in its own way

    @property
    def books(self) -> Books:
        """Everybody's diary."""
        return _books(self)

    @property
    def free_slots(self) -> tuple[OpenSlot, ...]:
        """What is free, whenever one looks."""
        return _free_slots(self)

    def bounds(self, now: int) -> Bounds:
        """Which of the free slots can be booked at this instant."""
        return slots.bounds(self.rules, self.free_slots, self.books.clinic.zones, now)

    def within(self, bounds: Bounds) -> tuple[OpenSlot, ...]:
        """Those of the free slots, in order."""
        return _within(self, bounds)

    def about(self, instant: datetime) -> Question:
        """The same for the one day on which this instant lies, or two where places do not agree on it."""
        days = [instant.astimezone(place.zone).date() for place in self.facts.places.values()]
        return self._replace(first=min(days), last=max(days)) if days else self

    def without_visits(self) -> Question:
        """The same for a clinic that nobody has booked and where nobody is busy."""
        return self._replace(rules=self.rules.uncapped(), visits=NOTHING, busy=NOTHING, needs_room=False, ignored=None)


def ask(
    appointment_type: AppointmentType,
    first: date,
    last: date,
    now: datetime,
    ignoring_booking: int | None = None,
    length_minutes: int | None = None,
) -> Question:
    """Read what the open times of these local days follow from; one statement, however many days.

    `length_minutes` is a length that was agreed before; without it the type's own counts.
    """
    read_first, read_last = _days_to_read(first, last, now)
    # Some days around the window, because buffers, zones and the week of a visit reach over its edges; and whole weeks,
    # see facts_statement.py. They begin on Sunday, because a Monday in Australia does in UTC.
    since = datetime.combine(_monday(read_first - timedelta(days=2)) - timedelta(days=1), time(), UTC)
    until = datetime.combine(_monday(read_last + timedelta(days=9)), time(), UTC)
    reading = read(appointment_type, read_first, read_last, since, until, now)
    rules, needs_room = _rules_of(appointment_type, length_minutes), appointment_type.needs_room
    return Question(rules, *reading, first, last, appointment_type.id, needs_room, ignoring_booking)


def _days_to_read(first: date, last: date, now: datetime) -> tuple[date, date]:
    """Whoever asks about some of the next three weeks reads all of them: one reading serves the list that begins today,
    every hold of a time on it, and whoever is told that it has gone."""
    today = now.astimezone(UTC).date()  # the clinic's own may be a day ahead
    begins, ends = today - timedelta(days=1), today + timedelta(days=NEXT_DAYS)
    return (begins, ends) if begins <= first and last <= ends else (first, last)


def _rules_of(appointment_type: AppointmentType, length_minutes: int | None) -> Rules:
    length = length_minutes or appointment_type.length_minutes
    assert length is not None  # only a type that can be booked is asked about
    return Rules(
        length=length,
        buffer_before=appointment_type.buffer_before_minutes,
        buffer_after=appointment_type.buffer_after_minutes,
        minimum_notice=appointment_type.minimum_notice_minutes,
        horizon_days=appointment_type.horizon_days,
        start_step=appointment_type.start_step_minutes,
        counts_from_hours=appointment_type.start_alignment == StartAlignment.HOURS,
        daily_cap=appointment_type.daily_cap,
    )


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


@kept(MOST_KEPT)
def _books(question: Question) -> Books:
    return books.keep(
        question.facts,
        [visit for visit in _visits(question.visits) if visit.booking_id != question.ignored],
        parse_busy(question.busy),
        question.first,
        question.last,
        type_id=question.type_id,
        needs_room=question.needs_room,
    )


# The longest text, and the same for every type.
@kept(MOST_KEPT)
def _visits(text: str) -> tuple[Visit, ...]:
    return parse_visits(text)


@kept(MOST_KEPT)
def _free_slots(question: Question) -> tuple[OpenSlot, ...]:
    return tuple(slots.free_slots(question.rules, question.books.clinic))


@kept(MOST_KEPT)
def _within(question: Question, bounds: Bounds) -> tuple[OpenSlot, ...]:
    return tuple(slots.within(question.free_slots, bounds))
