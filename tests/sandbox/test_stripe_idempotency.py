"""Idempotency keys at the sandbox's Stripe: one effect, one answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.support.sandbox import RunningSandbox
from tests.support.stripe_api import StripeApi, session_params


def test_the_same_request_again_gives_the_first_answer(stripe_api: StripeApi) -> None:
    params = session_params()
    first = stripe_api.post("/checkout/sessions", params, Idempotency_Key="checkout:1")
    again = stripe_api.post("/checkout/sessions", params, Idempotency_Key="checkout:1")
    assert first.json() == again.json()
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert first.headers["Request-Id"] != again.headers["Request-Id"]
    assert len(stripe_api.get("/checkout/sessions").json()["data"]) == 1


def test_a_replay_is_the_old_snapshot(stripe_api: StripeApi) -> None:
    params = session_params()
    session = stripe_api.post("/checkout/sessions", params, Idempotency_Key="checkout:1").json()
    stripe_api.post(f"/checkout/sessions/{session['id']}/expire")
    again = stripe_api.post("/checkout/sessions", params, Idempotency_Key="checkout:1").json()
    assert again["status"] == "open"


def test_other_parameters_under_a_used_key_are_refused(stripe_api: StripeApi) -> None:
    params = session_params()
    stripe_api.post("/checkout/sessions", params, Idempotency_Key="checkout:1")
    changed = params | {"expires_at": params["expires_at"] + 1}
    answer = stripe_api.post("/checkout/sessions", changed, Idempotency_Key="checkout:1")
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "idempotency_error")


def test_another_address_under_a_used_key_is_refused(stripe_api: StripeApi) -> None:
    session = stripe_api.post("/checkout/sessions", session_params(), Idempotency_Key="once").json()
    answer = stripe_api.post(f"/checkout/sessions/{session['id']}/expire", Idempotency_Key="once")
    assert answer.json()["error"]["type"] == "idempotency_error"


def test_a_request_under_way_holds_its_key(sandbox: RunningSandbox, stripe_api: StripeApi) -> None:
    sandbox.knob("stripe", "latency_seconds", 0.5)
    params = session_params()
    with ThreadPoolExecutor(4) as pool:
        send = lambda _: stripe_api.post("/checkout/sessions", params, Idempotency_Key="checkout:1")  # noqa: E731
        statuses = sorted(answer.status_code for answer in pool.map(send, range(4)))
    assert statuses == [200, 409, 409, 409]


def test_a_failed_validation_leaves_the_key_free(stripe_api: StripeApi) -> None:
    bad = stripe_api.post("/checkout/sessions", session_params(locale="en-AU"), Idempotency_Key="checkout:1")
    good = stripe_api.post("/checkout/sessions", session_params(), Idempotency_Key="checkout:1")
    assert (bad.status_code, good.status_code) == (400, 200)


def test_a_refusal_after_acting_is_replayed(stripe_api: StripeApi) -> None:
    session = stripe_api.paid_session()
    params = {"payment_intent": session["payment_intent"], "amount": 99900}
    first = stripe_api.post("/refunds", params, Idempotency_Key="refund:1")
    again = stripe_api.post("/refunds", params, Idempotency_Key="refund:1")
    assert (first.status_code, again.status_code) == (400, 400)
    assert again.headers["Idempotent-Replayed"] == "true"


def test_an_answer_lost_on_its_way_is_found_again(sandbox: RunningSandbox, stripe_api: StripeApi) -> None:
    session = stripe_api.paid_session()
    params = {"payment_intent": session["payment_intent"], "amount": 5000}
    sandbox.fault("POST /stripe/v1/refunds", "error_after")
    assert stripe_api.post("/refunds", params, Idempotency_Key="refund:1").status_code == 504
    again = stripe_api.post("/refunds", params, Idempotency_Key="refund:1")
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
    assert len(stripe_api.get("/refunds").json()["data"]) == 1


def test_an_error_before_acting_leaves_nothing_behind(sandbox: RunningSandbox, stripe_api: StripeApi) -> None:
    params = session_params()
    sandbox.fault("POST /stripe/v1/checkout/sessions", "error", status=503)
    assert stripe_api.post("/checkout/sessions", params, Idempotency_Key="checkout:1").status_code == 503
    again = stripe_api.post("/checkout/sessions", params, Idempotency_Key="checkout:1")
    assert again.status_code == 200
    assert "Idempotent-Replayed" not in again.headers


def test_a_key_may_not_be_longer_than_255_characters(stripe_api: StripeApi) -> None:
    assert stripe_api.post("/checkout/sessions", session_params(), Idempotency_Key="k" * 256).status_code == 400


def test_a_failure_stays_under_its_key(sandbox: RunningSandbox, stripe_api: StripeApi) -> None:
    params = session_params()
    sandbox.knob("stripe", "remembered_failures", 1)
    answers = [stripe_api.post("/checkout/sessions", params, Idempotency_Key=key) for key in ("one", "one", "two")]
    assert [answer.status_code for answer in answers] == [500, 500, 200]
    assert answers[0].json() == answers[1].json()
