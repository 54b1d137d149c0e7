"""Who may open what of the back office: every route with every role and signed out, from the matrix in access.py.

A new page needs nothing here. Give tests/support/office.py a value for a new variable of an address, so that the page
is really shown.
"""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import TestResponse

from portal.staff.access import Role
from portal.web.access import RULES, Rule
from portal.web.staff.navigation import ITEMS
from tests.support import factories
from tests.support.office import Office, browser_of
from tests.support.staff import signed_in
from tests.support.visitor import Visitor
from tests.test_access import assert_protected

CHANGING = ("POST", "PUT", "PATCH", "DELETE")
REFUSED = {403, 404}
DOORS = {
    "staff.sign_in.page": 200,
    "staff.sign_in.start": 405,
    "staff.sign_in.callback": 400,
    "staff.sign_in.signed_out": 200,
}


def call(visitor: Visitor, method: str, address: str, **headers: str) -> TestResponse:
    """As a page of ours sends it. `visitor.csrf` is this browser's token."""
    if method in CHANGING:
        headers = {"Origin": visitor.portal_url, "X-CSRFToken": getattr(visitor, "csrf", ""), **headers}
    return visitor.open(address, method=method, headers={name: value for name, value in headers.items() if value})


def test_the_walk_finds_the_back_office(office: Office) -> None:
    assert len(list(office.routes())) >= 7


@pytest.mark.parametrize("role", list(Role))
def test_every_role_gets_what_the_matrix_says_and_nothing_else(office: Office, role: Role) -> None:
    visitor, wrong = browser_of(office.app, role), []
    for endpoint, method, address in office.calls():
        status = call(visitor, method, address).status_code
        allowed = RULES[endpoint]
        assert isinstance(allowed, frozenset)
        # A foreign or missing object is a 404 to those who may open the page.
        if (status == 403) != (role not in allowed) or status >= 500:
            wrong.append(f"{method} {address} ({endpoint}) answered {status} to {role}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("other", [role for role in Role if role != Role.PRACTITIONER])
def test_a_practitioner_with_another_role_opens_nothing_that_neither_opens_alone(office: Office, other: Role) -> None:
    """The matrix looks at all roles; then the rows must not be another role's than the one that opened the page."""
    ravi = factories.make_practitioner(name="Ravi Fernside")
    alone = [browser_of(office.app, Role.PRACTITIONER, practitioner=ravi), browser_of(office.app, other)]
    both, wrong = browser_of(office.app, Role.PRACTITIONER, other, practitioner=ravi), []
    for endpoint, method, address in office.calls():
        if all(call(one, method, address).status_code in REFUSED for one in alone):
            status = call(both, method, address).status_code
            if status not in REFUSED:
                wrong.append(f"{method} {address} ({endpoint}) answered {status} to practitioner and {other}")
    assert not wrong, "\n".join(wrong)


def test_nobody_comes_in_without_signing_in(office: Office, client: Visitor) -> None:
    for endpoint, method, address in office.calls():
        answer = call(client, method, address)
        assert answer.status_code == 303, f"{method} {address} ({endpoint}) answered {answer.status_code}"
        assert answer.headers["Location"].startswith("/staff/sign-in"), address
        fragment = call(client, method, address, **{"HX-Request": "true"})
        assert fragment.status_code == 204
        assert fragment.headers["HX-Redirect"].startswith("/staff/sign-in"), address


def test_a_visitors_session_opens_nothing_here(office: Office, client: Visitor) -> None:
    """The two cookies are no two names for one thing."""
    client.page("/find-my-visit")
    cookie = client.cookie("session")
    forged: Any = office.app.test_client()
    forged.set_cookie(cookie.key.replace("session", "staff"), cookie.value, domain="127.0.0.1", secure=True)
    assert forged.get("/staff").status_code == 303
    owner = browser_of(office.app, Role.OWNER)
    cookie = owner.cookie("staff")
    turned: Any = office.app.test_client()
    turned.set_cookie(cookie.key.replace("staff", "session"), cookie.value, domain="127.0.0.1", secure=True)
    before = turned.get("/find-my-visit").headers["Set-Cookie"]
    assert cookie.value not in before


def test_only_the_doors_are_open_to_everybody(office: Office, client: Visitor) -> None:
    doors = {endpoint for endpoint, rule in RULES.items() if endpoint.startswith("staff.") and rule == Rule.PUBLIC}
    assert doors == DOORS.keys()
    addresses = {route.endpoint: route.rule for route in office.app.url_map.iter_rules() if route.endpoint in doors}
    for endpoint, address in addresses.items():
        if endpoint != "staff.sign_in.start":  # the same address as the page's, and a POST
            assert client.get(address).status_code == DOORS[endpoint]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-CSRFToken": ""}, 400),
        ({"X-CSRFToken": "x" * 91}, 400),
        ({"Origin": "https://evil.example.com"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_a_form_that_another_site_sends_is_refused(office: Office, headers: dict[str, str], status: int) -> None:
    owner = browser_of(office.app, Role.OWNER)
    posts = [
        address for endpoint, method, address in office.calls() if method == "POST" and Role.OWNER in RULES[endpoint]
    ]
    assert len(posts) >= 4
    for address in posts:
        assert call(owner, "POST", address, **headers).status_code == status, address


def test_every_answer_carries_what_protects_its_reader(office: Office, client: Visitor) -> None:
    owner = browser_of(office.app, Role.OWNER)
    for _endpoint, method, address in office.calls():
        for visitor in (owner, client):
            answer = call(visitor, method, address)
            assert_protected(answer, f"{method} {address} ({answer.status_code})")
            assert answer.headers["Cache-Control"] == "no-store", address


@pytest.mark.parametrize("role", list(Role))
def test_every_line_of_the_menu_leads_somewhere(office: Office, role: Role) -> None:
    assert {f"staff.{item.endpoint}" for item in ITEMS} <= office.app.view_functions.keys()
    visitor = signed_in(office.app, role)
    links = visitor.page("/staff").part("nav.staff-nav").links
    assert links
    for words, link in links.items():
        assert visitor.get(link).status_code == 200, words
