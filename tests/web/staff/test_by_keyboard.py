"""The back office in Chromium: by keyboard alone, with scripts and without."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from portal import clock, demo_clinic
from portal.db import transaction
from portal.staff.tasks import raise_task
from tests.support.browser import Tabs
from tests.support.sandbox import RunningSandbox

pytestmark = pytest.mark.timeout(120)


def walk_to(page: Page, name: str) -> None:
    """Press Tab until this has the focus, as somebody without a mouse does."""
    for _ in range(60):
        page.keyboard.press("Tab")
        said = page.evaluate("(document.activeElement.ariaLabel || document.activeElement.textContent).trim()")
        if said.startswith(name):
            return
    raise AssertionError(f"{name!r} was not reached")


@pytest.mark.usefixtures("ctx")
@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_day_at_the_desk_needs_no_mouse(new_page: Tabs, sandbox: RunningSandbox, scripts: bool) -> None:
    sandbox.seed(demo_clinic.people())
    with transaction():
        raise_task("mail-unsure", "A mail may not have arrived.", clock.now(), about="1")
    page = new_page(java_script_enabled=scripts)

    page.goto("/staff")
    walk_to(page, "Sign in with Microsoft") if scripts else page.get_by_role("button").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Pia Wattle").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Today")

    page.get_by_role("button", name="Done: A mail").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Marked as done: A mail may not have arrived.")).to_be_visible()
    page.get_by_role("button", name="Undo").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Done: A mail")).to_be_visible()

    page.get_by_role("button", name="Sign out").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("You have signed out")
    page.goto("/staff")
    expect(page.get_by_role("heading", level=1)).to_have_text("Back office")
    page.get_by_role("button", name="Sign in with Microsoft").click()
    # Signed out there as well: Microsoft asks who it is.
    expect(page.get_by_role("button", name="Pia Wattle")).to_be_visible()


@pytest.mark.usefixtures("ctx")
def test_the_skip_link_comes_first_and_what_has_the_focus_can_be_seen(new_page: Tabs, sandbox: RunningSandbox) -> None:
    sandbox.seed(demo_clinic.people())
    page = new_page()
    page.goto("/staff")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the main part")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    walk_to(page, "Sign in with Microsoft")


@pytest.mark.usefixtures("ctx")
def test_a_session_that_ends_behind_a_fragment_takes_the_whole_page_to_sign_in(
    new_page: Tabs, sandbox: RunningSandbox
) -> None:
    sandbox.seed(demo_clinic.people())
    page = new_page()
    page.goto("/staff")
    page.get_by_role("button", name="Sign in with Microsoft").click()
    page.get_by_role("button", name="Pia Wattle").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Today")
    sandbox.advance(minutes=31)
    page.evaluate("htmx.ajax('GET', '/staff/tasks', '#main')")
    expect(page.get_by_role("heading", level=1)).to_have_text("Back office")
