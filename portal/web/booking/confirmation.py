"""A booking's own page for the browser that booked it or that its link opened: see it, move it, cancel it."""

from __future__ import annotations

from flask import Blueprint, Response, abort, current_app, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal import clinic, money, words
from portal.bookings import change, find, policy
from portal.bookings.models import Booking
from portal.bookings.states import Status, WrongState
from portal.clock import now
from portal.db import transaction
from portal.notices import calendar_entry
from portal.payments import settle
from portal.scheduling import claims
from portal.scheduling.claims import SlotTaken
from portal.web.booking import listing, nearest, slot_list, steps, visitor, zones
from portal.web.booking.nearest import Lost
from portal.web.htmx import go, render
from portal.web.limits import limit, limit_reads, limiter

bp = Blueprint("confirmation", __name__, url_prefix="/bookings/<reference>")

VISIT_STATES = (
    Status.CONFIRMED,
    Status.ARRIVED,
    Status.IN_SESSION,
    Status.COMPLETED,
    Status.DID_NOT_ARRIVE,
)


@bp.get("")
@limit_reads
def booking(reference: str) -> ResponseReturnValue:
    found = visitor.known_booking(reference)
    if found.status not in VISIT_STATES and found.confirmed_at is None:
        # Not booked (yet): the funnel knows what is missing, or that the time is gone.
        return go(
            url_for(
                "payment.came_back" if found.status == Status.PAID_UNPLACED else "funnel.check", reference=reference
            )
        )
    return render_template(
        "booking/confirmed.html",
        booking=found,
        state=_state(found),
        when_words=_when(found),
        beside_words=zones.beside_booking(found),
        where_words=steps.where(found),
        message=found.appointment_type.confirmation_message,
        receipt_words=_receipt_words(found),
        policy_words=policy.in_words(found.terms),
        refund_words=_refund_words(found) if found.is_cancelled else None,
    )


@bp.get("/calendar.ics")
@limit_reads
def ics(reference: str) -> ResponseReturnValue:
    found = visitor.known_booking(reference)
    if found.confirmed_at is None:
        abort(404)
    entry = calendar_entry.for_booking(found, clinic.details(), current_app.config["PORTAL"].public_host, now())
    return Response(
        entry,
        content_type="text/calendar; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="appointment-{found.reference}.ics"'},
    )


@bp.get("/move")
@limit_reads
def move_page(reference: str) -> ResponseReturnValue:
    return _move_page(visitor.known_booking(reference))


@bp.post("/moves")
@limiter.limit(lambda: limit("holds"))
def move(reference: str) -> ResponseReturnValue:
    found = visitor.known_booking(reference)
    chosen = slot_list.read_value(request.form.get("slot", "").strip())
    if chosen is None:
        return make_response(_move_page(found, error="Choose a time, then continue."), 422)
    starts_at, practitioner_id = chosen
    try:
        claims.claim(
            lambda: change.move(
                find.get_locked(found.id), starts_at, now(), by="patient", practitioner_id=practitioner_id
            )
        )
    except SlotTaken as refusal:
        sorry = nearest.sorry_words(refusal)
        return make_response(_move_page(found, error=sorry, lost=Lost(starts_at, practitioner_id)), 422)
    except (change.TooLate, WrongState):
        return go(url_for(".move_page", reference=reference))
    return go(url_for(".booking", reference=reference))


@bp.get("/cancel")
@limit_reads
def cancel_page(reference: str) -> ResponseReturnValue:
    found = visitor.known_booking(reference)
    if not _is_ahead(found):
        return go(url_for(".booking", reference=reference))
    cost = _cancel_cost(found)
    return render_template(
        "booking/cancel.html",
        booking_words=f"{_when(found)} with {found.practitioner.name}",
        cost_words=_cost_words(cost, found),
        refund_words=f"You get {money.in_words(cost.refund_cents)} back." if cost.refund_cents else None,
        form_action=url_for(".cancel", reference=reference),
        back_href=url_for(".booking", reference=reference),
        move_href=url_for(".move_page", reference=reference) if _may_move(found) else None,
    )


