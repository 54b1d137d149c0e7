"""What a test or a person can make happen at Stripe: POST /_emu/stripe/..., as JSON or as a form of the start page."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue

from portal.sandbox.core import Json, Sandbox
from portal.sandbox.stripe import payments, refunds, sessions
from portal.sandbox.stripe.errors import StripeError, invalid
from portal.sandbox.stripe.objects import get, public


def controls(sandbox: Sandbox) -> Blueprint:
    """
    complete        {"session", "outcome": paid | delayed | decline}
    settle_delayed  {"session", "outcome": paid | failed}
    settle_refund   {"refund"}       a pending refund succeeds (knob refunds_stay_pending)
    fail_refund     {"refund"}
    dispute         {"payment_intent"}
    close_dispute   {"dispute", "status": won | lost}
    """
    bp = Blueprint("emu_stripe", __name__, url_prefix="/_emu/stripe")
    acts: dict[str, Callable[[Json], Json]] = {
        "complete": lambda given: _complete(sandbox, given),
        "settle_delayed": lambda given: _settle_delayed(sandbox, given),
        "settle_refund": lambda given: refunds.settle(sandbox, given["refund"]),
        "fail_refund": lambda given: refunds.fail(sandbox, given["refund"]),
        "dispute": lambda given: payments.open_dispute(sandbox, given["payment_intent"]),
        "close_dispute": lambda given: payments.close_dispute(sandbox, given["dispute"], given["status"]),
    }

    @bp.post("/<any(" + ",".join(acts) + "):act>")
    def control(act: str) -> ResponseReturnValue:
        given: Json = request.get_json() if request.is_json else dict(request.form)
        try:
            changed = acts[act](given)
        except KeyError as error:
            raise invalid(f"Missing: {error.args[0]}", str(error.args[0]), "parameter_missing") from None
        return jsonify(changed) if request.is_json else redirect(url_for("home.start") + "#stripe", 303)

    @bp.errorhandler(StripeError)
    def refused(error: StripeError) -> ResponseReturnValue:
        return error.response()

    return bp


def _complete(sandbox: Sandbox, given: Json) -> Json:
    id, outcome = given["session"], given.get("outcome", "paid")
    if outcome == "decline":
        return public(get(sandbox, sessions.KIND, id, "session"))
    if outcome not in ("paid", "delayed"):
        raise invalid("outcome is paid, delayed or decline", "outcome")
    try:
        return sessions.pay(sandbox, id, is_delayed=outcome == "delayed")
    except sessions.NotPayable as error:
        raise StripeError(409, f"Nobody can pay: {error}.", param="session") from None


def _settle_delayed(sandbox: Sandbox, given: Json) -> Json:
    outcome = given.get("outcome", "paid")
    if outcome not in ("paid", "failed"):
        raise invalid("outcome is paid or failed", "outcome")
    try:
        return sessions.settle_delayed(sandbox, given["session"], is_paid=outcome == "paid")
    except sessions.NotPayable as error:
        raise StripeError(409, f"No payment is pending: {error}.", param="session") from None
