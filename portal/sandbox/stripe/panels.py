"""What the start page shows of Stripe: payments, refunds and events, newest first."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from portal.sandbox.core import Json, Panel, Sandbox
from portal.sandbox.stripe.objects import newest_first
from portal.sandbox.stripe.pages import money

SHOWN = 200


def panels(sandbox: Sandbox) -> list[Panel]:
    return [
        Panel("Payments", "sandbox/stripe/_payments.html", lambda: {"rows": _payments(sandbox)}),
        Panel("Refunds and disputes", "sandbox/stripe/_refunds.html", lambda: _refunds(sandbox)),
        Panel("Events", "sandbox/stripe/_events.html", lambda: {"rows": _events(sandbox)}),
    ]


def _payments(sandbox: Sandbox) -> list[Json]:
    charges = {charge["payment_intent"]: charge for charge in newest_first(sandbox, "charge")}
    rows = []
    for session in newest_first(sandbox, "checkout.session")[:SHOWN]:
        charge = charges.get(session["payment_intent"])
        rows.append(
            {
                "session": session,
                "amount": money(session),
                "at": _local(sandbox, session["created"]),
                "is_pending": charge is not None and charge["status"] == "pending",
                "is_disputed": charge is not None and charge["disputed"],
                "can_be_disputed": charge is not None and charge["paid"] and not charge["disputed"],
            }
        )
    return rows


def _refunds(sandbox: Sandbox) -> Json:
    def row(thing: Json) -> Json:
        return {"thing": thing, "amount": money(thing), "at": _local(sandbox, thing["created"])}

    return {
        "refunds": [row(refund) for refund in newest_first(sandbox, "refund")[:SHOWN]],
        "disputes": [row(dispute) for dispute in newest_first(sandbox, "dispute")[:SHOWN]],
    }


def _events(sandbox: Sandbox) -> list[Json]:
    return [
        {"event": event, "at": _local(sandbox, event["created"])} for event in newest_first(sandbox, "event")[:SHOWN]
    ]


def _local(sandbox: Sandbox, at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC).astimezone(ZoneInfo(sandbox.settings.practice_zone))
