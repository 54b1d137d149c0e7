"""Turns what the clinic has arranged, and what is taken, into everybody's diary. Pure: facts in, diaries out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from portal.scheduling.diary import Clinic, Diary, Range, RoomDiary, Shift
from portal.scheduling.facts import Busy, Closed, Facts, Visit

Cause = Closed | Visit | Busy
Shifts = dict[int, list[Shift]]


@dataclass(frozen=True, eq=False)
class Books:
    """The diaries, and what each of a diary's taken ranges is taken by, in the same order."""

    facts: Facts
    clinic: Clinic
    causes: Mapping[int, Sequence[Cause]]  # by practitioner

    def diary_of(self, practitioner_id: int) -> Diary:
        return next(diary for diary in self.clinic.diaries if diary.practitioner_id == practitioner_id)


def keep(
    facts: Facts,
    visits: Sequence[Visit],
    busy: Sequence[Busy],
    first: date,
    last: date,
    *,
    type_id: int,
    needs_room: bool,
) -> Books:
    """The books of the local days `first` to `last`, both included, as one type sees them."""
    causes = _causes(facts, visits, busy)
    visits_of = _starts_by_practitioner(visits)
    works, on_holiday = _shifts(facts, first, last)
    diaries = [
        Diary(
            practitioner_id=who.id,
            shifts=works[who.id],
            taken=[cause.span for cause in causes[who.id]],
            visits=visits_of[who.id],
            daily_cap=who.daily_cap,
            on_holiday=on_holiday[who.id],
            is_unknown=who.id in facts.unknown,
        )
        for who in facts.practitioners
    ]
    zones = {location_id: place.zone for location_id, place in facts.places.items()}
    rooms = _room_diaries(facts, visits) if needs_room else None
    of_type = sorted(visit.starts for visit in visits if visit.type_id == type_id)
    return Books(facts, Clinic(diaries, rooms, zones, of_type), causes)


def _causes(facts: Facts, visits: Iterable[Visit], busy: Iterable[Busy]) -> dict[int, list[Cause]]:
    """What takes each practitioner's time, in the order in which it is told."""
    causes: dict[int, list[Cause]] = defaultdict(list)
    for closed in facts.closed:
        everybody = (who.id for who in facts.practitioners)
        for who in everybody if closed.practitioner_id is None else (closed.practitioner_id,):
            causes[who].append(closed)
    for visit in visits:
        causes[visit.practitioner_id].append(visit)
    for each in busy:
        causes[each.practitioner_id].append(each)
    return causes


def _starts_by_practitioner(visits: Iterable[Visit]) -> dict[int, list[int]]:
    starts: dict[int, list[int]] = defaultdict(list)
    for visit in visits:
        starts[visit.practitioner_id].append(visit.starts)
    for each in starts.values():
        each.sort()
    return starts


def _room_diaries(facts: Facts, visits: Iterable[Visit]) -> list[RoomDiary]:
    taken: dict[int | None, list[Range]] = defaultdict(list)
    for visit in visits:
        taken[visit.room_id].append(visit.span)
    return [RoomDiary(room.id, room.location_id, taken[room.id]) for room in facts.rooms]


def _shifts(facts: Facts, first: date, last: date) -> tuple[Shifts, Shifts]:
    """Each practitioner's shifts, and those that a holiday takes away.

    Weekly hours do not count on a holiday of their place; extra hours do: somebody arranged them for that very day.
    """
    works: Shifts = defaultdict(list)
    on_holiday: Shifts = defaultdict(list)
    by_weekday: dict[int, list[date]] = defaultdict(list)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    for day in days:
        by_weekday[day.weekday()].append(day)
    for hours in facts.hours:
        for day in by_weekday[hours.weekday]:
            if (hours.valid_from or day) <= day <= (hours.valid_until or day):
                found = on_holiday if (hours.location_id, day) in facts.holidays else works
                found[hours.practitioner_id].append(Shift(day, hours.starts, hours.ends, hours.location_id))
    for extra in facts.extra:
        zone = facts.places[extra.location_id].zone
        starts, ends = (datetime.fromtimestamp(at, zone) for at in extra.span)
        for day in days:
            if starts.date() <= day <= ends.date():
                # One that goes on past midnight is a shift on each of its days.
                begin = starts.time() if day == starts.date() else time()
                until = ends.time() if day == ends.date() else time(23, 59)
                works[extra.practitioner_id].append(Shift(day, begin, until, extra.location_id))
    return works, on_holiday
