"""The sandbox reads parameters as strictly as Stripe, and knows none that the pinned SDK does not know."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests
from stripe.params import EventListParams, RefundCreateParams, RefundListParams, WebhookEndpointCreateParams
from stripe.params.checkout import SessionCreateParams, SessionListParams

from portal.sandbox.stripe.events import CREATE_ENDPOINT, LIST_EVENTS
from portal.sandbox.stripe.params import Group, Many, OneOf, tree_of
from portal.sandbox.stripe.refunds import CREATE_REFUND, LIST_REFUNDS
from portal.sandbox.stripe.session_params import CREATE_SESSION, LIST_SESSIONS
from tests.support.sandbox import RunningSandbox
from tests.support.stripe_api import StripeApi, line_item, session_params
from tests.support.typed_params import fields_of, literals_of

SPECS = [
    (CREATE_SESSION, SessionCreateParams),
    (LIST_SESSIONS, SessionListParams),
    (CREATE_REFUND, RefundCreateParams),
    (LIST_REFUNDS, RefundListParams),
    (LIST_EVENTS, EventListParams),
    (CREATE_ENDPOINT, WebhookEndpointCreateParams),
]


@pytest.mark.parametrize(("spec", "typed"), SPECS, ids=[typed.__name__ for _, typed in SPECS])
def test_every_parameter_the_sandbox_takes_is_in_the_sdk(spec: Group, typed: Any) -> None:
    assert list(strangers(spec, typed, "")) == []


def strangers(kind: Any, typed: Any, name: str) -> Any:
    """Names and enum values of the sandbox that the SDK's types lack."""
    if isinstance(kind, Group):
        known = fields_of(typed)
        for key, inner in kind.fields.items():
            if key in known:
                yield from strangers(inner, known[key][0], f"{name}[{key}]")
            else:
                yield f"{name}[{key}]"
    elif isinstance(kind, Many):
        yield from strangers(kind.item, typed.__args__[0], name)
    elif isinstance(kind, OneOf) and literals_of(typed):
        yield from (f"{name}={value}" for value in kind.values if value not in literals_of(typed))


def test_the_sdk_types_have_no_payment_method_types_any_more() -> None:
    assert "payment_method_types" not in fields_of(SessionCreateParams)


@pytest.mark.parametrize(
    ("changes", "param", "code"),
    [
        ({"payment_method_types": ["card"]}, "payment_method_types", "parameter_unknown"),
        ({"colour": "red"}, "colour", "parameter_unknown"),
        ({"automatic_tax": {"on": True}}, "automatic_tax[on]", "parameter_unknown"),
        (
            {"line_items": [{**line_item(), "dynamic_tax_rates": ["x"]}]},
            "line_items[0][dynamic_tax_rates]",
            "parameter_unknown",
        ),
        ({"line_items": [line_item(colour="red")]}, "line_items[0][price_data][colour]", "parameter_unknown"),
        ({"mode": None}, "mode", "parameter_missing"),
        ({"line_items": None}, "line_items", "parameter_missing"),
        ({"success_url": None}, "success_url", "parameter_missing"),
        (
            {"line_items": [{"quantity": 1, "price_data": {"unit_amount": 100, "product_data": {"name": "x"}}}]},
            "line_items[0][price_data][currency]",
            "parameter_missing",
        ),
        ({"ui_mode": "hosted"}, "ui_mode", None),
        ({"locale": "en-AU"}, "locale", None),
        ({"submit_type": "buy"}, "submit_type", None),
        ({"line_items": [line_item(tax_behavior="none")]}, "line_items[0][price_data][tax_behavior]", None),
        ({"line_items": [line_item(currency="AUD")]}, "line_items[0][price_data][currency]", None),
        (
            {"line_items": [line_item(unit_amount="119.00")]},
            "line_items[0][price_data][unit_amount]",
            "parameter_invalid_integer",
        ),
        (
            {"line_items": [line_item(unit_amount=-5)]},
            "line_items[0][price_data][unit_amount]",
            "parameter_invalid_integer",
        ),
        ({"automatic_tax": {"enabled": "yes"}}, "automatic_tax[enabled]", None),
        ({"automatic_tax": "true"}, "automatic_tax", None),
        ({"metadata": "x"}, "metadata", None),
        ({"line_items": "x"}, "line_items", None),
        ({"client_reference_id": "x" * 201}, "client_reference_id", None),
        ({"client_reference_id": ""}, "client_reference_id", "parameter_invalid_empty"),
        ({"payment_intent_data": {"description": "x" * 1001}}, "payment_intent_data[description]", None),
        (
            {"payment_intent_data": {"statement_descriptor_suffix": "x" * 23}},
            "payment_intent_data[statement_descriptor_suffix]",
            None,
        ),
        ({"metadata": {"note": "x" * 501}}, "metadata[note]", None),
        ({"metadata": {"k" * 41: "x"}}, "metadata", None),
        ({"metadata": {f"key{n}": "x" for n in range(51)}}, "metadata", None),
        ({"success_url": "/return"}, "success_url", "url_invalid"),
        ({"customer_email": "nobody"}, "customer_email", "email_invalid"),
        ({"expand": ["customer.default_source"]}, "expand", None),
    ],
)
def test_a_bad_session_parameter_is_refused_by_name(
    stripe_api: StripeApi, changes: dict[str, Any], param: str, code: str | None
) -> None:
    answer = stripe_api.post("/checkout/sessions", session_params(**changes))
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (400, "invalid_request_error")
    assert (error["param"], error.get("code")) == (param, code)
    assert stripe_api.get("/checkout/sessions").json()["data"] == []


