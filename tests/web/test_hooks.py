"""Notifications from outside: what is not proven is refused, stored nowhere, and told no reason."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from portal import clock
from portal.config import Settings
from portal.db import db, transaction
from portal.outbox.models import OutboxMessage
from portal.payments.models import StripeNotification
from portal.sync.models import GraphNotification, GraphSubscription
from tests.support.database import counted_queries
from tests.support.factories import make_practitioner
from tests.support.visitor import Visitor

EVENT = {
    "id": "evt_1",
    "object": "event",
    "type": "checkout.session.completed",
    "livemode": False,
    "created": 1_790_000_000,
    "data": {"object": {"id": "cs_test_1", "object": "checkout.session", "payment_intent": None}},
}
STATE = "a secret that only Graph and we know"


def stored() -> int:
    """Rows that a notification could have left."""
    return sum(
        db.session.scalar(select(func.count()).select_from(table)) or 0
        for table in (StripeNotification, GraphNotification, OutboxMessage)
    )


def signed(body: bytes, settings: Settings, *, age: int = 0, secret: str | None = None) -> dict[str, str]:
    at = int(time.time()) - age
    key = (secret or settings.stripe_webhook_secret).encode()
    signature = hmac.new(key, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={at},v1={signature}"}


def stripe(client: Visitor, body: bytes, headers: dict[str, str]) -> TestResponse:
    return client.post("/hooks/stripe", data=body, headers=headers, content_type="application/json")


def test_a_signed_event_is_stored_once_with_its_job(ctx: None, client: Visitor, settings: Settings) -> None:
    body = json.dumps(EVENT).encode()
    answers = [stripe(client, body, signed(body, settings)) for _ in range(3)]
    assert [(answer.status_code, answer.text) for answer in answers] == [(200, "")] * 3
    assert stored() == 2  # the event and its job
    assert "Set-Cookie" not in answers[0].headers


BODY = json.dumps(EVENT).encode()


@pytest.mark.parametrize("case", ["unsigned", "empty", "forged", "other secret", "old", "of another body", "no scheme"])
def test_an_event_that_stripe_did_not_sign_is_refused(
    ctx: None, client: Visitor, settings: Settings, case: str
) -> None:
    headers: dict[str, dict[str, str]] = {
        "unsigned": {},
        "empty": {"Stripe-Signature": ""},
        "forged": {"Stripe-Signature": f"t={int(time.time())},v1={'0' * 64}"},
        "other secret": signed(BODY, settings, secret="whsec_other"),
        "old": signed(BODY, settings, age=301),
        "of another body": signed(BODY + b" ", settings),
        "no scheme": {"Stripe-Signature": "v1=\xe9,t=noon"},
    }
    answer = stripe(client, BODY, headers[case])
    assert (answer.status_code, answer.text) == (400, "")
    assert stored() == 0


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"null", b"{", b"\xff\xfe", b'"x"', b'{"id": "evt_1"}', b'{"id": 1, "data": 2}'],
)
def test_a_signed_body_that_is_no_event_is_refused(ctx: None, client: Visitor, settings: Settings, body: bytes) -> None:
    answer = stripe(client, body, signed(body, settings))
    assert (answer.status_code, answer.text) == (400, "")
    assert stored() == 0


@pytest.mark.parametrize("change", [{"livemode": True}, {"type": "customer.created"}, {"type": "invoice.paid"}])
def test_an_event_that_is_not_for_us_is_taken_and_forgotten(
    ctx: None, client: Visitor, settings: Settings, change: dict[str, Any]
) -> None:
    body = json.dumps(EVENT | change).encode()
    assert stripe(client, body, signed(body, settings)).status_code == 200
    assert stored() == 0


@pytest.mark.parametrize("hook", ["stripe", "graph", "graph/lifecycle"])
def test_a_body_that_is_too_large_is_refused(ctx: None, client: Visitor, hook: str) -> None:
    large = b'{"value": "' + b"x" * 260_000 + b'"}'
    assert client.post(f"/hooks/{hook}", data=large, content_type="application/json").status_code == 413
    assert stored() == 0


def test_a_body_in_chunks_is_read_no_further_than_that(
    subscription: GraphSubscription, client: Visitor, settings: Settings
) -> None:
    """It does not say how long it is. Cut off, it is neither signed nor JSON."""
    large = b'{"value": [' + b" " * 260_000 + json.dumps(ITEM).encode() + b"]}"
    unknown_length = {"CONTENT_LENGTH": "", "wsgi.input_terminated": True}
    for hook in ("stripe", "graph", "graph/lifecycle"):
        answer = client.post(
            f"/hooks/{hook}",
            data=large,
            content_type="application/json",
            headers={"Transfer-Encoding": "chunked"} | signed(large, settings),
            environ_overrides=unknown_length,
        )
        assert answer.status_code in (202, 400, 413)
        assert stored() == 0


# --- Graph


@pytest.fixture
def subscription(ctx: None) -> GraphSubscription:
    """A practitioner's calendar that Graph tells us about."""
    practitioner = make_practitioner(graph_user_id="0b8e1c52-0000-4000-8000-000000000001")
    row = GraphSubscription(
        practitioner_id=practitioner.id, client_state=STATE, subscription_id="sub-1", expires_at=clock.now()
    )
    with transaction():
        db.session.add(row)
    return row


