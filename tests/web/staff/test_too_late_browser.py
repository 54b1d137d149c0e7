"""A form that comes too long after the last look at Microsoft, in Chromium: nothing that was typed is lost."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from portal import demo_clinic
from portal.db import db
from portal.staff.models import Practitioner
from tests.support import factories
from tests.support.browser import Tabs
from tests.support.sandbox import RunningSandbox
from tests.support.staff import sign_in_by_hand


@pytest.mark.usefixtures("ctx")
def test_after_a_look_in_a_new_tab_reloading_sends_the_form_again(new_page: Tabs, sandbox: RunningSandbox) -> None:
    sandbox.seed(demo_clinic.people())
    factories.make_practitioner(slug="ines", name="Ines Calloway", profession="Nutritionist")
    db.session.rollback()
    page = new_page()
    sign_in_by_hand(page, "manager")
    for _ in range(2):
        sandbox.advance(minutes=25)
        page.goto("/staff/practitioners/ines")
    page.get_by_label("Name", exact=True).fill("Ines Calloway-Wren")
    sandbox.advance(minutes=27)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("One step before this is saved")
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Ask Microsoft in a new tab").click()
    expect(opened.value.get_by_role("heading", level=1)).to_have_text("Today")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ines Calloway-Wren")
    assert db.session.scalars(select(Practitioner.name)).all() == ["Ines Calloway-Wren"]
