"""`make demo`: books, pays and shows the trail of real bookings through every system; exit 0 only if all is there.

It starts a clinic of its own on free ports, drives it over HTTP as a browser would, and reads the ledgers of the
sandbox. A piece that is missing, or there twice, ends it with one sentence.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urljoin

import requests

from portal.local.clinic import Clinic, free_port

T = TypeVar("T")

PATIENT = {
    "booked_for": "self",
    "visited": "no",
    "given_name": "Marlo",
    "family_name": "Testington",
    "born-day": "3",
    "born-month": "March",
    "born-year": "1984",
    "gender": "not-said",
    "mobile": "0491 570 006",
    "email": "marlo.testington@example.com",
}
PATIENCE_SECONDS = 30.0


class DemoFailed(Exception):
    """Something is missing or doubled; the message says what."""


@dataclass
class Form:
    """A form of a page, with what a browser would send."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)
    buttons: list[tuple[str, str, str]] = field(default_factory=list)  # words, name, value


class _Forms(HTMLParser):
    """Collects the forms of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.heading, self._in = "", ""
        self._button: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "h1":
            self._in = "h1"
        if tag == "form":
            self.forms.append(Form(given.get("action", "")))
        if not self.forms:
            return
        form, name = self.forms[-1], given.get("name", "")
        if tag == "button":
            self._button = ["", name, given.get("value", "")]
        elif tag == "textarea" and name:
            form.fields[name] = ""
        elif tag == "input" and name and given.get("type") in ("radio", "checkbox"):
            form.choices.setdefault(name, []).append(given.get("value", "on"))
        elif tag == "input" and name:
            form.fields[name] = given.get("value", "")

    def handle_data(self, data: str) -> None:
        if self._in == "h1":
            self.heading = (self.heading + data).strip()
        if self._button is not None:
            self._button[0] += data.strip()

    def handle_endtag(self, tag: str) -> None:
        if tag == "h1":
            self._in = ""
        if tag == "button" and self._button is not None and self.forms:
            words, name, value = self._button
            self.forms[-1].buttons.append((words, name, value))
            self._button = None


class Visitor:
    """A browser without a screen: follows redirects, keeps cookies, sends forms as they stand."""

    def __init__(self, base: str) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        self.address, self.page = base, _Forms()

    def open(self, address: str) -> None:
        self._go("GET", address)

    def choices(self, name: str) -> list[str]:
        """The values of the page's radio buttons or ticks of this name."""
        return [value for form in self.page.forms for value in form.choices.get(name, [])]

    def send(self, button: str, *, text: str = "", **answers: str) -> None:
        """Press the button whose words begin like this, with these answers; other choices take their first option,
        and other empty boxes `text`."""
        form, pressed = next(
            ((form, pressed) for form in self.page.forms for pressed in form.buttons if pressed[0].startswith(button)),
            (None, None),
        )
        if form is None or pressed is None:
            raise DemoFailed(f"There is no button {button!r} on {self.address} ({self.page.heading}).")
        typed = {name: value or text for name, value in form.fields.items()}
        data = {**typed, **{name: values[0] for name, values in form.choices.items()}, **answers}
        if pressed[1]:
            data[pressed[1]] = pressed[2]
        self._go("POST", form.action or self.address, data)

    def _go(self, method: str, address: str, data: dict[str, str] | None = None) -> None:
        target = urljoin(self.address, address)
        answer = self.session.request(method, target, data=data, timeout=20, allow_redirects=False)
        for cookie in self.session.cookies:
            # Chromium sends Secure cookies over plain http on loopback; requests drops them unless told otherwise.
            cookie.secure = False
        if answer.status_code >= 400:
            raise DemoFailed(f"{target} answered {answer.status_code}.")
        self.address = target
        if answer.is_redirect:
            return self._go("GET", answer.headers["Location"])
        self.page = _Forms()
        self.page.feed(answer.text)
        return None


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


