"""Rows for tests, written straight to the database and committed: a test names only what it is about.

All of them need an app context (`ctx`). The people are invented. Slugs, references and names count up, so that two of
a kind never clash; two bookings have a practitioner each unless the test gives them one.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy.dialects.postgresql import Range

from portal import clock
from portal.bookings.models import Booking
from portal.bookings.states import WAITING, Status
from portal.catalogue import offer
from portal.catalogue.models import (
    AppointmentType,
    Calendar,
    CancellationPolicy,
    FormDefinition,
    FormPurpose,
    Kind,
    Mode,
    Price,
    Service,
    ServiceStatus,
)
from portal.db import Base, db, transaction
from portal.patients.models import Gender, Patient
from portal.payments.models import Payment, PaymentState
from portal.scheduling.models import Location, Room, WorkingHours
from portal.staff.models import Practitioner

SYDNEY = ZoneInfo("Australia/Sydney")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
CALENDAR = "test-calendar"

_numbers = count(1)
Row = TypeVar("Row", bound=Base)


def make_practitioner(**columns: Any) -> Practitioner:
    """Somebody patients can book with; no Outlook mailbox and no MediRecords id unless given."""
    number = next(_numbers)
    known = {
        "slug": f"practitioner-{number}",
        "name": "Dr Ines Moreau",
        "email": f"practitioner-{number}@rosella-clinic.example.com",
    }
    return _stored(Practitioner(**(known | columns)))


def make_form(slug: str, title: str = "Before we meet") -> FormDefinition:
    """An intake form that asks one question: what brings you here."""
    question = {"id": "reason", "kind": "text", "label": "What brings you here?"}
    sections = [{"id": "visit", "title": "Your visit", "questions": [question]}]
    return _stored(
        FormDefinition(slug=slug, version=1, purpose=FormPurpose.INTAKE, title=title, definition={"sections": sections})
    )


def make_location(*, is_telehealth: bool = False, **columns: Any) -> Location:
    """A place in Sydney's zone; telehealth has no address."""
    place = {"name": "Telehealth"} if is_telehealth else {"name": "Rosella Clinic", "address": "1 Example St, Sydney"}
    known = {"slug": f"location-{next(_numbers)}", "zone": SYDNEY.key, "is_telehealth": is_telehealth, **place}
    return _stored(Location(**(known | columns)))


def make_room(location: Location, **columns: Any) -> Room:
    number = next(_numbers)
    known = {"slug": f"room-{number}", "name": f"Room {number}", "location_id": location.id}
    return _stored(Room(**(known | columns)))


def make_hours(
    practitioner: Practitioner, location: Location, *, weekdays: range = range(7), **columns: Any
) -> list[WorkingHours]:
    """The same hours on each of these weekdays, 9 to 5 unless given."""
    make_calendar(columns.get("calendar_slug", CALENDAR))
    known = {"calendar_slug": CALENDAR, "starts": time(9), "ends": time(17)} | columns
    who = {"practitioner_id": practitioner.id, "location_id": location.id}
    return [_stored(WorkingHours(**who, weekday=weekday, **known)) for weekday in weekdays]


def make_calendar(slug: str = CALENDAR) -> Calendar:
    """The calendar with this slug, made when it is not there."""
    return db.session.get(Calendar, slug) or _stored(Calendar(slug=slug, name="Calendar of tests"))


def make_policy(slug: str = "test-standard", **columns: Any) -> CancellationPolicy:
    """The cancellation policy with this slug, made when it is not there: 24 hours, half, all, an hour of grace."""
    known = {"name": "Standard", "notice_hours": 24, "late_fee_percent": 50, "no_show_fee_percent": 100}
    return db.session.get(CancellationPolicy, slug) or _stored(
        CancellationPolicy(**({"slug": slug, "grace_minutes": 60} | known | columns))
    )


def make_service(**columns: Any) -> Service:
    number = next(_numbers)
    known = {"slug": f"service-{number}", "name": f"Service {number}", "status": ServiceStatus.ACTIVE}
    return _stored(Service(**(known | columns)))


