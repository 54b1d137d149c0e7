"""Closes the clinic, a place or a practitioner for a while, and arranges extra hours.

Whole days of one place are kept like a local holiday, because closed hours keep a practitioner from every place at
once. What is over stays as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, select

from portal.db import LockKind, db, lock_together
from portal.scheduling import holidays
from portal.scheduling.holidays import HolidayExists
from portal.scheduling.models import ExceptionKind, Holiday, HoursException, Location
from portal.staff.models import Practitioner


class IsOver(Exception):
    """It has passed, and what was true then stays true."""


@dataclass(frozen=True)
class Closing:
    """What is closed from one instant to another: a practitioner, a place, or (neither) the clinic."""

    starts_at: datetime
    ends_at: datetime
    practitioner: Practitioner | None = None
    location: Location | None = None

    def days(self) -> list[date]:
        """The local days of a place that it closes, all of them whole."""
        assert self.location is not None
        zone = ZoneInfo(self.location.zone)
        first, last = self.starts_at.astimezone(zone).date(), (self.ends_at - timedelta(seconds=1)).astimezone(zone)
        return [first + timedelta(days=n) for n in range((last.date() - first).days + 1)]


def close(closing: Closing, reason: str, now: datetime) -> HoursException | None:
    """Take no more bookings there. -> what can be taken back, but for a place, whose days are local holidays.

    Whoever is taking a time right now is waited for, so that what is listed afterwards is all there is.
    """
    wait_for_claims(closing.practitioner)
    if closing.location is not None:
        for day in closing.days():
            _close_day(closing.location, day, reason, now)
        return None
    made = HoursException(
        kind=ExceptionKind.CLOSED,
        practitioner_id=closing.practitioner.id if closing.practitioner else None,
        starts_at=closing.starts_at,
        ends_at=closing.ends_at,
        reason=reason,
    )
    db.session.add(made)
    db.session.flush()
    return made


def is_closed(closing: Closing) -> bool:
    """Whether nobody can book there already."""
    if closing.location is not None:
        return set(closing.days()) <= _closed_days(closing.location)
    covers = (
        HoursException.kind == ExceptionKind.CLOSED,
        HoursException.starts_at <= closing.starts_at,
        HoursException.ends_at >= closing.ends_at,
    )
    whose: ColumnElement[bool] = HoursException.practitioner_id.is_(None)
    if closing.practitioner is not None:
        whose = whose | (HoursException.practitioner_id == closing.practitioner.id)
    return db.session.scalar(select(HoursException.id).where(*covers, whose).limit(1)) is not None


def add_extra(
    practitioner: Practitioner, calendar_slug: str, location: Location, starts_at: datetime, ends_at: datetime
) -> HoursException:
    """Hours beside the weekly ones; they count on a public holiday as well."""
    made = HoursException(
        kind=ExceptionKind.EXTRA,
        practitioner_id=practitioner.id,
        calendar_slug=calendar_slug,
        location_id=location.id,
        starts_at=starts_at,
        ends_at=ends_at,
    )
    db.session.add(made)
    db.session.flush()
    return made


def take_back(exception: HoursException, now: datetime) -> None:
    """Undo what is still ahead, and end now what has begun. Raises IsOver."""
    if exception.ends_at <= now:
        raise IsOver
    if exception.starts_at < now:
        exception.ends_at = now
    else:
        db.session.delete(exception)
    db.session.flush()


def coming(kind: ExceptionKind, now: datetime) -> list[HoursException]:
    """What is not over yet, in order of time."""
    wanted = select(HoursException).where(HoursException.kind == kind, HoursException.ends_at > now)
    return list(db.session.scalars(wanted.order_by(HoursException.starts_at, HoursException.id)))


def wait_for_claims(practitioner: Practitioner | None) -> None:
    ids = [practitioner.id] if practitioner else db.session.scalars(select(Practitioner.id)).all()
    if ids:
        lock_together(*((LockKind.PRACTITIONER, id) for id in ids))


def _close_day(location: Location, day: date, reason: str, now: datetime) -> None:
    known = db.session.scalars(
        select(Holiday).where(Holiday.location_id == location.id, Holiday.day == day)
    ).one_or_none()
    if known is not None:
        holidays.keep(known, now)
        return
    try:
        holidays.add_holiday(day, reason or "the day", now, location_id=location.id)
    except HolidayExists:
        return  # somebody was faster, which closes it as well


def _closed_days(location: Location) -> set[date]:
    here = (Holiday.location_id == location.id) | (Holiday.state == location.state)
    return set(db.session.scalars(select(Holiday.day).where(here, Holiday.is_kept)))
