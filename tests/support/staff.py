"""Staff who sign in: quickly for tests of desk pages, and the real way, through Microsoft's page in the sandbox.

reception = signed_in(app, Role.RECEPTION)
page = reception.page("/staff")
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from flask import Flask, Response, current_app, session
from playwright.sync_api import Page as BrowserPage

from portal import clock, demo_clinic
from portal.config import LOCAL_IDS
from portal.db import transaction
from portal.integrations.entra_sign_in import Identity
from portal.sandbox.entra.sign_in import CHOICE
from portal.staff import access
from portal.staff.access import Role, Staff
from portal.staff.models import Practitioner
from portal.web.staff import who
from tests.support.visitor import Visitor

# A person for each role, as in the sandbox. The practitioner's diary is whichever a test gives them.
NAMES = {role: name for _, name, role in demo_clinic.STAFF} | {Role.PRACTITIONER: "Tobias Wren"}

OIDS = {person["email"]: person["oid"] for person in demo_clinic.people()["staff"]}


def signed_in(
    app: Flask, role: Role, *more: Role, practitioner: Practitioner | None = None, name: str | None = None
) -> Visitor:
    """A browser in which somebody with this role (or these) has just signed in.

    Only Microsoft is left out: who they are is admitted, and the session made, by the code that does it for everybody.
    `practitioner` is whose diary is theirs.
    """
    staff = admitted(role, *more, practitioner=practitioner, name=name)
    visitor: Any = app.test_client()
    with app.test_request_context("/staff", base_url=visitor.portal_url):
        who.sign_in(staff, "", clock.now())
        response = Response()
        current_app.session_interface.save_session(app, session._get_current_object(), response)  # type: ignore[attr-defined]
    cookie, _, _ = response.headers["Set-Cookie"].partition(";")
    key, _, value = cookie.partition("=")
    visitor.set_cookie(key, value, domain=urlsplit(visitor.portal_url).hostname, secure=True, httponly=True)
    return visitor  # type: ignore[no-any-return]


def admitted(role: Role, *more: Role, practitioner: Practitioner | None = None, name: str | None = None) -> Staff:
    """Somebody with this role, as the domain knows them; asked again, the same person. Needs an app context."""
    said = name or (practitioner.name if practitioner else NAMES[role])
    if practitioner is not None and practitioner.graph_user_id is None:
        with transaction():
            practitioner.graph_user_id = demo_clinic.fixed_id(f"mailbox/{practitioner.slug}")
    oid = practitioner.graph_user_id if practitioner else demo_clinic.fixed_id(f"tests/{said}")
    identity = Identity(
        tenant_id=LOCAL_IDS["ENTRA_TENANT_ID"],
        oid=str(oid),
        name=said,
        email=f"{said.split()[0].lower()}@rosella-clinic.example.com",
        roles=(role, *more),
        login_hint="",
    )
    with transaction():
        return access.admit(identity, clock.now())


class AtMicrosoft:
    """One browser's visits to Microsoft's page; it remembers there who is signed in."""

    def __init__(self) -> None:
        self.session = requests.Session()

    def answer(self, address: str, email: str | None) -> str:
        """Go where the portal sent us, choose this person there, and come back: the callback's path and query."""
        asked = address if email is None else f"{address}&{CHOICE}={OIDS[email]}"
        came_back = self.session.get(asked, timeout=5, allow_redirects=False)
        assert came_back.status_code == 302, came_back.text
        parts = urlsplit(came_back.headers["Location"])
        return f"{parts.path}?{parts.query}"


def off_to_microsoft(visitor: Visitor, **asked: str) -> str:
    """Press the button on our sign-in page; -> Microsoft's address."""
    query = "&".join(f"{name}={value}" for name, value in asked.items())
    page = visitor.page(f"/staff/sign-in?{query}").submit("Sign in with Microsoft")
    assert page.left_for is not None, page
    return page.left_for


def query_of(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def sign_in_by_hand(page: BrowserPage, role: str) -> None:
    """In Chromium, with the sandbox's people: through our page and Microsoft's. `role` may also be somebody's name."""
    name = NAMES.get(Role(role), role) if role in list(Role) else role
    page.goto("/staff/sign-in")
    page.get_by_role("button", name="Sign in with Microsoft").click()
    page.get_by_role("button", name=name).click()
    page.get_by_role("heading", level=1).wait_for()