def make_type(*, price_cents: int | None = 11900, service: Service | None = None, **columns: Any) -> AppointmentType:
    """A 30 minute telehealth visit for $119 without buffers or notice. `price_cents` None: to be announced."""
    number = next(_numbers)
    known = {
        "slug": f"type-{number}",
        "name": f"Type {number}",
        "service_id": (service or make_service()).id,
        "kind": Kind.INITIAL,
        "mode": Mode.TELEHEALTH,
        "length_minutes": 30,
        "minimum_notice_minutes": 0,
        "calendar_slug": make_calendar(columns.get("calendar_slug", CALENDAR)).slug,
        "cancellation_policy_slug": make_policy().slug,
    }
    made = _stored(AppointmentType(**(known | columns)))
    if price_cents is not None:
        _stored(Price(type_id=made.id, amount_cents=price_cents, valid_from=LONG_AGO))
    db.session.refresh(made)
    return made


def make_patient(**columns: Any) -> Patient:
    known = {
        "given_name": "Nora",
        "family_name": "Castellano",
        "born_on": date(1984, 3, 9),
        "gender": Gender.FEMALE,
        "email": f"nora.castellano.{next(_numbers)}@example.com",
        "mobile": "+61491570156",
        "mobile_as_typed": "0491 570 156",
        "created_at": LONG_AGO,
    }
    return _stored(Patient(**(known | columns)))


def make_booking(
    *,
    status: Status = Status.CONFIRMED,
    starts_at: datetime | None = None,
    type: AppointmentType | None = None,
    practitioner: Practitioner | None = None,
    location: Location | None = None,
    patient: Patient | None = None,
    terms: dict[str, Any] | None = None,
    **columns: Any,
) -> Booking:
    """A confirmed visit at 10 am in a week, in Sydney. `terms` change what was agreed.

    A held one has no patient unless given; a cancelled one had been confirmed unless `confirmed_at` is None.
    """
    now = clock.now()
    type = type or make_type()
    starts_at = starts_at or ten_in_a_week(now)
    ends_at = starts_at + timedelta(minutes=type.length_minutes or 30)
    if patient is None and status != Status.HELD:
        patient = make_patient()
    buffers = timedelta(minutes=type.buffer_before_minutes), timedelta(minutes=type.buffer_after_minutes)
    known = {
        "reference": f"BK-{next(_numbers):06}",
        "appointment_type_id": type.id,
        "practitioner_id": (practitioner or make_practitioner()).id,
        "location_id": (location or make_location(is_telehealth=type.is_telehealth)).id,
        "patient_id": patient.id if patient else None,
        "status": status,
        "starts_at": starts_at,
        "ends_at": ends_at,
        "blocked": Range(starts_at - buffers[0], ends_at + buffers[1]),
        "held_at": now,
        "terms": offer.terms_of(type, now) | (terms or {}),
        **_stamps(status, now),
    }
    return _stored(Booking(**(known | columns)))


def make_payment(booking: Booking, **columns: Any) -> Payment:
    """The payment that settled a booking: its whole price, through Checkout."""
    number, at = next(_numbers), clock.now()
    known = {
        "attempt": f"attempt-{number}",
        "booking_id": booking.id,
        "amount_cents": booking.price_cents,
        "state": PaymentState.PAID,
        "customer_email": booking.patient.email if booking.patient else "",
        "session_id": f"cs_test_{number}",
        "session_expires_at": at + timedelta(minutes=33),
        "intent_id": f"pi_test_{number}",
        "settles_booking": True,
        "created_at": at,
        "paid_at": at,
    }
    return _stored(Payment(**(known | columns)))


def today() -> date:
    """In Sydney."""
    return clock.now().astimezone(SYDNEY).date()


def ten_in_a_week(now: datetime) -> datetime:
    """10 am in Sydney, seven days from today."""
    day = now.astimezone(SYDNEY).date() + timedelta(days=7)
    return datetime.combine(day, time(10), SYDNEY).astimezone(UTC)


def _stamps(status: Status, now: datetime) -> dict[str, Any]:
    if status in WAITING:
        return {"hold_expires_at": now + timedelta(minutes=15)}
    if status in (Status.EXPIRED, Status.PAID_UNPLACED):
        return {"hold_expires_at": now - timedelta(minutes=1)}
    cancelled = {"cancelled_at": now, "cancelled_by": "patient"} if status == Status.CANCELLED else {}
    return {"confirmed_at": now, **cancelled}


def _stored(row: Row) -> Row:
    with transaction():
        db.session.add(row)
    return row
