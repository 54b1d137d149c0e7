"""Refunds and disputes at the sandbox's Stripe."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.sandbox import RunningSandbox
from tests.support.stripe_api import StripeApi


def charge_of(stripe_api: StripeApi, session: dict[str, Any]) -> dict[str, Any]:
    expand = {"expand": ["latest_charge"]}
    intent = stripe_api.get(f"/payment_intents/{session['payment_intent']}", expand).json()
    return dict(intent["latest_charge"])


def test_a_refund_goes_back_and_is_counted_on_the_charge(stripe_api: StripeApi) -> None:
    session = stripe_api.paid_session()
    refund = stripe_api.refund(session, amount=4000, reason="requested_by_customer", metadata={"refund": "r1"})
    assert (refund["status"], refund["amount"], refund["metadata"]) == ("succeeded", 4000, {"refund": "r1"})
    charge = charge_of(stripe_api, session)
    assert (charge["amount_refunded"], charge["refunded"]) == (4000, False)


def test_without_an_amount_the_rest_goes_back(stripe_api: StripeApi) -> None:
    session = stripe_api.paid_session()
    stripe_api.refund(session, amount=4000)
    assert stripe_api.refund(session)["amount"] == 7900
    assert charge_of(stripe_api, session)["refunded"] is True


def test_more_than_the_rest_is_refused(stripe_api: StripeApi) -> None:
    session = stripe_api.paid_session()
    stripe_api.refund(session, amount=11000)
    answer = stripe_api.post("/refunds", {"payment_intent": session["payment_intent"], "amount": 901})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "amount")
    assert "greater than unrefunded amount" in answer.json()["error"]["message"]


def test_a_fully_refunded_charge_is_refused(stripe_api: StripeApi) -> None:
    session = stripe_api.paid_session()
    stripe_api.refund(session)
    answer = stripe_api.post("/refunds", {"payment_intent": session["payment_intent"]})
    assert answer.json()["error"]["code"] == "charge_already_refunded"


def test_simultaneous_refunds_never_give_back_more_than_was_paid(stripe_api: StripeApi) -> None:
    session = stripe_api.paid_session()
    params = {"payment_intent": session["payment_intent"], "amount": 5000}
    with ThreadPoolExecutor(6) as pool:
        statuses = sorted(
            answer.status_code for answer in pool.map(lambda _: stripe_api.post("/refunds", params), range(6))
        )
    assert statuses == [200, 200, 400, 400, 400, 400]
    assert charge_of(stripe_api, session)["amount_refunded"] == 10000


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"reason": "changed_my_mind"}, "reason"),
        ({"amount": 0}, "amount"),
        ({"amount": "12.50"}, "amount"),
        ({"instructions": "x"}, "instructions"),
        ({"metadata": {"a": {"b": "c"}}}, "metadata[a]"),
    ],
)
def test_a_bad_refund_parameter_is_refused(stripe_api: StripeApi, params: dict[str, Any], param: str) -> None:
    session = stripe_api.paid_session()
    answer = stripe_api.post("/refunds", {"payment_intent": session["payment_intent"], **params})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_a_refund_needs_a_payment_that_exists(stripe_api: StripeApi) -> None:
    assert stripe_api.post("/refunds", {"amount": 100}).json()["error"]["code"] == "parameter_missing"
    answer = stripe_api.post("/refunds", {"payment_intent": "pi_x"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "resource_missing")


def test_refunds_are_listed_by_payment(stripe_api: StripeApi) -> None:
    session, other = stripe_api.paid_session(), stripe_api.paid_session()
    ids = [stripe_api.refund(session, amount=amount)["id"] for amount in (100, 200)]
    stripe_api.refund(other)
    listed = stripe_api.get("/refunds", {"payment_intent": session["payment_intent"]}).json()["data"]
    assert [row["id"] for row in listed] == ids[::-1]


def test_a_succeeded_refund_may_fail_later_and_frees_the_rest(sandbox: RunningSandbox, stripe_api: StripeApi) -> None:
    session = stripe_api.paid_session()
    refund = stripe_api.refund(session)
    failed = sandbox.post("/_emu/stripe/fail_refund", {"refund": refund["id"]})
    assert (failed["status"], failed["failure_reason"]) == ("failed", "lost_or_stolen_card")
    assert charge_of(stripe_api, session)["amount_refunded"] == 0
    types = {event["type"] for event in stripe_api.get("/events", {"type": "refund.*"}).json()["data"]}
    assert types == {"refund.created", "refund.updated", "refund.failed"}
    assert stripe_api.refund(session)["amount"] == 11900


def test_a_refund_may_stay_pending_until_it_settles(sandbox: RunningSandbox, stripe_api: StripeApi) -> None:
    sandbox.knob("stripe", "refunds_stay_pending", True)
    refund = stripe_api.refund(stripe_api.paid_session())
    assert (refund["status"], refund["pending_reason"]) == ("pending", "processing")
    sandbox.post("/_emu/stripe/settle_refund", {"refund": refund["id"]})
    assert stripe_api.get(f"/refunds/{refund['id']}").json()["status"] == "succeeded"
    (event,) = stripe_api.get("/events", {"type": "refund.updated"}).json()["data"]
    assert event["data"]["previous_attributes"] == {"status": "pending"}


def test_a_disputed_charge_cannot_be_refunded(sandbox: RunningSandbox, stripe_api: StripeApi) -> None:
    session = stripe_api.paid_session()
    dispute = sandbox.post("/_emu/stripe/dispute", {"payment_intent": session["payment_intent"]})
    assert (dispute["status"], dispute["is_charge_refundable"]) == ("needs_response", False)
    assert stripe_api.get(f"/disputes/{dispute['id']}").json() == dispute
    answer = stripe_api.post("/refunds", {"payment_intent": session["payment_intent"]})
    assert answer.json()["error"]["code"] == "charge_disputed"
    sandbox.post("/_emu/stripe/close_dispute", {"dispute": dispute["id"], "status": "won"})
    assert stripe_api.refund(session)["status"] == "succeeded"
    types = [event["type"] for event in stripe_api.get("/events", {"type": "charge.dispute.*"}).json()["data"]]
    assert types == ["charge.dispute.closed", "charge.dispute.created"]
