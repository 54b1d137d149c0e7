"""The sandbox's start page, and the forms on it."""

from __future__ import annotations

import requests
from bs4 import BeautifulSoup

from tests.support.receiver import Receiver
from tests.support.sandbox import RunningSandbox
from tests.support.stripe_api import StripeApi


def home(sandbox: RunningSandbox) -> BeautifulSoup:
    answer = requests.get(sandbox.url + "/", timeout=10)
    assert answer.status_code == 200
    return BeautifulSoup(answer.text, "html.parser")


def send(sandbox: RunningSandbox, path: str, **data: str) -> requests.Response:
    return requests.post(sandbox.url + path, data=data, allow_redirects=False, timeout=10)


def test_each_system_has_a_heading_and_its_panels(sandbox: RunningSandbox) -> None:
    page = home(sandbox)
    headings = [heading.get_text(strip=True) for heading in page.find_all("h2")]
    assert {"Stripe", "MediRecords", "Calls", "Deliveries", "Faults", "Clock"} <= set(headings)
    stripe_panels = [title.get_text(strip=True) for title in page.select("#stripe h3")]
    assert stripe_panels == ["Payments", "Refunds and disputes", "Events"]


def test_a_payment_shows_as_session_call_and_delivery(
    sandbox: RunningSandbox, stripe_api: StripeApi, receiver: Receiver
) -> None:
    session = stripe_api.paid_session()
    receiver.wait_for(3)
    sandbox.wait_quiet()
    page = home(sandbox)
    assert session["id"][-12:] in page.select_one("#stripe").get_text()  # type: ignore[union-attr]
    assert "/stripe/v1/checkout/sessions" in page.select_one("#calls").get_text()  # type: ignore[union-attr]
    assert "checkout.session.completed" in page.select_one("#deliveries").get_text()  # type: ignore[union-attr]
    assert "None is waiting." in page.get_text()


def test_a_fault_added_on_the_page_spoils_the_next_call(sandbox: RunningSandbox, stripe_api: StripeApi) -> None:
    added = send(sandbox, "/home/call-faults", match="GET /stripe/*", kind="error", times="1", status="503")
    assert (added.status_code, added.headers["Location"]) == (303, "/#faults")
    assert "GET /stripe/*" in home(sandbox).select_one("#faults").get_text()  # type: ignore[union-attr]
    assert [stripe_api.get("/refunds").status_code for _ in range(2)] == [503, 200]


def test_a_delivery_fault_added_on_the_page_spoils_the_next_delivery(
    sandbox: RunningSandbox, stripe_api: StripeApi, receiver: Receiver
) -> None:
    send(sandbox, "/home/delivery-faults", system="stripe", kind="duplicate", copies="2")
    session = stripe_api.session()
    stripe_api.post(f"/checkout/sessions/{session['id']}/expire")
    assert len({one.json["id"] for one in receiver.wait_for(3)}) == 1


def test_shuffling_collects_as_many_as_it_mixes(sandbox: RunningSandbox) -> None:
    send(sandbox, "/home/delivery-faults", system="stripe", kind="shuffle", times="1", copies="3")
    (fault,) = sandbox.get("/_emu/faults")["deliveries"]
    assert fault["times"] >= fault["copies"]


def test_all_faults_can_be_taken_away(sandbox: RunningSandbox) -> None:
    sandbox.fault("* /stripe/*", "error", times=9)
    sandbox.delivery_fault("stripe", "drop", times=9)
    send(sandbox, "/home/faults/reset")
    assert sandbox.get("/_emu/faults") == {"calls": [], "deliveries": []}


def test_bad_faults_are_refused(sandbox: RunningSandbox) -> None:
    assert send(sandbox, "/home/call-faults", match="GET /x", kind="explode").status_code == 400
    assert send(sandbox, "/home/call-faults", match="everything", kind="error").status_code == 400
    assert send(sandbox, "/home/call-faults", match="GET /x", kind="slow", seconds="soon").status_code == 400
    assert send(sandbox, "/home/call-faults", match="GET /x", kind="slow", seconds="nan").status_code == 400
    assert send(sandbox, "/home/delivery-faults", system="fax", kind="drop").status_code == 400
    assert sandbox.get("/_emu/faults") == {"calls": [], "deliveries": []}


def test_the_clock_moves_and_comes_back(sandbox: RunningSandbox) -> None:
    send(sandbox, "/home/clock", minutes="35")
    send(sandbox, "/home/clock", minutes="60")
    assert sandbox.get("/_emu/clock")["offset_seconds"] == 95 * 60
    send(sandbox, "/home/clock", to="real")
    assert sandbox.get("/_emu/clock")["offset_seconds"] == 0


def test_a_control_of_a_panel_leads_back_to_the_page(sandbox: RunningSandbox, stripe_api: StripeApi) -> None:
    session = stripe_api.paid_session()
    answer = send(sandbox, "/_emu/stripe/dispute", payment_intent=session["payment_intent"])
    assert (answer.status_code, answer.headers["Location"]) == (303, "/#stripe")
    assert "needs_response" in home(sandbox).get_text()


def test_what_the_outside_wrote_is_shown_as_text(sandbox: RunningSandbox, stripe_api: StripeApi) -> None:
    stripe_api.session(client_reference_id="<script>alert(1)</script>")
    page = home(sandbox)
    assert page.find("script") is None
    assert "<script>alert(1)</script>" in page.get_text()


def test_the_stylesheet_is_served(sandbox: RunningSandbox) -> None:
    link = home(sandbox).find("link", {"rel": "stylesheet"})
    assert link is not None
    assert requests.get(sandbox.url + str(link["href"]), timeout=10).headers["Content-Type"].startswith("text/css")
