"""What the Stripe client sends, against the types of the pinned SDK."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest
import stripe as sdk
from stripe.params import EventListParams, RefundCreateParams, RefundListParams
from stripe.params.checkout import (
    SessionCreateParams,
    SessionExpireParams,
    SessionListParams,
    SessionRetrieveParams,
)

from portal.integrations.http import PartnerError, Transient
from portal.integrations.stripe import SessionNotOpen, Stripe
from portal.sandbox.stripe.params import tree_of
from tests.support.receiver import Received, Receiver
from tests.support.stripe_client import KEY, create
from tests.support.typed_params import fields_of, problems

CALLS: list[tuple[str, str, Any, Callable[[Stripe], Any]]] = [
    ("POST", "/v1/checkout/sessions", SessionCreateParams, create),
    ("GET", "/v1/checkout/sessions/cs_test_1", SessionRetrieveParams, lambda c: c.get_checkout_session("cs_test_1")),
    (
        "POST",
        "/v1/checkout/sessions/cs_test_1/expire",
        SessionExpireParams,
        lambda c: c.expire_checkout_session("cs_test_1"),
    ),
    (
        "GET",
        "/v1/checkout/sessions",
        SessionListParams,
        lambda c: list(c.list_sessions(created_since=datetime.now(UTC), status="complete")),
    ),
    (
        "POST",
        "/v1/refunds",
        RefundCreateParams,
        lambda c: c.create_refund(
            payment_intent="pi_1", amount_cents=100, reason="duplicate", metadata={"a": "b"}, idempotency_key="k"
        ),
    ),
    ("GET", "/v1/refunds", RefundListParams, lambda c: c.list_refunds(payment_intent="pi_1")),
    ("GET", "/v1/events", EventListParams, lambda c: list(c.list_undelivered_events(since=datetime.now(UTC)))),
]


def sent_by(receiver: Receiver, act: Callable[[Stripe], Any]) -> Received:
    """The request that `act` makes, caught by a server that has no answer to it."""
    receiver.answer_next(400)
    with pytest.raises((PartnerError, SessionNotOpen)):
        act(Stripe(api_base=receiver.url, secret_key=KEY))
    (request,) = receiver.received()
    return request


@pytest.mark.parametrize(("method", "path", "typed", "act"), CALLS, ids=[f"{call[0]} {call[1]}" for call in CALLS])
def test_every_parameter_we_send_is_in_the_sdks_types(
    receiver: Receiver, method: str, path: str, typed: Any, act: Callable[[Stripe], Any]
) -> None:
    request = sent_by(receiver, act)
    assert (request.method, request.path) == (method, path)
    given = tree_of([*request.query, *parse_qsl(request.body.decode(), keep_blank_values=True)])
    assert problems(given, typed) == []


def test_the_types_would_catch_the_usual_old_parameters() -> None:
    good = {"mode": "payment", "line_items": {"0": {"quantity": "1", "price_data": {"currency": "aud"}}}}
    assert problems(good, SessionCreateParams) == []
    bad: dict[str, Any] = {
        "payment_method_types": {"0": "card"},
        "locale": "en-AU",
        "ui_mode": "hosted",
        "expires_at": "soon",
        "automatic_tax": {"on": "true"},
        "line_items": {"0": {"price_data": {}}},
        "metadata": {"a": {"b": "c"}},
    }
    for name, value in bad.items():
        assert problems({name: value}, SessionCreateParams), name
    assert "payment_method_types" not in fields_of(SessionCreateParams)


def test_the_version_and_the_key_are_pinned_on_every_request(receiver: Receiver) -> None:
    request = sent_by(receiver, create)
    assert request.headers["stripe-version"] == "2026-10-28.endive"
    assert request.headers["idempotency-key"] == "checkout:attempt-1"
    assert request.headers["authorization"] == f"Bearer {KEY}"


def test_the_sdk_reports_nothing_about_us() -> None:
    assert sdk.enable_telemetry is False


def test_redirects_are_not_followed(receiver: Receiver) -> None:
    receiver.answer_next(302, 302, 302)
    with pytest.raises(Transient):
        Stripe(api_base=receiver.url, secret_key=KEY).get_checkout_session("cs_test_1")
    assert {one.path for one in receiver.received()} == {"/v1/checkout/sessions/cs_test_1"}
