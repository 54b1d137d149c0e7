"""What every page of a booking shares: finding it, and doing one thing to it that others may be doing too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from flask import Blueprint, abort, make_response, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Select
from sqlalchemy.orm import joinedload

from portal import clock
from portal.bookings import desk
from portal.bookings import find as bookings
from portal.bookings.confirm import NotComplete
from portal.bookings.desk import ChangedMeanwhile
from portal.bookings.hold import HoldExpired
from portal.bookings.models import Booking, BookingEvent
from portal.bookings.scope import bookings_of, payable_by
from portal.bookings.states import WrongState
from portal.bookings.undo import TooLateToUndo
from portal.db import db
from portal.intake.desk import HasAnswers
from portal.payments.desk import NothingToPay
from portal.scheduling import claims
from portal.scheduling.claims import SlotTaken
from portal.staff.access import Staff
from portal.web.htmx import go
from portal.web.staff import row_ids, who

bp = Blueprint("bookings", __name__, url_prefix="/bookings")

Act = Callable[[Booking, Staff, datetime], object]
# How a page shows itself again with what stood in the way: (the problem, what has happened meanwhile).
Again = Callable[[str | None, Sequence[BookingEvent]], str]
Find = Callable[[str], Booking]  # get, or get_payable for what concerns the money alone

TOO_LATE = "The three minutes are over, so this can no longer be undone. You can still move or cancel the visit."
NOT_NOW = "That does not fit any more: the visit is in another state by now."
HAS_ANSWERS = (
    "Forms of this visit have been begun, and what somebody answered stays theirs. Is it one person with two records? "
    "Then join the records under “Doubtful matches”. Is it somebody else? Then cancel this visit and book a new one."
)


def get(reference: str) -> Booking:
    """A visit that is this person's work, with what its pages say; 404 for any other."""
    return _one(bookings_of(who.staff()), reference)


def get_payable(reference: str) -> Booking:
    """A booking whose money this person may see, if nothing else; 404 for any other."""
    return _one(payable_by(who.staff()), reference)


def act(reference: str, do: Act, again: Again, *, find: Find = get, **told: Any) -> ResponseReturnValue:
    """Do one thing to a booking and go to its panel, which says so.

    The row is locked first, and whoever acts on an older picture sees what has changed instead.
    """
    me, booking_id = who.staff(), find(reference).id

    def run() -> object:
        booking = bookings.get_locked(booking_id)
        desk.expect(booking, seen())
        return do(booking, me, clock.now())

    try:
        made = claims.claim(run)
    except ChangedMeanwhile as changed:
        return make_response(again(None, changed.events), 409)
    except (SlotTaken, TooLateToUndo, WrongState, NotComplete, HoldExpired, NothingToPay, HasAnswers) as refusal:
        return make_response(again(problem_words(refusal), ()), 422)
    extra: dict[str, Any] = {"about": made} if isinstance(made, str) else {}
    return go(url_for("staff.bookings.panel", reference=reference, **told, **extra))


def _one(bookings: Select[Booking], reference: str) -> Booking:
    found = db.session.scalars(
        bookings.where(Booking.reference == reference.upper()).options(
            joinedload(Booking.appointment_type),
            joinedload(Booking.practitioner),
            joinedload(Booking.location),
            joinedload(Booking.patient),
        )
    ).one_or_none()
    return found if found is not None else abort(404)


def problem_words(refusal: Exception) -> str:
    """What stood in the way, for the person who tried."""
    match refusal:
        case SlotTaken():
            return f"That time is not open: {refusal.reason.words}."
        case TooLateToUndo():
            return TOO_LATE
        case NotComplete():
            return "Choose the patient first."
        case HoldExpired():
            return "The time was not held any longer. Please choose one again."
        case NothingToPay():
            return "There is nothing to pay here."
        case HasAnswers():
            return HAS_ANSWERS
    return NOT_NOW


def seen() -> int:
    """The newest event that the page had shown; a page that does not say so has seen nothing."""
    return row_ids.read(request.form.get("seen"))


def typed(name: str, longest: int = 500) -> str:
    """A text field without control characters, cut where nobody writes on."""
    text = request.form.get(name, "").replace("\r\n", "\n").strip()
    return "".join(letter for letter in text if letter.isprintable() or letter == "\n")[:longest]
