"""The routes under /stripe/v1: who may call, what is read, and how it is answered."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass

from flask import Blueprint, Response, g, jsonify, request

from portal.sandbox.core import Json, Sandbox
from portal.sandbox.stripe import events, payments, refunds, sessions
from portal.sandbox.stripe.errors import StripeError, invalid
from portal.sandbox.stripe.idempotency import Idempotency
from portal.sandbox.stripe.objects import SYSTEM, check_expand, expand, new_id
from portal.sandbox.stripe.params import RETRIEVE, Group, tree_of
from portal.sandbox.stripe.session_params import CREATE_SESSION, LIST_LINE_ITEMS, LIST_SESSIONS

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Endpoint:
    """One operation: `act(sandbox, params, *ids)` returns an object or a list of `kind`, or raises StripeError."""

    method: str
    path: str
    params: Group
    act: Callable[..., Json]
    kind: str
    is_list: bool = False


SESSION = "checkout.session"
ENDPOINTS = (
    Endpoint("POST", "/checkout/sessions", CREATE_SESSION, sessions.create, SESSION),
    Endpoint("GET", "/checkout/sessions", LIST_SESSIONS, sessions.list_sessions, SESSION, is_list=True),
    Endpoint("GET", "/checkout/sessions/<id>", RETRIEVE, sessions.retrieve, SESSION),
    Endpoint("GET", "/checkout/sessions/<id>/line_items", LIST_LINE_ITEMS, sessions.line_items, "item", is_list=True),
    Endpoint("POST", "/checkout/sessions/<id>/expire", RETRIEVE, sessions.expire, SESSION),
    Endpoint("GET", "/payment_intents/<id>", RETRIEVE, payments.retrieve_intent, "payment_intent"),
    Endpoint("GET", "/charges/<id>", RETRIEVE, payments.retrieve_charge, "charge"),
    Endpoint("GET", "/disputes/<id>", RETRIEVE, payments.retrieve_dispute, "dispute"),
    Endpoint("POST", "/refunds", refunds.CREATE_REFUND, refunds.create, "refund"),
    Endpoint("GET", "/refunds", refunds.LIST_REFUNDS, refunds.list_refunds, "refund", is_list=True),
    Endpoint("GET", "/refunds/<id>", RETRIEVE, refunds.retrieve, "refund"),
    Endpoint("GET", "/events", events.LIST_EVENTS, events.list_events, "event", is_list=True),
    Endpoint("GET", "/events/<id>", RETRIEVE, events.retrieve_event, "event"),
    Endpoint("POST", "/webhook_endpoints", events.CREATE_ENDPOINT, events.create_endpoint, "webhook_endpoint"),
    Endpoint("GET", "/webhook_endpoints", events.LIST_ENDPOINTS, events.list_endpoints, "webhook_endpoint", True),
    Endpoint("DELETE", "/webhook_endpoints/<id>", Group({}), events.delete_endpoint, "webhook_endpoint"),
)


def api(sandbox: Sandbox, idempotency: Idempotency) -> Blueprint:
    """The operations of ENDPOINTS; anything else below is a 404 of Stripe's shape."""
    bp = Blueprint("stripe_api", __name__, url_prefix="/stripe/v1")
    for endpoint in ENDPOINTS:
        name = f"{endpoint.method} {endpoint.path}".replace(".", "_")
        bp.add_url_rule(endpoint.path, name, _view(sandbox, idempotency, endpoint), methods=[endpoint.method])
    bp.add_url_rule("/<path:rest>", "unknown", _unknown, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    bp.register_error_handler(StripeError, StripeError.response)

    @bp.before_request
    def check_caller() -> None:
        g.stripe_request = {"id": new_id("req", 14), "idempotency_key": request.headers.get("Idempotency-Key")}
        _check_key(sandbox.settings.stripe_secret_key)
        _check_version()

    return bp


def _view(sandbox: Sandbox, idempotency: Idempotency, endpoint: Endpoint) -> Callable[..., Response]:
    def view(**ids: str) -> Response:
        params = endpoint.params.read(tree_of(_given()))
        check_expand(endpoint.kind, endpoint.is_list, params.get("expand", []))

        def act() -> Json:
            time.sleep(sandbox.knob(SYSTEM, "latency_seconds"))
            return expand(sandbox, endpoint.act(sandbox, params, *ids.values()), params.get("expand", []))

        if endpoint.method != "POST":
            return jsonify(act())
        key = request.headers.get("Idempotency-Key")
        status, body, is_replay = idempotency.answer(key, request.path, params, act)
        response = jsonify(body)
        response.status_code = status
        if is_replay:
            response.headers["Idempotent-Replayed"] = "true"
        return response

    return view


def _given() -> list[tuple[str, str]]:
    """The parameters as they came, from the query or from the form; a body of another kind is refused."""
    if request.method in ("GET", "DELETE"):
        return list(request.args.items(multi=True))
    if request.get_data() and request.mimetype != FORM:
        raise invalid(f"Invalid request (check that your POST content type is {FORM}).", "body")
    return list(request.form.items(multi=True))


def _unknown(rest: str) -> Response:
    raise StripeError(404, f"Unrecognized request URL ({request.method}: /v1/{rest}).")


def _check_key(ours: str) -> None:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer" or not key:
        raise StripeError(401, "You did not provide an API key. Use `Authorization: Bearer sk_test_...`.")
    if not key.startswith("sk_test_"):
        raise StripeError(401, "The sandbox takes test keys only: sk_test_...")
    if not hmac.compare_digest(key.encode(), ours.encode()):
        raise StripeError(401, f"Invalid API Key provided: sk_test_{'*' * 8}{key[-4:]}")


def _check_version() -> None:
    version = request.headers.get("Stripe-Version", events.API_VERSION)
    if version != events.API_VERSION:
        message = f"Invalid Stripe API version: {version}. The sandbox speaks {events.API_VERSION}."
        raise StripeError(400, message, is_stored=False)
