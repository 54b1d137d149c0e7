"""Events of the sandbox's Stripe: written down, signed, delivered at least once."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import requests
import stripe

from tests.support.receiver import Received, Receiver
from tests.support.sandbox import RunningSandbox
from tests.support.stripe_api import SECRET, StripeApi

PAID = {"payment_intent.succeeded", "charge.succeeded", "checkout.session.completed"}


def verify(one: Received, secret: str = SECRET) -> None:
    stripe.WebhookSignature.verify_header(one.body.decode(), one.headers["stripe-signature"], secret, tolerance=300)


def test_a_payment_is_told_in_three_signed_events(stripe_api: StripeApi, receiver: Receiver) -> None:
    session = stripe_api.paid_session()
    came = receiver.wait_for(3, "/hooks/stripe")
    for one in came:
        verify(one)
    assert {one.json["type"] for one in came} == PAID
    (completed,) = (one.json for one in came if one.json["type"] == "checkout.session.completed")
    assert completed["data"]["object"] == session
    assert (completed["api_version"], completed["livemode"]) == ("2026-10-28.endive", False)


def test_the_three_events_come_in_no_fixed_order(stripe_api: StripeApi) -> None:
    def order() -> tuple[str, ...]:
        stripe_api.paid_session()
        return tuple(event["type"] for event in stripe_api.get("/events", {"limit": 3}).json()["data"])

    assert len({order() for _ in range(12)}) > 1


def test_an_event_names_the_request_that_caused_it(stripe_api: StripeApi) -> None:
    session = stripe_api.paid_session()
    answer = stripe_api.post("/refunds", {"payment_intent": session["payment_intent"]}, Idempotency_Key="refund:1")
    (event,) = stripe_api.get("/events", {"type": "refund.created"}).json()["data"]
    assert event["request"] == {"id": answer.headers["Request-Id"], "idempotency_key": "refund:1"}
    (by_patient,) = stripe_api.get("/events", {"type": "charge.succeeded"}).json()["data"]
    assert by_patient["request"] == {"id": None, "idempotency_key": None}


def test_a_refused_delivery_comes_again_with_a_signature_of_its_own(
    sandbox: RunningSandbox, stripe_api: StripeApi, receiver: Receiver
) -> None:
    session = stripe_api.session()
    receiver.answer_next(500, 302)
    stripe_api.post(f"/checkout/sessions/{session['id']}/expire")
    came = receiver.wait_for(3, "/hooks/stripe")
    assert len({one.json["id"] for one in came}) == 1
    assert len({one.headers["stripe-signature"] for one in came}) > 1
    for one in came:
        verify(one)
    sandbox.wait_quiet()
    attempts = [row["outcome"] for row in sandbox.get("/_emu/deliveries")["history"]]
    assert attempts == ["500", "302", "200"]


def test_an_event_is_undelivered_until_it_is_answered(
    sandbox: RunningSandbox, stripe_api: StripeApi, receiver: Receiver
) -> None:
    sandbox.delivery_fault("stripe", "drop")
    dropped, arrived = stripe_api.session(), stripe_api.session()
    for session in (dropped, arrived):
        stripe_api.post(f"/checkout/sessions/{session['id']}/expire")
    receiver.wait_for(1)
    sandbox.wait_quiet()

    def subjects(delivered: bool) -> list[str]:
        events = stripe_api.get("/events", {"delivery_success": delivered, "types": ["checkout.session.expired"]})
        return [event["data"]["object"]["id"] for event in events.json()["data"]]

    assert subjects(delivered=False) == [dropped["id"]]
    assert subjects(delivered=True) == [arrived["id"]]


@pytest.mark.parametrize("kind", ["forge", "old"])
def test_a_spoilt_signature_is_told_by_the_sdk(
    sandbox: RunningSandbox, stripe_api: StripeApi, receiver: Receiver, kind: str
) -> None:
    sandbox.delivery_fault("stripe", kind)
    session = stripe_api.session()
    receiver.answer_next(400)
    stripe_api.post(f"/checkout/sessions/{session['id']}/expire")
    spoilt, good = receiver.wait_for(2)
    with pytest.raises(stripe.SignatureVerificationError):
        verify(spoilt)
    verify(good)


def test_the_signature_keeps_real_time_when_the_clock_is_moved(
    sandbox: RunningSandbox, stripe_api: StripeApi, receiver: Receiver
) -> None:
    session = stripe_api.session()
    sandbox.advance(days=2)
    (one,) = receiver.wait_for(1)
    verify(one)
    assert one.json["created"] > time.time() + 86400
    assert one.json["data"]["object"]["id"] == session["id"]


def test_an_endpoint_of_ones_own_gets_what_it_asked_for(stripe_api: StripeApi, receiver: Receiver) -> None:
    params = {"url": f"{receiver.url}/other", "enabled_events": ["refund.created"]}
    endpoint = stripe_api.post("/webhook_endpoints", params).json()
    stripe_api.refund(stripe_api.paid_session())
    (one,) = receiver.wait_for(1, "/other")
    verify(one, endpoint["secret"])
    assert one.json["type"] == "refund.created"
    listed = stripe_api.get("/webhook_endpoints").json()["data"]
    assert [row["id"] for row in listed] == [endpoint["id"], "we_portal"]
    assert all("secret" not in row and "_secret" not in row for row in listed)
    assert stripe_api.delete(f"/webhook_endpoints/{endpoint['id']}").json()["deleted"] is True
    assert stripe_api.delete(f"/webhook_endpoints/{endpoint['id']}").status_code == 404


@pytest.mark.parametrize(
    "params",
    [{"enabled_events": ["*"]}, {"url": "http://127.0.0.1:9/x"}, {"url": "x", "enabled_events": ["booking.made"]}],
)
def test_a_bad_endpoint_is_refused(stripe_api: StripeApi, params: dict[str, object]) -> None:
    assert stripe_api.post("/webhook_endpoints", params).status_code == 400


def test_the_portals_endpoint_is_there_again_after_a_reset(sandbox: RunningSandbox, stripe_api: StripeApi) -> None:
    stripe_api.delete("/webhook_endpoints/we_portal")
    sandbox.reset()
    assert stripe_api.get("/webhook_endpoints").json()["data"][0]["id"] == "we_portal"


def test_events_are_found_by_type_and_id(stripe_api: StripeApi) -> None:
    stripe_api.paid_session()
    events = stripe_api.get("/events", {"types": ["charge.succeeded", "refund.created"]}).json()["data"]
    assert [event["type"] for event in events] == ["charge.succeeded"]
    assert stripe_api.get(f"/events/{events[0]['id']}").json()["id"] == events[0]["id"]
    both = stripe_api.get("/events", {"type": "x", "types": ["y"]})
    assert both.status_code == 400
    assert stripe_api.get("/events", {"types": ["x"] * 21}).status_code == 400


def test_what_was_not_delivered_is_sent_after_a_restart(tmp_path: Path, running_receiver: Receiver) -> None:
    running_receiver.clear()
    unheard = RunningSandbox.start(tmp_path, portal_url="http://127.0.0.1:9")
    session = StripeApi(unheard.url).session()
    requests.post(session["url"], data={"outcome": "paid"}, allow_redirects=False, timeout=10)
    assert unheard.stop() == 0
    again = RunningSandbox.start(tmp_path, portal_url=running_receiver.url)
    try:
        assert {one.json["type"] for one in running_receiver.wait_for(3)} == PAID
        assert StripeApi(again.url).get(f"/checkout/sessions/{session['id']}").json()["payment_status"] == "paid"
    finally:
        again.stop()
