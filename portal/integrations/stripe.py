"""Stripe as the portal uses it: hosted Checkout, refunds and events. Amounts are integer cents, times are UTC."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeVar

import stripe
import structlog
from stripe.params import EventListParams, RefundCreateParams
from stripe.params.checkout import SessionCreateParams, SessionListParams

from portal.integrations.http import (
    CONNECT_SECONDS,
    READ_SECONDS,
    Ambiguous,
    NotFound,
    PartnerError,
    Permanent,
    Transient,
    new_session,
)
from portal.integrations.stripe_objects import (
    CheckoutSession,
    Refund,
    StripeEvent,
    event_from,
    refund_from,
    session_from,
)

__all__ = ["BadSignature", "CheckoutSession", "Refund", "SessionNotOpen", "Stripe", "StripeEvent", "read_event"]

log = structlog.get_logger(__name__)

# An update of the SDK would otherwise move the API version silently.
API_VERSION = "2026-10-28.endive"
NETWORK_RETRIES = 2
PAGE = 100
# What we act on; unknown types are stored and answered 200 by the hook, but not asked for again.
EVENT_TYPES = [
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.refunded",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
]

stripe.enable_telemetry = False  # it writes a file into the user's folder and sends platform data
logging.getLogger("stripe").setLevel(logging.WARNING)  # at DEBUG it would log bodies, with addresses in them

T = TypeVar("T", bound=stripe.StripeObject)


class SessionNotOpen(Exception):
    """Only an open session can be expired. This one may have been paid: look at it again."""


class BadSignature(Exception):
    """The body is not an event signed by Stripe with our secret within the last five minutes."""


class Stripe:
    """One method per operation.

    All raise Transient (not done, try later), Ambiguous (perhaps done: repeat with the same key, or look),
    NotFound and Permanent.
    """

    def __init__(self, *, api_base: str, secret_key: str) -> None:
        session = new_session()
        session.max_redirects = 0
        self._api = stripe.StripeClient(
            secret_key,
            base_addresses={"api": api_base},
            stripe_version=API_VERSION,
            max_network_retries=NETWORK_RETRIES,
            http_client=stripe.RequestsClient(timeout=(CONNECT_SECONDS, READ_SECONDS), session=session),
        ).v1

    # https://docs.stripe.com/api/checkout/sessions/create
    def create_checkout_session(
        self,
        *,
        amount_cents: int,
        product_name: str,
        description: str,
        attempt: str,
        metadata: Mapping[str, str],
        customer_email: str | None,
        success_url: str,
        cancel_url: str,
        expires_at: datetime,
        idempotency_key: str,
    ) -> CheckoutSession:
        """Ask for a payment page over one item in AUD. Nothing clinical may be in any of the words.

        `success_url` holds the literal {CHECKOUT_SESSION_ID}; `expires_at` is more than 30 minutes and less than 24
        hours away, and the same on a repeat. A repeat gives the first answer again, even if the session has closed
        since.
        """
        params: SessionCreateParams = {
            "mode": "payment",
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": "aud",
                        "unit_amount": amount_cents,
                        "tax_behavior": "inclusive",
                        "product_data": {"name": product_name},
                    },
                }
            ],
            "client_reference_id": attempt,
            "metadata": dict(metadata),
            # Stripe does not copy a session's metadata to what the payment leaves behind.
            "payment_intent_data": {"description": description, "metadata": dict(metadata)},
            "success_url": success_url,
            "cancel_url": cancel_url,
            "expires_at": int(expires_at.timestamp()),
            "allowed_payment_method_types": ["card"],
            "locale": "en-GB",  # en-AU is not a value
            "submit_type": "pay",
            "billing_address_collection": "auto",
            "automatic_tax": {"enabled": False},
            "adaptive_pricing": {"enabled": False},  # AUD for everybody
        }
        if customer_email:
            params["customer_email"] = customer_email
        create = self._api.checkout.sessions.create
        made = _call("POST", "/checkout/sessions", lambda: create(params, {"idempotency_key": idempotency_key}))
        return session_from(made.to_dict())

    # https://docs.stripe.com/api/checkout/sessions/retrieve
    def get_checkout_session(self, session_id: str) -> CheckoutSession:
        _require_id(session_id, "cs_")
        retrieve = self._api.checkout.sessions.retrieve
        return session_from(_call("GET", "/checkout/sessions/{id}", lambda: retrieve(session_id)).to_dict())

    # https://docs.stripe.com/api/checkout/sessions/expire
    def expire_checkout_session(self, session_id: str) -> CheckoutSession:
        """Close an open session. Raises SessionNotOpen when it is complete or expired already.

        Not retried here: after a lost answer the session itself tells whether it was closed.
        """
        _require_id(session_id, "cs_")
        expire = self._api.checkout.sessions.expire
        try:
            closed = _call(
                "POST", "/checkout/sessions/{id}/expire", lambda: expire(session_id, None, {"max_network_retries": 0})
            )
        except NotFound:
            raise
        except Permanent as error:
            if error.status == 400:
                raise SessionNotOpen(session_id) from error
            raise
        return session_from(closed.to_dict())

    # https://docs.stripe.com/api/checkout/sessions/list
    def list_sessions(self, *, created_since: datetime, status: str | None = None) -> Iterator[CheckoutSession]:
        """Sessions created (not paid) since then, newest first."""
        params: SessionListParams = {"created": {"gte": int(created_since.timestamp())}, "limit": PAGE}
        if status is not None:
            params["status"] = status
        list_page = self._api.checkout.sessions.list
        page = _call("GET", "/checkout/sessions", lambda: list_page(params))
        return map(session_from, _all_pages(page, "/checkout/sessions"))

    # https://docs.stripe.com/api/refunds/create
    def create_refund(
        self,
        *,
        payment_intent: str,
        amount_cents: int,
        reason: str | None,
        metadata: Mapping[str, str],
        idempotency_key: str,
    ) -> Refund:
        """Send money back. `reason` is duplicate, requested_by_customer or None; `fraudulent` would block the card."""
        params: RefundCreateParams = {
            "payment_intent": payment_intent,
            "amount": amount_cents,
            "metadata": dict(metadata),
        }
        if reason is not None:
            params["reason"] = reason
        create = self._api.refunds.create
        made = _call("POST", "/refunds", lambda: create(params, {"idempotency_key": idempotency_key}))
        return refund_from(made.to_dict())

    # https://docs.stripe.com/api/refunds/list
    def list_refunds(self, *, payment_intent: str) -> list[Refund]:
        """All refunds of one payment, newest first; also those made in Stripe's Dashboard."""
        list_page = self._api.refunds.list
        page = _call("GET", "/refunds", lambda: list_page({"payment_intent": payment_intent, "limit": PAGE}))
        return [refund_from(raw) for raw in _all_pages(page, "/refunds")]

    # https://docs.stripe.com/api/events/list
    def list_undelivered_events(self, *, since: datetime) -> Iterator[StripeEvent]:
        """Events we subscribe to that have not reached every endpoint, newest first; Stripe keeps them 30 days."""
        params: EventListParams = {
            "types": EVENT_TYPES,
            "created": {"gte": int(since.timestamp())},
            "delivery_success": False,
            "limit": PAGE,
        }
        list_page = self._api.events.list
        page = _call("GET", "/events", lambda: list_page(params))
        return map(event_from, _all_pages(page, "/events"))


