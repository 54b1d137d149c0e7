"""Reads the desk's diary: for each practitioner and day who comes, what is kept, what is closed, and what is free."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from portal import clock
from portal.bookings import diary_ground, diary_visits
from portal.bookings.diary_ground import BusyOutside, Closure, Ground, Person, Span, Work
from portal.bookings.diary_visits import STANDING, Visit
from portal.bookings.scope import is_own_diary
from portal.bookings.states import OCCUPYING, Status
from portal.db import db
from portal.staff.access import Staff
from portal.staff.models import Practitioner

SHORTEST_GAP = timedelta(minutes=10)  # less room is of no use to anybody
A_DAY = timedelta(days=1)


class NoSuchDiary(Exception):
    """There is no practitioner like that, or their diary is not this person's work; both look the same."""


@dataclass(frozen=True)
class Column:
    """One practitioner's day."""

    who: Person
    day: date
    whole: Span  # from midnight to midnight: 23, 24 or 25 hours
    work: Sequence[Work]
    closures: Sequence[Closure]
    busy: Sequence[BusyOutside]
    visits: Sequence[Visit]
    free: Sequence[Span]  # what is left of the hours, from now on
    holiday: str  # what takes the day's hours away, or nothing
    is_unknown: bool
    hidden: int  # visits of the day that the filters leave out
    cancelled: int

    @property
    def has_something(self) -> bool:
        """Whether there is a reason to show it among others."""
        return bool(self.work or self.visits or self.hidden or self.holiday)

    @property
    def buffers(self) -> list[Span]:
        """What visits keep free before and after them."""
        kept = [each for each in self.visits if each.status in OCCUPYING]
        before = [Span(each.blocked.starts_at, each.span.starts_at) for each in kept]
        after = [Span(each.span.ends_at, each.blocked.ends_at) for each in kept]
        return [span for span in [*before, *after] if span.minutes]

    @property
    def is_uneven(self) -> bool:
        """Whether the clock changes on this day, so that a time on the wall may come twice."""
        return self.whole.minutes != 24 * 60


@dataclass(frozen=True)
class Diary:
    """What somebody may see of these days. `people` are all whose diary they may ask for."""

    people: Sequence[Person]
    days: Sequence[date]
    columns: Sequence[Column]  # by practitioner, then by day
    places: dict[int, str]

    @property
    def visits(self) -> list[Visit]:
        """All of them in order of time."""
        found = (visit for column in self.columns for visit in column.visits)
        return sorted(found, key=lambda visit: (visit.span.starts_at, visit.reference))


def read(
    staff: Staff,
    first: date,
    last: date,
    zone: ZoneInfo,
    now: datetime,
    *,
    practitioner: str = "",
    location_id: int | None = None,
    states: frozenset[Status] = STANDING,
) -> Diary:
    """The days `first` to `last` in this zone, both included; ten queries, however many visits.

    `practitioner` is a slug or everybody. Filters hide visits and hours, but nothing becomes free because it is hidden.
    Raises NoSuchDiary.
    """
    people = [who for who in _practitioners() if is_own_diary(staff, who.id)]
    wanted = [who for who in people if practitioner in ("", who.slug)]
    if practitioner and not wanted:
        raise NoSuchDiary(practitioner)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    around = Span(clock.day_bounds(first, zone)[0] - A_DAY, clock.day_bounds(last, zone)[1] + A_DAY)
    # A place in another zone may begin its day while ours has not ended.
    ground = diary_ground.read(wanted, first - A_DAY, last + A_DAY, around, now)
    visits = diary_visits.read(staff, [who.id for who in wanted], around, now)
    build = _Builder(zone, now, ground, visits, location_id, states)
    columns = [build.column(who, day) for who in wanted for day in days]
    is_shown = {column.who.id for column in columns if column.who.is_active or column.visits or column.hidden}
    return Diary(
        people=[who for who in people if who.is_active or who.id in is_shown],
        days=days,
        columns=[column for column in columns if column.who.id in is_shown],
        places=ground.places,
    )


@dataclass(frozen=True)
class _Builder:
    """Sorts what was read into columns."""

    zone: ZoneInfo
    now: datetime
    ground: Ground
    visits: dict[int, list[Visit]]
    location_id: int | None
    states: frozenset[Status]

    def column(self, who: Person, day: date) -> Column:
        whole, ground = Span(*clock.day_bounds(day, self.zone)), self.ground
        work = [each for each in ground.work[who.id] if each.span.meets(whole) and self._is_here(each.location_id)]
        work = [each._replace(span=each.span.within(whole)) for each in work]
        closures = [each for each in ground.closures[who.id] if each.span.meets(whole)]
        busy = [each for each in ground.busy.get(who.id, ()) if each.span.meets(whole)]
        all_visits = self.visits.get(who.id, [])
        of_day = [each for each in all_visits if whole.starts_at <= each.span.starts_at < whole.ends_at]
        shown = [each for each in of_day if each.status in self.states and self._is_here(each.location_id)]
        return Column(
            who=who,
            day=day,
            whole=whole,
            work=work,
            closures=[each._replace(span=each.span.within(whole)) for each in closures],
            busy=[each._replace(span=each.span.within(whole)) for each in busy],
            visits=shown,
            free=self._free(work, closures, busy, all_visits),
            holiday=ground.holidays[who.id].get(day, ""),
            is_unknown=who.id in ground.unknown,
            hidden=len(of_day) - len(shown),
            cancelled=sum(each.status == Status.CANCELLED for each in of_day),
        )

    def _is_here(self, location_id: int) -> bool:
        return self.location_id in (None, location_id)

    def _free(
        self,
        work: Iterable[Work],
        closures: Iterable[Closure],
        busy: Iterable[BusyOutside],
        visits: Iterable[Visit],
    ) -> list[Span]:
        taken = [each.span for each in closures]
        taken += [each.span for each in busy if not each.in_person_only]
        taken += [each.blocked for each in visits if each.status in OCCUPYING]
        return free_spans((each.span for each in work), taken, self.now)


def free_spans(work: Iterable[Span], taken: Iterable[Span], since: datetime) -> list[Span]:
    """What is left of these hours, in order, from the next five minutes after `since`; short rests are left out."""
    begin = _next_five_minutes(since)
    found, busy = [], sorted(taken)
    reached = begin
    for span in sorted(work):
        # Hours at two places may overlap; the time is free once.
        reached = max(reached, span.starts_at)
        for each in [*(each for each in busy if each.meets(span)), Span(span.ends_at, span.ends_at)]:
            if each.starts_at - reached >= SHORTEST_GAP:
                found.append(Span(reached, each.starts_at))
            reached = max(reached, each.ends_at)
    return found


def _next_five_minutes(now: datetime) -> datetime:
    past = timedelta(minutes=now.minute % 5, seconds=now.second, microseconds=now.microsecond)
    return now - past + timedelta(minutes=5) if past else now


def _practitioners() -> list[Person]:
    each = Practitioner
    wanted = select(each.id, each.slug, each.name, each.is_active).order_by(each.position, each.id)
    return [Person(*row) for row in db.session.execute(wanted)]
