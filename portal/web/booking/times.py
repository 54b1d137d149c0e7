"""Choosing a time: days as a list, one form, and the hold that follows."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, abort, current_app, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import StringField

from portal import changes
from portal.bookings import hold
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
from portal.web.limits import limit, limiter, mark, network, reads

bp = Blueprint("times", __name__)

TOO_MANY = (
    "Several times are being held from your internet connection already. Please finish one of those bookings or let "
    "its time go, or try again in a quarter of an hour."
)


class HoldForm(FlaskForm):
    """The chosen time, as the value of its radio button."""

    slot = StringField()

    def validate_slot(self, field: StringField) -> None:
        field.data = (field.data or "").strip()
        self.chosen = slot_list.read_value(field.data)

    chosen: tuple[datetime, int | None] | None = None


@bp.get("/book/<type_slug>")
@reads.limit(lambda: limit("reads"))
def times(type_slug: str) -> ResponseReturnValue:
    changes.only_look()
    return _page(_bookable(type_slug))


@bp.post("/book/<type_slug>/holds")
@limiter.limit(lambda: limit("holds"))
def create_hold(type_slug: str) -> ResponseReturnValue:
    changes.look_once()
    appointment_type = _bookable(type_slug)
    form = HoldForm()
    form.validate()
    if form.chosen is None:
        return _page(appointment_type, error="Choose a time, then continue."), 422
    starts_at, practitioner_id = form.chosen
    earlier, held_from = visitor.unfinished_booking(appointment_type.id), mark("network", network())
    if earlier is not None and _is_kept(earlier, starts_at, practitioner_id):
        return go(url_for("funnel.details", reference=earlier.reference))
    if hold.count_held(held_from, now(), besides=earlier) >= current_app.config["MOST_HELD"]:
        return _page(appointment_type, error=TOO_MANY), 422
    try:
        reference = claims.claim(lambda: _take(appointment_type, starts_at, practitioner_id, earlier, held_from))
    except (SlotTaken, WrongState) as refusal:
        changes.only_look()
        twin = visitor.unfinished_booking(appointment_type.id) if visitor.knows_more_now() else None
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
    held_from: str,
) -> str:
    """Hold the new time and let this person's earlier one go, with their answers carried over: all or nothing.

    -> the new booking's reference
    """
    at = now()
    booking = hold.hold(
        appointment_type, starts_at, at, practitioner_id=practitioner_id, earlier=earlier, held_from=held_from
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


def _page(appointment_type: AppointmentType, *, error: str | None = None, lost: Lost | None = None) -> str:
    type_slug = appointment_type.slug
    return render_kept(
        "booking/_times.html" if is_htmx() else "booking/times.html",
        **listing.context(
            appointment_type,
            form_action=url_for("times.create_hold", type_slug=type_slug),
            here=url_for("times.times", type_slug=type_slug),
            zone_path=url_for("zones.choose", type_slug=type_slug),
            error=error,
            lost=lost,
        ),
        step_words=_step_words(appointment_type),
    )


def _step_words(appointment_type: AppointmentType) -> str:
    price = appointment_type.price_at(now())
    is_free = price is not None and price.amount_cents == 0
    return steps.words("times", intake=appointment_type.intake_form is not None, is_free=is_free)
