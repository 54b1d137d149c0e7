"""A letter about an invented visit, without a database."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import icalendar

from portal.bookings.models import BookedFor, Booking
from portal.bookings.policy import Cost
from portal.bookings.states import Status
from portal.catalogue.models import AppointmentType
from portal.clinic import Clinic
from portal.notices.compose import Letter, Offered
from portal.notices.kinds import MailKind
from portal.patients.models import Gender, Patient
from portal.scheduling.models import Location
from portal.staff.models import Practitioner

NOW = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
STARTS_AT = datetime(2026, 11, 30, 23, 0, tzinfo=UTC)  # 10 am on 1 December in Sydney
ROSELLA = Clinic(
    name="Rosella Clinic",
    phone="(02) 5550 1234",
    email="desk@rosella-clinic.example.com",
    street_address="1 Example St, Sydney NSW 2000",
)
TERMS: dict[str, Any] = {
    "service_slug": "weight-loss",
    "service_name": "Weight Loss Program",
    "type_slug": "followup-weight-45min",
    "type_name": "Weight loss follow-up",
    "length_minutes": 45,
    "price_cents": 8900,
    "gst_rule": "unset",
    "payment_policy": "full",
    "cancellation": {"notice_hours": 24, "late_fee_percent": 50, "no_show_fee_percent": 100, "grace_minutes": 60},
    "medi_code": "CONSULT_WEIGHT_45",
    "medi_minutes": 45,
    "billing_code": "CONSULT_WEIGHT_45",
}


OFFERED = Offered(
    times=(
        ("Tuesday 8 December 2026, 10:00 am Sydney time (AEDT)", "Dr Ines Moreau"),
        ("Tuesday 15 December 2026, 10:00 am Sydney time (AEDT)", "Ravi Fernside"),
    ),
    until="Sunday 22 November 2026, 12:00 pm Sydney time (AEDT)",
)


def event_in(ics: Any) -> Any:
    """The one event of an .ics file, as its reader's program parses it."""
    (event,) = icalendar.Calendar.from_ical(ics).walk("VEVENT")
    return event


def make_patient(**columns: Any) -> Patient:
    known = {
        "given_name": "Nora",
        "family_name": "Castellano",
        "preferred_name": "",
        "born_on": date(1984, 3, 9),
        "gender": Gender.FEMALE,
        "email": "nora.castellano@example.com",
        "mobile": "+61491570156",
    }
    return Patient(**(known | columns))


def make_booking(
    *, starts_at: datetime = STARTS_AT, terms: dict[str, Any] | None = None, message: str = "", **columns: Any
) -> Booking:
    known = {
        "reference": "BK-7F3K2Q",
        "status": Status.CONFIRMED,
        "starts_at": starts_at,
        "ends_at": starts_at + timedelta(minutes=45),
        "version": 0,
        "terms": TERMS | (terms or {}),
        "booked_for": BookedFor.SELF,
        "booked_by": "",
        "confirmed_at": NOW,
        "patient_id": 1,
        "patient": make_patient(),
        "practitioner": Practitioner(name="Dr Ines Moreau"),
        "location": Location(name="Rosella Clinic", address="1 Example St, Sydney", zone="Australia/Sydney"),
        "appointment_type": AppointmentType(name="Weight loss follow-up", confirmation_message=message),
    }
    return Booking(**(known | columns))


def make_letter(
    kind: MailKind = MailKind.CONFIRMATION, booking: Booking | None = None, *, cost: Cost | None = None, **parts: Any
) -> Letter:
    known: dict[str, Any] = {
        "clinic": ROSELLA,
        "message_id": "<1f0c@rosella-clinic.example.com>",
        "sender": "Rosella Clinic <bookings@rosella-clinic.example.com>",
        "public_url": "https://bookings.example.com",
        "public_host": "bookings.example.com",
        "token": "T0KEN",
        "written_at": NOW,
        "offered": OFFERED if kind == MailKind.OFFER else None,
    }
    return Letter(
        kind=kind, booking=booking or make_booking(), cost=cost or Cost(0, 0, is_late=False), **(known | parts)
    )
