"""The next open time of a type, and of each of those who offer it."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from portal.catalogue.models import AppointmentType
from portal.scheduling import availability

# Most people are free before this, and nobody waits for the rest of the horizon.
FIRST_DAYS = 14


def next_times(appointment_type: AppointmentType, today: date, now: datetime) -> dict[int, datetime | None]:
    """Practitioner id -> the first time in the horizon of a type that can be booked, or None; two queries at most.

    `today` is the clinic's day.
    """
    last_day = today + timedelta(days=appointment_type.horizon_days)
    first_to = min(today + timedelta(days=FIRST_DAYS - 1), last_day)
    found = _firsts(appointment_type, today, first_to, now)
    if None in found.values() and first_to < last_day:
        later = _firsts(appointment_type, first_to + timedelta(days=1), last_day, now)
        found = {who: found.get(who) or at for who, at in later.items()}
    return found


def _firsts(appointment_type: AppointmentType, first: date, last: date, now: datetime) -> dict[int, datetime | None]:
    table = availability.timetable(appointment_type, first, last, now)
    firsts = {slot.practitioner_id: slot.starts_at for slot in reversed(table.open_slots)}
    return {one.id: firsts.get(one.id) for one in table.practitioners}
