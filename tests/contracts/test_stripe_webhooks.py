"""Stripe's webhooks: a signed event is read, everything else is refused."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import pytest
import stripe as sdk

from portal.integrations.stripe import BadSignature, Stripe, read_event
from tests.support.receiver import Receiver
from tests.support.sandbox import RunningSandbox
from tests.support.stripe_client import KEY, SECRET, create, paid


@pytest.fixture
def client(sandbox: RunningSandbox) -> Stripe:
    return Stripe(api_base=f"{sandbox.url}/stripe", secret_key=KEY)


def signed(body: bytes, at: float | None = None, secret: str = SECRET) -> str:
    return str(sdk.WebhookSignature.generate_signature_header(body.decode(), secret, int(at or time.time())))


EVENT = {
    "id": "evt_1",
    "object": "event",
    "type": "charge.dispute.created",
    "created": 1795000000,
    "livemode": False,
    "data": {"object": {"id": "du_1", "object": "dispute", "payment_intent": "pi_1"}},
}
BODY = json.dumps(EVENT).encode()


def test_an_event_from_the_sandbox_is_read(client: Stripe, receiver: Receiver) -> None:
    session, intent = paid(client)
    came = [read_event(one.body, one.headers["stripe-signature"], SECRET) for one in receiver.wait_for(3)]
    assert {event.payment_intent for event in came} == {intent}
    assert {event.object_type for event in came} == {"checkout.session", "payment_intent", "charge"}
    assert session.id in {event.object_id for event in came}


def test_an_event_names_its_object() -> None:
    event = read_event(BODY, signed(BODY), SECRET)
    assert (event.id, event.type) == ("evt_1", "charge.dispute.created")
    assert (event.object_id, event.object_type, event.payment_intent) == ("du_1", "dispute", "pi_1")
    assert event.created == datetime.fromtimestamp(1795000000, UTC)


NO_SIGNATURES = [None, "", "nonsense", "t=1,v1", "t=x,v1=abc", "v1=abc", "t=1795000000,v1=\u00e9"]


@pytest.mark.parametrize("signature", NO_SIGNATURES)
def test_a_signature_that_is_none_is_refused(signature: str | None) -> None:
    with pytest.raises(BadSignature):
        read_event(BODY, signature, SECRET)


def test_a_wrong_or_old_signature_is_refused() -> None:
    for signature in (
        signed(BODY, secret="whsec_of_somebody_else"),
        signed(BODY, at=time.time() - 3600),
        signed(BODY).replace("v1=", "v0="),
        signed(BODY + b" "),
    ):
        with pytest.raises(BadSignature):
            read_event(BODY, signature, SECRET)


def test_a_spoilt_body_is_refused_even_when_it_is_signed() -> None:
    thin = json.dumps({"object": "v2.core.event", "id": "evt_1", "type": "v1.checkout.session.completed"}).encode()
    for body in (b"", b"{", b"[]", b'"x"', b"{}", thin, json.dumps({**EVENT, "data": None}).encode()):
        with pytest.raises(BadSignature):
            read_event(body, signed(body), SECRET)
    with pytest.raises(BadSignature):
        read_event(b"\xff\xfe", signed(BODY), SECRET)


def test_a_body_written_anew_is_refused() -> None:
    with pytest.raises(BadSignature):
        read_event(json.dumps(EVENT, indent=1).encode(), signed(BODY), SECRET)


@pytest.mark.parametrize("kind", ["forge", "old"])
def test_a_delivery_spoilt_by_the_sandbox_is_refused(
    sandbox: RunningSandbox, client: Stripe, receiver: Receiver, kind: str
) -> None:
    sandbox.delivery_fault("stripe", kind)
    client.expire_checkout_session(create(client).id)
    (one,) = receiver.wait_for(1)
    with pytest.raises(BadSignature):
        read_event(one.body, one.headers["stripe-signature"], SECRET)
