"""The pages of the funnel in order, and what stands beside each of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from portal import clinic, money
from portal import words as wording
from portal.bookings import policy
from portal.bookings.models import Booking
from portal.catalogue.models import GstRule, WhoMayBook
from portal.clock import now
from portal.web.booking import zones

ORDER = ["times", "details", "intake", "check", "pay"]


@dataclass(frozen=True)
class Summary:
    """What the person is about to book, beside every step."""

    service: str
    type_name: str
    mode_words: str
    practitioner: str
    chosen_because: str  # why this practitioner, where the person named none
    when_words: str
    beside_words: str | None  # the same time where the person lives
    length_words: str
    price_words: str
    gst_words: str | None
    policy_words: str | None
    type_slug: str
    is_for_returning: bool  # meant for people who have been here before
    now: datetime
    held_until: datetime | None
    held_words: str
    is_longest: bool  # it cannot be kept any longer than that
    reference: str


def words(step: str, *, intake: bool = True, is_free: bool = False) -> str:
    """ "Step 2 of 5"; steps that a visit does not have are not counted."""
    order = [one for one in ORDER if (intake or one != "intake") and not (is_free and one == "pay")]
    return f"Step {order.index(step) + 1} of {len(order)}"


def words_for(booking: Booking, step: str) -> str:
    return words(step, intake=booking.appointment_type.intake_form is not None, is_free=booking.is_free)


def summary(booking: Booking) -> Summary:
    terms = booking.terms
    return Summary(
        service=terms["service_name"],
        type_name=terms["type_name"],
        mode_words="Telehealth, by video or phone" if booking.location.is_telehealth else where(booking),
        practitioner=booking.practitioner.name,
        chosen_because=booking.chosen_because,
        when_words=wording.when(booking.starts_at, zones.of_booking(booking)),
        beside_words=zones.beside_booking(booking),
        length_words=wording.length(terms["length_minutes"]),
        price_words=money.in_words(booking.price_cents),
        gst_words=gst_words(booking),
        policy_words=policy.in_words(terms),
        type_slug=booking.appointment_type.slug,
        is_for_returning=booking.appointment_type.who_may_book == WhoMayBook.RETURNING,
        now=now(),
        held_until=booking.hold_expires_at if booking.is_held else None,
        held_words=_clock_words(booking) if booking.is_held else "",
        is_longest=_is_longest(booking),
        reference=booking.reference,
    )


def _clock_words(booking: Booking) -> str:
    """Until when it is held: "10:22 am Sydney time", and the time where the person lives."""
    zone, until = zones.of_booking(booking), booking.hold_expires_at
    assert until is not None
    beside = zones.beside(until, zone, zones.chosen()) if booking.location.is_telehealth else None
    here = f"{wording.clock(until, zone)} {zones.place(zone)} time"
    return f"{here} ({beside})" if beside else here


def _is_longest(booking: Booking) -> bool:
    """Whether the time is held for as long as a time can be."""
    return booking.hold_expires_at is not None and booking.hold_expires_at >= booking.held_at + clinic.holds().longest


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
