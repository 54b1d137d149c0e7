"""The funnel as a visitor walks it, one step at a time, with the answers of an invented person."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any

import requests

from portal import clock
from portal.bookings import find
from portal.bookings.models import Booking
from portal.catalogue.models import AppointmentType
from portal.db import db, transaction
from portal.outbox import run
from tests.support.factories import make_hours, make_location, make_practitioner, make_type
from tests.support.page import Page
from tests.support.sandbox import RunningSandbox
from tests.support.visitor import Visitor

DETAILS: dict[str, Any] = {
    "booked_for": "Me",
    "visited": "No, this is the first visit",
    "given_name": "Nora",
    "family_name": "Castellano",
    "born-day": "9",
    "born-month": "March",
    "born-year": "1984",
    "gender": "Prefer not to say",
    "mobile": "0491 570 156",
    "email": "nora.castellano@example.com",
}


def make_offer(**columns: Any) -> AppointmentType:
    """A type that one practitioner offers by telehealth, every day from 9 to 12. Needs an app context."""
    made = make_type(**columns)
    place = make_location(is_telehealth=True)
    make_hours(make_practitioner(), place, calendar_slug=made.calendar_slug, starts=time(9), ends=time(12))
    return made


def free_times(page: Page) -> list[str]:
    """The values of the times on a page, in its order."""
    return list(page.choices("slot"))


def hold(visitor: Visitor, type_slug: str, *, place: int = -1) -> Page:
    """Choose a time of the first page, the last one unless told: well ahead of any notice. -> the details page"""
    page = visitor.page(f"/book/{type_slug}")
    details = page.submit("Continue", slot=free_times(page)[place])
    assert details.heading == "Your details", details
    return details


def reach_check(visitor: Visitor, type_slug: str, **details: Any) -> Page:
    """Hold a time of a type that asks no further questions, fill in who comes. -> the check page"""
    check = hold(visitor, type_slug).submit("Continue", **(DETAILS | details))
    assert check.heading == "Check your booking", check.errors or check
    return check


def book_free(visitor: Visitor, type_slug: str, **details: Any) -> Page:
    """-> the page of the booked visit"""
    booked = reach_check(visitor, type_slug, **details).submit("Book this free visit")
    assert booked.heading == "You are booked", booked
    return booked


def reference_of(page: Page) -> str:
    """From the address of a page of the funnel."""
    return page.url.split("/bookings/")[1].split("/")[0].split("?")[0]


def booking_of(page: Page) -> Booking:
    return find.by_reference(reference_of(page))


def let_lapse(booking: Booking) -> None:
    """As if nobody had touched it for 20 minutes."""
    with transaction():
        booking.held_at -= timedelta(minutes=20)
        booking.hold_expires_at = clock.now() - timedelta(minutes=5)
    db.session.expire_all()


def press(stripe_page: str, outcome: str) -> str:
    """Press a button of the sandbox's payment page: "paid", "decline" or "back". -> where it sends the browser"""
    answer = requests.post(stripe_page, data={"outcome": outcome}, allow_redirects=False, timeout=10)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def settle(*queues: str) -> None:
    """Do what a worker would do now: run what is due, payments first unless told otherwise."""
    for queue in queues or ("stripe",):
        run.drain(queue)
    db.session.expire_all()


def book_paid(visitor: Visitor, sandbox: RunningSandbox, type_slug: str, **details: Any) -> Page:
    """Book, pay at the sandbox and let its notification arrive: needs `portal_server`. -> the page of the visit"""
    check = reach_check(visitor, type_slug, **details)
    away = check.submit(next(words for words in check.buttons if words.startswith("Pay ")))
    assert away.left_for is not None, away
    back = press(away.left_for, "paid")
    sandbox.wait_quiet()
    settle()
    page = visitor.page(back.removeprefix(visitor.portal_url)).follow("See your booking")
    assert page.heading == "You are booked", page
    return page
