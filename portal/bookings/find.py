"""Loads bookings."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Text, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import joinedload, load_only

from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.db import db

# What each page of the funnel asks is built once; building it takes as long as asking.
_BY_REFERENCE = (
    select(Booking)
    .where(Booking.reference == bindparam("reference"))
    .options(joinedload(Booking.appointment_type), joinedload(Booking.practitioner), joinedload(Booking.location))
)
_UNFINISHED = (
    select(Booking)
    .where(
        Booking.reference == func.any(bindparam("references", type_=ARRAY(Text))),
        Booking.appointment_type_id == bindparam("type_id"),
        Booking.status.in_((Status.HELD, Status.AWAITING_PAYMENT, Status.EXPIRED)),
    )
    # Most who ask are told that their new time has gone, so what few need is read when they do.
    .options(
        load_only(
            Booking.reference,
            Booking.status,
            Booking.starts_at,
            Booking.practitioner_id,
            Booking.patient_id,
            Booking.held_at,
            Booking.hold_expires_at,
            Booking.booked_for,
            Booking.booked_by,
            Booking.says_new,
        )
    )
    .order_by(Booking.held_at.desc(), Booking.id.desc())
    .limit(1)
)


class NoSuchBooking(Exception):
    """There is no booking like that, or it is not theirs; both look the same from outside."""


def get(booking_id: int) -> Booking:
    """By our own id, for jobs."""
    return db.session.get_one(Booking, booking_id, populate_existing=True)


def get_locked(booking_id: int) -> Booking:
    """By our own id, its row locked until the transaction ends."""
    return db.session.scalars(
        select(Booking).where(Booking.id == booking_id).with_for_update().execution_options(populate_existing=True)
    ).one()


def by_reference(reference: str) -> Booking:
    """By the reference people know. Raises NoSuchBooking."""
    booking = db.session.scalars(_BY_REFERENCE, {"reference": reference}).one_or_none()
    if booking is None:
        raise NoSuchBooking(reference)
    return booking


def unfinished(references: Sequence[str], appointment_type_id: int) -> Booking | None:
    """The latest of these bookings that is for this type and not booked yet; also one that has just lapsed."""
    asked = {"references": references, "type_id": appointment_type_id}
    return db.session.scalars(_UNFINISHED, asked).one_or_none()
