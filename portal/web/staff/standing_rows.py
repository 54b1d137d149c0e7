"""Visits that stand in a closed time, as the desk sees them: who, what was paid, and what has been offered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from portal import words
from portal.bookings.models import Booking, Offer, OfferState
from portal.bookings.states import Status
from portal.db import db
from portal.payments.models import Payment, PaymentState


@dataclass(frozen=True)
class Row:
    """One visit. `offer_words` is empty where nothing has been offered yet."""

    visit: Booking
    paid_cents: int
    offer_words: str
    is_waiting: bool  # for an answer

    @property
    def can_be_offered(self) -> bool:
        return self.visit.status == Status.CONFIRMED and not self.is_waiting


def of(visits: Sequence[Booking], now: datetime) -> list[Row]:
    """In their order; two queries, however many visits."""
    ids = [visit.id for visit in visits]
    paid = dict(db.session.execute(_PAID.where(Payment.booking_id.in_(ids))).all())
    latest = {offer.booking_id: offer for offer in db.session.scalars(_OFFERS.where(Offer.booking_id.in_(ids)))}
    return [_row(visit, paid.get(visit.id, 0), latest.get(visit.id), now) for visit in visits]


def _row(visit: Booking, paid_cents: int, offer: Offer | None, now: datetime) -> Row:
    is_waiting = offer is not None and offer.is_open and offer.expires_at > now
    return Row(visit, int(paid_cents), _offer_words(offer), is_waiting)


def _offer_words(offer: Offer | None) -> str:
    if offer is None:
        return ""
    match offer.state:
        case OfferState.OPEN:
            return f"Asked, held until {words.brief(offer.expires_at, ZoneInfo(offer.booking.location.zone))}"
        case OfferState.DECLINED:
            return "None suits: please call"
        case OfferState.LAPSED:
            return "No answer: please call"
    return "Answered"


_PAID = (
    select(Payment.booking_id, func.sum(Payment.amount_cents))
    .where(Payment.state == PaymentState.PAID, Payment.settles_booking)
    .group_by(Payment.booking_id)
)
# In order, so that the newest of a visit is the one that stays.
_OFFERS = select(Offer).order_by(Offer.id)
