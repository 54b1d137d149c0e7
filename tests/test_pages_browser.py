"""What htmx and our script add to pages that work without them: in Chromium, on one page at a time.

Whole journeys, with scripts and without, by keyboard, and the checks of every page are in tests/journeys.
"""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from portal import clock, demo_clinic
from portal.bookings import find
from portal.catalogue import load
from portal.catalogue.models import AppointmentType
from portal.db import transaction
from tests.support.browser import Tabs
from tests.support.funnel import make_offer, settle
from tests.support.outside import know_outside
from tests.support.sandbox import RunningSandbox

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def visit(ctx: None) -> AppointmentType:
    return make_offer(price_cents=11900)


def hold(page: Page, type_slug: str) -> None:
    page.goto(f"/book/{type_slug}")
    page.locator("input[name=slot]").nth(1).check()
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/details")


def fill_in(page: Page) -> None:
    page.get_by_label("Me", exact=True).check()
    page.get_by_label("No, this is the first visit").check()
    known = {"Given name": "Nora", "Family name": "Castellano", "Mobile number": "0491 570 156"}
    for label, words in (known | {"E-mail address": "nora.castellano@example.com"}).items():
        page.get_by_label(label).fill(words)
    for label, words in {"Day": "9", "Month": "March", "Year": "1984"}.items():
        page.get_by_label(label, exact=True).fill(words)
    page.get_by_label("Prefer not to say").check()


def on_focus(page: Page) -> str:
    """The words of what has the focus."""
    return str(page.evaluate("document.activeElement.textContent.trim()"))


def press(page: Page, link: Locator) -> None:
    """Follow a link without a mouse."""
    link.focus()
    page.keyboard.press("Enter")


def mark(page: Page) -> None:
    """A page that is loaded anew has forgotten this."""
    page.evaluate("window.stillHere = true")


def is_same_page(page: Page) -> bool:
    return bool(page.evaluate("window.stillHere === true"))


def test_a_filter_changes_the_list_and_the_address_at_once(visit: AppointmentType, new_page: Tabs) -> None:
    page = new_page()
    page.goto(f"/book/{visit.slug}")
    mark(page)
    page.get_by_text("Narrow the times").click()
    page.get_by_label("Part of the day").select_option("evening")
    expect(page.get_by_text("Nothing fits these choices.")).to_be_visible()
    assert "part=evening" in page.url
    assert is_same_page(page)
    page.get_by_label("Part of the day").select_option("morning")
    expect(page.locator("input[name=slot]").first).to_be_attached()
    assert is_same_page(page)


def test_more_days_take_the_reader_along(visit: AppointmentType, new_page: Tabs) -> None:
    page = new_page()
    page.goto(f"/book/{visit.slug}")
    mark(page)
    page.get_by_role("link", name="More days").click()
    expect(page.get_by_role("heading", name=re.compile("11 free times on"))).to_be_focused()
    assert "from=" in page.url
    assert is_same_page(page)
    expect(page.locator("#status")).to_contain_text("11 free times on")
    # The address is a whole page for who reloads it or comes back to it.
    page.reload()
    expect(page.get_by_role("heading", name="Choose a time")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name=re.compile("The first free day is"))).to_be_visible()


def test_a_day_is_chosen_in_the_month_by_keyboard(visit: AppointmentType, new_page: Tabs) -> None:
    page = new_page()
    page.goto(f"/book/{visit.slug}")
    mark(page)
    press(page, page.get_by_role("link", name="See a whole month"))
    month = page.locator("#month")
    expect(month).to_be_focused()
    expect(page.locator("#status")).to_contain_text("with free times.")
    before = month.inner_text()
    following = page.locator("#month-later")
    press(page, following)
    expect(month).not_to_have_text(before)
    # Whoever goes from month to month stays where they are.
    expect(following).to_be_focused()
    day = page.locator("a.month-day").nth(3)
    press(page, day)
    heading = page.get_by_role("heading", name=re.compile("11 free times on"))
    expect(heading).to_be_focused()
    expect(page.locator("#status")).to_have_text(re.compile("11 free times on"))
    expect(page.locator("a.month-day[aria-current=date]")).to_have_count(1)
    press(page, page.get_by_role("link", name="Choose a different date"))
    expect(month).to_be_focused()
    assert is_same_page(page)


