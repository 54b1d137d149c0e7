"""The steps of a visit's day, taking back the latest change, and whether the patient is told of it."""

from __future__ import annotations

from datetime import datetime

from flask import abort, request
from flask.typing import ResponseReturnValue

from portal.bookings import desk, hold
from portal.bookings.models import Booking
from portal.bookings.states import Status, WrongState
from portal.payments import desk as payments
from portal.staff.access import Staff
from portal.web.staff.bookings.desk import act, bp
from portal.web.staff.bookings.panel import again


@bp.post("/<reference>/statuses")
def set_status(reference: str) -> ResponseReturnValue:
    try:
        wanted = Status(request.form.get("to", ""))
    except ValueError:
        abort(422)
    return act(
        reference, lambda booking, me, now: desk.set_status(booking, wanted, me, now), again(reference), told="status"
    )


@bp.post("/<reference>/confirmation")
def book(reference: str) -> ResponseReturnValue:
    """The visit is booked at once; what it costs is paid at the clinic, now or when the desk takes it later."""
    pays_now = request.form.get("paid") == "now"

    def do(booking: Booking, me: Staff, now: datetime) -> None:
        desk.book(booking, me, now)
        if pays_now:
            payments.take(booking, me, now)

    return act(reference, do, again(reference), told="booked")


@bp.post("/<reference>/undo")
def undo(reference: str) -> ResponseReturnValue:
    return act(reference, desk.take_back, again(reference), told="undone")


@bp.post("/<reference>/telling")
def tell_now(reference: str) -> ResponseReturnValue:
    return act(reference, desk.tell_now, again(reference), told="told")


@bp.post("/<reference>/silence")
def keep_quiet(reference: str) -> ResponseReturnValue:
    return act(reference, desk.keep_quiet, again(reference), told="quiet")


@bp.post("/<reference>/extension")
def extend(reference: str) -> ResponseReturnValue:
    def do(booking: Booking, _me: Staff, now: datetime) -> None:
        if booking.source != desk.SOURCE:
            raise WrongState(booking.status, Status.HELD)
        hold.extend(booking, now)

    return act(reference, do, again(reference), told="extended")


@bp.post("/<reference>/release")
def release(reference: str) -> ResponseReturnValue:
    return act(reference, desk.let_go, again(reference))
