"""Other times for a visit that the clinic cannot keep: take one, ask for a call, or cancel with everything back."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from flask import Blueprint, abort, g, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal import money, words
from portal.bookings import offers
from portal.bookings.models import Booking, Offer, OfferState
from portal.bookings.offers import OfferClosed
from portal.bookings.states import WrongState
from portal.clock import now
from portal.db import transaction
from portal.payments import settle
from portal.scheduling import claims
from portal.scheduling.claims import SlotTaken
from portal.web.booking import visitor
from portal.web.htmx import go
from portal.web.limits import limit, limit_reads, limiter

bp = Blueprint("offers", __name__)

GONE = "That time cannot be kept any more. We are sorry. Please choose another."
CHOOSE = "Choose one of the times, then continue."


@dataclass(frozen=True)
class Choice:
    """One held time as its radio button."""

    value: str
    when_words: str
    who_words: str


@bp.get("/bookings/<reference>/offer")
@limit_reads
def offer(reference: str) -> ResponseReturnValue:
    return _page(visitor.known_booking(reference))


@bp.post("/bookings/<reference>/offer/acceptance")
@limiter.limit(lambda: limit("holds"))
def accept(reference: str) -> ResponseReturnValue:
    found = visitor.known_booking(reference)
    chosen = request.form.get("time", "")
    if not chosen and offers.find_open(found.id) is not None:
        return make_response(_page(found, error=CHOOSE), 422)
    try:
        claims.claim(lambda: offers.accept(found.id, chosen, now()))
    except SlotTaken:
        return make_response(_page(visitor.known_booking(reference), error=GONE), 422)
    except OfferClosed:
        return go(url_for(".offer", reference=reference))
    return go(url_for("confirmation.booking", reference=reference))


@bp.post("/bookings/<reference>/offer/refusal")
@limiter.limit(lambda: limit("details"))
def refuse(reference: str) -> ResponseReturnValue:
    """None suits: somebody calls, or the visit is cancelled and everything that was paid goes back."""
    found = visitor.known_booking(reference)
    cancels = request.form.get("then") == "cancel"
    try:
        with transaction():
            offers.decline(found.id, now(), cancels=cancels)
    except (OfferClosed, WrongState):
        return go(url_for(".offer", reference=reference))
    return go(url_for("confirmation.booking" if cancels else ".offer", reference=reference))


@bp.get("/offers/<token>")
@limiter.limit(lambda: limit("links"))
def open_offer(token: str) -> ResponseReturnValue:
    """Exchange the token for a grant in this browser, like a personal link. Nothing is used up by looking."""
    g.no_referrer = True
    offer = offers.by_token(token, now())
    if offer is None:
        abort(404)
    visitor.remember_opened(offer.booking)
    return go(url_for(".offer", reference=offer.booking.reference))


def _page(found: Booking, *, error: str | None = None) -> ResponseReturnValue:
    latest = offers.latest(found.id)
    if latest is None or latest.state in (OfferState.ACCEPTED, OfferState.WITHDRAWN) or not found.is_confirmed:
        # Its own page tells the truth: moved, cancelled, or never to be moved.
        return go(url_for("confirmation.booking", reference=found.reference))
    if not latest.is_open or latest.expires_at <= now():
        return _closed(found, latest)
    zone = ZoneInfo(found.location.zone)
    paid = sum(payment.amount_cents for payment in settle.payments_of(found) if payment.settles_booking)
    return render_template(
        "booking/offer.html",
        when_words=_when(found),
        choices=[_choice(each) for each in offers.held_times(found.id, now())],
        until_words=words.when(latest.expires_at, zone),
        refund_words=money.in_words(paid) if paid else None,
        accept_action=url_for(".accept", reference=found.reference),
        refuse_action=url_for(".refuse", reference=found.reference),
        error=error,
    )


def _closed(found: Booking, latest: Offer) -> str:
    return render_template(
        "booking/offer_closed.html",
        when_words=_when(found),
        is_declined=latest.state == OfferState.DECLINED,
        booking_href=url_for("confirmation.booking", reference=found.reference),
    )


def _choice(held: Booking) -> Choice:
    return Choice(held.reference, words.when(held.starts_at, ZoneInfo(held.location.zone)), held.practitioner.name)


def _when(found: Booking) -> str:
    when = words.when(found.starts_at, ZoneInfo(found.location.zone))
    return f"{when} with {found.practitioner.name}"
