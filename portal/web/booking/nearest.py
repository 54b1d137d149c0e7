"""The three times that come closest to one that was lost."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from flask import current_app
from markupsafe import Markup

from portal.bookings.models import Booking
from portal.clock import now
from portal.scheduling import availability
from portal.scheduling.claims import SlotTaken
from portal.scheduling.slots import OpenSlot
from portal.web.booking import slot_list, zones
from portal.web.booking.narrow import Filters
from portal.web.booking.slot_list import Offered, Time

COUNT = 3


class Lost(NamedTuple):
    """A time that somebody wanted and cannot have."""

    starts_at: datetime
    practitioner_id: int | None  # None: anyone would have done


def sorry_words(refusal: SlotTaken) -> str:
    """What the person is told who cannot have the time."""
    return f"{refusal.reason.for_patients} Please choose another."


def among(slots: Sequence[OpenSlot], lost: Lost, zone: ZoneInfo, offered: Offered) -> list[Time]:
    """The three that come closest: those of the same practitioner first, then the nearest; told in order of time.

    `slots` are in order.
    """
    wanted = int(lost.starts_at.timestamp())
    theirs = [slot.start for slot in slots if lost.practitioner_id in (None, slot.practitioner_id)]
    closest = _closest(theirs, wanted, COUNT)
    if len(closest) < COUNT:
        others = [slot.start for slot in slots if slot.start not in closest]
        closest += _closest(others, wanted, COUNT - len(closest))
    told = [slot for start in sorted(closest) for slot in _theirs_first(_at(slots, start), lost)]
    return slot_list.choices(told, zone, offered, with_day=True)


def html(times: Sequence[Time]) -> Markup:
    """The times as the page has them, nothing where there is none."""
    if not times:
        return Markup()
    return Markup(current_app.jinja_env.get_template("booking/_nearest.html").render(times=times))  # noqa: S704 - escaped


def _closest(starts: Sequence[int], wanted: int, count: int) -> list[int]:
    """Of ascending starts the different ones around the wanted moment, the nearest first."""
    different = list(dict.fromkeys(starts))
    place = bisect_left(different, wanted)
    around = different[max(0, place - count) : place + count]
    return sorted(around, key=lambda start: abs(start - wanted))[:count]


def _at(slots: Sequence[OpenSlot], start: int) -> list[OpenSlot]:
    """The slots of one start."""
    return list(slots[bisect_left(slots, (start,)) : bisect_left(slots, (start + 1,))])


def to_booking(booking: Booking) -> list[Time]:
    """The three open times closest to the one of a booking, looked for in the weeks around it."""
    at = now()
    zone = zones.of_booking(booking)
    today = at.astimezone(zone).date()
    middle = max(booking.starts_at.astimezone(zone).date(), today)
    first, last = max(today, middle - timedelta(days=14)), middle + timedelta(days=21)
    table = availability.timetable(booking.appointment_type, first, last, at)
    lost = Lost(booking.starts_at, booking.practitioner_id)
    # Each time names its practitioner: they have met one by name on every page so far.
    places = table.question.facts.places
    offered = Offered.of(booking.appointment_type, Filters(table.practitioners), zone, places)
    return among(table.open_slots, lost, zone, offered._replace(is_choice=False))


def _theirs_first(slots: list[OpenSlot], lost: Lost) -> list[OpenSlot]:
    """The slot of the same practitioner alone where there is one, so that no other is given in their place."""
    return [slot for slot in slots if slot.practitioner_id == lost.practitioner_id] or slots
