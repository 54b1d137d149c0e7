"""Cancelling a visit: the exact amounts before, the same amounts after, and only once."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from portal.bookings.models import BookingEvent
from portal.bookings.states import Status
from portal.catalogue.models import AppointmentType
from portal.db import db
from portal.payments.models import Refund
from tests.support.funnel import book_free, book_paid, booking_of, make_offer, reach_check, settle
from tests.support.portal_server import PortalServer
from tests.support.sandbox import RunningSandbox
from tests.support.visitor import Visitor
from tests.web.test_move import bring_near


def refunds() -> list[int]:
    return list(db.session.scalars(select(Refund.amount_cents)))


@pytest.mark.parametrize(
    ("hours", "cost", "back", "cents"),
    [
        (25, "Cancelling costs nothing.", "$119.00", 11900),
        (3, "Your visit is less than 24 hours away, so cancelling costs $59.50.", "$59.50", 5950),
    ],
)
def test_the_page_tells_the_exact_amounts_and_they_come_back(
    ctx: None,
    client: Visitor,
    sandbox: RunningSandbox,
    portal_server: PortalServer,
    hours: float,
    cost: str,
    back: str,
    cents: int,
) -> None:
    booked = book_paid(client, sandbox, make_offer(price_cents=11900).slug)
    bring_near(booking_of(booked), hours=hours, booked_hours_ago=48)
    page = client.page(f"{booked.url}/cancel")
    assert page.heading == "Cancel this visit?"
    assert page.has(cost)
    assert page.has(f"You get {back} back.")
    gone = page.submit("Cancel this visit", reason="I feel better")
    assert gone.heading == "This visit is cancelled"
    told = f"{back} goes back to the card you paid with. It can take a few days."
    assert gone.has(told)
    settle("stripe")
    assert refunds() == [cents]
    assert client.page(gone.url).has(told)


def test_a_free_visit_is_cancelled_without_a_word_about_money(consult: AppointmentType, client: Visitor) -> None:
    page = book_free(client, consult.slug).follow("Cancel this visit")
    assert page.has("Cancelling costs nothing.")
    assert "back." not in page.part(".panel").text
    gone = page.submit("Cancel this visit")
    assert "$" not in gone.part(".ticket").text.replace("$0", "")
    assert gone.follow("Book another visit").heading == "What would you like help with?"


def test_cancelling_twice_cancels_once(
    ctx: None, client: Visitor, sandbox: RunningSandbox, portal_server: PortalServer
) -> None:
    booked = book_paid(client, sandbox, make_offer(price_cents=11900).slug)
    page = booked.follow("Cancel this visit")
    assert page.submit("Cancel this visit").heading == "This visit is cancelled"
    assert page.submit("Cancel this visit").heading == "This visit is cancelled"
    settle()
    assert refunds() == [11900]
    told = select(func.count()).select_from(BookingEvent).where(BookingEvent.name == "booking.cancelled")
    assert db.session.scalar(told) == 1
    assert client.page(f"{booked.url}/cancel").heading == "This visit is cancelled"


def test_looking_at_the_page_cancels_nothing(consult: AppointmentType, client: Visitor) -> None:
    booked = book_free(client, consult.slug)
    client.page(f"{booked.url}/cancel")
    client.head(f"{booked.url}/cancel")
    assert client.get(f"{booked.url}/cancellation").status_code == 405
    assert booking_of(booked).status == Status.CONFIRMED


def test_a_visit_is_kept_by_who_changes_their_mind(consult: AppointmentType, client: Visitor) -> None:
    page = book_free(client, consult.slug).follow("Cancel this visit")
    assert page.follow("choose another time").heading == "Change the time"
    assert page.follow("Keep this visit").heading == "You are booked"


def test_what_is_not_booked_yet_cannot_be_cancelled_by_a_forged_form(
    ctx: None, client: Visitor, sandbox: RunningSandbox
) -> None:
    check = reach_check(client, make_offer(price_cents=11900).slug)
    booking = booking_of(check)
    path = check.url.replace("/check", "/cancellation")
    data = {"csrf_token": check.part(".main-column > form").value("csrf_token")}
    for status in (Status.HELD, Status.AWAITING_PAYMENT):
        assert booking.status == status
        assert client.post(path, data=data, headers={"Origin": client.portal_url}).status_code == 303
        db.session.expire_all()
        assert booking.status == status
        check.submit("Pay $119.00 and book")


@pytest.mark.parametrize("reason", ["", "x" * 5000, "\0", "<script>alert(1)</script>", "Ill\r\nBcc: eve@example.org"])
def test_a_reason_of_any_kind_does_no_harm(consult: AppointmentType, client: Visitor, reason: str) -> None:
    booked = book_free(client, consult.slug)
    page = booked.follow("Cancel this visit").submit("Cancel this visit", reason=reason)
    assert page.heading == "This visit is cancelled"
    assert "alert(1)" not in page.response.text
