"""The check page: everything once more, and a way to change each of it."""

from __future__ import annotations

from tests.support.factories import make_service
from tests.support.funnel import DETAILS, hold, make_offer, reach_check
from tests.support.visitor import Visitor


def test_it_says_everything_once_more(ctx: None, client: Visitor) -> None:
    check = reach_check(client, make_offer(price_cents=11900).slug)
    for words in ("Nora Castellano", "9 March 1984", "0491 570 156", "nora.castellano@example.com", "Dr Ines Moreau"):
        assert check.has(words), words
    assert check.has("Gender Prefer not to say")
    assert check.has("Visited us before No")
    assert check.part(".summary").has("$119.00")
    assert check.has("After that, cancelling costs $59.50 and a missed visit $119.00.")
    assert check.has("Step 3 of 4")
    assert "Pay $119.00 and book" in check.buttons


def test_each_change_link_leads_to_the_page_that_asks_and_back(rosella: None, client: Visitor) -> None:
    details = hold(client, "initial-consult-free").submit("Continue", **DETAILS, place="Queensland")
    check = details.submit("Continue", reason="Sleep")
    changes = {
        words.removeprefix("Change "): href for words, href in check.links.items() if words.startswith("Change ")
    }
    assert {"Time", "With", "Name", "Date of birth", "Mobile", "E-mail"} < set(changes)
    assert "What would you like help with?" in changes
    for asked, href in changes.items():
        page = client.page(href)
        expected = {"/details": "Your details", "/intake": "Before your visit"}
        heading = next((words for end, words in expected.items() if href.endswith(end)), "Choose a time")
        assert page.heading == heading, asked
        if heading != "Choose a time":
            assert page.submit("Continue").heading == "Check your booking"


def test_a_free_visit_asks_for_no_card(rosella: None, client: Visitor) -> None:
    details = hold(client, "initial-consult-free").submit("Continue", **DETAILS, place="Queensland")
    check = details.submit("Continue", reason="Sleep")
    assert "Book free consult" in check.buttons
    assert "Stripe" not in check.text
    assert check.part(".summary").has("Free") or check.part(".summary").has("$0")


def test_it_cannot_be_reached_before_the_other_steps(ctx: None, client: Visitor) -> None:
    details = hold(client, make_offer().slug)
    assert client.page(details.url.replace("/details", "/check")).heading == "Your details"


def test_markup_in_a_catalogue_text_is_shown_as_text(ctx: None, client: Visitor) -> None:
    made = make_offer(name="<i>Deep</i> talk", service=make_service(name="A & B <b>care</b>"))
    check = reach_check(client, made.slug)
    assert check.has("<i>Deep</i> talk")
    assert "<i>Deep" not in check.response.text
