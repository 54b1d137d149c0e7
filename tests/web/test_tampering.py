"""Money and visits against somebody who changes what is sent: nothing is booked from it, nobody else's visit shows."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import func, select

from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.catalogue.models import AppointmentType
from portal.config import Settings
from portal.db import db, transaction
from portal.payments.models import Payment, PaymentState
from portal.staff.models import StaffTask
from tests.support.factories import make_booking
from tests.support.funnel import DETAILS, book_paid, booking_of, hold, make_offer, press, reach_check, settle
from tests.support.page import Page
from tests.support.portal_server import PortalServer
from tests.support.sandbox import RunningSandbox
from tests.support.stripe_api import StripeApi
from tests.support.visitor import Visitor
from tests.web.test_hooks import signed

PAY = "Pay $119.00 and book"


@pytest.fixture
def visit(ctx: None) -> AppointmentType:
    return make_offer(price_cents=11900)


def confirmed() -> int:
    return db.session.scalar(select(func.count()).select_from(Booking).where(Booking.confirmed_at.is_not(None))) or 0


def send(client: Visitor, page: Page, path: str, **fields: Any) -> Page:
    """A form of ours with fields that it does not have."""
    data = {"csrf_token": page.part(".main-column > form").value("csrf_token"), **fields}
    return Page(client, client.post(path, data=data, headers={"Origin": client.portal_url}))


@pytest.mark.parametrize(
    "fields",
    [
        {"amount": "1"},
        {"amount_cents": "0", "price_cents": "0", "price": "0.01"},
        {"unit_amount": "-11900"},
        {"currency": "idr"},
        {"payment_policy": "none", "is_free": "1"},
        {"success_url": "https://evil.example.com/", "cancel_url": "https://evil.example.com/"},
        {"session_id": "cs_test_forged", "payment_status": "paid", "status": "confirmed"},
        {"booking": "BK-AAAAAA", "reference": "BK-AAAAAA", "booking_id": "1"},
        {"coupon": "FREE", "discount": "100", "quantity": "0"},
        {"customer_email": "eve@example.org"},
    ],
)
def test_the_amount_and_the_way_back_come_from_us_alone(
    visit: AppointmentType, client: Visitor, sandbox: RunningSandbox, fields: dict[str, str]
) -> None:
    check = reach_check(client, visit.slug)
    query = "&".join(f"{name}={value}" for name, value in fields.items())
    away = send(client, check, check.url.replace("/check", "/payment") + f"?{query}", **fields)
    [session] = StripeApi(sandbox.url).get("/checkout/sessions").json()["data"]
    booking = booking_of(check)
    assert (away.left_for or "").endswith(session["id"])
    assert (session["amount_total"], session["currency"]) == (11900, "aud")
    assert session["success_url"].startswith(f"{client.portal_url}/bookings/{booking.reference}/return")
    assert session["cancel_url"] == f"{client.portal_url}/bookings/{booking.reference}/check"
    assert session["customer_email"] == DETAILS["email"]
    assert (booking.status, confirmed()) == (Status.AWAITING_PAYMENT, 0)


@pytest.mark.parametrize("step", ["details", "intake", "payment", "extension", "release", "moves", "cancellation"])
def test_no_step_takes_a_price_or_a_status(
    visit: AppointmentType, client: Visitor, sandbox: RunningSandbox, step: str
) -> None:
    check = reach_check(client, visit.slug)
    booking = booking_of(check)
    fields = {"terms": '{"price_cents": 0}', "price_cents": "0", "status": "confirmed", "confirmed_at": "2026-01-01"}
    answer = send(client, check, check.url.replace("/check", f"/{step}"), **fields)
    assert answer.status < 500
    db.session.refresh(booking)
    assert booking.price_cents == 11900
    assert booking.terms["price_cents"] == 11900
    assert confirmed() == 0


def test_the_free_button_does_not_book_a_visit_that_costs(ctx: None, client: Visitor, sandbox: RunningSandbox) -> None:
    free, paid = make_offer(price_cents=0), make_offer(price_cents=11900)
    check_free, check_paid = reach_check(client, free.slug), reach_check(client, paid.slug)
    # The form of the free visit, sent to the address of the other one.
    answer = send(client, check_free, check_paid.url.replace("/check", "/payment"))
    assert (answer.left_for or "").startswith(sandbox.url)
    assert confirmed() == 0


def test_coming_back_with_somebody_elses_paid_session_books_nothing(
    visit: AppointmentType,
    client: Visitor,
    stranger: Visitor,
    sandbox: RunningSandbox,
    portal_server: PortalServer,
) -> None:
    booked = book_paid(client, sandbox, visit.slug)
    theirs = db.session.scalars(select(Payment.session_id)).one()
    check = reach_check(stranger, visit.slug)
    check.submit(PAY)
    mine = booking_of(check)
    page = stranger.page(f"/bookings/{mine.reference}/return?session_id={theirs}")
    assert page.heading == "We are checking your payment"
    settle()
    assert mine.status == Status.AWAITING_PAYMENT
    assert stranger.get(f"{booked.url}/return?session_id={theirs}").status_code == 404
    assert confirmed() == 1


@pytest.mark.parametrize(
    ("what", "params"),
    [
        ("half a dollar", {"unit_amount": 50}),
        ("more", {"unit_amount": 999_900}),
        ("another currency", {"currency": "idr"}),
        ("the right amount in a session that is not ours", {}),
    ],
)
def test_a_session_that_differs_from_what_we_asked_for_books_nothing(
    visit: AppointmentType,
    client: Visitor,
    sandbox: RunningSandbox,
    portal_server: PortalServer,
    what: str,
    params: dict[str, Any],
) -> None:
    check = reach_check(client, visit.slug)
    check.submit(PAY)
    payment = db.session.scalars(select(Payment)).one()
    stripe = StripeApi(sandbox.url)
    price = {"currency": "aud", "unit_amount": 11900, "product_data": {"name": "Appointment"}, **params}
    session = stripe.session(
        line_items=[{"quantity": 1, "price_data": price}],
        client_reference_id=payment.attempt,
        metadata={"booking": booking_of(check).reference, "attempt": payment.attempt},
    )
    press(session["url"], "paid")
    sandbox.wait_quiet()
    settle()
    assert booking_of(check).status == Status.AWAITING_PAYMENT, what
    assert confirmed() == 0
    assert payment.state == PaymentState.OPEN
    # Money has arrived that nobody asked for: a person has to look.
    assert [task.kind for task in db.session.scalars(select(StaffTask))] == ["payment-differs"]


def test_a_signed_event_is_only_a_hint(
    visit: AppointmentType, client: Visitor, sandbox: RunningSandbox, settings: Settings
) -> None:
    """Even with Stripe's signature the body decides nothing: the session itself is asked."""
    check = reach_check(client, visit.slug)
    check.submit(PAY)
    payment = db.session.scalars(select(Payment)).one()
    event = {
        "id": "evt_1",
        "object": "event",
        "type": "checkout.session.completed",
        "created": 1_790_000_000,
        "livemode": False,
        "data": {
            "object": {
                "id": payment.session_id,
                "object": "checkout.session",
                "status": "complete",
                "payment_status": "paid",
                "amount_total": 11900,
                "client_reference_id": payment.attempt,
            }
        },
    }
    body = json.dumps(event).encode()
    answer = client.post("/hooks/stripe", data=body, headers=signed(body, settings), content_type="application/json")
    assert answer.status_code == 200
    settle()
    assert booking_of(check).status == Status.AWAITING_PAYMENT
    assert confirmed() == 0


