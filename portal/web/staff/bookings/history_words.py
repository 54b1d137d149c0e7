"""What happened to a booking, in words and with names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select

from portal import words
from portal.bookings.models import Booking, BookingEvent
from portal.bookings.states import Status
from portal.db import db
from portal.staff.models import StaffMember
from portal.web.staff.diary_cards import STATES

WORDS = {
    "booking.held": "Time held",
    "booking.payment_started": "Went to pay",
    "booking.payment_not_started": "The payment page could not be opened",
    "booking.paid_too_late": "Paid after the time was let go",
    "booking.confirmed": "Booked",
    "booking.moved": "Moved",
    "booking.cancelled": "Cancelled",
    "booking.put_back": "Undone: put back as it was before",
    "booking.patient_changed": "Given to another patient",
    "booking.arrived": "Arrived",
    "booking.in_session": "Session began",
    "booking.completed": "Completed",
    "booking.set_back": "Set back",
    "booking.did_not_arrive": "Did not arrive",
    "booking.not_told": "Decided not to tell the patient",
    "booking.told_now": "Had the patient told at once",
    "booking.paid_at_clinic": "Paid to the desk",
    "booking.payment_taken_back": "The payment to the desk was a slip",
    "booking.confirmation_sent_again": "Sent the confirmation once more",
    "booking.released": "Time let go",
    "booking.expired": "The hold lapsed",
    "booking.not_placed": "No time was left; everything paid goes back",
    "offer.made": "Other times offered",
    "offer.accepted": "Took one of the other times",
    "offer.declined": "None of the other times suited",
    "offer.lapsed": "Nobody answered the offer of other times",
}
ACTORS = {
    "patient": "The patient",
    "stripe": "Stripe",
    "clock": "By itself",
    "clinic": "The clinic",
    "staff": "The desk",
}


@dataclass(frozen=True)
class Line:
    """One thing that happened."""

    at: datetime
    words: str
    who: str


def of(booking: Booking, zone: ZoneInfo) -> list[Line]:
    """The whole history, the newest first."""
    rows = select(BookingEvent).where(BookingEvent.booking_id == booking.id).order_by(BookingEvent.id.desc())
    return lines(db.session.scalars(rows).all(), zone)


def lines(events: Sequence[BookingEvent], zone: ZoneInfo) -> list[Line]:
    """These events, in their order; one query for all their names."""
    names = _names({event.by for event in events})
    return [Line(event.at, _words(event, zone), names[event.by]) for event in events]


def _names(actors: set[str]) -> dict[str, str]:
    ids = {int(by.removeprefix("staff:")): by for by in actors if by.startswith("staff:")}
    known = select(StaffMember.id, StaffMember.name).where(StaffMember.id.in_(ids))
    found = {ids[id]: name for id, name in db.session.execute(known)} if ids else {}
    return {by: found.get(by) or ACTORS.get(by, by) for by in actors}


def _words(event: BookingEvent, zone: ZoneInfo) -> str:
    said = WORDS.get(event.name, event.name)
    if "from_starts_at" in event.data:
        said += f" from {words.brief(datetime.fromisoformat(event.data['from_starts_at']), zone)}"
    if event.name == "booking.set_back":
        said += f" to “{STATES[Status(event.data['to'])][0]}”"
    return f"{said}, against the rules" if event.data.get("overlaps") else said
