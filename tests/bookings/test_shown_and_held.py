"""In any clinic one can think of: a time that is shown can be held by the next request, and no other can."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects.postgresql import Range as TimeRange

from portal.bookings import find, hold
from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.catalogue.models import AppointmentType, StartAlignment
from portal.db import Base, db, transaction
from portal.scheduling import availability, claims
from portal.scheduling.claims import SlotTaken
from portal.scheduling.diary import Range
from portal.scheduling.facts import Visit
from portal.scheduling.models import (
    BusyTime,
    ExceptionKind,
    Holiday,
    HoursException,
    Location,
    Outside,
    Room,
    WorkingHours,
)
from portal.scheduling.slots import OpenSlot
from portal.staff.models import Practitioner
from tests.scheduling.clinics import TYPE, ZONES, Invented, clinics
from tests.scheduling.oracle import open_minutes
from tests.support.database import TestDatabase
from tests.support.factories import CALENDAR, make_type

IS_FULL = settings.default is not None and settings.default.max_examples >= 500
EXAMPLES = 500 if IS_FULL else 20
MOST = 100 if IS_FULL else 6  # times of a situation that somebody tries to hold

pytestmark = pytest.mark.usefixtures("ctx")
numbers = count(1)


@pytest.mark.timeout(3000)
def test_every_time_shown_can_be_held_and_every_other_is_refused_with_its_reason(database: TestDatabase) -> None:
    # The database is emptied here, because hypothesis runs its examples within one test.
    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(ZONES).flatmap(clinics), st.randoms(use_true_random=False))
    def try_all(clinic: Invented, chance: random.Random) -> None:
        try:
            _try(Situation.of(clinic.changed(start_step=max(clinic.rules.start_step, 20))), chance)
        finally:
            db.session.rollback()
            database.empty()

    try_all()


def _try(situation: Situation, chance: random.Random) -> None:
    shown = situation.shown()
    assert [tuple(slot) for slot in shown] == situation.expected()
    for slot in chance.sample(shown, min(MOST, len(shown))):
        reference = situation.hold(slot.starts_at, chance.choice((slot.practitioner_id, None)))
        assert reference is not None
        situation.release(reference)

    open_starts = {(slot.start, who) for slot in shown for who in (slot.practitioner_id, None)}
    for start in chance.sample(situation.minutes, MOST):
        who = chance.choice([*situation.people, None])  # None is whoever is free
        if (start, who) not in open_starts:
            starts_at = datetime.fromtimestamp(start, UTC)
            reason = availability.explain(situation.type, who, starts_at, situation.now)
            assert reason is not None
            with pytest.raises(SlotTaken) as refused:
                situation.hold(starts_at, who)
            assert refused.value.reason == reason


@dataclass
class Situation:
    """An invented clinic that stands in the database."""

    clinic: Invented
    type: AppointmentType
    ids: dict[tuple[str, int | None], int]

    @classmethod
    def of(cls, clinic: Invented) -> Situation:
        rules = clinic.rules
        types = [
            make_type(
                length_minutes=rules.length,
                buffer_before_minutes=rules.buffer_before,
                buffer_after_minutes=rules.buffer_after,
                minimum_notice_minutes=rules.minimum_notice,
                horizon_days=rules.horizon_days,
                start_step_minutes=rules.start_step,
                start_alignment=StartAlignment.HOURS if rules.counts_from_hours else StartAlignment.CLOCK,
                daily_cap=rules.daily_cap,
                needs_room=clinic.needs_room,
            ),
            make_type(),
        ]
        ids: dict[tuple[str, int | None], int] = {("type", TYPE): types[0].id, ("type", TYPE + 1): types[1].id}
        made = cls(clinic, types[0], ids)
        with transaction():
            made._add_people_and_places()
            made._add_hours()
            made._add_visits()
        return made

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clinic.now, UTC)

    @property
    def people(self) -> list[int]:
        return [self.ids["person", who.id] for who in self.clinic.facts.practitioners]

    @property
    def minutes(self) -> list[int]:
        """Every fifth minute that is in the clinic's days at both places."""
        first, last = self.clinic.first, self.clinic.last
        bounds = [
            [datetime.combine(day, time(), place.zone).timestamp() for day in (first, last + timedelta(days=1))]
            for place in self.clinic.facts.places.values()
        ]
        return list(range(int(max(begin for begin, _ in bounds)), int(min(end for _, end in bounds)), 300))

    def shown(self) -> Sequence[OpenSlot]:
        return availability.timetable(self.type, self.clinic.first, self.clinic.last, self.now).open_slots

    def expected(self) -> list[tuple[int, int, int, int | None]]:
        """What the oracle finds, with the ids of the rows."""
        found = [
            (start, self.ids["person", who], self.ids["place", where], None if room is None else self.ids["room", room])
            for start, who, where, room in open_minutes(self.clinic)
        ]
        return sorted(found, key=lambda each: each[:3])

    def hold(self, starts_at: datetime, who: int | None) -> str | None:
        return claims.claim(lambda: hold.hold(self.type, starts_at, self.now, practitioner_id=who)).reference

    def release(self, reference: str) -> None:
        with transaction():
            hold.release(find.by_reference(reference), self.now)

    def _store(self, kind: str, id: int, row: Base) -> None:
        db.session.add(row)
        db.session.flush()
        self.ids[kind, id] = row.id  # type: ignore[attr-defined]

    def _add_people_and_places(self) -> None:
        facts = self.clinic.facts
        for who in facts.practitioners:
            mailbox = f"mailbox-{next(numbers)}" if who.id in facts.unknown else None
            known = {"slug": f"{who.slug}-{next(numbers)}", "email": "wren@rosella-clinic.example.com"}
            row = Practitioner(name=who.name, daily_cap=who.daily_cap, graph_user_id=mailbox, position=who.id, **known)
            self._store("person", who.id, row)
        for place_id, place in facts.places.items():
            slug = f"place-{next(numbers)}"
            self._store(
                "place", place_id, Location(slug=slug, name=place.name, zone=place.zone.key, is_telehealth=True)
            )
        for room in facts.rooms:
            where = self.ids["place", room.location_id]
            self._store("room", room.id, Room(slug=f"room-{next(numbers)}", name=room.name, location_id=where))

    def _add_hours(self) -> None:
        facts = self.clinic.facts
        for hours in facts.hours:
            columns = hours._asdict() | self._who_and_where(hours.practitioner_id, hours.location_id)
            db.session.add(WorkingHours(calendar_slug=CALENDAR, **columns))
        for extra in facts.extra:
            columns = self._who_and_where(extra.practitioner_id, extra.location_id) | _instants(extra.span)
            db.session.add(HoursException(kind=ExceptionKind.EXTRA, calendar_slug=CALENDAR, **columns))
        for closed in facts.closed:
            whose = None if closed.practitioner_id is None else self.ids["person", closed.practitioner_id]
            columns = {"practitioner_id": whose, **_instants(closed.span)}
            db.session.add(HoursException(kind=ExceptionKind.CLOSED, **columns))
        for (where, day), holiday in facts.holidays.items():
            db.session.add(Holiday(day=day, name=holiday.name, location_id=self.ids["place", where]))

    def _add_visits(self) -> None:
        before: list[Visit] = []
        for visit in self.clinic.visits:
            db.session.add(self._booking(visit, overlaps=any(_clash(visit, other) for other in before)))
            before.append(visit)
        for busy in self.clinic.busy:
            who, event = self.ids["person", busy.practitioner_id], f"event-{next(numbers)}"
            row = BusyTime(practitioner_id=who, source=Outside(busy.source), external_id=event, **_instants(busy.span))
            db.session.add(row)

    def _booking(self, visit: Visit, *, overlaps: bool) -> Booking:
        begin, end = (datetime.fromtimestamp(at, UTC) for at in visit.span)
        return Booking(
            reference=f"BK-{next(numbers):06}",
            appointment_type_id=self.ids["type", visit.type_id],
            practitioner_id=self.ids["person", visit.practitioner_id],
            location_id=self.ids["place", 7],
            room_id=None if visit.room_id is None else self.ids["room", visit.room_id],
            status=Status.CONFIRMED,
            starts_at=datetime.fromtimestamp(visit.starts, UTC),
            ends_at=datetime.fromtimestamp(visit.ends, UTC),
            blocked=TimeRange(begin, end),
            held_at=begin,
            terms={},
            overlap_allowed=overlaps,
            overlap_reason="Squeezed in by the desk" if overlaps else "",
        )

    def _who_and_where(self, who: int, where: int) -> dict[str, int]:
        return {"practitioner_id": self.ids["person", who], "location_id": self.ids["place", where]}


def _instants(span: Range) -> dict[str, datetime]:
    begin, end = (datetime.fromtimestamp(at, UTC) for at in span)
    return {"starts_at": begin, "ends_at": end}


def _clash(one: Visit, other: Visit) -> bool:
    is_same = one.practitioner_id == other.practitioner_id or one.room_id == other.room_id is not None
    return is_same and one.span[0] < other.span[1] and other.span[0] < one.span[1]
