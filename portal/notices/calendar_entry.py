"""The calendar entry of a visit as an .ics file, for mails and for the confirmation page. Pure.

It names the clinic and never the service: calendars are shared with families and employers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, vCalAddress, vText

from portal.bookings.models import Booking
from portal.clinic import Clinic
from portal.notices.zone_rules import zone_rules

# Around a visit, so that a change on either side of it is in the file.
HALF_A_YEAR = timedelta(days=183)


@dataclass(frozen=True)
class CalendarEntry:
    """What the file says. Times are UTC and shown in `zone`; an empty organizer address leaves that line out."""

    uid: str
    sequence: int
    made_at: datetime
    starts_at: datetime
    ends_at: datetime
    zone: ZoneInfo
    summary: str
    location: str
    description: str
    organizer_name: str
    organizer_email: str
    is_cancelled: bool

    @property
    def method(self) -> str:
        return "CANCEL" if self.is_cancelled else "PUBLISH"


def of_booking(booking: Booking, clinic: Clinic, public_host: str, now: datetime) -> CalendarEntry:
    """The entry of a booking as it is now. Its uid stays for life; a later move or cancellation replaces it."""
    where = booking.location
    return CalendarEntry(
        uid=f"{booking.reference}@{public_host}",
        sequence=booking.version,
        made_at=now,
        starts_at=booking.starts_at,
        ends_at=booking.ends_at,
        zone=ZoneInfo(where.zone),
        summary=f"Appointment at {clinic.name}",
        location=", ".join(part for part in (where.name, where.address) if part),
        description=_description(booking, clinic),
        organizer_name=clinic.name,
        organizer_email=clinic.email,
        is_cancelled=booking.is_cancelled,
    )


def for_booking(booking: Booking, clinic: Clinic, public_host: str, now: datetime) -> bytes:
    """The .ics file of a booking as it is now, UTF-8."""
    return ics(of_booking(booking, clinic, public_host, now))


def ics(entry: CalendarEntry) -> bytes:
    """The entry as RFC 5545, UTF-8, lines folded. It has no alarm: people set their own."""
    calendar = Calendar()
    calendar.add("prodid", "-//Clinic booking portal//EN")
    calendar.add("version", "2.0")
    calendar.add("method", entry.method)
    calendar.add_component(zone_rules(entry.zone, entry.starts_at - HALF_A_YEAR, entry.ends_at + HALF_A_YEAR))
    calendar.add_component(_event(entry))
    return bytes(calendar.to_ical())


def one_line(text: str) -> str:
    """Text for headers and calendar lines: no line breaks, no control or direction characters."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _event(entry: CalendarEntry) -> Event:
    event = Event()
    event.add("uid", one_line(entry.uid))
    event.add("sequence", entry.sequence)
    event.add("dtstamp", entry.made_at)
    event.add("dtstart", entry.starts_at.astimezone(entry.zone))
    event.add("dtend", entry.ends_at.astimezone(entry.zone))
    event.add("summary", one_line(entry.summary))
    event.add("location", one_line(entry.location))
    event.add("description", "\n".join(one_line(line) for line in entry.description.splitlines()))
    event.add("status", "CANCELLED" if entry.is_cancelled else "CONFIRMED")
    if entry.organizer_email:
        organizer = vCalAddress(f"mailto:{one_line(entry.organizer_email)}")
        organizer.params["CN"] = vText(one_line(entry.organizer_name))
        event.add("organizer", organizer)
    return event


def _description(booking: Booking, clinic: Clinic) -> str:
    """No link: whoever sees the calendar must not be able to change the visit."""
    help = f"call {clinic.phone} or " if clinic.phone else ""
    return (
        f"{booking.reference} with {booking.practitioner.name}\nTo change or cancel, {help}use the link in our e-mail."
    )
