"""Keeps the public holidays of the states in which the clinic has places, and tells staff whose visits stand on one.

The dates come from the `holidays` package, substitute days ("Boxing Day (observed)") among them. Evenings that are half
a holiday, such as Christmas Eve in Queensland, are not: a holiday closes the whole day, closed hours do for the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from holidays import country_holidays
from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert

from portal import words
from portal.db import LockKind, db, lock_together
from portal.scheduling.models import Holiday, Location
from portal.staff.models import Practitioner, StaffTask
from portal.staff.tasks import raise_task, settle_task

STATES = ("ACT", "NSW", "NT", "QLD", "SA", "TAS", "VIC", "WA")
YEARS_AHEAD = 2
TASK = "visits-on-holiday"


class HolidayExists(Exception):
    """There is a holiday on that day and in that place already; one that is not kept can be kept again."""


class Visit(NamedTuple):
    """A visit that is booked, or is being booked, and the zone of its place."""

    reference: str
    starts_at: datetime
    zone: ZoneInfo


def look_ahead(now: datetime) -> None:
    """The sweep: add what this year and the coming two still lack, and keep the tasks true."""
    load(coming_years(now), now)
    review_tasks(now)


def coming_years(now: datetime) -> range:
    """This year and the two after it."""
    return range(now.year, now.year + YEARS_AHEAD + 1)


def load(years: Iterable[int], now: datetime) -> list[Holiday]:
    """Add the public holidays that are not there yet. -> those that were added, by day

    What is there stays as staff have left it: its name, and whether it is kept.
    """
    states = _states(now)
    wanted = {(day, state): name for state in states for year in years for day, name in public_holidays(state, year)}
    known = db.session.execute(select(Holiday.day, Holiday.state).where(Holiday.state.is_not(None)))
    missing = wanted.keys() - {(day, state) for day, state in known}
    if not missing:
        return []
    _wait_for_claims()
    rows = [{"day": day, "state": state, "name": wanted[day, state], "is_kept": True} for day, state in missing]
    adding = insert(Holiday).values(rows).on_conflict_do_nothing(index_elements=["day", "state"]).returning(Holiday)
    added = sorted(db.session.scalars(adding), key=lambda holiday: (holiday.day, holiday.state))
    for holiday in added:
        _warn(holiday, now)
    return added


@lru_cache
def public_holidays(state: str, year: int) -> tuple[tuple[date, str], ...]:
    """The days of one year and what they are called, in order. `state` is one of STATES."""
    # Without a language the package asks the machine's own, and says Labor Day on an American one.
    found = country_holidays("AU", subdiv=state, years=year, language="en_AU")
    return tuple((day, " and ".join(found.get_list(day))) for day in sorted(found) if day.year == year)


def add_holiday(
    day: date, name: str, now: datetime, *, state: str | None = None, location_id: int | None = None
) -> Holiday:
    """Add a holiday of a state, or of one location where it is kept only there. Raises HolidayExists."""
    _wait_for_claims()
    place = ["day", "state"] if location_id is None else ["day", "location_id"]
    row = {"day": day, "name": name, "state": state, "location_id": location_id, "is_kept": True}
    adding = insert(Holiday).values(row).on_conflict_do_nothing(index_elements=place).returning(Holiday)
    holiday = db.session.scalars(adding).one_or_none()
    if holiday is None:
        raise HolidayExists
    _warn(holiday, now)
    return holiday


def keep(holiday: Holiday, now: datetime) -> None:
    """Keep a holiday that the clinic has worked on so far."""
    if not holiday.is_kept:
        _wait_for_claims()
        holiday.is_kept = True
        db.session.flush()
        _warn(holiday, now)


def unkeep(holiday: Holiday, now: datetime) -> None:
    """Work on this holiday. Its row stays, so that loading the year again does not bring it back."""
    holiday.is_kept = False
    db.session.flush()
    settle_task(TASK, now, about=str(holiday.id))


def visits_on(day: date, now: datetime, *, state: str | None = None, location_id: int | None = None) -> list[Visit]:
    """Visits that begin on this local day in a state, or at one location, and are not over; in order of time."""
    around = {
        "since": datetime.combine(day - timedelta(days=1), time(), UTC),
        "until": datetime.combine(day + timedelta(days=2), time(), UTC),
    }
    place = {"state": state, "location_id": location_id}
    rows = db.session.execute(_VISITS, {"day": day, "now": now, **around, **place})
    return [Visit(reference, starts_at, ZoneInfo(zone)) for reference, starts_at, zone in rows]


def warning(holiday: Holiday, now: datetime) -> str | None:
    """ "2 visits are booked on Australia Day, Tuesday 26 January 2027: BK-…, BK-…." or None."""
    visits = visits_on(holiday.day, now, state=holiday.state, location_id=holiday.location_id)
    if not visits:
        return None
    count = "1 visit is" if len(visits) == 1 else f"{len(visits)} visits are"
    references = ", ".join(visit.reference for visit in visits)
    return f"{count} booked on {holiday.name}, {words.day(holiday.day)}: {references}."


def review_tasks(now: datetime) -> None:
    """Settle the tasks of holidays on which no visit stands any more; make the others say what stands there now."""
    is_open = (StaffTask.kind == TASK, StaffTask.done_at.is_(None))
    for task in db.session.scalars(select(StaffTask).where(*is_open)).all():
        about = task.key.removeprefix(f"{TASK}:")
        holiday = db.session.get(Holiday, int(about))
        told = warning(holiday, now) if holiday is not None and holiday.is_kept else None
        if told is None:
            settle_task(TASK, now, about=about)
        elif told != task.words:
            db.session.execute(update(StaffTask).where(StaffTask.id == task.id, *is_open).values(words=told))


def _states(now: datetime) -> list[str]:
    """The states that have public holidays of the clinic's; somebody has to mend a place that names none of them."""
    found = set()
    for place in db.session.scalars(select(Location).order_by(Location.id)):
        if place.state in STATES:
            found.add(place.state)
            settle_task("state-unknown", now, about=place.slug)
        else:
            told = f"{place.name} keeps no public holidays: its state is none of {', '.join(STATES)}."
            raise_task("state-unknown", told, now, about=place.slug)
    return sorted(found)


def _wait_for_claims() -> None:
    """Whoever is taking a time right now does not see the new holiday, and we would not see their visit."""
    everybody = [(LockKind.PRACTITIONER, id) for id in db.session.scalars(select(Practitioner.id))]
    if everybody:
        lock_together(*everybody)


def _warn(holiday: Holiday, now: datetime) -> None:
    told = warning(holiday, now)
    if told is not None:
        raise_task(TASK, told, now, about=str(holiday.id))


# Bookings lie further right in the import order, so they are read by name. Holds count: they may be visits in a minute.
_VISITS = text(
    """
    select booking.reference, booking.starts_at, place.zone
    from booking
    join location place on place.id = booking.location_id
    where booking.blocked && tstzrange(:since, :until)
      and booking.status in ('held', 'awaiting_payment', 'confirmed', 'arrived', 'in_session')
      and (booking.status <> 'held' or booking.hold_expires_at > :now)
      and booking.ends_at > :now
      and (booking.starts_at at time zone place.zone)::date = :day
      and (place.state = :state or place.id = :location_id)
    order by booking.starts_at, booking.reference
    """
)