@bp.post("/cancellation")
@limiter.limit(lambda: limit("details"))
def cancel(reference: str) -> ResponseReturnValue:
    found = visitor.known_booking(reference)
    try:
        with transaction():
            change.cancel(find.get_locked(found.id), now(), by="patient", reason=request.form.get("reason", ""))
    except (WrongState, change.TooLate):
        # Cancelled already, or over: its page tells the truth.
        return go(url_for(".booking", reference=reference))
    return go(url_for(".booking", reference=reference))


def _move_page(found: Booking, *, error: str | None = None, lost: Lost | None = None) -> str | Response:
    reference = found.reference
    if not _is_ahead(found):
        return go(url_for(".booking", reference=reference))
    if not _may_move(found):
        return render_template(
            "booking/move_late.html",
            booking_words=f"{_when(found)} with {found.practitioner.name}",
            cost_words=_cost_words(_cancel_cost(found), found),
            back_href=url_for(".booking", reference=reference),
            cancel_href=url_for(".cancel_page", reference=reference),
        )
    return render(
        "booking/move.html",
        partial="booking/_times.html",
        current_words=f"{_when(found)} with {found.practitioner.name}",
        back_href=url_for(".booking", reference=reference),
        times_button="Move my visit",
        cost_words="Changing the time costs nothing.",
        **listing.context(
            found.appointment_type,
            form_action=url_for(".move", reference=reference),
            here=url_for(".move_page", reference=reference),
            zone_path=url_for("zones.choose_to_move", reference=reference),
            error=error,
            lost=lost,
            moving=found,
        ),
    )


def _state(found: Booking) -> str:
    if found.is_cancelled:
        return "cancelled"
    if not _is_ahead(found):
        return "past"
    return "moved" if found.version else "confirmed"


def _is_ahead(found: Booking) -> bool:
    return found.is_confirmed and found.starts_at > now()


def _may_move(found: Booking) -> bool:
    return policy.may_move_online(found.terms, starts_at=found.starts_at, confirmed_at=found.confirmed_at, now=now())


def _paid_cents(found: Booking) -> int:
    return sum(payment.amount_cents for payment in settle.payments_of(found) if payment.settles_booking)


def _cancel_cost(found: Booking) -> policy.Cost:
    return policy.cancel_cost(
        found.terms,
        paid_cents=_paid_cents(found),
        starts_at=found.starts_at,
        confirmed_at=found.confirmed_at,
        now=now(),
    )


def _cost_words(cost: policy.Cost, found: Booking) -> str:
    if cost.fee_cents:
        hours, fee = found.terms["cancellation"]["notice_hours"], money.in_words(cost.fee_cents)
        return f"Your visit is less than {hours} hours away, so cancelling costs {fee}."
    return "Cancelling costs nothing."


def _refund_words(found: Booking) -> str | None:
    """What goes back, from the refunds owed; until they are worked out, from the same policy."""
    refunds = [refund for payment in settle.payments_of(found) for refund in payment.refunds]
    cents = sum(refund.amount_cents for refund in refunds)
    if not refunds and found.cancelled_at is not None:
        cents = policy.cancel_cost(
            found.terms,
            paid_cents=_paid_cents(found),
            starts_at=found.starts_at,
            confirmed_at=found.confirmed_at,
            now=found.cancelled_at,
            by_clinic=found.is_spared_fee,
        ).refund_cents
    return f"{money.in_words(cents)} goes back to the card you paid with. It can take a few days." if cents else None


def _receipt_words(found: Booking) -> str:
    price = money.in_words(found.price_cents)
    gst = steps.gst_words(found)
    paid = "paid" if _paid_cents(found) else None
    return ", ".join(part for part in (price, paid, gst) if part)


def _when(found: Booking) -> str:
    return words.when(found.starts_at, zones.of_booking(found))
