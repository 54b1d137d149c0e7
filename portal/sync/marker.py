"""Makes our appointments in MediRecords findable: a marker in the notes, as it knows no external id (contract 7)."""

from __future__ import annotations

import re
from datetime import date, datetime

from portal.bookings.models import Booking
from portal.clients import clients
from portal.integrations.medirecords import Appointment
from portal.sync import medirecords_link
from portal.sync.medirecords_link import CANCELLED

MARKER = re.compile(r"\[ref:(BK-[0-9A-Z]{6})\]")


def of(reference: str) -> str:
    """A booking's marker, as it stands in the notes."""
    return f"[ref:{reference}]"


def notes(booking: Booking) -> str:
    """The appointment's notes: the marker, and the billing code for whoever bills (strategy notes_tag, contract 8)."""
    return f"Booked online. {of(booking.reference)} [bill:{booking.terms['billing_code']}]"


def find(mark: str, days: set[date]) -> Appointment | None:
    """Our live appointment of these local days; should there be two, the oldest stays and the others go."""
    ours = [
        one
        for day in days
        for one in clients().medirecords.find_appointments(on=day)
        if mark in one.notes and one.status != CANCELLED
    ]
    ours.sort(key=lambda one: str(one.raw.get("createdDateTime")))
    for extra in ours[1:]:
        clients().medirecords.cancel_appointment(extra.id)
    return ours[0] if ours else None


def days_of(booking: Booking) -> set[date]:
    """The local days on which our appointment may stand: the visit's, and the one a lost create asked for."""
    written, zone = medirecords_link.get(booking.id).written, clients().settings.zone
    starts = {booking.starts_at}
    if "starts_at" in written:
        starts.add(datetime.fromisoformat(written["starts_at"]))
    return {start.astimezone(zone).date() for start in starts}
