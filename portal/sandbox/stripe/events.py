"""Events, the endpoints they go to, and how each delivery is signed."""

from __future__ import annotations

import fnmatch
import hashlib
import hmac
import json
import random
import time
from typing import Any

from flask import g, has_request_context

from portal.sandbox.core import Json, Sandbox
from portal.sandbox.deliveries import Outgoing
from portal.sandbox.stripe.errors import invalid
from portal.sandbox.stripe.objects import (
    SYSTEM,
    get,
    is_created_within,
    new_id,
    newest_first,
    page_of,
    public,
    put,
    timestamp,
)
from portal.sandbox.stripe.params import EXPAND, LISTING, Flag, Group, Many, Metadata, OneOf, Text, When

API_VERSION = "2026-10-28.endive"
DEFAULT_ENDPOINT = "we_portal"
EVENT_TYPES = (
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.failed",
    "charge.refunded",
    "charge.succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.completed",
    "checkout.session.expired",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.succeeded",
    "refund.created",
    "refund.failed",
    "refund.updated",
)
LIST_EVENTS = Group(
    {**LISTING, "created": When(), "delivery_success": Flag(), "type": Text(), "types": Many(Text(), 20)}
)
LIST_ENDPOINTS = Group(LISTING)
CREATE_ENDPOINT = Group(
    {
        "url": Text(2048),
        "enabled_events": Many(OneOf(("*", *EVENT_TYPES)), 100),
        "api_version": OneOf((API_VERSION,)),
        "description": Text(5000),
        "metadata": Metadata(),
        "expand": EXPAND,
    },
    required=("url", "enabled_events"),
)


def emit(sandbox: Sandbox, type: str, subject: Json, previous: Json | None = None) -> None:
    """Write the event down and send it to every endpoint that wants it. `previous` are the old values of a change."""
    data: Json = {"object": public(subject)}
    if previous is not None:
        data["previous_attributes"] = previous
    wanted_by = [endpoint for endpoint in endpoints(sandbox) if _wants(endpoint, type)]
    event = put(
        sandbox,
        {
            "id": new_id("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": timestamp(sandbox),
            "data": data,
            "livemode": False,
            "pending_webhooks": len(wanted_by),
            "request": _cause(),
            "type": type,
            "_pending": [endpoint["id"] for endpoint in wanted_by],
        },
    )
    for endpoint in wanted_by:
        _deliver(sandbox, event, endpoint)


def emit_shuffled(sandbox: Sandbox, *events: tuple[str, Json]) -> None:
    """Several events of one moment. Stripe promises no order, so there is none."""
    for type, subject in random.sample(events, len(events)):
        emit(sandbox, type, subject)


def resend_pending(sandbox: Sandbox) -> None:
    """After a restart: what has not reached its endpoint is tried again, as Stripe would."""
    for event in sandbox.store.all(SYSTEM, "event"):
        for endpoint in endpoints(sandbox):
            if endpoint["id"] in event["_pending"]:
                _deliver(sandbox, event, endpoint)


def signature(secret: str, body: bytes, at: int) -> str:
    """The Stripe-Signature header: HMAC-SHA256 over "<t>.<body>", keyed with the secret as it is written."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def _deliver(sandbox: Sandbox, event: Json, endpoint: Json) -> None:
    body = json.dumps(public(event), indent=2).encode()

    def build(how: Outgoing) -> tuple[dict[str, str], bytes]:
        # Real time, whatever the sandbox's clock says: the verifier's tolerance knows no moved clock.
        at = int(time.time()) - (3600 if how.old else 0)
        secret = "whsec_of_somebody_else" if how.forged else endpoint["_secret"]
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": signature(secret, body, at),
        }
        return headers, body

    def delivered() -> None:
        with sandbox.store.lock:
            kept = sandbox.store.get(SYSTEM, "event", event["id"])
            if kept is not None and endpoint["id"] in kept["_pending"]:
                kept["_pending"].remove(endpoint["id"])
                put(sandbox, kept | {"pending_webhooks": len(kept["_pending"])})

    label = f"{event['type']} {event['id']}"
    sandbox.deliveries.send(SYSTEM, endpoint["url"], build, label=label, delivered=delivered)


def _wants(endpoint: Json, type: str) -> bool:
    return "*" in endpoint["enabled_events"] or type in endpoint["enabled_events"]


def _cause() -> Json:
    """The API request behind an event; empty when a person on a page or a deadline caused it."""
    cause: Any = g.get("stripe_request") if has_request_context() else None
    return cause or {"id": None, "idempotency_key": None}


def list_events(sandbox: Sandbox, params: Json) -> Json:
    if "type" in params and "types" in params:
        raise invalid("You may pass either `type` or `types`, but not both.", "types")
    patterns = params.get("types") or [params.get("type", "*")]
    wanted_success = params.get("delivery_success")
    found = [
        event
        for event in newest_first(sandbox, "event")
        if any(fnmatch.fnmatchcase(event["type"], pattern) for pattern in patterns)
        and is_created_within(event, params.get("created", {}))
        and (wanted_success is None or wanted_success == (not event["_pending"]))
    ]
    return page_of(found, params, "/v1/events")


def retrieve_event(sandbox: Sandbox, _: Json, id: str) -> Json:
    return public(get(sandbox, "event", id))


def endpoints(sandbox: Sandbox) -> list[Json]:
    return newest_first(sandbox, "webhook_endpoint")


def list_endpoints(sandbox: Sandbox, params: Json) -> Json:
    return page_of(endpoints(sandbox), params, "/v1/webhook_endpoints")


def create_endpoint(sandbox: Sandbox, params: Json) -> Json:
    secret = new_id("whsec", 32)
    endpoint = _endpoint(sandbox, new_id("we"), params["url"], secret, params["enabled_events"])
    endpoint |= {"description": params.get("description"), "metadata": params.get("metadata", {})}
    put(sandbox, endpoint)
    return public(endpoint) | {"secret": secret}  # told this once and never again


def delete_endpoint(sandbox: Sandbox, _: Json, id: str) -> Json:
    get(sandbox, "webhook_endpoint", id)
    sandbox.store.delete(SYSTEM, "webhook_endpoint", id)
    return {"id": id, "object": "webhook_endpoint", "deleted": True}


def put_default_endpoint(sandbox: Sandbox) -> None:
    """The portal's own endpoint, as the clinic would have set it up in Stripe's Dashboard."""
    settings = sandbox.settings
    put(
        sandbox,
        _endpoint(sandbox, DEFAULT_ENDPOINT, settings.stripe_webhook_url, settings.stripe_webhook_secret, ["*"]),
    )


def _endpoint(sandbox: Sandbox, id: str, url: str, secret: str, enabled_events: list[str]) -> Json:
    return {
        "id": id,
        "object": "webhook_endpoint",
        "api_version": API_VERSION,
        "application": None,
        "created": timestamp(sandbox),
        "description": None,
        "enabled_events": enabled_events,
        "livemode": False,
        "metadata": {},
        "status": "enabled",
        "url": url,
        "_secret": secret,
    }