# https://docs.stripe.com/webhooks#verify-official-libraries
def read_event(raw: bytes, signature: str | None, secret: str) -> StripeEvent:
    """The event in a webhook's body, exactly as it came in. Raises BadSignature for everything else."""
    try:
        stripe.WebhookSignature.verify_header(raw.decode(), signature, secret, tolerance=300)
        return event_from(json.loads(raw))
    except (stripe.SignatureVerificationError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise BadSignature(type(error).__name__) from error


def _all_pages(page: stripe.ListObject[Any], path: str) -> Iterator[dict[str, Any]]:
    while True:
        for item in page.data:
            yield item.to_dict()
        if not page.has_more:
            return
        page = _call("GET", path, page.next_page)


def _call(method: str, path: str, act: Callable[[], T]) -> T:
    """Run one operation and log it: path without ids, status and Stripe's request id; never bodies."""
    started, status, request_id = time.monotonic(), "lost", None
    try:
        answer = act()
        status, request_id = "ok", answer.last_response.request_id if answer.last_response else None
        return answer
    except stripe.StripeError as error:
        status, request_id = str(error.http_status or "lost"), error.request_id
        raise _translated(error, method) from error
    finally:
        log.info(
            "partner.call",
            system="stripe",
            method=method,
            path=path,
            status=status,
            partner_request_id=request_id,
            duration_ms=round((time.monotonic() - started) * 1000),
        )


def _translated(error: stripe.StripeError, method: str) -> PartnerError:
    code, status = error.code or type(error).__name__, error.http_status
    # The SDK has tried more than once and tells the last try only: an earlier one may have reached Stripe.
    unclear = Transient if method == "GET" else Ambiguous
    if isinstance(error, stripe.APIConnectionError):
        return unclear("stripe", code)
    if isinstance(error, stripe.RateLimitError):
        return Transient("stripe", code, status=status, retry_after=_retry_after(error))
    if status == 409 or status is None or status >= 500 or status < 400:
        return unclear("stripe", code, status=status)
    if status == 404:
        return NotFound("stripe", code, status=status)
    return Permanent("stripe", code, status=status)


def _retry_after(error: stripe.StripeError) -> float | None:
    try:
        return float((error.headers or {})["Retry-After"])
    except (KeyError, ValueError):
        return None


def _require_id(id: str, prefix: str) -> None:
    # The SDK turns an empty id into the list's address, and a strange one into another path.
    if not (id.startswith(prefix) and id.replace("_", "").isalnum() and id.isascii()):
        raise NotFound("stripe", "resource_missing")
