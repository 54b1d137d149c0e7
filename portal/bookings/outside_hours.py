"""Visits that stand outside the hours of their practitioner, as after a change of the week."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.catalogue.models import AppointmentType
from portal.db import db
from portal.scheduling import week
from portal.scheduling.models import ExceptionKind, HoursException, WorkingHours

END_OF_DAY = time(23, 59)


def visits(practitioner_id: int, calendar_slug: str, first: date, last: date | None, now: datetime) -> list[Booking]:
    """Confirmed and coming, between the two local days (None: without end), and in no weekly or extra hours."""
    begins = max(now, datetime.combine(first - timedelta(days=1), time(), UTC))
    wanted = (
        select(Booking)
        .join(AppointmentType, AppointmentType.id == Booking.appointment_type_id)
        .options(joinedload(Booking.location))
        .where(
            Booking.practitioner_id == practitioner_id,
            AppointmentType.calendar_slug == calendar_slug,
            Booking.status == Status.CONFIRMED,
            Booking.starts_at >= begins,
        )
        .order_by(Booking.starts_at)
    )
    rows, extra = week.rows_of(practitioner_id, calendar_slug), _extra(practitioner_id, calendar_slug, now)
    return [
        visit
        for visit in db.session.scalars(wanted)
        if first <= _local(visit.starts_at, visit).date() <= (last or date.max)
        and not _is_in_week(visit, rows)
        and not any(
            each.location_id == visit.location_id
            and each.starts_at <= visit.starts_at
            and visit.ends_at <= each.ends_at
            for each in extra
        )
    ]


def _is_in_week(visit: Booking, rows: list[WorkingHours]) -> bool:
    begin, end = _local(visit.starts_at, visit), _local(visit.ends_at, visit)
    return any(
        hours.weekday == begin.weekday()
        and hours.location_id == visit.location_id
        and hours.starts <= begin.time()
        and (hours.ends >= END_OF_DAY or end.time() <= hours.ends)
        for hours in week.on(rows, begin.date())
    )


def _local(instant: datetime, visit: Booking) -> datetime:
    return instant.astimezone(ZoneInfo(visit.location.zone))


def _extra(practitioner_id: int, calendar_slug: str, now: datetime) -> list[HoursException]:
    return list(
        db.session.scalars(
            select(HoursException).where(
                HoursException.kind == ExceptionKind.EXTRA,
                HoursException.practitioner_id == practitioner_id,
                HoursException.calendar_slug == calendar_slug,
                HoursException.ends_at > now,
            )
        )
    )
