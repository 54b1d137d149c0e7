"""The Stripe client against the sandbox over HTTP: sessions, refunds, events, and what goes wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from portal.integrations.http import Ambiguous, NotFound, PartnerError, Permanent, Transient
from portal.integrations.stripe import SessionNotOpen, Stripe
from tests.support.receiver import Receiver
from tests.support.sandbox import RunningSandbox
from tests.support.stripe_client import KEY, create, paid, pay

SESSIONS = "/stripe/v1/checkout/sessions"


@pytest.fixture
def client(sandbox: RunningSandbox) -> Stripe:
    return Stripe(api_base=f"{sandbox.url}/stripe", secret_key=KEY)


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


def test_the_same_refund_key_gives_money_back_once(client: Stripe) -> None:
    _, intent = paid(client)
    assert refund(client, intent, 4000).id == refund(client, intent, 4000).id
    assert len(client.list_refunds(payment_intent=intent)) == 1


def test_a_failed_refund_tells_why(sandbox: RunningSandbox, client: Stripe) -> None:
    _, intent = paid(client)
    made = refund(client, intent)
    sandbox.post("/_emu/stripe/fail_refund", {"refund": made.id})
    (failed,) = client.list_refunds(payment_intent=intent)
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
