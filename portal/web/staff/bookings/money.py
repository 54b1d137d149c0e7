"""Money that passes over the desk."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from portal.payments import desk as payments
from portal.web.staff.bookings.desk import act, bp, get_payable
from portal.web.staff.bookings.panel import again


@bp.post("/<reference>/payments")
def take(reference: str) -> ResponseReturnValue:
    return act(reference, payments.take, again(reference), find=get_payable, told="paid")


@bp.post("/<reference>/payment-undo")
def take_back(reference: str) -> ResponseReturnValue:
    return act(reference, payments.take_back, again(reference), find=get_payable, told="unpaid")


@bp.post("/<reference>/money-back")
def hand_back(reference: str) -> ResponseReturnValue:
    return act(reference, payments.given_back, again(reference), find=get_payable, told="handed-back")
