"""The pages of the funnel in order, and what stands beside each of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import current_app

from portal import money
from portal import words as wording
from portal.bookings import policy
from portal.bookings.models import Booking
from portal.catalogue.models import GstRule

ORDER = ["times", "details", "intake", "check", "pay"]


@dataclass(frozen=True)
class Summary:
    """What the person is about to book, beside every step."""

    service: str
    type_name: str
    mode_words: str
    practitioner: str
    when_words: str
    length_words: str
    price_words: str
    gst_words: str | None
    policy_words: str | None
    held_until: datetime | None
    reference: str


def words(step: str, *, intake: bool = True, is_free: bool = False) -> str:
    """ "Step 2 of 5"; steps that a visit does not have are not counted."""
    order = [one for one in ORDER if (intake or one != "intake") and not (is_free and one == "pay")]
    return f"Step {order.index(step) + 1} of {len(order)}"


def words_for(booking: Booking, step: str) -> str:
    return words(step, intake=booking.appointment_type.intake_form is not None, is_free=booking.is_free)


def summary(booking: Booking) -> Summary:
    zone, terms = current_app.config["PORTAL"].zone, booking.terms
    return Summary(
        service=terms["service_name"],
        type_name=terms["type_name"],
        mode_words="Telehealth, by video or phone" if booking.location.is_telehealth else where(booking),
        practitioner=booking.practitioner.name,
        when_words=wording.when(booking.starts_at, zone),
        length_words=wording.length(terms["length_minutes"]),
        price_words=money.in_words(booking.price_cents),
        gst_words=gst_words(booking),
        policy_words=policy.in_words(terms),
        held_until=booking.hold_expires_at if booking.is_held else None,
        reference=booking.reference,
    )


def gst_words(booking: Booking) -> str | None:
    """The GST line that the agreed rule allows; an unset rule prints none (design §4)."""
    if booking.is_free:
        return None
    rule = booking.terms["gst_rule"]
    if rule == GstRule.TAXABLE:
        return f"Includes {money.in_words(money.gst_inside(booking.price_cents))} GST"
    return "GST-free" if rule == GstRule.GST_FREE else None


def where(booking: Booking) -> str:
    if booking.location.is_telehealth:
        return "Telehealth, by video or phone"
    room = f", {booking.room.name}" if booking.room else ""
    return f"{booking.location.name}{room}, {booking.location.address}"
