"""Books and pays as a patient does, page by page."""

from __future__ import annotations

from portal.demo.steps import DemoFailed, say, until
from portal.demo.visitor import Visitor

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