ITEM = {
    "subscriptionId": "sub-1",
    "clientState": STATE,
    "changeType": "created",
    "resourceData": {"id": "event-1", "@odata.etag": "W/1"},
}


def test_a_notification_with_the_secret_is_stored_once(subscription: GraphSubscription, client: Visitor) -> None:
    for _ in range(2):
        answer = client.post("/hooks/graph", json={"value": [ITEM]})
        assert (answer.status_code, answer.text) == (202, "")
    assert stored() == 3  # the notification, its routing, and a reading of the calendar


@pytest.mark.parametrize("hook", ["graph", "graph/lifecycle"])
@pytest.mark.parametrize(
    "item",
    [
        ITEM | {"clientState": "guessed"},
        ITEM | {"clientState": "gu\u00e9ssed"},
        ITEM | {"clientState": "half a pair \ud800"},
        ITEM | {"clientState": None},
        ITEM | {"clientState": ["a"]},
        ITEM | {"clientState": ""},
        ITEM | {"subscriptionId": "another"},
        ITEM | {"subscriptionId": "sub\0", "clientState": "x"},
        {},
        "text",
        7,
        None,
        [ITEM],
    ],
)
def test_a_notification_without_the_secret_is_dropped_without_a_word(
    subscription: GraphSubscription, client: Visitor, hook: str, item: object
) -> None:
    answer = client.post(f"/hooks/{hook}", json={"value": [item]})
    assert (answer.status_code, answer.text) == (202, "")
    assert stored() == 0
    db.session.refresh(subscription)
    assert subscription.subscription_id == "sub-1"


@pytest.mark.parametrize("hook", ["graph", "graph/lifecycle"])
def test_a_thousand_forged_notifications_cost_no_more_than_one(
    subscription: GraphSubscription, client: Visitor, caplog: pytest.LogCaptureFixture, hook: str
) -> None:
    costs = []
    for many in (1, 1000):
        caplog.clear()
        with counted_queries() as sent:
            answer = client.post(f"/hooks/{hook}", json={"value": [ITEM | {"clientState": "guessed"}] * many})
        refused = [json.loads(line) for line in caplog.messages if "hooks.notification_refused" in line]
        assert (answer.status_code, [line["count"] for line in refused]) == (202, [many])
        costs.append(len(sent))
    assert costs[0] == costs[1]
    assert stored() == 0


def test_a_true_notification_among_forged_ones_is_stored(subscription: GraphSubscription, client: Visitor) -> None:
    forged = ITEM | {"clientState": "guessed"}
    assert client.post("/hooks/graph", json={"value": [forged, ITEM, forged]}).status_code == 202
    assert db.session.scalars(select(GraphNotification.event_id)).all() == ["event-1"]


@pytest.mark.parametrize("change", [{"resourceData": None}, {"resourceData": {}}, {"resourceData": {"id": 7}}])
def test_a_notification_about_nothing_is_dropped(
    subscription: GraphSubscription, client: Visitor, change: dict[str, Any]
) -> None:
    assert client.post("/hooks/graph", json={"value": [ITEM | change]}).status_code == 202
    assert stored() == 0


@pytest.mark.parametrize("hook", ["graph", "graph/lifecycle"])
@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'"x"', b'{"value": 7}', b"\xff", b"[" * 200_000, b'{"value":' * 20_000]
)
def test_a_body_that_is_no_notification_is_taken_and_forgotten(
    ctx: None, client: Visitor, hook: str, body: bytes
) -> None:
    answer = client.post(f"/hooks/{hook}", data=body, content_type="application/json")
    assert (answer.status_code, answer.text) == (202, "")
    assert stored() == 0


@pytest.mark.parametrize("hook", ["graph", "graph/lifecycle"])
def test_the_handshake_echoes_the_token_as_plain_text(ctx: None, client: Visitor, hook: str) -> None:
    answer = client.post(f"/hooks/{hook}?validationToken=Validation%3A+a%2Bb%3Cscript%3E")
    assert (answer.status_code, answer.text) == (200, "Validation: a+b<script>")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in answer.headers
    assert stored() == 0


def test_a_report_of_the_browser_is_counted_and_not_kept(ctx: None, client: Visitor) -> None:
    answer = client.post(
        "/csp-reports", data=b'{"csp-report": {"document-uri": "x"}}', content_type="application/csp-report"
    )
    assert (answer.status_code, answer.text) == (204, "")
    assert stored() == 0
