"""Who signs in: seeing it, ending what is open, and closing an account at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from portal.db import db
from portal.staff.access import Role
from portal.staff.models import AuditEntry
from tests.support.page import Page
from tests.support.visitor import Visitor

SignIn = Callable[..., Visitor]
pytestmark = pytest.mark.usefixtures("ctx")


def row_of(page: Page, name: str) -> str:
    return next(row.get_text(" ", strip=True) for row in page.soup.select("tbody tr") if name in row.get_text())


def parts() -> list[str]:
    return [entry.part for entry in db.session.scalars(select(AuditEntry).where(AuditEntry.kind == "account"))]


def test_everybody_who_has_been_here_is_listed(as_role: SignIn) -> None:
    as_role(Role.RECEPTION)
    page = as_role(Role.OWNER).page("/staff/accounts")
    assert "Reception Signed in now" in row_of(page, "Pia Wattle")


def test_a_manager_signs_somebody_out_everywhere(as_role: SignIn) -> None:
    pia, again = as_role(Role.RECEPTION), as_role(Role.RECEPTION)
    page = as_role(Role.MANAGER).page("/staff/accounts").submit("Sign Pia Wattle out everywhere")
    assert page.has("Pia Wattle is signed out everywhere.")
    assert "Not signed in" in row_of(page, "Pia Wattle")
    for browser in (pia, again):
        assert browser.get("/staff").status_code == 303
    assert parts() == ["sessions ended"]


def test_an_owner_closes_an_account_at_once_and_may_take_it_back(as_role: SignIn) -> None:
    pia, odette = as_role(Role.RECEPTION), as_role(Role.OWNER)
    page = odette.page("/staff/accounts").submit("Close the account of Pia Wattle")
    assert page.has("Pia Wattle can no longer sign in.")
    assert "Closed" in row_of(page, "Pia Wattle")
    assert pia.get("/staff").status_code == 303
    page = page.submit("Undo: let Pia Wattle sign in again")
    assert page.has("Pia Wattle may sign in again.")
    assert as_role(Role.RECEPTION).get("/staff").status_code == 200
    assert parts() == ["closed", "opened"]


def test_a_manager_closes_no_account(as_role: SignIn) -> None:
    as_role(Role.RECEPTION)
    manager = as_role(Role.MANAGER)
    page = manager.page("/staff/accounts")
    assert not [button for button in page.buttons if button.startswith("Close")]
    token = page.value("csrf_token")
    assert manager.post("/staff/accounts/1/closing", data={"csrf_token": token}).status_code == 403


def test_nobody_closes_their_own_account(as_role: SignIn) -> None:
    owner = as_role(Role.OWNER)
    page = owner.page("/staff/accounts")
    assert "Close the account of Odette Farrow" not in page.buttons
    answer = owner.post("/staff/accounts/1/closing", data={"csrf_token": page.value("csrf_token")})
    assert answer.status_code == 400
    assert owner.get("/staff").status_code == 200


@pytest.mark.parametrize("member", ["999", str(2**63), "9" * 30])
def test_an_account_that_is_not_there_is_a_404(as_role: SignIn, member: str) -> None:
    owner = as_role(Role.OWNER)
    token = owner.page("/staff").value("csrf_token")
    assert owner.post(f"/staff/accounts/{member}/closing", data={"csrf_token": token}).status_code == 404
