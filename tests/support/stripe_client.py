"""The Stripe client as contract tests use it: one usual session, paid or not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from portal.integrations.stripe import CheckoutSession, Stripe

KEY, SECRET = "sk_test_sandbox", "whsec_sandbox"


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
