"""From the check page to Stripe and back: what is asked for, what comes of it, and what never leaves."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from portal.bookings.states import Status
from portal.catalogue.models import AppointmentType
from portal.db import db, transaction
from portal.payments.models import Payment, PaymentState
from tests.support.factories import make_booking
from tests.support.funnel import (
    book_free,
    book_paid,
    booking_of,
    free_times,
    let_lapse,
    make_offer,
    press,
    reach_check,
    settle,
)
from tests.support.page import Page
from tests.support.portal_server import PortalServer
from tests.support.sandbox import RunningSandbox
from tests.support.stripe_api import StripeApi
from tests.support.visitor import Visitor

PAY = "Pay $119.00 and book"


@pytest.fixture
def visit(ctx: None) -> AppointmentType:
    return make_offer(price_cents=11900)


def at_stripe(sandbox: RunningSandbox, page: Page) -> Any:
    """Stripe's session behind the payment page that an answer leads to."""
    assert page.left_for is not None, page
    return StripeApi(sandbox.url).get(f"/checkout/sessions/{page.left_for.rsplit('/', 1)[1]}").json()


def test_paying_leads_to_stripe_with_the_price_of_the_catalogue(
    visit: AppointmentType, client: Visitor, sandbox: RunningSandbox
) -> None:
    check = reach_check(client, visit.slug)
    away = check.submit(PAY)
    assert away.status == 303
    assert (away.left_for or "").startswith(f"{sandbox.url}/stripe/c/pay/")
    session = at_stripe(sandbox, away)
    assert (session["amount_total"], session["currency"]) == (11900, "aud")
    booking = booking_of(check)
    assert booking.status == Status.AWAITING_PAYMENT
    assert session["metadata"]["booking"] == booking.reference


def test_stripe_hears_nothing_about_the_service(ctx: None, client: Visitor, sandbox: RunningSandbox) -> None:
    made = make_offer(price_cents=11900, name="Secret treatment")
    away = reach_check(client, made.slug, given_name="Ottilie").submit(PAY)
    heard = str(at_stripe(sandbox, away))
    for words in ("Secret", "treatment", made.slug, made.service.name, "Ottilie", "Castellano", "0491"):
        assert words not in heard, words


def test_back_and_pay_again_reuses_the_open_page(
    visit: AppointmentType, client: Visitor, sandbox: RunningSandbox
) -> None:
    away = reach_check(client, visit.slug).submit(PAY)
    assert away.left_for is not None
    back = press(away.left_for, "back")
    check = client.page(back.removeprefix(client.portal_url))
    assert check.heading == "Check your booking"
    assert check.has("A payment page is already open for this visit.")
    assert check.submit(PAY).left_for == away.left_for
    assert (
        len(
            [
                call
                for call in sandbox.calls("stripe")
                if call["method"] == "POST" and "sessions" in call["path"] and call["path"].endswith("sessions")
            ]
        )
        == 1
    )


def test_a_paid_visit_is_confirmed_by_the_notification_and_not_by_the_return(
    visit: AppointmentType, client: Visitor, sandbox: RunningSandbox, portal_server: PortalServer
) -> None:
    check = reach_check(client, visit.slug)
    away = check.submit(PAY)
    reference = booking_of(check).reference
    # Looking at the return page, even with a session id, books nothing.
    session = at_stripe(sandbox, away)["id"]
    for query in ("", f"?session_id={session}", "?session_id=cs_test_forged", "?paid=1"):
        assert client.page(f"/bookings/{reference}/return{query}").heading == "We are checking your payment"
    settle()
    assert booking_of(check).status == Status.AWAITING_PAYMENT
    assert away.left_for is not None
    back = press(away.left_for, "paid")
    waiting = client.page(back.removeprefix(client.portal_url))
    assert waiting.heading == "We are checking your payment"
    assert waiting.soup.select_one("#returned[hx-get]") is not None
    assert waiting.soup.select_one("noscript meta[http-equiv=refresh]") is not None
    sandbox.wait_quiet()
    settle()
    done = client.page(back.removeprefix(client.portal_url))
    assert done.heading == "You are booked"
    assert done.soup.select_one("[hx-get]") is None
    assert done.follow("See your booking").has("$119.00, paid")


def test_htmx_is_told_to_leave_for_stripe_itself(
    visit: AppointmentType, client: Visitor, sandbox: RunningSandbox
) -> None:
    check = reach_check(client, visit.slug)
    data = {"csrf_token": check.part(".main-column > form").value("csrf_token")}
    headers = {"Origin": client.portal_url, "HX-Request": "true"}
    answer = client.post(check.url.replace("/check", "/payment"), data=data, headers=headers)
    assert answer.status_code == 204
    assert answer.headers["HX-Redirect"].startswith(sandbox.url)


def test_a_free_visit_never_calls_stripe(ctx: None, client: Visitor, sandbox: RunningSandbox) -> None:
    booked = book_free(client, make_offer(price_cents=0).slug)
    assert booking_of(booked).status == Status.CONFIRMED
    settle()
    assert sandbox.calls("stripe") == []
    assert db.session.scalars(select(Payment)).all() == []


def test_booking_a_free_visit_twice_books_it_once(ctx: None, client: Visitor) -> None:
    check = reach_check(client, make_offer(price_cents=0).slug)
    first, second = check.submit("Book this free visit"), check.submit("Book this free visit")
    assert first.heading == second.heading == "You are booked"
    assert first.url == second.url


