"""The Stripe client against the sandbox over HTTP, and its requests against the SDK's own types."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
import requests
import stripe as sdk
from stripe.params import EventListParams, RefundCreateParams, RefundListParams, RefundRetrieveParams
from stripe.params.checkout import (
    SessionCreateParams,
    SessionExpireParams,
    SessionListParams,
    SessionRetrieveParams,
)

from portal.integrations.http import Ambiguous, NotFound, PartnerError, Permanent, Transient
from portal.integrations.stripe import BadSignature, CheckoutSession, SessionNotOpen, Stripe, read_event
from portal.sandbox.stripe.params import tree_of
from tests.support.receiver import Received, Receiver
from tests.support.sandbox import RunningSandbox
from tests.support.typed_params import fields_of, problems

KEY, SECRET = "sk_test_sandbox", "whsec_sandbox"
SESSIONS = "/stripe/v1/checkout/sessions"


@pytest.fixture
def client(sandbox: RunningSandbox) -> Stripe:
    return Stripe(api_base=f"{sandbox.url}/stripe", secret_key=KEY)


def create(client: Stripe, attempt: str = "attempt-1", **changes: Any) -> CheckoutSession:
    values: dict[str, Any] = {
        "amount_cents": 11900,
        "product_name": "Appointment, 15 minutes",
        "description": "Booking BK-7F3K2Q",
        "attempt": attempt,
        "metadata": {"booking": "BK-7F3K2Q", "attempt": attempt},
        "customer_email": "mia@example.com",
        "success_url": "http://127.0.0.1:9/bookings/BK-7F3K2Q/return?session_id={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://127.0.0.1:9/bookings/BK-7F3K2Q/check",
        "expires_at": datetime.now(UTC) + timedelta(minutes=33),
        "idempotency_key": f"checkout:{attempt}",
    }
    return client.create_checkout_session(**{**values, **changes})


def pay(session: CheckoutSession) -> requests.Response:
    assert session.url is not None
    return requests.post(session.url, data={"outcome": "paid"}, allow_redirects=False, timeout=10)


def paid(client: Stripe, attempt: str = "attempt-1") -> tuple[CheckoutSession, str]:
    """A paid session and its payment intent."""
    session = create(client, attempt)
    pay(session)
    session = client.get_checkout_session(session.id)
    assert session.payment_intent is not None
    return session, session.payment_intent


def refund(client: Stripe, intent: str, cents: int = 11900, key: str = "refund:1") -> Any:
    return client.create_refund(
        payment_intent=intent, amount_cents=cents, reason=None, metadata={"refund": "r1"}, idempotency_key=key
    )


# -- sessions ------------------------------------------------------------------------------------------------------


def test_a_session_is_created_as_we_ask(client: Stripe) -> None:
    deadline = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=33)
    session = create(client, expires_at=deadline)
    assert (session.status, session.payment_status, session.payment_intent) == ("open", "unpaid", None)
    assert (session.amount_total, session.currency, session.livemode) == (11900, "aud", False)
    assert (session.client_reference_id, session.expires_at) == ("attempt-1", deadline)
    assert session.metadata == {"booking": "BK-7F3K2Q", "attempt": "attempt-1"}
    assert client.get_checkout_session(session.id) == session


def test_the_patient_comes_back_with_the_session_id(client: Stripe) -> None:
    session = create(client)
    assert pay(session).headers["Location"].endswith(f"/return?session_id={session.id}")


def test_a_paid_session_names_its_payment(client: Stripe) -> None:
    session, intent = paid(client)
    assert (session.status, session.payment_status, session.url) == ("complete", "paid", None)
    assert intent.startswith("pi_")


def test_the_payment_carries_the_metadata_too(sandbox: RunningSandbox, client: Stripe) -> None:
    _, intent = paid(client)
    answer = requests.get(
        f"{sandbox.url}/stripe/v1/payment_intents/{intent}", headers={"Authorization": f"Bearer {KEY}"}, timeout=10
    )
    assert answer.json()["metadata"]["booking"] == "BK-7F3K2Q"
    assert answer.json()["description"] == "Booking BK-7F3K2Q"


def test_a_session_without_an_address_can_be_made(client: Stripe) -> None:
    assert create(client, customer_email=None).status == "open"


def test_the_same_key_gives_the_same_session(sandbox: RunningSandbox, client: Stripe) -> None:
    deadline = datetime.now(UTC) + timedelta(minutes=33)
    assert create(client, expires_at=deadline).id == create(client, expires_at=deadline).id
    assert [call["status"] for call in sandbox.calls("stripe")] == [200, 200]


def test_the_same_key_with_another_deadline_is_permanent(client: Stripe) -> None:
    deadline = datetime.now(UTC) + timedelta(minutes=33)
    create(client, expires_at=deadline)
    with pytest.raises(Permanent):
        create(client, expires_at=deadline + timedelta(seconds=1))


def test_a_deadline_of_exactly_half_an_hour_is_refused(client: Stripe) -> None:
    with pytest.raises(Permanent) as caught:
        create(client, expires_at=datetime.now(UTC) + timedelta(minutes=30))
    assert caught.value.status == 400


def test_expiring_closes_an_open_session(client: Stripe) -> None:
    session = create(client)
    assert client.expire_checkout_session(session.id).status == "expired"
    assert client.get_checkout_session(session.id).url is None


def test_expiring_a_paid_or_an_expired_session_is_told_apart(client: Stripe) -> None:
    session, _ = paid(client)
    with pytest.raises(SessionNotOpen):
        client.expire_checkout_session(session.id)
    other = create(client, "attempt-2")
    client.expire_checkout_session(other.id)
    with pytest.raises(SessionNotOpen):
        client.expire_checkout_session(other.id)


def test_all_pages_of_sessions_are_read_newest_first(sandbox: RunningSandbox, client: Stripe) -> None:
    ids = [create(client, f"attempt-{number}").id for number in range(101)]
    sandbox.post("/_emu/stripe/complete", {"session": ids[0]})
    since = datetime.now(UTC) - timedelta(hours=25)
    assert [session.id for session in client.list_sessions(created_since=since)] == ids[::-1]
    assert [session.id for session in client.list_sessions(created_since=since, status="complete")] == [ids[0]]
    assert list(client.list_sessions(created_since=datetime.now(UTC) + timedelta(hours=1))) == []


@pytest.mark.parametrize("id", ["", "cs_test_unknown", "../refunds", "cs_../refunds", "pi_1", "cs_test_x?limit=1"])
def test_a_session_that_is_not_there_is_not_found(client: Stripe, id: str) -> None:
    with pytest.raises(NotFound):
        client.get_checkout_session(id)
    with pytest.raises(NotFound):
        client.expire_checkout_session(id)


# -- refunds and events --------------------------------------------------------------------------------------------


def test_money_goes_back_in_parts_and_never_more_than_was_paid(client: Stripe) -> None:
    _, intent = paid(client)
    first = refund(client, intent, 4000, "refund:1")
    assert (first.status, first.amount_cents, first.currency) == ("succeeded", 4000, "aud")
    assert (first.payment_intent, first.metadata, first.reason) == (intent, {"refund": "r1"}, None)
    with pytest.raises(Permanent):
        refund(client, intent, 8000, "refund:2")
    second = refund(client, intent, 7900, "refund:3")
    assert client.list_refunds(payment_intent=intent) == [second, first]
    assert client.get_refund(first.id) == first


def test_the_same_refund_key_gives_money_back_once(client: Stripe) -> None:
    _, intent = paid(client)
    assert refund(client, intent, 4000).id == refund(client, intent, 4000).id
    assert len(client.list_refunds(payment_intent=intent)) == 1


def test_a_failed_refund_tells_why(sandbox: RunningSandbox, client: Stripe) -> None:
    _, intent = paid(client)
    made = refund(client, intent)
    sandbox.post("/_emu/stripe/fail_refund", {"refund": made.id})
    failed = client.get_refund(made.id)
    assert (failed.status, failed.failure_reason) == ("failed", "lost_or_stolen_card")


def test_events_that_did_not_arrive_are_listed(sandbox: RunningSandbox, client: Stripe, receiver: Receiver) -> None:
    sandbox.delivery_fault("stripe", "drop", times=3)
    session, intent = paid(client)
    refund(client, intent)
    receiver.wait_for(2)
    sandbox.wait_quiet()
    (event,) = client.list_undelivered_events(since=datetime.now(UTC) - timedelta(days=1))
    assert (event.type, event.object_type) == ("checkout.session.completed", "checkout.session")
    assert (event.object_id, event.payment_intent, event.livemode) == (session.id, intent, False)
    assert abs(event.created - datetime.now(UTC)) < timedelta(minutes=1)


# -- what goes wrong -----------------------------------------------------------------------------------------------


def test_a_server_error_is_tried_again_with_the_same_key(sandbox: RunningSandbox, client: Stripe) -> None:
    sandbox.fault(f"POST {SESSIONS}", "error_after", times=2, status=502)
    session = create(client)
    assert [call["status"] for call in sandbox.calls("stripe")] == [502, 502, 200]
    assert [one.id for one in client.list_sessions(created_since=datetime.now(UTC) - timedelta(days=1))] == [session.id]


def test_a_lost_answer_is_tried_again_and_refunds_once(sandbox: RunningSandbox, client: Stripe) -> None:
    _, intent = paid(client)
    sandbox.fault("POST /stripe/v1/refunds", "timeout_after_commit")
    made = refund(client, intent, 4000)
    assert [one.id for one in client.list_refunds(payment_intent=intent)] == [made.id]


@pytest.mark.parametrize(
    ("kind", "how", "raised"),
    [
        ("error", {"status": 500}, Ambiguous),
        ("error", {"status": 503}, Ambiguous),
        ("error", {"status": 409}, Ambiguous),
        ("timeout_before_commit", {}, Ambiguous),
        ("timeout_after_commit", {}, Ambiguous),
        ("429", {}, Transient),
        ("401", {}, Permanent),
        ("403", {}, Permanent),
        ("error", {"status": 402}, Permanent),
    ],
)
def test_each_failure_of_a_write_has_its_meaning(
    sandbox: RunningSandbox, client: Stripe, kind: str, how: dict[str, Any], raised: type[PartnerError]
) -> None:
    _, intent = paid(client)
    sandbox.fault("POST /stripe/v1/refunds", kind, times=3, **how)
    with pytest.raises(PartnerError) as caught:
        refund(client, intent)
    assert type(caught.value) is raised
    assert caught.value.system == "stripe"
    assert caught.value.status == how.get("status", {"429": 429, "401": 401, "403": 403}.get(kind))


@pytest.mark.parametrize(("kind", "how"), [("error", {"status": 500}), ("timeout_before_commit", {})])
def test_a_failed_read_is_never_ambiguous(
    sandbox: RunningSandbox, client: Stripe, kind: str, how: dict[str, Any]
) -> None:
    session = create(client)
    sandbox.fault(f"GET {SESSIONS}/*", kind, times=3, **how)
    with pytest.raises(Transient) as caught:
        client.get_checkout_session(session.id)
    assert type(caught.value) is Transient


def test_the_wish_for_a_pause_is_handed_on(sandbox: RunningSandbox, client: Stripe) -> None:
    sandbox.fault("GET /stripe/v1/refunds", "429", retry_after=2.5)
    with pytest.raises(Transient) as caught:
        client.list_refunds(payment_intent="pi_x")
    assert caught.value.retry_after == 2.5


def test_expiring_is_not_tried_again_by_itself(sandbox: RunningSandbox, client: Stripe) -> None:
    session = create(client)
    sandbox.fault(f"POST {SESSIONS}/*/expire", "error_after", times=3, status=500)
    with pytest.raises(Ambiguous):
        client.expire_checkout_session(session.id)
    assert len([call for call in sandbox.calls("stripe") if call["path"].endswith("/expire")]) == 1
    assert client.get_checkout_session(session.id).status == "expired"


def test_a_refused_connection_after_retries_may_have_acted() -> None:
    nobody = Stripe(api_base="http://127.0.0.1:9", secret_key=KEY)
    with pytest.raises(Ambiguous):
        refund(nobody, "pi_x")


def test_a_wrong_key_is_permanent(sandbox: RunningSandbox) -> None:
    stranger = Stripe(api_base=f"{sandbox.url}/stripe", secret_key="sk_test_other")
    with pytest.raises(Permanent) as caught:
        stranger.list_refunds(payment_intent="pi_x")
    assert caught.value.status == 401


def test_the_log_names_the_request_but_not_the_patient(
    sandbox: RunningSandbox, client: Stripe, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        session = create(client)
    captured = capsys.readouterr()
    written = captured.out + captured.err + caplog.text
    assert "req_" in written
    assert "mia@example.com" not in written
    assert session.id not in written


# -- the wire ------------------------------------------------------------------------------------------------------

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
    ("GET", "/v1/refunds/re_1", RefundRetrieveParams, lambda c: c.get_refund("re_1")),
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
        Stripe(api_base=receiver.url, secret_key=KEY).get_refund("re_1")
    assert {one.path for one in receiver.received()} == {"/v1/refunds/re_1"}


# -- webhooks ------------------------------------------------------------------------------------------------------


def signed(body: bytes, at: float | None = None, secret: str = SECRET) -> str:
    return sdk.WebhookSignature.generate_signature_header(body.decode(), secret, int(at or time.time()))


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


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        "nonsense",
        "t=1,v1",
        "t=x,v1=abc",
        "v1=abc",
        "t=1795000000,v1=\u00e9",
        signed(BODY, secret="whsec_of_somebody_else"),
        signed(BODY, at=time.time() - 3600),
        signed(BODY).replace("v1=", "v0="),
        signed(BODY + b" "),
    ],
)
def test_a_bad_signature_is_refused(signature: str | None) -> None:
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
