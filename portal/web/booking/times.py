"""Choosing a time: days as a list, one form, and the hold that follows."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import Blueprint, abort, current_app, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import StringField

from portal import money, words
from portal.bookings import hold
from portal.bookings.models import Booking
from portal.bookings.states import Status, WrongState
from portal.catalogue import offer
from portal.catalogue.models import AppointmentType
from portal.clock import now
from portal.db import db
from portal.intake import submit
from portal.outbox.post import owe
from portal.scheduling import availability, claims
from portal.scheduling.claims import SlotTaken
from portal.scheduling.slots import OpenSlot
from portal.web.booking import slot_list, steps, visitor
from portal.web.booking.kept_page import render_kept
from portal.web.booking.slot_list import Filters, Offered
from portal.web.htmx import go, is_htmx
from portal.web.limits import limit, limiter

bp = Blueprint("times", __name__)

DAYS_PER_PAGE = 7
FIRST_DAYS = 14


class HoldForm(FlaskForm):
    """The chosen time, as the value of its radio button."""

    slot = StringField()

    def validate_slot(self, field: StringField) -> None:
        field.data = (field.data or "").strip()
        self.chosen = slot_list.read_value(field.data)

    chosen: tuple[datetime, int] | None = None


@bp.get("/book/<type_slug>")
@limiter.limit(lambda: limit("reads"))
def times(type_slug: str) -> ResponseReturnValue:
    # Looking needs no transaction: the two rounds to the database that frame one are saved.
    db.session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
    return _page(_bookable(type_slug))


@bp.post("/book/<type_slug>/holds")
@limiter.limit(lambda: limit("holds"))
def create_hold(type_slug: str) -> ResponseReturnValue:
    appointment_type = _bookable(type_slug)
    form = HoldForm()
    form.validate()
    if form.chosen is None:
        return _page(appointment_type, error="Choose a time, then continue."), 422
    starts_at, practitioner_id = form.chosen
    earlier = visitor.unfinished_booking(appointment_type.id)
    if earlier is not None and _is_kept(earlier, starts_at, practitioner_id):
        return go(url_for("funnel.details", reference=earlier.reference))
    try:
        reference = claims.claim(lambda: _take(appointment_type, starts_at, practitioner_id, earlier))
    except (SlotTaken, WrongState):
        visitor.look_again()
        twin = visitor.unfinished_booking(appointment_type.id)
        if twin is None or not _is_kept(twin, starts_at, practitioner_id):
            return _page(appointment_type, taken=starts_at), 422
        reference = twin.reference
    return go(url_for("funnel.details", reference=reference))


def _take(appointment_type: AppointmentType, starts_at: datetime, practitioner_id: int, earlier: Booking | None) -> str:
    """Hold the new time and let this person's earlier one go, with their answers carried over: all or nothing.

    The old time goes first, because the new one may overlap it. -> the new booking's reference
    """
    at = now()
    if earlier is not None and earlier.status == Status.HELD:
        hold.release(earlier, at)
    booking = hold.hold(appointment_type, starts_at, at, practitioner_id=practitioner_id)
    if earlier is not None:
        submit.carry_over(earlier, booking)
        if earlier.status == Status.AWAITING_PAYMENT:
            # Its payment page may be open in another tab: Stripe has to close it before the time is free.
            earlier.hold_expires_at = at
            owe("payments.release", earlier.id, now=at)
    visitor.remember_booked(booking.reference)
    return booking.reference


def _is_kept(booking: Booking, starts_at: datetime, practitioner_id: int) -> bool:
    """Whether this browser has this very time already, as after a second click."""
    is_same = booking.starts_at == starts_at and booking.practitioner_id == practitioner_id
    return is_same and booking.is_waiting and not booking.is_lapsed(now())


def _bookable(type_slug: str) -> AppointmentType:
    try:
        return offer.on_sale(type_slug, now())
    except offer.NotOnSale:
        abort(404)


def _page(appointment_type: AppointmentType, *, error: str | None = None, taken: datetime | None = None) -> str:
    return render_kept(
        "booking/_times.html" if is_htmx() else "booking/times.html",
        **context(
            appointment_type,
            form_action=url_for("times.create_hold", type_slug=appointment_type.slug),
            here=url_for("times.times", type_slug=appointment_type.slug),
            error=error,
            taken=taken,
        ),
        step_words=_step_words(appointment_type),
    )


def _step_words(appointment_type: AppointmentType) -> str:
    price = appointment_type.price_at(now())
    is_free = price is not None and price.amount_cents == 0
    return steps.words("times", intake=appointment_type.intake_form is not None, is_free=is_free)


def context(
    appointment_type: AppointmentType,
    *,
    form_action: str,
    here: str,
    error: str | None = None,
    taken: datetime | None = None,
    ignoring_booking: int | None = None,
) -> dict[str, Any]:
    """What the list of times shows; the page that moves a visit shows the same list. Its values can be compared."""
    at = now()
    zone = current_app.config["PORTAL"].zone
    today = at.astimezone(zone).date()
    last_day = today + timedelta(days=appointment_type.horizon_days)
    wanted_from = min(max(slot_list.from_day(request.values) or today, today), last_day)
    first_to = min(wanted_from + timedelta(days=FIRST_DAYS - 1), last_day)
    table = availability.timetable(appointment_type, wanted_from, first_to, at, ignoring_booking=ignoring_booking)
    filters = Filters.read(request.values, table.practitioners)
    offered = Offered.of(appointment_type, table.practitioners)
    slots = filters.of_chosen(table.open_slots)
    days = _first_days(filters.in_part(slots, zone), zone, offered)
    if len(days) <= DAYS_PER_PAGE and first_to < last_day:
        # Most lists are full before this, and nobody waits for the rest of the horizon.
        rest_from = first_to + timedelta(days=1)
        rest = availability.timetable(appointment_type, rest_from, last_day, at, ignoring_booking=ignoring_booking)
        slots = slots + filters.of_chosen(rest.open_slots)
        days = _first_days(filters.in_part(slots, zone), zone, offered)
    shown, later = days[:DAYS_PER_PAGE], days[DAYS_PER_PAGE:]
    price = appointment_type.price_at(at)
    return {
        "type": appointment_type,
        "length_words": words.length(appointment_type.length_minutes or 0),
        "price_words": money.in_words(price.amount_cents) if price else None,
        "days": tuple(shown),
        "day_html": slot_list.day_html,
        "first_words": slot_list.first_words(shown, wanted_from, today),
        "empty_words": None if slots else f"There is no free time up to {words.day(last_day)}.",
        "filters": filters,
        "earlier_from": today.isoformat() if wanted_from > today else None,
        "later_from": later[0].date.isoformat() if later else None,
        "zone_words": slot_list.zone_words(shown, zone, at),
        "error": "That time has just been taken. Please choose another." if taken else error,
        "nearest": tuple(slot_list.nearest(slots, taken, zone, offered)) if taken else (),
        # A time that is taken meanwhile must not cost the person their filters.
        "form_action": f"{form_action}?{urlencode(filters.query)}" if filters.query else form_action,
        "here": here,
    }


def _first_days(slots: list[OpenSlot], zone: ZoneInfo, offered: Offered) -> list[slot_list.Day]:
    """The days of one page, and the one after them if there is one."""
    return list(islice(slot_list.days(slots, zone, offered), DAYS_PER_PAGE + 1))