def say(words: str = "", **facts: object) -> None:
    """One step of the trail, with its ids and the time."""
    detail = "  ".join(f"{name}={value}" for name, value in facts.items() if value is not None)
    print(f"{datetime.now(UTC):%H:%M:%S}  {words:<42} {detail}".rstrip())


def book(visitor: Visitor, type_slug: str, *, place: int = 0) -> str:
    """From the times page to the check page, at the first time on it unless told otherwise; -> the reference."""
    visitor.open(f"/book/{type_slug}")
    visitor.send("Continue", slot=visitor.choices("slot")[place])
    reference = visitor.address.split("/bookings/")[1].split("/")[0]
    say("A time is held", booking=reference, type=type_slug)
    visitor.send("Continue", **PATIENT)
    if visitor.address.endswith("/intake"):
        visitor.send("Continue", text="An invented answer")
    if not visitor.address.endswith("/check"):
        raise DemoFailed(f"The funnel stopped at {visitor.address}: {visitor.page.heading}.")
    say("Details and answers are in", booking=reference)
    return reference


def pay(visitor: Visitor, reference: str, *, decline_first: bool = False) -> None:
    """From the check page over Stripe's page back to the portal."""
    visitor.send("Pay ")
    say("Stripe's page is open", session=visitor.address.rsplit("/", 1)[1])
    if decline_first:
        visitor.send("Card is declined")
        say("The card was declined; the page stays open")
    visitor.send("Pay")
    say("Paid; the browser is back", at=visitor.address.split("?")[0])
    until(lambda: _is_booked(visitor, reference), f"{reference} was paid but never confirmed")


def _is_booked(visitor: Visitor, reference: str) -> bool:
    visitor.open(f"/bookings/{reference}/return")
    return "You are booked" in visitor.page.heading


def until(look: Callable[[], T], otherwise: str) -> T:
    """Look again until there is something; DemoFailed after 30 s."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.2)
    raise DemoFailed(otherwise)


def one(found: list[dict[str, Any]], what: str) -> dict[str, Any]:
    if len(found) != 1:
        raise DemoFailed(f"There should be exactly one {what}, and there are {len(found)}.")
    return found[0]


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


def run(portal_url: str, sandbox_url: str) -> None:
    """The three stories, against a clinic that runs. Raises DemoFailed."""
    ledgers = Ledgers(sandbox_url)
    say("A paid first visit")
    visitor = Visitor(portal_url)
    reference = book(visitor, "initial-alternative-15min")
    pay(visitor, reference)
    show_payment(ledgers, reference)
    show_trail(ledgers, reference, with_appointment=True)

    say()
    say("A free consult")
    visitor = Visitor(portal_url)
    reference = book(visitor, "initial-consult-free")
    visitor.send("Book free consult")
    if "You are booked" not in visitor.page.heading:
        raise DemoFailed(f"The free consult ended on {visitor.page.heading!r}.")
    show_trail(ledgers, reference, with_appointment=False)

    say()
    say("Declined, then paid")
    visitor = Visitor(portal_url)
    # Far from the first visit: MediRecords takes nobody who is somewhere else at that time.
    reference = book(visitor, "initial-gaps-60min", place=-1)
    pay(visitor, reference, decline_first=True)
    show_payment(ledgers, reference)
    show_trail(ledgers, reference, with_appointment=True)


@contextmanager
def own_clinic() -> Iterator[tuple[str, str]]:
    """A fresh clinic on free ports, removed at the end; -> its addresses."""
    port, sandbox_port = free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="clinic-") as folder:
        clinic = Clinic(instance_dir=Path(folder) / "instance", port=port, sandbox_port=sandbox_port)
        clinic.start()
        try:
            yield clinic.url, clinic.sandbox_url
        finally:
            clinic.stop()


def main() -> int:
    print("Starting a clinic of its own ...")
    try:
        with own_clinic() as (portal_url, sandbox_url):
            run(portal_url, sandbox_url)
    except DemoFailed as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        return 1
    print("\nEvery piece is there, once.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
