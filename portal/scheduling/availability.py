"""Loads what slots.py needs in a fixed number of queries, and answers which times are open."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Row, bindparam, or_, select, text

from portal.catalogue.models import AppointmentType
from portal.db import db
from portal.scheduling import slots
from portal.scheduling.models import ExceptionKind, HoursException, Location, Room, WorkingHours
from portal.scheduling.slots import Diary, Range, RoomDiary, Rules, Shift
from portal.staff.models import Practitioner


@dataclass(frozen=True, order=True)
class OpenSlot:
    """A time that can be booked: start in UTC, and who and where."""

    starts_at: datetime
    practitioner_id: int
    location_id: int
    room_id: int | None = field(compare=False)


def rules_of(appointment_type: AppointmentType) -> Rules:
    """The rules of a type that can be booked."""
    assert appointment_type.length_minutes is not None
    return Rules(
        length=appointment_type.length_minutes,
        buffer_before=appointment_type.buffer_before_minutes,
        buffer_after=appointment_type.buffer_after_minutes,
        minimum_notice=appointment_type.minimum_notice_minutes,
        horizon_days=appointment_type.horizon_days,
        start_step=appointment_type.start_step_minutes,
    )


def open_slots(
    appointment_type: AppointmentType,
    first: date,
    last: date,
    now: datetime,
    *,
    practitioner_ids: Sequence[int] | None = None,
    ignoring_booking: int | None = None,
) -> list[OpenSlot]:
    """Open slots from the first to the last local day, both included, in order.

    `practitioner_ids` narrows to these people; `ignoring_booking` leaves one booking out of what is taken, because a
    visit does not stand in its own way when it moves. Holds that have lapsed take nothing.
    """
    hours = _hours(appointment_type, first, last, practitioner_ids)
    zones = {location.id: ZoneInfo(location.zone) for location in db.session.scalars(select(Location))}
    # Two days around the window: buffers and zones reach over its edges.
    since = datetime.combine(first - timedelta(days=2), time(), UTC)
    until = datetime.combine(last + timedelta(days=3), time(), UTC)
    taken = _taken(since, until, now, ignoring_booking)
    extra = _extra_hours(appointment_type, since, until, practitioner_ids)
    shifts = _shifts(hours, extra, first, last, zones)
    closed = _closed(since, until)
    diaries = [
        Diary(
            practitioner_id,
            own_shifts,
            [*taken.by_practitioner[practitioner_id], *closed[practitioner_id], *closed[None]],
        )
        for practitioner_id, own_shifts in shifts.items()
    ]
    rooms = _rooms(taken) if appointment_type.needs_room else None
    found = slots.open_slots(rules_of(appointment_type), diaries, rooms, zones, int(now.timestamp()))
    return [
        OpenSlot(datetime.fromtimestamp(slot.start, UTC), slot.practitioner_id, slot.location_id, slot.room_id)
        for slot in found
    ]


def slots_at(
    appointment_type: AppointmentType, starts_at: datetime, now: datetime, *, ignoring_booking: int | None = None
) -> list[OpenSlot]:
    """The open slots that begin at this very instant: one per practitioner who is free then."""
    day = starts_at.astimezone(UTC).date()
    window = open_slots(
        appointment_type, day - timedelta(days=1), day + timedelta(days=1), now, ignoring_booking=ignoring_booking
    )
    return [slot for slot in window if slot.starts_at == starts_at]


def practitioners_offering(appointment_type: AppointmentType) -> list[Practitioner]:
    """Everybody who has working hours in the type's calendar, in the clinic's order."""
    works = select(WorkingHours.practitioner_id).where(WorkingHours.calendar_slug == appointment_type.calendar_slug)
    return list(
        db.session.scalars(
            select(Practitioner)
            .where(Practitioner.id.in_(works), Practitioner.is_active)
            .order_by(Practitioner.position, Practitioner.id)
        )
    )


def _hours(
    appointment_type: AppointmentType, first: date, last: date, practitioner_ids: Sequence[int] | None
) -> list[WorkingHours]:
    query = (
        select(WorkingHours)
        .join(Practitioner, Practitioner.id == WorkingHours.practitioner_id)
        .join(Location, Location.id == WorkingHours.location_id)
        .where(
            Practitioner.is_active,
            WorkingHours.calendar_slug == appointment_type.calendar_slug,
            Location.is_telehealth == appointment_type.is_telehealth,
            or_(WorkingHours.valid_from.is_(None), WorkingHours.valid_from <= last),
            or_(WorkingHours.valid_until.is_(None), WorkingHours.valid_until >= first),
        )
        .order_by(WorkingHours.id)
    )
    if practitioner_ids is not None:
        query = query.where(WorkingHours.practitioner_id.in_(practitioner_ids))
    return list(db.session.scalars(query))


def _extra_hours(
    appointment_type: AppointmentType, since: datetime, until: datetime, practitioner_ids: Sequence[int] | None
) -> list[HoursException]:
    query = (
        select(HoursException)
        .join(Practitioner, Practitioner.id == HoursException.practitioner_id)
        .join(Location, Location.id == HoursException.location_id)
        .where(
            HoursException.kind == ExceptionKind.EXTRA,
            HoursException.calendar_slug == appointment_type.calendar_slug,
            HoursException.starts_at < until,
            HoursException.ends_at > since,
            Practitioner.is_active,
            Location.is_telehealth == appointment_type.is_telehealth,
        )
        .order_by(HoursException.id)
    )
    if practitioner_ids is not None:
        query = query.where(HoursException.practitioner_id.in_(practitioner_ids))
    return list(db.session.scalars(query))


def _shifts(
    hours: Iterable[WorkingHours],
    extra_hours: Iterable[HoursException],
    first: date,
    last: date,
    zones: dict[int, ZoneInfo],
) -> dict[int, list[Shift]]:
    """Each practitioner's shifts on each day: the weekly hours in force, and extra hours."""
    shifts: dict[int, list[Shift]] = defaultdict(list)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    for row in hours:
        for day in days:
            in_force = (row.valid_from or day) <= day <= (row.valid_until or day)
            if day.weekday() == row.weekday and in_force:
                shifts[row.practitioner_id].append(Shift(day, row.starts, row.ends, row.location_id))
    for extra in extra_hours:
        assert extra.practitioner_id is not None and extra.location_id is not None
        starts, ends = (at.astimezone(zones[extra.location_id]) for at in (extra.starts_at, extra.ends_at))
        for day in days:
            if starts.date() <= day <= ends.date():
                # One that goes on past midnight is a shift on each of its days.
                begin = starts.time() if day == starts.date() else time()
                until = ends.time() if day == ends.date() else time(23, 59)
                shifts[extra.practitioner_id].append(Shift(day, begin, until, extra.location_id))
    return shifts


