"""Checkout sessions: open, then complete or expired, and what each change tells the portal."""

from __future__ import annotations

from portal.sandbox.core import Json, Sandbox
from portal.sandbox.stripe.errors import StripeError
from portal.sandbox.stripe.events import emit, emit_shuffled
from portal.sandbox.stripe.objects import (
    SYSTEM,
    get,
    is_created_within,
    new_id,
    newest_first,
    page_of,
    public,
    put,
    timestamp,
)
from portal.sandbox.stripe.payments import fail_payment, make_payment, succeed_payment
from portal.sandbox.stripe.session_params import LONGEST_SECONDS, check_session

KIND = "checkout.session"


class NotPayable(Exception):
    """The session is not open, or not waiting for its delayed payment. `status` is the one it has."""

    def __init__(self, status: str) -> None:
        super().__init__(f"the session is {status}")
        self.status = status


def create(sandbox: Sandbox, params: Json) -> Json:
    check_session(sandbox, params)
    session = new_session(sandbox, params)
    with sandbox.store.lock:
        put(sandbox, session)
        # A short index of its own: the deadline is looked at often, and most sessions are closed.
        sandbox.store.put(
            SYSTEM, "open_session", session["id"], {"id": session["id"], "expires_at": session["expires_at"]}
        )
    return public(session)


def new_session(sandbox: Sandbox, params: Json) -> Json:
    id, now = new_id("cs_test", 58), timestamp(sandbox)
    items = [_line_item(item, now) for item in params["line_items"]]
    total = sum(item["amount_total"] for item in items)
    email = params.get("customer_email")
    return {
        "id": id,
        "object": KIND,
        "adaptive_pricing": {"enabled": params.get("adaptive_pricing", {}).get("enabled", True)},
        "after_expiration": None,
        "allow_promotion_codes": None,
        "allowed_payment_method_types": params.get("allowed_payment_method_types"),
        "amount_subtotal": total,
        "amount_total": total,
        "automatic_tax": {"enabled": params.get("automatic_tax", {}).get("enabled", False), "status": None},
        "billing_address_collection": params.get("billing_address_collection"),
        "cancel_url": params.get("cancel_url"),
        "client_reference_id": params.get("client_reference_id"),
        "client_secret": None,
        "created": now,
        "currency": items[0]["currency"],
        "custom_fields": [],
        "custom_text": {"after_submit": None, "shipping_address": None, "submit": None},
        "customer": None,
        "customer_creation": params.get("customer_creation", "if_required"),
        "customer_details": {"email": email, "name": None, "phone": None} if email else None,
        "customer_email": email,
        "expires_at": params.get("expires_at", now + LONGEST_SECONDS),
        "invoice": None,
        "livemode": False,
        "locale": params.get("locale"),
        "metadata": params.get("metadata", {}),
        "mode": "payment",
        "payment_intent": None,
        "payment_link": None,
        "payment_method_types": params.get("allowed_payment_method_types", ["card"]),
        "payment_status": "unpaid",
        "phone_number_collection": {"enabled": params.get("phone_number_collection", {}).get("enabled", False)},
        "recovered_from": None,
        "setup_intent": None,
        "shipping_options": [],
        "status": "open",
        "submit_type": params.get("submit_type"),
        "subscription": None,
        "success_url": params["success_url"],
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": f"{sandbox.settings.own_url}/stripe/c/pay/{id}",
        "_items": items,
        "_payment_intent_data": params.get("payment_intent_data", {}),
    }


def _line_item(item: Json, now: int) -> Json:
    price, amount = item["price_data"], item["price_data"]["unit_amount"] * item["quantity"]
    return {
        "id": new_id("li"),
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": price["product_data"]["name"],
        "price": {
            "id": new_id("price"),
            "object": "price",
            "active": False,
            "created": now,
            "currency": price["currency"],
            "product": new_id("prod", 14),
            "tax_behavior": price.get("tax_behavior", "unspecified"),
            "type": "one_time",
            "unit_amount": price["unit_amount"],
        },
        "quantity": item["quantity"],
    }


