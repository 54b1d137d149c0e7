"""The payment page as a patient meets it, without JavaScript."""

from __future__ import annotations

from typing import Any

import requests
from bs4 import BeautifulSoup

from tests.support.sandbox import RunningSandbox
from tests.support.stripe_api import StripeApi


def seen(url: str, **params: str) -> BeautifulSoup:
    answer = requests.get(url, params=params, timeout=10)
    assert answer.status_code == 200
    return BeautifulSoup(answer.text, "html.parser")


def heading(page: BeautifulSoup) -> str:
    assert page.h1 is not None
    return page.h1.get_text(strip=True)


def press(session: dict[str, Any], outcome: str) -> requests.Response:
    return requests.post(session["url"], data={"outcome": outcome}, allow_redirects=False, timeout=10)


def test_the_page_shows_amount_item_and_locked_address(stripe_api: StripeApi) -> None:
    page = seen(stripe_api.session(customer_email="mia@example.com")["url"])
    assert heading(page) == "Pay A$119.00"
    assert "Appointment, 15 minutes" in page.get_text()
    email = page.find("input", {"name": "email"})
    assert email is not None and email["value"] == "mia@example.com" and email.has_attr("readonly")
    assert [button["value"] for button in page.find_all("button")] == ["paid", "decline", "delayed", "back"]
    assert page.find("script") is None


def test_paying_leads_back_with_the_session_id(stripe_api: StripeApi) -> None:
    session = stripe_api.session()
    answer = press(session, "paid")
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"http://127.0.0.1:9/return?session_id={session['id']}"


def test_only_the_literal_placeholder_is_replaced(stripe_api: StripeApi) -> None:
    encoded = "http://127.0.0.1:9/return?session_id=%7BCHECKOUT_SESSION_ID%7D"
    assert press(stripe_api.session(success_url=encoded), "paid").headers["Location"] == encoded


def test_a_declined_card_is_told_and_can_be_tried_again(stripe_api: StripeApi) -> None:
    session = stripe_api.session()
    answer = press(session, "decline")
    assert answer.status_code == 303
    page = seen(requests.compat.urljoin(session["url"], answer.headers["Location"]))
    assert "Your card was declined." in page.get_text()
    assert "/return" in press(session, "paid").headers["Location"]


def test_back_leads_to_the_booking_and_leaves_the_page_open(stripe_api: StripeApi) -> None:
    session = stripe_api.session()
    assert press(session, "back").headers["Location"] == "http://127.0.0.1:9/booking"
    assert heading(seen(session["url"])) == "Pay A$119.00"


def test_paying_after_the_deadline_takes_nothing_and_says_expired(
    sandbox: RunningSandbox, stripe_api: StripeApi
) -> None:
    session = stripe_api.session()
    sandbox.advance(minutes=34)
    answer = press(session, "paid")
    assert answer.headers["Location"] == f"/stripe/c/pay/{session['id']}"
    assert heading(seen(session["url"])) == "This payment page has expired"
    assert stripe_api.get(f"/checkout/sessions/{session['id']}").json()["payment_intent"] is None


def test_a_paid_page_says_so(stripe_api: StripeApi) -> None:
    session = stripe_api.session()
    press(session, "paid")
    assert heading(seen(session["url"])) == "This has been paid already"


def test_a_delayed_payment_is_on_its_way(stripe_api: StripeApi) -> None:
    session = stripe_api.session()
    assert press(session, "delayed").status_code == 303
    assert heading(seen(session["url"])) == "Your payment is on its way"


def test_an_unknown_page_or_button_is_refused(sandbox: RunningSandbox, stripe_api: StripeApi) -> None:
    assert requests.get(f"{sandbox.url}/stripe/c/pay/cs_test_x", timeout=10).status_code == 404
    assert press(stripe_api.session(), "steal").status_code == 400
