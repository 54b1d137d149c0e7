"""Loads bookings."""

from __future__ import annotations

from sqlalchemy import select

from portal.bookings.models import Booking
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
    booking = db.session.scalars(select(Booking).where(Booking.reference == reference)).one_or_none()
    if booking is None:
        raise NoSuchBooking(reference)
    return booking
