"""Reads the visits of the desk's diary in two queries: bookings with patient and type, and which is a first one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Row, func, select

from portal.bookings.diary_ground import Span
from portal.bookings.models import Booking
from portal.bookings.scope import bookings_of
from portal.bookings.states import OCCUPYING, WAITING, Status
from portal.catalogue.models import AppointmentType, WhoMayBook
from portal.db import db
from portal.patients.models import Patient
from portal.staff.access import Staff

BOOKED = OCCUPYING - WAITING
# A hold that nobody finished never was a visit.
SHOWABLE = frozenset(Status) - {Status.EXPIRED}
# What the diary shows unless somebody asks for the cancelled ones.
STANDING = SHOWABLE - {Status.CANCELLED}


@dataclass(frozen=True, slots=True)
class Visit:
    """One booking as the diary shows it."""

    id: int
    reference: str
    status: Status
    practitioner_id: int
    location_id: int
    span: Span
    blocked: Span  # with its buffers
    type_name: str
    price_cents: int
    patient_id: int | None
    patient_name: str  # empty while somebody is still booking
    hold_expires_at: datetime | None
    overlap_allowed: bool
    intake_form: str | None
    questions_form: str | None
    says_new: bool | None
    who_may_book: WhoMayBook
    is_first: bool = False

    @property
    def is_waiting(self) -> bool:
        """Somebody is booking it right now."""
        return self.status in WAITING


def read(staff: Staff, practitioner_ids: Sequence[int], around: Span, now: datetime) -> dict[int, list[Visit]]:
    """By practitioner, in order of time; also cancelled ones, but no hold that has lapsed."""
    wanted = (
        bookings_of(staff)
        .join(AppointmentType, AppointmentType.id == Booking.appointment_type_id)
        .outerjoin(Patient, Patient.id == Booking.patient_id)
        .where(
            Booking.practitioner_id.in_(practitioner_ids),
            Booking.starts_at >= around.starts_at,
            Booking.starts_at < around.ends_at,
            Booking.status.in_(SHOWABLE),
            # One that awaits payment keeps its time until the payment's own end.
            (Booking.status != Status.HELD) | (Booking.hold_expires_at > now),
        )
        .order_by(Booking.starts_at, Booking.id)
        .with_only_columns(*_COLUMNS)
    )
    visits = [_visit(row) for row in db.session.execute(wanted)]
    found: dict[int, list[Visit]] = defaultdict(list)
    for visit in _with_first(visits):
        found[visit.practitioner_id].append(visit)
    return found


_COLUMNS = (
    Booking.id,
    Booking.reference,
    Booking.status,
    Booking.practitioner_id,
    Booking.location_id,
    Booking.starts_at,
    Booking.ends_at,
    Booking.blocked,
    Booking.terms["price_cents"].as_integer().label("price_cents"),
    Booking.patient_id,
    Booking.hold_expires_at,
    Booking.overlap_allowed,
    Booking.says_new,
    AppointmentType.name.label("type_name"),
    AppointmentType.intake_form,
    AppointmentType.questions_form,
    AppointmentType.who_may_book,
    Patient.given_name,
    Patient.preferred_name,
    Patient.family_name,
)


def _visit(row: Row[tuple[object, ...]]) -> Visit:
    return Visit(
        id=row.id,
        reference=row.reference,
        status=row.status,
        practitioner_id=row.practitioner_id,
        location_id=row.location_id,
        span=Span(row.starts_at, row.ends_at),
        blocked=Span(row.blocked.lower, row.blocked.upper),
        type_name=row.type_name,
        price_cents=row.price_cents or 0,
        patient_id=row.patient_id,
        patient_name=f"{row.preferred_name or row.given_name} {row.family_name}" if row.given_name else "",
        hold_expires_at=row.hold_expires_at,
        overlap_allowed=row.overlap_allowed,
        intake_form=row.intake_form,
        questions_form=row.questions_form,
        says_new=row.says_new,
        who_may_book=row.who_may_book,
    )


def _with_first(visits: list[Visit]) -> list[Visit]:
    """Mark the visits before which we know of none by the same patient, unless they say that they have been here."""
    ids = {visit.patient_id for visit in visits if visit.patient_id is not None}
    earliest = (
        select(Booking.patient_id, func.min(Booking.starts_at).label("starts_at"))
        .where(Booking.patient_id.in_(ids), Booking.status.in_(BOOKED))
        .group_by(Booking.patient_id)
    )
    first = {row.patient_id: row.starts_at for row in db.session.execute(earliest)}
    return [replace(each, is_first=True) if _is_first(each, first) else each for each in visits]


def _is_first(visit: Visit, first: dict[int | None, datetime]) -> bool:
    if visit.patient_id is None or visit.says_new is False or visit.status not in STANDING:
        return False
    return visit.span.starts_at <= first.get(visit.patient_id, visit.span.starts_at)
