"""What the Stripe client hands out, made from Stripe's JSON. Amounts are integer cents, times are UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True)
class CheckoutSession:
    """`status` is open, complete or expired; `payment_status` unpaid, paid or no_payment_required."""

    id: str
    url: str | None  # None once it is closed
    status: str
    payment_status: str
    amount_total: int
    currency: str
    livemode: bool
    payment_intent: str | None  # None until the patient confirms
    client_reference_id: str | None
    metadata: dict[str, str]
    expires_at: datetime


@dataclass(frozen=True)
class Refund:
    """`status` is pending, requires_action, succeeded, failed or canceled; a succeeded one may fail later."""

    id: str
    status: str
    amount_cents: int
    currency: str
    payment_intent: str | None
    reason: str | None
    failure_reason: str | None
    metadata: dict[str, str]


@dataclass(frozen=True)
class StripeEvent:
    """A hint that an object has changed; fetch the object to know how."""

    id: str
    type: str
    object_id: str
    object_type: str  # checkout.session, refund, charge, dispute, payment_intent, ...
    payment_intent: str | None
    livemode: bool
    created: datetime


def session_from(raw: Mapping[str, Any]) -> CheckoutSession:
    return CheckoutSession(
        id=raw["id"],
        url=raw.get("url"),
        status=raw.get("status") or "",
        payment_status=raw["payment_status"],
        amount_total=raw.get("amount_total") or 0,
        currency=raw.get("currency") or "",
        livemode=raw["livemode"],
        payment_intent=_id_of(raw.get("payment_intent")),
        client_reference_id=raw.get("client_reference_id"),
        metadata=dict(raw.get("metadata") or {}),
        expires_at=datetime.fromtimestamp(raw["expires_at"], UTC),
    )


def refund_from(raw: Mapping[str, Any]) -> Refund:
    return Refund(
        id=raw["id"],
        status=raw.get("status") or "",
        amount_cents=raw["amount"],
        currency=raw["currency"],
        payment_intent=_id_of(raw.get("payment_intent")),
        reason=raw.get("reason"),
        failure_reason=raw.get("failure_reason"),
        metadata=dict(raw.get("metadata") or {}),
    )


def event_from(raw: Mapping[str, Any]) -> StripeEvent:
    subject = raw["data"]["object"]
    intent = subject["id"] if subject["object"] == "payment_intent" else _id_of(subject.get("payment_intent"))
    return StripeEvent(
        id=raw["id"],
        type=raw["type"],
        object_id=subject["id"],
        object_type=subject["object"],
        payment_intent=intent,
        livemode=raw["livemode"],
        created=datetime.fromtimestamp(raw["created"], UTC),
    )


def _id_of(reference: Any) -> str | None:
    """The id behind a field that is an id, an expanded object or nothing."""
    if reference is None or isinstance(reference, str):
        return reference
    id: str = reference["id"]
    return id
