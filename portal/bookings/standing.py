"""Which visits stand in a time that closes, and who is booking there right now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import joinedload

from portal.bookings.models import Booking
from portal.bookings.offers import SOURCE
from portal.bookings.states import Status
from portal.db import db
from portal.scheduling.closures import Closing
from portal.staff.models import Practitioner

AHEAD = (Status.CONFIRMED, Status.ARRIVED, Status.IN_SESSION)


@dataclass(frozen=True)
class Standing:
    """What a closing meets."""

    visits: Sequence[Booking]
    holds: int  # somebody is booking or paying
    offered: int  # held as other times for somebody else's visit

    @property
    def to_offer(self) -> list[Booking]:
        """Those whose people can be offered another time; who has arrived already is spoken to."""
        return [visit for visit in self.visits if visit.status == Status.CONFIRMED]


def within(closing: Closing, now: datetime) -> Standing:
    """All that begins or goes on in the closed time and is not over; one query."""
    wanted = (
        select(Booking)
        .options(
            joinedload(Booking.patient),
            joinedload(Booking.practitioner),
            joinedload(Booking.location),
            joinedload(Booking.appointment_type),
        )
        .where(
            Booking.starts_at < closing.ends_at,
            Booking.ends_at > closing.starts_at,
            Booking.ends_at > now,
            or_(
                Booking.status.in_((*AHEAD, Status.AWAITING_PAYMENT)),
                (Booking.status == Status.HELD) & (Booking.hold_expires_at > now),
            ),
        )
        .order_by(Booking.starts_at, Booking.id)
    )
    if closing.practitioner is not None:
        wanted = wanted.where(Booking.practitioner_id == closing.practitioner.id)
    if closing.location is not None:
        wanted = wanted.where(Booking.location_id == closing.location.id)
    found = db.session.scalars(wanted).all()
    waiting = [each for each in found if each.is_waiting]
    offered = sum(each.source == SOURCE for each in waiting)
    visits = [each for each in found if not each.is_waiting]
    return Standing(visits, len(waiting) - offered, offered)


def coming(practitioner: Practitioner, now: datetime) -> Sequence[Booking]:
    """All that a practitioner still has ahead, in order of time."""
    wanted = select(Booking).where(
        Booking.practitioner_id == practitioner.id, Booking.status.in_(AHEAD), Booking.ends_at > now
    )
    return db.session.scalars(wanted.order_by(Booking.starts_at, Booking.id)).all()
