"""A Checkout session at the sandbox: open, then complete or expired, exactly once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import requests
import stripe
from stripe import Charge, PaymentIntent
from stripe.checkout import Session

from tests.support.receiver import Receiver
from tests.support.sandbox import RunningSandbox
from tests.support.stripe_api import StripeApi, line_item, session_params

REQUIRED = {
    "automatic_tax", "created", "custom_fields", "custom_text", "expires_at", "id", "livemode", "mode", "object",
    "payment_method_types", "payment_status", "shipping_options",
}  # fmt: skip


def test_a_new_session_is_open_and_has_no_payment_intent(sandbox: RunningSandbox, stripe_api: StripeApi) -> None:
    session = stripe_api.session(metadata={"booking": "BK-7F3K2Q"}, customer_email="mia@example.com")
    assert (session["status"], session["payment_status"], session["payment_intent"]) == ("open", "unpaid", None)
    assert (session["amount_total"], session["currency"], session["livemode"]) == (11900, "aud", False)
    assert session["metadata"] == {"booking": "BK-7F3K2Q"}
    assert session["url"] == f"{sandbox.url}/stripe/c/pay/{session['id']}"
    assert session["id"].startswith("cs_test_") and len(session["id"]) == 66


def test_every_field_of_the_answers_is_one_the_sdk_knows(stripe_api: StripeApi) -> None:
    session = stripe_api.paid_session()
    intent = stripe_api.get(f"/payment_intents/{session['payment_intent']}").json()
    charge = stripe_api.get(f"/charges/{intent['latest_charge']}").json()
    assert set(session) >= REQUIRED
    assert set(session) <= set(Session.__annotations__)
    assert set(intent) <= set(PaymentIntent.__annotations__)
    assert set(charge) <= set(Charge.__annotations__)
    assert set(stripe_api.refund(session)) <= set(stripe.Refund.__annotations__)
    assert set(stripe_api.get("/events").json()["data"][0]) <= set(stripe.Event.__annotations__)


def test_paying_completes_the_session_and_makes_intent_and_charge(stripe_api: StripeApi) -> None:
    data = {"metadata": {"attempt": "attempt-1"}, "description": "Booking BK-7F3K2Q"}
    session = stripe_api.paid_session(payment_intent_data=data)
    assert (session["status"], session["payment_status"], session["url"]) == ("complete", "paid", None)
    expand = {"expand": ["payment_intent.latest_charge"]}
    intent = stripe_api.get(f"/checkout/sessions/{session['id']}", expand).json()["payment_intent"]
    assert (intent["status"], intent["amount_received"]) == ("succeeded", 11900)
    assert (intent["metadata"], intent["description"]) == ({"attempt": "attempt-1"}, "Booking BK-7F3K2Q")
    assert intent["latest_charge"]["paid"] is True
    receipt = requests.get(intent["latest_charge"]["receipt_url"], timeout=10)
    assert "A$119.00" in receipt.text


def test_the_metadata_of_a_session_is_not_copied_to_the_payment(stripe_api: StripeApi) -> None:
    session = stripe_api.paid_session(metadata={"booking": "BK-7F3K2Q"})
    assert stripe_api.get(f"/payment_intents/{session['payment_intent']}").json()["metadata"] == {}


def test_two_simultaneous_payments_take_the_money_once(stripe_api: StripeApi) -> None:
    session = stripe_api.session()
    with ThreadPoolExecutor(8) as pool:
        pay = lambda _: requests.post(session["url"], data={"outcome": "paid"}, allow_redirects=False, timeout=10)  # noqa: E731
        answers = list(pool.map(pay, range(8)))
    returned = [answer for answer in answers if answer.headers["Location"].startswith("http://127.0.0.1:9/return")]
    assert len(returned) == 1
    events = stripe_api.get("/events", {"type": "charge.succeeded"}).json()["data"]
    assert len(events) == 1


def test_an_expired_session_cannot_be_expired_or_paid(stripe_api: StripeApi) -> None:
    session = stripe_api.session()
    path = f"/checkout/sessions/{session['id']}/expire"
    assert stripe_api.post(path).json()["status"] == "expired"
    again = stripe_api.post(path)
    assert again.status_code == 400
    assert again.json()["error"]["message"] == (
        'Only Checkout Sessions with a status in ["open"] can be expired.'
        " This Checkout Session has a status of expired."
    )
    requests.post(session["url"], data={"outcome": "paid"}, timeout=10, allow_redirects=False)
    assert stripe_api.get(f"/checkout/sessions/{session['id']}").json()["status"] == "expired"


def test_a_paid_session_cannot_be_expired(stripe_api: StripeApi) -> None:
    session = stripe_api.paid_session()
    answer = stripe_api.post(f"/checkout/sessions/{session['id']}/expire")
    assert answer.status_code == 400
    assert "has a status of complete" in answer.json()["error"]["message"]


def test_the_deadline_expires_a_session_and_says_so(
    sandbox: RunningSandbox, stripe_api: StripeApi, receiver: Receiver
) -> None:
    session = stripe_api.session()
    sandbox.advance(minutes=32)
    assert stripe_api.get(f"/checkout/sessions/{session['id']}").json()["status"] == "open"
    sandbox.advance(minutes=2)
    (told,) = receiver.wait_for(1, "/hooks/stripe")
    assert (told.json["type"], told.json["data"]["object"]["id"]) == ("checkout.session.expired", session["id"])
    assert stripe_api.get(f"/checkout/sessions/{session['id']}").json()["url"] is None


def test_lists_are_newest_first_and_come_in_pages(stripe_api: StripeApi) -> None:
    ids = [stripe_api.session(client_reference_id=f"attempt-{n}")["id"] for n in range(5)]
    first = stripe_api.get("/checkout/sessions", {"limit": 2}).json()
    assert ([row["id"] for row in first["data"]], first["has_more"]) == ([ids[4], ids[3]], True)
    rest = stripe_api.get("/checkout/sessions", {"limit": 3, "starting_after": ids[3]}).json()
    assert ([row["id"] for row in rest["data"]], rest["has_more"]) == ([ids[2], ids[1], ids[0]], False)
    before = stripe_api.get("/checkout/sessions", {"limit": 2, "ending_before": ids[1]}).json()
    assert ([row["id"] for row in before["data"]], before["has_more"]) == ([ids[3], ids[2]], True)


def test_the_default_page_holds_ten_and_a_hundred_is_the_most(stripe_api: StripeApi) -> None:
    for _ in range(11):
        stripe_api.session()
    page = stripe_api.get("/checkout/sessions").json()
    assert (len(page["data"]), page["has_more"]) == (10, True)
    assert stripe_api.get("/checkout/sessions", {"limit": 101}).status_code == 400


def test_lists_filter_by_state_payment_address_and_creation(stripe_api: StripeApi) -> None:
    paid = stripe_api.paid_session(customer_email="mia@example.com")
    still_open = stripe_api.session()

    def found(**params: object) -> list[str]:
        return [row["id"] for row in stripe_api.get("/checkout/sessions", params).json()["data"]]

    assert found(status="complete") == [paid["id"]]
    assert found(payment_intent=paid["payment_intent"]) == [paid["id"]]
    assert found(customer_details={"email": "mia@example.com"}) == [paid["id"]]
    assert found(created={"gte": paid["created"]}) == [still_open["id"], paid["id"]]
    assert found(created={"gt": still_open["created"]}) == []


def test_a_reference_is_no_filter(stripe_api: StripeApi) -> None:
    answer = stripe_api.get("/checkout/sessions", {"client_reference_id": "attempt-1"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "parameter_unknown")


def test_line_items_are_listed(stripe_api: StripeApi) -> None:
    session = stripe_api.session(line_items=[line_item(), {**line_item(unit_amount=500), "quantity": 2}])
    assert session["amount_total"] == 12900
    items = stripe_api.get(f"/checkout/sessions/{session['id']}/line_items").json()["data"]
    assert [(item["amount_total"], item["quantity"]) for item in items] == [(11900, 1), (1000, 2)]


def test_a_delayed_payment_is_complete_but_unpaid_until_it_settles(
    sandbox: RunningSandbox, stripe_api: StripeApi
) -> None:
    session = stripe_api.session()
    done = sandbox.post("/_emu/stripe/complete", {"session": session["id"], "outcome": "delayed"})
    assert (done["status"], done["payment_status"]) == ("complete", "unpaid")
    settled = sandbox.post("/_emu/stripe/settle_delayed", {"session": session["id"], "outcome": "paid"})
    assert settled["payment_status"] == "paid"
    types = [event["type"] for event in stripe_api.get("/events", {"type": "checkout.session.*"}).json()["data"]]
    assert types == ["checkout.session.async_payment_succeeded", "checkout.session.completed"]


def test_a_delayed_payment_may_fail(sandbox: RunningSandbox, stripe_api: StripeApi) -> None:
    session = stripe_api.session()
    sandbox.post("/_emu/stripe/complete", {"session": session["id"], "outcome": "delayed"})
    failed = sandbox.post("/_emu/stripe/settle_delayed", {"session": session["id"], "outcome": "failed"})
    assert (failed["status"], failed["payment_status"]) == ("complete", "unpaid")
    assert stripe_api.get("/events", {"type": "checkout.session.async_payment_failed"}).json()["data"]
    refused = stripe_api.post("/refunds", {"payment_intent": failed["payment_intent"]})
    assert "does not have a successful charge" in refused.json()["error"]["message"]
    again = requests.post(f"{sandbox.url}/_emu/stripe/settle_delayed", json={"session": session["id"]}, timeout=10)
    assert again.status_code == 409


def test_a_declined_card_leaves_the_session_open(sandbox: RunningSandbox, stripe_api: StripeApi) -> None:
    session = stripe_api.session()
    assert sandbox.post("/_emu/stripe/complete", {"session": session["id"], "outcome": "decline"})["status"] == "open"


def test_the_control_says_when_nobody_can_pay(sandbox: RunningSandbox, stripe_api: StripeApi) -> None:
    session = stripe_api.paid_session()
    answer = requests.post(f"{sandbox.url}/_emu/stripe/complete", json={"session": session["id"]}, timeout=10)
    assert answer.status_code == 409
    assert requests.post(f"{sandbox.url}/_emu/stripe/complete", json={}, timeout=10).status_code == 400


def test_what_cannot_be_expanded_is_refused_before_anything_is_done(stripe_api: StripeApi) -> None:
    answer = stripe_api.post("/checkout/sessions", session_params(expand=["line_items.data.price.product"]))
    assert answer.status_code == 400
    assert stripe_api.get("/checkout/sessions").json()["data"] == []
