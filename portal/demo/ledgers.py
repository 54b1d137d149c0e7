"""Reads the sandbox's ledgers, and insists that each piece of a booking's trail is there once."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import requests

from portal.demo.steps import DemoFailed, one, say, until


@dataclass
class Ledgers:
    """What the emulated systems hold."""

    sandbox_url: str

    def rows(self, path: str) -> list[dict[str, Any]]:
        answer = requests.get(f"{self.sandbox_url}/_emu/{path}", timeout=10)
        answer.raise_for_status()
        return list(answer.json())

    def events(self, reference: str) -> list[dict[str, Any]]:
        return [one for one in self.rows("graph/events") if (one["metadata"] or {}).get("b") == reference]

    def appointments(self, reference: str) -> list[dict[str, Any]]:
        return [one for one in self.rows("medirecords/appointments") if f"[ref:{reference}]" in (one["notes"] or "")]

    def mails(self, reference: str) -> list[dict[str, Any]]:
        return [one for one in self.rows("graph/messages") if reference in one["text"] and one["state"] == "sent"]


def show_trail(ledgers: Ledgers, reference: str, *, with_appointment: bool) -> None:
    """Wait for every piece of a booking's trail, then insist that each is there once."""
    until(lambda: ledgers.mails(reference), f"No mail about {reference} was sent")
    until(lambda: ledgers.events(reference), f"{reference} never came to Outlook")
    if with_appointment:
        until(lambda: ledgers.appointments(reference), f"{reference} never came to MediRecords")
    time.sleep(1.5)  # long enough for a second copy to show itself
    mail = one(ledgers.mails(reference), f"mail about {reference}")
    say("Confirmation mail", to=",".join(mail["to"]), subject=mail["subject"], calendar="yes" if mail["ics"] else "no")
    event = one(ledgers.events(reference), f"Outlook event of {reference}")
    tags = event["metadata"]
    say(
        "Outlook event",
        id=event["id"][-16:],
        start=event["start"],
        service=tags["s"],
        duration=tags["d"],
        practitioner=tags["p"],
        price_cents=tags["c"],
    )
    appointments = ledgers.appointments(reference)
    if not with_appointment:
        if appointments:
            raise DemoFailed(f"{reference} is free and must have no MediRecords appointment.")
        say("No MediRecords appointment, as it should be")
        return
    row = one(appointments, f"MediRecords appointment of {reference}")
    say("Graph's notification reached the processor", transaction=event["transactionId"])
    say(
        "MediRecords appointment",
        id=row["id"],
        type=row["type_name"],
        interval=row["appointmentIntervalCode"],
        minutes=row["minutes"],
        provider=row["provider_name"],
        notes=row["notes"],
    )


def show_payment(ledgers: Ledgers, reference: str) -> None:
    """The one paid session of a booking."""
    answer = requests.get(
        f"{ledgers.sandbox_url}/stripe/v1/checkout/sessions",
        params={"status": "complete", "limit": "100"},
        headers={"Authorization": "Bearer sk_test_sandbox"},
        timeout=10,
    )
    sessions = [row for row in answer.json()["data"] if row["metadata"].get("booking") == reference]
    paid = one(sessions, f"paid Stripe session of {reference}")
    say("Stripe", session=paid["id"], intent=paid["payment_intent"], cents=paid["amount_total"])