def test_less_than_fifty_cents_is_refused(stripe_api: StripeApi) -> None:
    answer = stripe_api.post("/checkout/sessions", session_params(line_items=[line_item(unit_amount=49)]))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "amount_too_small")
    assert stripe_api.session(line_items=[line_item(unit_amount=50)])["amount_total"] == 50


@pytest.mark.parametrize(
    ("seconds", "status"), [(29 * 60, 400), (30 * 60, 400), (30 * 60 + 20, 200), (86400 - 20, 200), (86400 + 2, 400)]
)
def test_the_deadline_is_more_than_half_an_hour_and_less_than_a_day_away(
    stripe_api: StripeApi, seconds: int, status: int
) -> None:
    answer = stripe_api.post("/checkout/sessions", session_params(expires_at=int(time.time()) + seconds))
    assert answer.status_code == status
    if status == 400:
        assert answer.json()["error"]["param"] == "expires_at"


def test_the_deadline_is_measured_on_the_moved_clock(sandbox: RunningSandbox, stripe_api: StripeApi) -> None:
    sandbox.advance(hours=2)
    assert stripe_api.post("/checkout/sessions", session_params()).status_code == 400
    later = int(time.time()) + 2 * 3600 + 33 * 60
    assert stripe_api.session(expires_at=later)["expires_at"] == later


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Basic c2tfdGVzdA==", "Bearer sk_live_sandbox", "Bearer sk_test_other"]
)
def test_only_the_configured_test_key_opens_the_api(sandbox: RunningSandbox, authorization: str) -> None:
    answer = requests.get(f"{sandbox.url}/stripe/v1/refunds", headers={"Authorization": authorization}, timeout=10)
    assert (answer.status_code, answer.json()["error"]["type"]) == (401, "invalid_request_error")
    assert answer.headers["Request-Id"].startswith("req_")


def test_an_old_api_version_is_refused(stripe_api: StripeApi) -> None:
    answer = stripe_api.post("/checkout/sessions", session_params(), Stripe_Version="2026-05-27.dahlia")
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


def test_a_json_body_is_refused(sandbox: RunningSandbox) -> None:
    headers = {"Authorization": "Bearer sk_test_sandbox"}
    answer = requests.post(f"{sandbox.url}/stripe/v1/refunds", json={"amount": 1}, headers=headers, timeout=10)
    assert answer.status_code == 400
    assert "application/x-www-form-urlencoded" in answer.json()["error"]["message"]


def test_an_unknown_address_and_an_unknown_id_are_404(stripe_api: StripeApi) -> None:
    assert stripe_api.get("/customers").json()["error"]["message"].startswith("Unrecognized request URL")
    for path in ("/checkout/sessions/cs_test_x", "/refunds/re_x", "/payment_intents/pi_x", "/charges/ch_x"):
        answer = stripe_api.get(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "resource_missing")


def test_every_answer_carries_a_request_id(stripe_api: StripeApi) -> None:
    answers = [stripe_api.get("/refunds"), stripe_api.get("/refunds/re_x"), stripe_api.post("/refunds")]
    ids = {answer.headers["Request-Id"] for answer in answers}
    assert len(ids) == 3


def test_bracketed_names_become_a_tree() -> None:
    tree = tree_of([("a[0][b]", "1"), ("a[1][b]", "2"), ("c", "3"), ("d[]", "x"), ("d[]", "y")])
    assert tree == {"a": {"0": {"b": "1"}, "1": {"b": "2"}}, "c": "3", "d": {"0": "x", "1": "y"}}
