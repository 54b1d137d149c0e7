"""What the tests of MediRecords' appointments say and read: a call that may fail, and an appointment's time."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from portal.bookings.models import Booking
from portal.clock import now
from tests.support.factories import ten_in_a_week

SYDNEY = ZoneInfo("Australia/Sydney")
CREATE = "POST /medirecords/v1/practices/*/appointments"
LOST_AND_LATE = {"seconds": 25}  # longer than a new appointment may stay out of sight


def when(entry: dict[str, object]) -> str:
    return str(entry["scheduleTime"])[:16]


def wall(booking: Booking) -> str:
    return f"{booking.starts_at.astimezone(SYDNEY):%Y-%m-%dT%H:%M}"


def make_start(number: int) -> datetime:
    return ten_in_a_week(now()) + timedelta(days=number)