def test_a_weekday_keeps_the_focus_while_the_list_changes(visit: AppointmentType, new_page: Tabs) -> None:
    page = new_page()
    page.goto(f"/book/{visit.slug}")
    page.get_by_text("Narrow the times").click()
    wednesday = page.get_by_role("checkbox", name="Wednesday")
    wednesday.focus()
    page.keyboard.press("Space")
    expect(page.get_by_text("Only on Wednesdays.")).to_be_visible()
    expect(wednesday).to_be_focused()
    expect(page.locator("#status")).to_contain_text("The first free day that fits is Wednesday")
    page.get_by_role("link", name="Look at all times").click()
    expect(page.get_by_text("Only on Wednesdays.")).to_have_count(0)


def test_a_list_that_takes_a_while_is_announced(visit: AppointmentType, new_page: Tabs) -> None:
    page = new_page()
    page.goto(f"/book/{visit.slug}")
    waiting: list[Route] = []
    page.route(re.compile("from="), lambda route: waiting.append(route))
    page.get_by_role("link", name="More days").click()
    expect(page.locator("#status")).to_have_text("Looking for times")
    expect(page.locator("#looking")).to_be_visible()
    [route] = waiting
    route.continue_()
    expect(page.locator("#status")).to_contain_text("11 free times on")
    expect(page.locator("#looking")).to_be_hidden()


def test_a_hold_is_spoken_of_at_five_minutes_and_at_one_whatever_the_own_clock_says(
    visit: AppointmentType, new_page: Tabs
) -> None:
    page = new_page()
    page.clock.install(time=0)
    hold(page, visit.slug)
    status = page.locator("#status")
    page.clock.fast_forward("09:00")
    expect(status).to_be_empty()
    page.clock.fast_forward("01:30")
    expect(status).to_contain_text("Your time is held for 5 more minutes.")
    page.clock.fast_forward("03:35")
    expect(status).to_contain_text("Your time is held for one more minute.")


def test_a_machine_that_slept_says_nothing_that_is_no_longer_true(visit: AppointmentType, new_page: Tabs) -> None:
    page = new_page()
    page.clock.install(time=0)
    hold(page, visit.slug)
    status = page.locator("#status")
    page.clock.fast_forward("13:00")
    expect(status).to_be_empty()
    page.clock.fast_forward("01:05")
    expect(status).to_contain_text("Your time is held for one more minute.")


def test_a_list_that_cannot_be_fetched_leads_the_plain_way(visit: AppointmentType, new_page: Tabs) -> None:
    page = new_page()
    page.goto(f"/book/{visit.slug}")
    page.route(
        "**/book/**",
        lambda route: (
            route.fulfill(status=503, body="") if "hx-request" in route.request.headers else route.continue_()
        ),
    )
    page.get_by_role("link", name="More days").click()
    page.wait_for_url("**from=**")
    expect(page.get_by_role("heading", name="Choose a time")).to_be_visible()
    new_page.complaints[:] = [heard for heard in new_page.complaints if "503" not in heard]


def test_the_chosen_time_is_said_beside_the_button(visit: AppointmentType, new_page: Tabs) -> None:
    page = new_page()
    page.goto(f"/book/{visit.slug}")
    page.locator("input[name=slot]").nth(2).check()
    said = page.locator("[data-chosen]").inner_text()
    assert said == page.locator("input[name=slot]").nth(2).get_attribute("data-words")


def test_the_error_summary_takes_the_focus_and_leads_to_the_field(visit: AppointmentType, new_page: Tabs) -> None:
    page = new_page()
    hold(page, visit.slug)
    page.get_by_label("Given name").fill("Nora")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator(".error-summary")).to_be_focused()
    for words, field in (("Enter the family name.", "family_name"), ("Enter the date of birth.", "born")):
        page.get_by_role("link", name=words).click()
        expect(page.locator(f"#{field}")).to_be_focused()
    assert page.get_by_label("Given name").input_value() == "Nora"