def retrieve(sandbox: Sandbox, _: Json, id: str) -> Json:
    return public(get(sandbox, KIND, id, "session"))


def list_sessions(sandbox: Sandbox, params: Json) -> Json:
    email = params.get("customer_details", {}).get("email")
    found = [
        session
        for session in newest_first(sandbox, KIND)
        if is_created_within(session, params.get("created", {}))
        and params.get("status") in (None, session["status"])
        and params.get("payment_intent") in (None, session["payment_intent"])
        and email in (None, (session["customer_details"] or {}).get("email"))
    ]
    return page_of(found, params, "/v1/checkout/sessions")


def line_items(sandbox: Sandbox, params: Json, id: str) -> Json:
    items = get(sandbox, KIND, id, "session")["_items"]
    return page_of(items, params, f"/v1/checkout/sessions/{id}/line_items")


def expire(sandbox: Sandbox, _: Json, id: str) -> Json:
    with sandbox.store.lock:
        session = get(sandbox, KIND, id, "session")
        if session["status"] != "open":
            raise StripeError(
                400,
                'Only Checkout Sessions with a status in ["open"] can be expired.'
                f" This Checkout Session has a status of {session['status']}.",
                param="session",
            )
        return public(_lapse(sandbox, session))


def expire_overdue(sandbox: Sandbox) -> None:
    """Close every open session whose deadline has passed on the sandbox's clock."""
    now = timestamp(sandbox)
    with sandbox.store.lock:
        for known in sandbox.store.all(SYSTEM, "open_session"):
            if known["expires_at"] <= now:
                _lapse(sandbox, get(sandbox, KIND, known["id"]))


def pay(sandbox: Sandbox, id: str, *, email: str | None = None, is_delayed: bool = False) -> Json:
    """What the patient's Pay button does. Raises NotPayable unless the session is open."""
    with sandbox.store.lock:
        expire_overdue(sandbox)
        session = get(sandbox, KIND, id)
        if session["status"] != "open":
            raise NotPayable(session["status"])
        session["customer_details"] = session["customer_details"] or {"email": email, "name": None, "phone": None}
        intent, charge = make_payment(sandbox, session, is_delayed=is_delayed)
        session["payment_intent"] = intent["id"]
        session["payment_status"] = "unpaid" if is_delayed else "paid"
        _close(sandbox, session, "complete")
        if is_delayed:
            emit_shuffled(sandbox, ("payment_intent.processing", intent), ("checkout.session.completed", session))
        else:
            emit_shuffled(
                sandbox,
                ("payment_intent.succeeded", intent),
                ("charge.succeeded", charge),
                ("checkout.session.completed", session),
            )
    return public(session)


def settle_delayed(sandbox: Sandbox, id: str, *, is_paid: bool) -> Json:
    """A delayed payment comes to its end. Raises NotPayable when none is pending."""
    with sandbox.store.lock:
        session = get(sandbox, KIND, id)
        intent_id = session["payment_intent"]
        if intent_id is None or get(sandbox, "payment_intent", intent_id)["status"] != "processing":
            raise NotPayable(f"{session['status']}/{session['payment_status']}")
        intent, charge = (succeed_payment if is_paid else fail_payment)(sandbox, intent_id)
        if is_paid:
            session["payment_status"] = "paid"
        put(sandbox, session)
        endings = ("async_payment_succeeded", "succeeded", "succeeded")
        if not is_paid:
            endings = ("async_payment_failed", "payment_failed", "failed")
        emit_shuffled(
            sandbox,
            (f"checkout.session.{endings[0]}", session),
            (f"payment_intent.{endings[1]}", intent),
            (f"charge.{endings[2]}", charge),
        )
    return public(session)


def _lapse(sandbox: Sandbox, session: Json) -> Json:
    _close(sandbox, session, "expired")
    emit(sandbox, "checkout.session.expired", session)
    return session


def _close(sandbox: Sandbox, session: Json, status: str) -> None:
    session["status"], session["url"] = status, None
    put(sandbox, session)
    sandbox.store.delete(SYSTEM, "open_session", session["id"])
