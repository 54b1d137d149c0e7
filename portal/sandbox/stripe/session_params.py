"""What may be asked when a Checkout session is created, and the rules that look at more than one parameter."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from portal.sandbox.core import Json, Sandbox
from portal.sandbox.stripe.errors import StripeError, invalid
from portal.sandbox.stripe.params import EXPAND, LISTING, Flag, Group, Many, Metadata, OneOf, Text, When, Whole

SHORTEST_SECONDS, LONGEST_SECONDS = 30 * 60, 24 * 60 * 60
MINIMUM_CENTS, MAXIMUM_CENTS = 50, 99_999_999
LOCALES = (
    "auto bg cs da de el en en-GB es es-419 et fi fil fr fr-CA hi-IN hr hu id it ja ko lt lv ms mt nb nl pl pt pt-BR"
    " ro ru sk sl sv th tr vi zh zh-HK zh-TW"
)
ON_OR_OFF = Group({"enabled": Flag()}, required=("enabled",))
PRICE_DATA = Group(
    {
        "currency": Text(),
        "unit_amount": Whole(0, MAXIMUM_CENTS),
        "tax_behavior": OneOf(("inclusive", "exclusive", "unspecified")),
        "product_data": Group(
            {"name": Text(5000), "description": Text(40000), "metadata": Metadata()}, required=("name",)
        ),
    },
    required=("currency", "unit_amount", "product_data"),
)
LINE_ITEM = Group({"quantity": Whole(1), "price_data": PRICE_DATA}, required=("quantity", "price_data"))
PAYMENT_INTENT_DATA = Group(
    {
        "description": Text(1000),
        "metadata": Metadata(),
        "receipt_email": Text(),
        "statement_descriptor_suffix": Text(22),
    }
)
# payment_method_types is not here: the emulated version knows only allowed_payment_method_types.
CREATE_SESSION = Group(
    {
        "adaptive_pricing": Group({"enabled": Flag()}),
        "after_expiration": Group({"recovery": ON_OR_OFF}),
        "allowed_payment_method_types": Many(OneOf(("card", "au_becs_debit", "payto")), 100),
        "automatic_tax": ON_OR_OFF,
        "billing_address_collection": OneOf(("auto", "required")),
        "cancel_url": Text(5000),
        "client_reference_id": Text(200),
        "customer_creation": OneOf(("always", "if_required")),
        "customer_email": Text(800),
        "expand": EXPAND,
        "expires_at": Whole(),
        "invoice_creation": ON_OR_OFF,
        "line_items": Many(LINE_ITEM, 100),
        "locale": OneOf(tuple(LOCALES.split())),
        "metadata": Metadata(),
        "mode": OneOf(("payment",)),
        "payment_intent_data": PAYMENT_INTENT_DATA,
        "phone_number_collection": ON_OR_OFF,
        "submit_type": OneOf(("auto", "book", "donate", "pay", "subscribe")),
        "success_url": Text(5000),
        "ui_mode": OneOf(("hosted_page",)),
    },
    required=("mode", "line_items", "success_url"),
)
LIST_SESSIONS = Group(
    {
        **LISTING,
        "created": When(),
        "status": OneOf(("complete", "expired", "open")),
        "payment_intent": Text(),
        "customer_details": Group({"email": Text()}, required=("email",)),
    }
)
LIST_LINE_ITEMS = Group(LISTING)


def check_session(sandbox: Sandbox, params: Json) -> None:
    """Raises what Stripe's server says about a request whose single parameters are all well-formed."""
    if not params["line_items"]:
        raise invalid("You must provide at least one line item.", "line_items", "parameter_missing")
    for name in ("success_url", "cancel_url"):
        if name in params and not _is_web_address(params[name]):
            raise invalid("Not a valid URL", name, "url_invalid")
    if "customer_email" in params and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", params["customer_email"]):
        raise invalid(f"Invalid email address: {params['customer_email']}", "customer_email", "email_invalid")
    _check_money(params["line_items"])
    if "expires_at" in params:
        _check_deadline(params["expires_at"] - sandbox.now().timestamp())


def _is_web_address(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def _check_money(items: list[Json]) -> None:
    currencies = {item["price_data"]["currency"] for item in items}
    for currency in currencies:
        if not re.fullmatch(r"[a-z]{3}", currency):
            raise invalid(f"Invalid currency: {currency}", "line_items[0][price_data][currency]")
    if len(currencies) > 1:
        raise invalid("All line items must have the same currency.", "line_items")
    if sum(item["price_data"]["unit_amount"] * item["quantity"] for item in items) < MINIMUM_CENTS:
        raise StripeError(
            400,
            f"The Checkout Session's total amount due must add up to at least {MINIMUM_CENTS} cents.",
            code="amount_too_small",
            is_stored=False,
        )


def _check_deadline(seconds_from_now: float) -> None:
    if seconds_from_now < SHORTEST_SECONDS:
        raise invalid(
            "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.", "expires_at"
        )
    if seconds_from_now >= LONGEST_SECONDS:
        raise invalid(
            "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.", "expires_at"
        )
