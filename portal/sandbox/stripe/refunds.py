"""Refunds: never more than the rest of the charge, and a succeeded one may still fail later."""

from __future__ import annotations

from portal.sandbox.core import Json, Sandbox
from portal.sandbox.stripe.errors import StripeError, invalid
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
from portal.sandbox.stripe.params import EXPAND, LISTING, Group, Metadata, OneOf, Text, When, Whole

CREATE_REFUND = Group(
    {
        "payment_intent": Text(),
        "charge": Text(),
        "amount": Whole(1),
        "reason": OneOf(("duplicate", "fraudulent", "requested_by_customer")),
        "metadata": Metadata(),
        "expand": EXPAND,
    }
)
LIST_REFUNDS = Group({**LISTING, "payment_intent": Text(), "charge": Text(), "created": When()})


def create(sandbox: Sandbox, params: Json) -> Json:
    if ("payment_intent" in params) == ("charge" in params):
        raise invalid("Pass either `payment_intent` or `charge`.", "payment_intent", "parameter_missing")
    with sandbox.store.lock:
        charge = _charge_of(sandbox, params)
        amount = _amount(charge, params.get("amount"))
        refund = put(sandbox, _new_refund(sandbox, charge, amount, params))
        charge = _count_refunded(sandbox, charge, amount)
        emit_shuffled(sandbox, ("refund.created", refund), ("charge.refunded", charge))
    return public(refund)


def _charge_of(sandbox: Sandbox, params: Json) -> Json:
    if "charge" in params:
        return get(sandbox, "charge", params["charge"], "charge")
    intent = get(sandbox, "payment_intent", params["payment_intent"], "payment_intent")
    return get(sandbox, "charge", intent["latest_charge"])


def _amount(charge: Json, wanted: int | None) -> int:
    """How much goes back; raises what Stripe refuses."""
    if not charge["paid"]:
        intent = charge["payment_intent"]
        raise StripeError(400, f"This PaymentIntent ({intent}) does not have a successful charge to refund.")
    if charge["disputed"]:
        message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise StripeError(400, message, code="charge_disputed")
    rest: int = charge["amount"] - charge["amount_refunded"]
    if rest == 0:
        message = f"Charge {charge['id']} has already been refunded."
        raise StripeError(400, message, code="charge_already_refunded")
    if wanted is not None and wanted > rest:
        message = f"Refund amount (${wanted / 100:.2f}) is greater than unrefunded amount on charge (${rest / 100:.2f})"
        raise StripeError(400, message, param="amount")
    return rest if wanted is None else wanted


def _new_refund(sandbox: Sandbox, charge: Json, amount: int, params: Json) -> Json:
    is_pending = sandbox.knob(SYSTEM, "refunds_stay_pending")
    return {
        "id": new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": timestamp(sandbox),
        "currency": charge["currency"],
        "customer": None,
        "destination_details": {"type": "card", "card": {"type": "refund"}},
        "metadata": params.get("metadata", {}),
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": params.get("reason"),
        "receipt_number": None,
        "status": "pending" if is_pending else "succeeded",
    } | ({"pending_reason": "processing"} if is_pending else {})


def _count_refunded(sandbox: Sandbox, charge: Json, change: int) -> Json:
    charge["amount_refunded"] += change
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    return put(sandbox, charge)


def retrieve(sandbox: Sandbox, _: Json, id: str) -> Json:
    return public(get(sandbox, "refund", id, "refund"))


def list_refunds(sandbox: Sandbox, params: Json) -> Json:
    found = [
        refund
        for refund in newest_first(sandbox, "refund")
        if params.get("payment_intent") in (None, refund["payment_intent"])
        and params.get("charge") in (None, refund["charge"])
        and is_created_within(refund, params.get("created", {}))
    ]
    return page_of(found, params, "/v1/refunds")


def settle(sandbox: Sandbox, id: str) -> Json:
    """A pending refund arrives."""
    with sandbox.store.lock:
        refund = get(sandbox, "refund", id, "refund")
        if refund["status"] != "pending":
            raise StripeError(400, "Only a pending refund can be settled.", param="refund")
        refund["status"] = "succeeded"
        del refund["pending_reason"]
        put(sandbox, refund)
        emit(sandbox, "refund.updated", refund, {"status": "pending"})
    return public(refund)


def fail(sandbox: Sandbox, id: str) -> Json:
    """The bank sends the money back to us: the refund fails, even one that had succeeded."""
    with sandbox.store.lock:
        refund = get(sandbox, "refund", id, "refund")
        if refund["status"] == "failed":
            raise StripeError(400, "This refund has failed already.", param="refund")
        before = refund["status"]
        refund |= {"status": "failed", "failure_reason": "lost_or_stolen_card"}
        refund.pop("pending_reason", None)
        put(sandbox, refund)
        _count_refunded(sandbox, get(sandbox, "charge", refund["charge"]), -refund["amount"])
        emit(sandbox, "refund.updated", refund, {"status": before})
        emit(sandbox, "refund.failed", refund)
    return public(refund)