def _closed(since: datetime, until: datetime) -> dict[int | None, list[Range]]:
    """Closed ranges by practitioner; None is everybody."""
    closed: dict[int | None, list[Range]] = defaultdict(list)
    for row in db.session.scalars(
        select(HoursException).where(
            HoursException.kind == ExceptionKind.CLOSED,
            HoursException.starts_at < until,
            HoursException.ends_at > since,
        )
    ):
        closed[row.practitioner_id].append((int(row.starts_at.timestamp()), int(row.ends_at.timestamp())))
    return closed


@dataclass(frozen=True)
class _Taken:
    by_practitioner: dict[int, list[Range]]
    by_room: dict[int, list[Range]]


# Bookings lie further right in the import order, so their table is read by name. An override counts as busy for
# everybody else, although the constraint lets it be; a lapsed hold takes nothing, also before the sweep has seen it.
# A booking that awaits payment is released by the payment's own end, never by the clock alone.
_OCCUPIED = text(
    """
    select id, practitioner_id, room_id, lower(blocked) as starts, upper(blocked) as ends
    from booking
    where blocked && tstzrange(:since, :until)
      and (status in ('awaiting_payment', 'confirmed', 'arrived', 'in_session', 'completed')
           or (status = 'held' and hold_expires_at > :now))
      and id <> coalesce(:ignored, 0)
    """
).bindparams(bindparam("ignored"))


def _taken(since: datetime, until: datetime, now: datetime, ignored: int | None) -> _Taken:
    taken = _Taken(defaultdict(list), defaultdict(list))
    rows: Iterable[Row[tuple[int, int, int | None, datetime, datetime]]] = db.session.execute(
        _OCCUPIED, {"since": since, "until": until, "now": now, "ignored": ignored}
    )
    for row in rows:
        taken_range = (int(row.starts.timestamp()), int(row.ends.timestamp()))
        taken.by_practitioner[row.practitioner_id].append(taken_range)
        if row.room_id is not None:
            taken.by_room[row.room_id].append(taken_range)
    return taken


def _rooms(taken: _Taken) -> list[RoomDiary]:
    return [
        RoomDiary(room.id, room.location_id, taken.by_room[room.id])
        for room in db.session.scalars(select(Room).order_by(Room.id))
    ]
