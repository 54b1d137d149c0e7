"""Answers which times are open, and why the others are not: the one answer that is shown, and that decides a hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from portal.catalogue.models import AppointmentType
from portal.scheduling import empty_days
from portal.scheduling.books import Books
from portal.scheduling.explain import Reason, of_time
from portal.scheduling.facts import Offering
from portal.scheduling.question import Question, ask
from portal.scheduling.slots import Bounds, OpenSlot


@dataclass(frozen=True)
class Timetable:
    """Who offers a type, and its open slots in order, as they were at one moment. Two are equal only if they say the
    same."""

    question: Question = field(repr=False)
    bounds: Bounds
    now: datetime = field(repr=False, compare=False)

    @property
    def practitioners(self) -> tuple[Offering, ...]:
        return self.question.facts.practitioners

    @property
    def open_slots(self) -> tuple[OpenSlot, ...]:
        return self.question.within(self.bounds)

    def why_empty(self, practitioner_ids: Sequence[int] | None = None) -> dict[date, Reason]:
        """Why each day without an open slot has none: closed, holiday, full, too soon, too far ahead.

        `practitioner_ids` narrows to these people, None is everybody who offers the type. It asks the database nothing.
        """
        everybody = [who.id for who in self.practitioners]
        wanted = (who for who in everybody if practitioner_ids is None or who in practitioner_ids)
        return empty_days.reasons(self.question, self.open_slots, tuple(wanted), int(self.now.timestamp()))


@dataclass(frozen=True)
class Answer:
    """What is open at one instant: a slot per practitioner who is free then, or the reason why nobody is."""

    open_slots: list[OpenSlot]
    reason: Reason | None
    books: Books


def timetable(
    appointment_type: AppointmentType,
    first: date,
    last: date,
    now: datetime,
    *,
    ignoring_booking: int | None = None,
    length_minutes: int | None = None,
) -> Timetable:
    """Open slots from the first to the last local day, both included, in order; one query, however many days.

    For a visit that moves, `ignoring_booking` leaves it out of what is taken, because it does not stand in its own way,
    and `length_minutes` is what was agreed. Holds that have lapsed take nothing.
    """
    question = ask(appointment_type, first, last, now, ignoring_booking, length_minutes)
    return Timetable(question, question.bounds(int(now.timestamp())), now)


def at(
    appointment_type: AppointmentType,
    starts_at: datetime,
    now: datetime,
    *,
    practitioner_id: int | None = None,
    ignoring_booking: int | None = None,
    length_minutes: int | None = None,
) -> Answer:
    """What is open at this very instant, with this practitioner or with anybody (None), and if nothing is, why."""
    day, moment, start = starts_at.astimezone(UTC).date(), int(now.timestamp()), starts_at.timestamp()
    around = day - timedelta(days=1), day + timedelta(days=1)
    question = ask(appointment_type, *around, now, ignoring_booking, length_minutes).about(starts_at)
    found = [
        slot
        for slot in question.within(question.bounds(moment))
        if slot.start == start and practitioner_id in (None, slot.practitioner_id)
    ]
    reason = None if found else of_time(question.rules, question.books, practitioner_id, start, moment)
    return Answer(found, reason, question.books)


def explain(
    appointment_type: AppointmentType,
    practitioner_id: int | None,
    starts_at: datetime,
    now: datetime,
    *,
    ignoring_booking: int | None = None,
) -> Reason | None:
    """The first rule that keeps this practitioner, or anybody (None), from being booked then. None: it is open."""
    return at(
        appointment_type, starts_at, now, practitioner_id=practitioner_id, ignoring_booking=ignoring_booking
    ).reason
