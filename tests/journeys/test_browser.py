"""A patient at a real browser: with scripts and without them, with a mouse and without one."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page

from tests.shots.camera import Camera
from tests.shots.patient import DETAILS, press
from tests.shots.stage import running_stage
from tests.shots.tour import Tour
from tests.support.browser import Tabs

pytestmark = [pytest.mark.program, pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.mark.parametrize("scripts", [True, False], ids=["with-scripts", "without-scripts"])
def test_a_paid_visit_is_booked_moved_and_cancelled(tabs: Tabs, scripts: bool) -> None:
    page = tabs(java_script_enabled=scripts)
    page.goto("/")
    page.get_by_role("link", name="Alternative Medicine").click()
    page.locator("a[href='/book/initial-alternative-15min']").click()
    choose_first_time(page)
    fill_in(page)
    press(page, "Continue")
    page.get_by_label("What would you like help with?").fill("An invented reason")
    press(page, "Continue")
    assert page.get_by_text("An invented reason").is_visible()
    press(page, "Pay $119.00 and book")
    press(page, "Pay A$119.00")
    # Without scripts the page asks again by itself.
    page.get_by_role("heading", name="You are booked").wait_for(timeout=30_000)
    page.get_by_role("link", name="See your booking").click()
    page.get_by_role("link", name="Change the time").click()
    page.locator("input[name=slot]").nth(3).check()
    press(page, "Move my visit")
    assert page.get_by_role("heading", name="Your visit has a new time").is_visible()
    page.get_by_role("link", name="Cancel this visit").click()
    press(page, "Cancel this visit")
    assert page.get_by_role("heading", name="This visit is cancelled").is_visible()
    assert page.get_by_text("$119.00 goes back").is_visible()


@pytest.mark.parametrize("scripts", [True, False], ids=["with-scripts", "without-scripts"])
def test_what_was_typed_stands_beside_what_is_wrong(tabs: Tabs, scripts: bool) -> None:
    page = tabs(java_script_enabled=scripts)
    page.goto("/book/initial-consult-free")
    choose_first_time(page)
    page.get_by_label("Given name").fill("Marlo")
    page.get_by_label("Mobile number").fill("12")
    press(page, "Continue")
    assert page.title().startswith("Error: ")
    assert page.get_by_label("Given name").input_value() == "Marlo"
    assert page.get_by_label("Mobile number").input_value() == "12"
    assert page.get_by_role("alert").get_by_role("link", name="Enter the family name.").is_visible()


def test_a_free_consult_is_booked_by_keyboard_alone(tabs: Tabs) -> None:
    page = tabs()
    page.goto("/book/initial-consult-free")
    tab_to(page, "input[name=slot]")
    page.keyboard.press("Space")
    tab_to_button(page, "Continue")
    page.keyboard.press("Enter")
    page.wait_for_url("**/details")
    for name, words in DETAILS.items():
        tab_to(page, f"[name='{name}']", before=choose_radios)
        page.keyboard.type(words)
    tab_to_button(page, "Continue", before=choose_radios)
    page.keyboard.press("Enter")
    page.wait_for_url("**/intake")
    tab_to(page, "textarea")
    page.keyboard.type("An invented reason")
    tab_to_button(page, "Continue")
    page.keyboard.press("Enter")
    page.wait_for_url("**/check")
    tab_to_button(page, "Book free consult")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="You are booked").wait_for()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("is_desk", [False, True], ids=["patients", "desk"])
def test_every_page_and_state_passes_its_checks(browser: Browser, is_desk: bool) -> None:
    """axe at A and AA, 320 pixels without scrolling sideways, no complaint of the CSP, empty storage."""
    with running_stage() as stage:
        camera = Camera(None, Tabs(browser, stage.clinic.url))
        tour = Tour(stage, camera, [])
        tour.only = [scene.__name__ for scene in tour.scenes if hasattr(Tour, scene.__name__) != is_desk]
        tour.walk()
    assert camera.problems == []
    assert len(camera.names) > 30


def choose_first_time(page: Page) -> None:
    page.locator("input[name=slot]").first.check()
    press(page, "Continue")
    assert page.url.endswith("/details"), page.get_by_role("main").inner_text()[:300]


def fill_in(page: Page) -> None:
    """Everything the details page asks, by its labels."""
    page.get_by_label("Me", exact=True).check()
    page.get_by_label("No, this is the first visit").check()
    for name, words in DETAILS.items():
        page.locator(f"[name='{name}']").fill(words)
    page.get_by_label("Prefer not to say").first.check()
    if page.get_by_label("New South Wales").count():
        page.get_by_label("New South Wales").check()


def tab_to(page: Page, wanted: str, before: object = None) -> None:
    """Press Tab until the focus is on the wanted element; `before` may act at each stop."""
    for _ in range(400):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", wanted):
            return
        if callable(before):
            before(page)
    raise AssertionError(f"Tab never came to {wanted}")


def tab_to_button(page: Page, words: str, before: object = None) -> None:
    for _ in range(400):
        page.keyboard.press("Tab")
        on = page.evaluate("() => [document.activeElement.tagName, document.activeElement.textContent.trim()]")
        if on == ["BUTTON", words]:
            return
        if callable(before):
            before(page)
    raise AssertionError(f"Tab never came to the button {words!r}")


def choose_radios(page: Page) -> None:
    """A group of radios is one stop: the space bar takes the one that has the focus."""
    if page.evaluate("() => document.activeElement.type") == "radio":
        page.keyboard.press("Space")
