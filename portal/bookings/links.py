"""Personal links: whoever has one sees, moves or cancels one booking without signing in. Only hashes are kept."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import select, update

from portal.bookings.models import Booking, LinkToken, Offer
from portal.bookings.same_people import is_settled
from portal.db import db
from portal.sessions import hash_of

LIVES_AFTER_VISIT = timedelta(days=30)


def make(booking_id: int, made_for: str, now: datetime, *, expires_at: datetime) -> str:
    """A new token. An earlier one made for the same message is revoked: only the mail that goes out may open anything.

    The booking's other links live as long as the new one, because the visit may have moved further away since.
    """
    live = LinkToken.booking_id == booking_id, LinkToken.revoked_at.is_(None), LinkToken.expires_at > now
    db.session.execute(update(LinkToken).where(*live, LinkToken.made_for == made_for).values(revoked_at=now))
    db.session.execute(update(LinkToken).where(*live, LinkToken.expires_at < expires_at).values(expires_at=expires_at))
    token = secrets.token_urlsafe(32)
    db.session.add(
        LinkToken(
            token_hash=hash_of(token), booking_id=booking_id, made_for=made_for, created_at=now, expires_at=expires_at
        )
    )
    db.session.flush()
    return token


def expiry_of(booking: Booking) -> datetime:
    """Old links show the present truth until well after the visit."""
    return booking.ends_at + LIVES_AFTER_VISIT


def find(token: str, now: datetime) -> Booking | None:
    """The booking a link opens; None for one that is unknown, revoked or too old, all at the cost of one query.

    Changes nothing, not even "used": mail scanners open links.
    """
    return db.session.scalars(
        select(Booking)
        .join(LinkToken, LinkToken.booking_id == Booking.id)
        .where(LinkToken.token_hash == hash_of(token), LinkToken.revoked_at.is_(None), LinkToken.expires_at > now)
    ).one_or_none()


def revoke_all(booking_ids: Collection[int], now: datetime) -> None:
    """Close every way into these bookings, as when a mail went to a wrong address: their links, those of their offers,
    and the browsers that such a link, or the booking itself, has let in before."""
    # The bookings first: a mail that is being written has locked its own, so its link is there to be closed afterwards.
    bookings = update(Booking).where(Booking.id.in_(booking_ids))
    db.session.execute(bookings.values(access_version=Booking.access_version + 1))
    live = LinkToken.booking_id.in_(booking_ids), LinkToken.revoked_at.is_(None)
    db.session.execute(update(LinkToken).where(*live).values(revoked_at=now))
    db.session.execute(update(Offer).where(Offer.booking_id.in_(booking_ids)).values(token_hash=None))


def revoke_of(patient_id: int, now: datetime) -> None:
    """The same for all that somebody has booked. A hold stays open: whoever is typing into it has had no mail yet."""
    booked = select(Booking.id).where(Booking.patient_id == patient_id, is_settled())
    revoke_all(db.session.scalars(booked).all(), now)