def test_keeping_the_time_longer_keeps_what_is_being_typed(visit: AppointmentType, new_page: Tabs) -> None:
    page = new_page()
    hold(page, visit.slug)
    reference = page.url.split("/")[-2]
    with transaction():
        booking = find.by_reference(reference)
        booking.hold_expires_at = clock.now() + timedelta(minutes=2)
    page.reload()
    page.get_by_label("Given name").fill("Half a na")
    before = page.locator("#held").get_attribute("data-held-until")
    page.get_by_role("button", name="Keep it longer").click()
    page.wait_for_function("before => document.getElementById('held').dataset.heldUntil !== before", arg=before)
    assert page.get_by_label("Given name").input_value() == "Half a na"
    expect(page.locator("#status")).to_contain_text("We keep this time for you until")


def test_without_scripts_continue_is_what_keeps_the_time(visit: AppointmentType, new_page: Tabs) -> None:
    """A button of another form would take the page along, with all that was typed."""
    page = new_page(java_script_enabled=False)
    hold(page, visit.slug)
    expect(page.get_by_role("button", name="Keep it longer")).to_be_hidden()
    expect(page.locator("#held noscript p")).to_be_visible()
    fill_in(page)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Check your booking")).to_be_visible()
    page.get_by_role("button", name="Keep it longer").click()
    expect(page.get_by_role("heading", name="Check your booking")).to_be_visible()


def test_back_and_forward_lose_no_answer(visit: AppointmentType, new_page: Tabs) -> None:
    page = new_page()
    hold(page, visit.slug)
    fill_in(page)
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/check")
    page.go_back()
    expect(page.get_by_label("Given name")).to_have_value("Nora")
    page.go_back()
    expect(page.get_by_role("heading", name="Choose a time")).to_be_visible()
    page.go_forward()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Check your booking")).to_be_visible()


def test_a_question_that_an_answer_opens_is_hidden_until_then(ctx: None, new_page: Tabs) -> None:
    with transaction():
        load.load(load.packaged_document(), clock.now(), "test")
        demo_clinic.build()
    know_outside()
    page = new_page()
    hold(page, "initial-consult-free")
    which = page.locator("[name=adjustments_which]")
    expect(which).to_be_hidden()
    page.get_by_role("group", name="Is there anything that would make the call easier for you?").get_by_label(
        "Yes"
    ).check()
    expect(which).to_be_visible()
    page.get_by_label("My child").check()
    expect(page.get_by_label("Your own name")).to_be_visible()


def test_a_button_is_pressed_once(visit: AppointmentType, new_page: Tabs) -> None:
    page = new_page()
    page.goto(f"/book/{visit.slug}")
    sent = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.locator("input[name=slot]").nth(1).check()
    page.get_by_role("button", name="Continue").dblclick()
    page.wait_for_url("**/details")
    assert len(sent) == 1


def test_the_return_page_learns_by_itself_that_the_payment_came(
    visit: AppointmentType, new_page: Tabs, sandbox: RunningSandbox
) -> None:
    page = new_page()
    hold(page, visit.slug)
    fill_in(page)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Pay $119.00 and book").click()
    page.wait_for_url(f"{sandbox.url}/**")
    page.get_by_role("button", name="Pay A$119.00").click()
    expect(page.get_by_role("heading", name="We are checking your payment")).to_be_visible()
    mark(page)
    sandbox.wait_quiet()
    settle()
    expect(page.get_by_role("heading", name="You are booked")).to_be_focused()
    assert is_same_page(page)
    expect(page.locator("#status")).to_have_text("You are booked")
    # And it stops asking.
    expect(page.locator("[hx-get]")).to_have_count(0)


def test_nothing_is_kept_in_the_browser_but_the_cookie(visit: AppointmentType, new_page: Tabs) -> None:
    page = new_page()
    hold(page, visit.slug)
    fill_in(page)
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/check")
    kept = page.evaluate(
        "async () => [localStorage.length, sessionStorage.length, (await indexedDB.databases()).length,"
        " (await caches.keys()).length, document.cookie]"
    )
    assert kept == [0, 0, 0, 0, ""]
    [cookie] = page.context.cookies()
    assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Lax")
    assert cookie["name"].startswith("__Host-")
