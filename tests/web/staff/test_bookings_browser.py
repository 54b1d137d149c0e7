"""A phone booking and a second thought in Chromium, with scripts and without, by keyboard alone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from portal import demo_clinic
from tests.support.browser import Tabs
from tests.support.factories import make_patient
from tests.support.funnel import make_offer
from tests.support.sandbox import RunningSandbox
from tests.support.staff import sign_in_by_hand

pytestmark = [pytest.mark.timeout(240), pytest.mark.usefixtures("ctx")]


def press(page: Page, what: Locator) -> None:
    """Without a mouse."""
    what.focus()
    page.keyboard.press("Enter")


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_visit_is_booked_moved_and_put_back_without_a_mouse(
    new_page: Tabs, sandbox: RunningSandbox, scripts: bool
) -> None:
    sandbox.seed(demo_clinic.people())
    offered = make_offer()
    make_patient(email="nora@example.com")
    page = new_page(java_script_enabled=scripts)
    sign_in_by_hand(page, "reception")

    page.goto("/staff/bookings/new")
    press(page, page.get_by_role("link", name=offered.name))
    page.locator("input[name=slot]").first.focus()
    page.keyboard.press("Space")
    press(page, page.get_by_role("button", name="Hold this time"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Who is it for?")
    page.get_by_label("Name, birth date, phone or mail").focus()
    page.keyboard.type("castellano")
    page.keyboard.press("Enter")
    press(page, page.get_by_role("button", name="Choose Nora Castellano"))
    press(page, page.get_by_role("button", name="Book for Nora Castellano"))
    expect(page.get_by_text("Booked. The confirmation is on its way.")).to_be_visible()

    when = page.locator(".page-head .hint").inner_text()
    press(page, page.get_by_role("button", name="15 minutes later"))
    expect(page.get_by_role("heading", name="Moved by Pia Wattle")).to_be_visible()
    assert page.locator(".page-head .hint").inner_text() != when
    press(page, page.get_by_role("button", name="Undo this change"))
    expect(page.get_by_text("Undone. Everything is as it was before")).to_be_visible()
    assert page.locator(".page-head .hint").inner_text() == when
