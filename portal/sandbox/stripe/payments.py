"""Payment intents, charges and disputes: what a confirmed session leaves behind."""

from __future__ import annotations

from portal.sandbox.core import Json, Sandbox
from portal.sandbox.stripe.errors import StripeError
from portal.sandbox.stripe.events import emit
from portal.sandbox.stripe.objects import get, new_id, public, put, timestamp

DISPUTE_ANSWER_SECONDS = 10 * 24 * 60 * 60


def make_payment(sandbox: Sandbox, session: Json, *, is_delayed: bool) -> tuple[Json, Json]:
    """The intent and the charge of a session that is being confirmed."""
    intent, charge = _new_intent(sandbox, session), _new_charge(sandbox, session)
    intent["latest_charge"], charge["payment_intent"] = charge["id"], intent["id"]
    put(sandbox, intent)
    put(sandbox, charge)
    return (intent, charge) if is_delayed else succeed_payment(sandbox, intent["id"])


def succeed_payment(sandbox: Sandbox, intent_id: str) -> tuple[Json, Json]:
    intent = get(sandbox, "payment_intent", intent_id)
    charge = get(sandbox, "charge", intent["latest_charge"])
    intent |= {"status": "succeeded", "amount_received": intent["amount"]}
    charge |= {"status": "succeeded", "paid": True, "captured": True, "amount_captured": charge["amount"]}
    return put(sandbox, intent), put(sandbox, charge)


def fail_payment(sandbox: Sandbox, intent_id: str) -> tuple[Json, Json]:
    intent = get(sandbox, "payment_intent", intent_id)
    charge = get(sandbox, "charge", intent["latest_charge"])
    intent["status"] = "requires_payment_method"
    charge |= {"status": "failed", "failure_code": "payment_method_not_available"}
    return put(sandbox, intent), put(sandbox, charge)


def _new_intent(sandbox: Sandbox, session: Json) -> Json:
    id, data = new_id("pi"), session["_payment_intent_data"]
    return {
        "id": id,
        "object": "payment_intent",
        "amount": session["amount_total"],
        "amount_capturable": 0,
        "amount_received": 0,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic_async",
        "client_secret": f"{id}_secret_{new_id('x')[2:]}",
        "confirmation_method": "automatic",
        "created": timestamp(sandbox),
        "currency": session["currency"],
        "customer": None,
        "description": data.get("description"),
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": data.get("metadata", {}),
        "next_action": None,
        "payment_method": new_id("pm"),
        "payment_method_types": session["payment_method_types"],
        "receipt_email": data.get("receipt_email"),
        "setup_future_usage": None,
        "shipping": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": data.get("statement_descriptor_suffix"),
        "status": "processing",
    }


def _new_charge(sandbox: Sandbox, session: Json) -> Json:
    id, data = new_id("ch"), session["_payment_intent_data"]
    return {
        "id": id,
        "object": "charge",
        "amount": session["amount_total"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "balance_transaction": None,
        "billing_details": {"address": None, "email": session["customer_details"]["email"], "name": None},
        "calculated_statement_descriptor": None,
        "captured": False,
        "created": timestamp(sandbox),
        "currency": session["currency"],
        "customer": None,
        "description": data.get("description"),
        "disputed": False,
        "failure_code": None,
        "failure_message": None,
        "livemode": False,
        "metadata": data.get("metadata", {}),
        "outcome": None,
        "paid": False,
        "payment_intent": None,
        "payment_method": new_id("pm"),
        "payment_method_details": {"type": "card", "card": {"brand": "visa", "country": "AU", "last4": "4242"}},
        "receipt_email": data.get("receipt_email"),
        "receipt_number": None,
        "receipt_url": f"{sandbox.settings.own_url}/stripe/receipts/{id}",
        "refunded": False,
        "statement_descriptor": None,
        "statement_descriptor_suffix": data.get("statement_descriptor_suffix"),
        "status": "pending",
    }


def retrieve_intent(sandbox: Sandbox, _: Json, id: str) -> Json:
    return public(get(sandbox, "payment_intent", id, "intent"))


def retrieve_charge(sandbox: Sandbox, _: Json, id: str) -> Json:
    return public(get(sandbox, "charge", id, "charge"))


def retrieve_dispute(sandbox: Sandbox, _: Json, id: str) -> Json:
    return public(get(sandbox, "dispute", id, "dispute"))


def open_dispute(sandbox: Sandbox, intent_id: str) -> Json:
    """The cardholder's bank takes the money back."""
    with sandbox.store.lock:
        intent = get(sandbox, "payment_intent", intent_id, "payment_intent")
        charge = get(sandbox, "charge", intent["latest_charge"])
        if charge["disputed"] or not charge["paid"]:
            raise StripeError(400, "This charge is not paid, or is disputed already.", param="payment_intent")
        put(sandbox, charge | {"disputed": True})
        dispute = put(sandbox, _new_dispute(sandbox, charge))
        emit(sandbox, "charge.dispute.created", dispute)
    return public(dispute)


def close_dispute(sandbox: Sandbox, id: str, status: str) -> Json:
    """The bank decides: `won` gives the charge back to us."""
    with sandbox.store.lock:
        dispute = get(sandbox, "dispute", id, "dispute")
        if status not in ("won", "lost") or dispute["status"] in ("won", "lost"):
            raise StripeError(400, "An open dispute can be closed as won or lost.", param="status")
        before, dispute["status"] = dispute["status"], status
        put(sandbox, dispute)
        if status == "won":
            put(sandbox, get(sandbox, "charge", dispute["charge"]) | {"disputed": False})
        emit(sandbox, "charge.dispute.closed", dispute, {"status": before})
    return public(dispute)


def _new_dispute(sandbox: Sandbox, charge: Json) -> Json:
    now = timestamp(sandbox)
    return {
        "id": new_id("du"),
        "object": "dispute",
        "amount": charge["amount"] - charge["amount_refunded"],
        "balance_transactions": [],
        "charge": charge["id"],
        "created": now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {},
        "evidence_details": {
            "due_by": now + DISPUTE_ANSWER_SECONDS,
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "reason": "fraudulent",
        "status": "needs_response",
    }