@pytest.mark.parametrize(
    "twist",
    [
        lambda reference: reference.lower(),
        lambda reference: f" {reference}",
        lambda reference: f"{reference}%20",
        lambda reference: f"{reference}%00",
        lambda reference: reference.replace("BK-", ""),
        lambda reference: reference[:-1],
        lambda reference: "%25",
        lambda reference: "1",
        lambda reference: "..",
        lambda reference: f"{reference}%2F..%2F{reference}",
        lambda reference: "x" * 4000,
    ],
)
def test_only_the_very_reference_opens_a_visit(visit: AppointmentType, client: Visitor, twist: Any) -> None:
    reference = booking_of(hold(client, visit.slug)).reference
    for step in ("", "/details", "/check", "/calendar.ics", "/move", "/cancel", "/return"):
        assert client.get(f"/bookings/{twist(reference)}{step}").status_code == 404, step


def test_knowing_a_reference_opens_nothing(visit: AppointmentType, client: Visitor) -> None:
    other = make_booking(type=visit)
    hold(client, visit.slug)
    for step in ("", "/details", "/intake", "/check", "/calendar.ics", "/move", "/cancel", "/return"):
        assert client.get(f"/bookings/{other.reference}{step}").status_code == 404, step


def test_details_for_one_visit_do_not_change_the_person_of_another(visit: AppointmentType, client: Visitor) -> None:
    """The same name, birth date and address as a known patient: their record stays as it is."""
    known = make_booking(type=visit)
    patient = known.patient
    assert patient is not None
    with transaction():
        patient.given_name, patient.email = "Nora", str(DETAILS["email"])
    reach_check(client, visit.slug, mobile="0491 570 159")
    db.session.refresh(patient)
    assert patient.mobile == "+61491570156"
