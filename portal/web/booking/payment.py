"""The last step: off to Stripe's page, or straight to the confirmation when the visit is free."""

from __future__ import annotations

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue

from portal import words
from portal.bookings import confirm, find
from portal.bookings.hold import HoldExpired
from portal.bookings.models import Booking
from portal.bookings.states import Status, WrongState
from portal.catalogue.models import PaymentPolicy
from portal.clock import now
from portal.db import transaction
from portal.intake import submit
from portal.payments import checkout, settle
from portal.web.booking import funnel, visitor, zones
from portal.web.htmx import go, render
from portal.web.limits import limit, limit_reads, limiter

bp = Blueprint("payment", __name__, url_prefix="/bookings/<reference>")


@bp.post("/payment")
@limiter.limit(lambda: limit("payment"))
def pay(reference: str) -> ResponseReturnValue:
    booking = visitor.own_booking(reference)
    if step := submit.missing_step(booking):
        return go(url_for(f"funnel.{step}", reference=reference))
    if _needs_no_payment(booking):
        return _book_free(booking)
    try:
        return go(checkout.start(booking.id, now()))
    except HoldExpired:
        return go(url_for("funnel.check", reference=reference))
    except checkout.AlreadyPaid:
        return go(url_for(".came_back", reference=reference))
    except checkout.PageUnavailable:
        return funnel.check_page(find.get(booking.id), _unavailable_words(find.get(booking.id))), 503


@bp.get("/return")
@limit_reads
def came_back(reference: str) -> ResponseReturnValue:
    """Shows how the payment stands. Being visited books nothing: Stripe's notification does."""
    booking = visitor.own_booking(reference)
    if booking.confirmed_at is not None and (booking.is_cancelled or booking.is_free):
        # There is no payment to speak of; its own page tells how it stands.
        return go(url_for("confirmation.booking", reference=reference))
    return render("booking/returned.html", partial="booking/_returned.html", state=_state(booking), reference=reference)


def _needs_no_payment(booking: Booking) -> bool:
    return booking.is_free or booking.terms["payment_policy"] == PaymentPolicy.NONE


def _book_free(booking: Booking) -> ResponseReturnValue:
    try:
        with transaction():
            booking = find.get_locked(booking.id)
            if booking.is_held and booking.is_lapsed(now()):
                raise HoldExpired
            if not booking.is_confirmed:
                confirm.confirm(booking, now(), by="patient")
    except (HoldExpired, WrongState):
        return go(url_for("funnel.check", reference=booking.reference))
    return go(url_for("confirmation.booking", reference=booking.reference))


def _state(booking: Booking) -> str:
    """What the return page says. Somebody may come here without having paid, or long after."""
    if booking.status in (Status.HELD, Status.EXPIRED):
        return "open" if booking.is_held and not booking.is_lapsed(now()) else "lapsed"
    if booking.status == Status.AWAITING_PAYMENT:
        return "waiting"
    if booking.status == Status.PAID_UNPLACED:
        return "waiting"
    if booking.is_cancelled:
        return "unplaced" if settle.payments_of(booking) else "lapsed"
    return "confirmed"


def _unavailable_words(booking: Booking) -> str:
    held = ""
    if booking.hold_expires_at is not None and booking.is_waiting:
        until = words.clock(booking.hold_expires_at, zones.of_booking(booking))
        held = f" Your time is kept until {until}."
    return f"We cannot reach our payment service just now. Nothing was charged.{held} Please try again in a minute."
