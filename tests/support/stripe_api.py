"""Raw calls to the sandbox's Stripe, as the wire sees them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import requests

KEY, SECRET = "sk_test_sandbox", "whsec_sandbox"


@dataclass
class StripeApi:
    """Form-encoded calls with the sandbox's key; nested dicts and lists become bracketed names."""

    url: str  # of the sandbox

    def post(self, path: str, params: Mapping[str, Any] | None = None, **headers: str) -> requests.Response:
        sent = {"Authorization": f"Bearer {KEY}", **{name.replace("_", "-"): value for name, value in headers.items()}}
        data = dict(flat(params or {}))
        return requests.post(f"{self.url}/stripe/v1{path}", data=data, headers=sent, timeout=10)

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> requests.Response:
        headers = {"Authorization": f"Bearer {KEY}"}
        query = dict(flat(params or {}))
        return requests.get(f"{self.url}/stripe/v1{path}", params=query, headers=headers, timeout=10)

    def delete(self, path: str) -> requests.Response:
        return requests.delete(f"{self.url}/stripe/v1{path}", headers={"Authorization": f"Bearer {KEY}"}, timeout=10)

    def session(self, **changes: Any) -> dict[str, Any]:
        """A new session of A$119.00, with `changes` to its parameters."""
        answer = self.post("/checkout/sessions", session_params(**changes))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def paid_session(self, **changes: Any) -> dict[str, Any]:
        """A session whose patient has pressed Pay."""
        session = self.session(**changes)
        page = requests.post(session["url"], data={"outcome": "paid"}, allow_redirects=False, timeout=10)
        assert page.status_code == 303
        return dict(self.get(f"/checkout/sessions/{session['id']}").json())

    def refund(self, session: Mapping[str, Any], **params: Any) -> dict[str, Any]:
        answer = self.post("/refunds", {"payment_intent": session["payment_intent"], **params})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


def session_params(**changes: Any) -> dict[str, Any]:
    """Good parameters for a session; a change to None takes one away."""
    params: dict[str, Any] = {
        "mode": "payment",
        "line_items": [line_item()],
        "success_url": "http://127.0.0.1:9/return?session_id={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://127.0.0.1:9/booking",
        "client_reference_id": "attempt-1",
        "expires_at": int(time.time()) + 33 * 60,
        **changes,
    }
    return {name: value for name, value in params.items() if value is not None}


def line_item(**price: Any) -> dict[str, Any]:
    product = {"name": "Appointment, 15 minutes"}
    return {
        "quantity": 1,
        "price_data": {"currency": "aud", "unit_amount": 11900, "product_data": product, **price},
    }


def flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """{"a": [{"b": 1}]} -> ("a[0][b]", "1")"""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from flat(inner, f"{name}[{key}]" if name else key)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from flat(inner, f"{name}[{place}]")
    else:
        yield name, str(value).lower() if isinstance(value, bool) else str(value)
