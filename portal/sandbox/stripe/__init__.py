"""Stripe as far as the portal uses it: hosted Checkout, refunds, disputes, events and webhooks.

The API is under /stripe/v1, the payment page under /stripe/c/pay, the controls under /_emu/stripe.
"""

from __future__ import annotations

from flask import Blueprint, Response, g, request

from portal.sandbox.core import Sandbox, System
from portal.sandbox.stripe.api import api
from portal.sandbox.stripe.controls import controls
from portal.sandbox.stripe.events import put_default_endpoint, resend_pending
from portal.sandbox.stripe.idempotency import Idempotency
from portal.sandbox.stripe.objects import SYSTEM, new_id
from portal.sandbox.stripe.pages import pages
from portal.sandbox.stripe.panels import panels
from portal.sandbox.stripe.sessions import expire_overdue

KNOBS = {
    "latency_seconds": 0.0,  # each API call takes this much longer, while its idempotency key is in use
    "refunds_stay_pending": False,  # new refunds are pending until /_emu/stripe/settle_refund
    "remembered_failures": 0,  # so many new requests fail with a 500 that stays under their idempotency key
    "should_retry": None,  # "true" or "false": the Stripe-Should-Retry header of every error
}


def register(sandbox: Sandbox) -> Blueprint:
    """Add Stripe to the sandbox and hand back its routes."""
    bp = Blueprint("stripe", __name__)
    bp.register_blueprint(api(sandbox, Idempotency(sandbox)))
    bp.register_blueprint(pages(sandbox))
    bp.register_blueprint(controls(sandbox))

    @bp.before_app_request
    def close_overdue_sessions() -> None:
        expire_overdue(sandbox)

    @bp.after_app_request
    def finish(response: Response) -> Response:
        if request.path == "/_emu/clock" and request.method == "POST":
            expire_overdue(sandbox)  # nobody need ask for the deadline's event to go out
        if request.path.startswith("/stripe/"):
            response.headers["Request-Id"] = g.get("stripe_request", {}).get("id") or new_id("req", 14)
            if response.status_code >= 400 and sandbox.knob(SYSTEM, "should_retry") is not None:
                response.headers["Stripe-Should-Retry"] = sandbox.knob(SYSTEM, "should_retry")
        return response

    def start() -> None:
        put_default_endpoint(sandbox)

    sandbox.add(System(SYSTEM, seed=lambda people: None, panels=panels(sandbox), knobs=KNOBS, reset=start))
    start()
    resend_pending(sandbox)
    return bp
