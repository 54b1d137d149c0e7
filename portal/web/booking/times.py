"""Choosing a time: days as a list, one form, and the hold that follows."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, abort, current_app, request, url_for
from flask.typing import ResponseReturnValue

from portal import changes
from portal.bookings import hold
from portal.bookings.hold import Network, TooManyHeld
from portal.bookings.models import Booking
from portal.bookings.states import Status, WrongState
from portal.catalogue import offer
from portal.catalogue.models import AppointmentType
from portal.clock import now
from portal.intake import submit
from portal.outbox.post import owe
from portal.scheduling import claims
from portal.scheduling.claims import SlotTaken
from portal.web.booking import listing, nearest, slot_list, steps, visitor
from portal.web.booking.kept_page import render_kept
from portal.web.booking.nearest import Lost
from portal.web.htmx import go, is_htmx
from portal.web.limits import limit, limit_reads, limiter, mark, network

bp = Blueprint("times", __name__)

TOO_MANY = (
    "Several times are being held from your internet connection already. Please finish one of those bookings or let "
    "its time go, or try again in a quarter of an hour."
)


@bp.get("/book/<type_slug>")
@limit_reads
def times(type_slug: str) -> ResponseReturnValue:
    visitor.look_in()
    changes.look_once()
    return _page(_bookable(type_slug))


@bp.post("/book/<type_slug>/holds")
@limiter.limit(lambda: limit("holds"))
def create_hold(type_slug: str) -> ResponseReturnValue:
    changes.look_once()
    appointment_type = _bookable(type_slug)
    chosen = slot_list.read_value(request.form.get("slot", "").strip())
    if chosen is None:
        return _page(appointment_type, error="Choose a time, then continue."), 422
    starts_at, practitioner_id = chosen
    earlier = visitor.unfinished_booking(appointment_type.id)
    if earlier is not None and _is_kept(earlier, starts_at, practitioner_id):
        return go(url_for("funnel.details", reference=earlier.reference))
    try:
        reference = claims.claim(lambda: _take(appointment_type, starts_at, practitioner_id, earlier))
    except TooManyHeld:
        return _page(appointment_type, error=TOO_MANY), 422
    except (SlotTaken, WrongState) as refusal:
        knows_more = visitor.knows_more_now()
        changes.look_once()
        twin = visitor.unfinished_booking(appointment_type.id) if knows_more else None
        if twin is None or not _is_kept(twin, starts_at, practitioner_id):
            sorry = nearest.sorry_words(refusal if isinstance(refusal, SlotTaken) else SlotTaken())
            return _page(appointment_type, error=sorry, lost=Lost(starts_at, practitioner_id)), 422
        reference = twin.reference
    return go(url_for("funnel.details", reference=reference))


def _take(
    appointment_type: AppointmentType,
    starts_at: datetime,
    practitioner_id: int | None,
    earlier: Booking | None,
) -> str:
    """Hold the new time and let this person's earlier one go, with their answers carried over: all or nothing.

    -> the new booking's reference. Raises TooManyHeld beside what claims.claim does.
    """
    at, where = now(), Network(mark("network", network()), current_app.config["MOST_HELD"])
    booking = hold.hold(
        appointment_type, starts_at, at, practitioner_id=practitioner_id, earlier=earlier, network=where
    )
    if earlier is not None:
        submit.carry_over(earlier, booking)
        if earlier.status == Status.AWAITING_PAYMENT:
            # Its payment page may be open in another tab: Stripe has to close it before the time is free.
            earlier.hold_expires_at = at
            owe("payments.release", earlier.id, now=at)
    visitor.remember_booked(booking)
    return booking.reference


def _is_kept(booking: Booking, starts_at: datetime, practitioner_id: int | None) -> bool:
    """Whether this browser has this very time already, as after a second click."""
    is_same = booking.starts_at == starts_at and practitioner_id in (None, booking.practitioner_id)
    return is_same and booking.is_waiting and not booking.is_lapsed(now())


def _bookable(type_slug: str) -> AppointmentType:
    try:
        return offer.on_sale(type_slug, now())
    except offer.NotOnSale:
        abort(404)


def _page(appointment_type: AppointmentType, *, error: str | None = None, lost: Lost | None = None) -> bytes:
    type_slug = appointment_type.slug
    shown = listing.context(
        appointment_type,
        form_action=url_for("times.create_hold", type_slug=type_slug),
        here=url_for("times.times", type_slug=type_slug),
        zone_path=url_for("zones.choose", type_slug=type_slug),
        error=error,
        lost=lost,
    )
    return render_kept(
        "booking/_times.html" if is_htmx() else "booking/times.html",
        own=("nearest_html", shown.pop("nearest_html")),
        **shown,
        step_words=_step_words(appointment_type),
    )


def _step_words(appointment_type: AppointmentType) -> str:
    price = appointment_type.price_at(now())
    is_free = price is not None and price.amount_cents == 0
    return steps.words("times", intake=appointment_type.intake_form is not None, is_free=is_free)
