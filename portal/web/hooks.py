"""Notifications from outside: verified, stored with the job they cause, answered at once. We call nobody here."""

from __future__ import annotations

import structlog
from flask import Blueprint, Response, current_app, request
from flask.typing import ResponseReturnValue

from portal.clock import now
from portal.db import transaction
from portal.integrations.stripe import BadSignature, read_event
from portal.payments import stripe_events
from portal.sync import notifications

log = structlog.get_logger(__name__)
bp = Blueprint("hooks", __name__, url_prefix="/hooks")

LARGEST_BODY = 256_000


@bp.before_request
def small_enough() -> ResponseReturnValue | None:
    # A body in chunks does not say how long it is: reading it stops at the same size.
    request.max_content_length = LARGEST_BODY
    return ("", 413) if (request.content_length or 0) > LARGEST_BODY else None


@bp.post("/stripe")
def stripe() -> ResponseReturnValue:
    """A bad signature gets 400 and no reason; copies and unknown types get 200 and nothing else."""
    secret = current_app.config["PORTAL"].stripe_webhook_secret
    try:
        event = read_event(request.get_data(), request.headers.get("Stripe-Signature"), secret)
    except BadSignature:
        log.warning("hooks.bad_signature", system="stripe")
        return "", 400
    with transaction():
        stripe_events.store(event, now())
    return "", 200


@bp.post("/graph")
def graph() -> ResponseReturnValue:
    """Graph's handshake wants the decoded token back as plain text; notifications are stored and routed by a worker."""
    if "validationToken" in request.args:
        return _handshake()
    with transaction():
        notifications.store(_items(), now())
    return "", 202


@bp.post("/graph/lifecycle")
def graph_lifecycle() -> ResponseReturnValue:
    if "validationToken" in request.args:
        return _handshake()
    with transaction():
        notifications.store_lifecycle(_items(), now())
    return "", 202


def _handshake() -> Response:
    return Response(request.args["validationToken"][:2000], content_type="text/plain; charset=utf-8")


def _items() -> list[dict[str, object]]:
    try:
        body = request.get_json(silent=True)
    except RecursionError:  # json gives up on a thousand brackets, and does not call that a bad value
        body = None
    items = body.get("value") if isinstance(body, dict) else None
    return [item for item in items if isinstance(item, dict)][:1000] if isinstance(items, list) else []
