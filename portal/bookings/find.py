"""Loads bookings."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload

from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.db import db


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
    booking = db.session.scalars(_with_what_pages_say().where(Booking.reference == reference)).one_or_none()
    if booking is None:
        raise NoSuchBooking(reference)
    return booking


def unfinished(references: Sequence[str], appointment_type_id: int) -> Booking | None:
    """The latest of these bookings that is for this type and not booked yet; also one that has just lapsed."""
    wanted = select(Booking).where(
        Booking.reference.in_(references),
        Booking.appointment_type_id == appointment_type_id,
        Booking.status.in_((Status.HELD, Status.AWAITING_PAYMENT, Status.EXPIRED)),
    )
    return db.session.scalars(wanted.order_by(Booking.held_at.desc(), Booking.id.desc()).limit(1)).one_or_none()


def _with_what_pages_say() -> Select[Booking]:
    return select(Booking).options(
        joinedload(Booking.appointment_type), joinedload(Booking.practitioner), joinedload(Booking.location)
    )