@pytest.mark.parametrize("fault", ["error", "timeout_before_commit", "timeout_after_commit", "429"])
def test_with_stripe_away_the_time_is_kept_and_the_page_says_so(
    visit: AppointmentType, client: Visitor, sandbox: RunningSandbox, fault: str
) -> None:
    check = reach_check(client, visit.slug)
    sandbox.fault("POST /stripe/v1/checkout/sessions", fault, times=9)
    sorry = check.submit(PAY)
    assert sorry.status == 503
    assert sorry.heading == "Check your booking"
    assert sorry.has("We cannot reach our payment service just now. Nothing was charged. Your time is kept until")
    assert sorry.title.startswith("Error: ")
    booking = booking_of(check)
    assert booking.is_waiting
    sandbox.delete("/_emu/faults")
    assert at_stripe(sandbox, sorry.submit(PAY))["amount_total"] == 11900
    assert len(StripeApi(sandbox.url).get("/checkout/sessions").json()["data"]) == 1


def test_another_time_after_going_to_stripe_closes_the_old_page_first(
    visit: AppointmentType, client: Visitor, sandbox: RunningSandbox
) -> None:
    check = reach_check(client, visit.slug)
    away = check.submit(PAY)
    old = booking_of(check)
    page = client.page(f"/book/{visit.slug}")
    details = page.submit("Continue", slot=free_times(page)[0])
    assert details.value("given_name") == "Nora"
    settle()
    assert at_stripe(sandbox, away)["status"] == "expired"
    assert old.status == Status.EXPIRED
    assert booking_of(details).status == Status.HELD


def test_a_lapsed_hold_does_not_reach_stripe(visit: AppointmentType, client: Visitor, sandbox: RunningSandbox) -> None:
    check = reach_check(client, visit.slug)
    let_lapse(booking_of(check))
    assert check.submit(PAY).heading == "We could not keep your time any longer"
    assert sandbox.calls("stripe") == []


def test_a_visit_paid_too_late_says_that_everything_comes_back(
    visit: AppointmentType, client: Visitor, sandbox: RunningSandbox, portal_server: PortalServer
) -> None:
    check = reach_check(client, visit.slug)
    away = check.submit(PAY)
    booking = booking_of(check)
    # Its deadline passed and the time went to somebody else, while the payment was on its way.
    with transaction():
        booking.status = Status.EXPIRED
    make_booking(type=visit, starts_at=booking.starts_at, practitioner=booking.practitioner)
    assert away.left_for is not None
    back = press(away.left_for, "paid")
    sandbox.wait_quiet()
    settle()
    page = client.page(back.removeprefix(client.portal_url))
    assert page.heading == "Your time was taken before your payment reached us"
    assert page.has("You get the whole amount back")
    assert db.session.scalars(select(Payment)).one().refunds[0].amount_cents == 11900


def test_a_time_let_go_without_paying_promises_no_money(consult: AppointmentType, client: Visitor) -> None:
    check = reach_check(client, consult.slug)
    old = booking_of(check)
    page = check.follow("Choose another time")
    page.submit("Continue", slot=free_times(page)[0])
    returned = client.page(f"/bookings/{old.reference}/return")
    assert "amount back" not in returned.text
    assert returned.has("Nothing has been charged")


def test_the_return_page_of_a_held_visit_leads_back_to_paying(visit: AppointmentType, client: Visitor) -> None:
    check = reach_check(client, visit.slug)
    page = client.page(check.url.replace("/check", "/return"))
    assert page.heading == "Your payment is not finished"
    assert page.follow("Go back and pay").heading == "Check your booking"


def test_the_return_page_of_a_free_or_cancelled_visit_is_its_own_page(
    consult: AppointmentType, client: Visitor
) -> None:
    booked = book_free(client, consult.slug)
    assert client.page(f"{booked.url}/return").url == booked.url
    booked.follow("Cancel this visit").submit("Cancel this visit")
    assert client.page(f"{booked.url}/return").heading == "This visit is cancelled"


def test_answers_to_a_booked_visit_do_not_change_from_a_page_left_open(
    consult: AppointmentType, client: Visitor
) -> None:
    check = reach_check(client, consult.slug)
    left_open = check.follow("Change Name")
    check.submit("Book this free visit")
    page = left_open.submit("Continue", given_name="Somebody", family_name="Else")
    assert page.heading == "You are booked"
    patient = booking_of(page).patient
    assert patient is not None
    assert patient.given_name == "Nora"


def test_paying_again_after_it_is_booked_charges_nothing(
    visit: AppointmentType, client: Visitor, sandbox: RunningSandbox, portal_server: PortalServer
) -> None:
    booked = book_paid(client, sandbox, visit.slug)
    token = client.page("/find-my-visit").value("csrf_token")
    again = client.post(f"{booked.url}/payment", data={"csrf_token": token}, headers={"Origin": client.portal_url})
    assert again.location.endswith("/return")
    states = [payment.state for payment in db.session.scalars(select(Payment))]
    assert states == [PaymentState.PAID]


def test_the_payment_page_may_be_the_target_of_our_form(app: Flask, client: Visitor, sandbox: RunningSandbox) -> None:
    csp = client.get("/find-my-visit").headers["Content-Security-Policy"]
    assert f"form-action 'self' {sandbox.url};" in csp
