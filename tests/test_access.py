"""Who may open what: each route has a rule, each rule is kept, and every answer carries what protects its reader.

The matrix itself is data: portal/web/access.py. This walks all routes with all kinds of callers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from portal import clock, create_app
from portal.bookings import links, offers
from portal.bookings.models import Booking, Offer, OfferState
from portal.catalogue.models import AppointmentType, ContentPage
from portal.config import Settings
from portal.db import db, transaction
from portal.staff.access import Role
from portal.web.access import RULES, Rule
from portal.web.security import CACHEABLE, CSRF_EXEMPT, content_security_policy, csrf
from tests.support.factories import make_form
from tests.support.funnel import book_free, booking_of, free_times, hold, make_offer
from tests.support.visitor import Visitor

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
CHANGING = ("POST", "PUT", "PATCH", "DELETE")


class Who(StrEnum):
    STRANGER = "a stranger's browser"
    BOOKER = "the browser that booked"
    GUEST = "a browser with the personal link"
    MACHINE = "a machine without a session"


# Whom each rule lets in. TOKEN asks for the link itself, whoever has it; SIGNED_MACHINE for a proof in the body.
LETS_IN: dict[Rule | frozenset[Role], set[Who]] = {
    Rule.PUBLIC: set(Who),
    Rule.OWN_BOOKING: {Who.BOOKER},
    Rule.KNOWN_BOOKING: {Who.BOOKER, Who.GUEST},
    Rule.TOKEN: set(Who),
    Rule.SIGNED_MACHINE: set(Who),
}


@dataclass
class Scene:
    """A clinic with a held and a booked visit of one browser, and a link to each."""

    app: Flask
    callers: dict[Who, Visitor]
    made: AppointmentType
    held: Booking
    booked: Booking
    tokens: dict[str, str]
    offer_token: str

    def addresses(self, endpoint: str, path: str) -> Iterator[str]:
        """The route's addresses for both visits; one only where it names none."""
        of_endpoint = {
            "grid.service": {"slug": self.made.service.slug},
            "content.page": {"slug": "about"},
            "offers.open_offer": {"token": self.offer_token},
            "content.practitioner": {"slug": self.booked.practitioner.slug},
        }
        for booking in (self.held, self.booked) if "<reference>" in path or "<token>" in path else (self.booked,):
            values = {
                "reference": booking.reference,
                "token": self.tokens[booking.reference],
                "type_slug": self.made.slug,
                "act": "cancel",
                "filename": "site-1.css",
                **of_endpoint.get(endpoint, {}),
            }
            yield filled_in(path, values)

    def walk(self) -> Iterator[tuple[str, str, set[str]]]:
        """Endpoint, address, and the methods that the address takes. For the back office see test_staff_access.py."""
        taken: dict[str, set[str]] = {}
        for route in self.app.url_map.iter_rules():
            taken.setdefault(route.rule, set()).update(route.methods or ())
        for route in self.app.url_map.iter_rules():
            if route.endpoint.startswith("staff."):
                continue
            for address in self.addresses(route.endpoint, route.rule):
                yield route.endpoint, address, taken[route.rule]

    def call(self, who: Who, method: str, address: str, **headers: str) -> TestResponse:
        """As the pages of the portal themselves would send it."""
        visitor = self.callers[who]
        if method in CHANGING:
            headers.setdefault("Origin", visitor.portal_url)
            headers.setdefault("X-CSRFToken", self.csrf_tokens[who])
        return visitor.open(address, method=method, headers={name: value for name, value in headers.items() if value})

    @property
    def csrf_tokens(self) -> dict[Who, str]:
        return self._csrf_tokens

    def fetch_csrf_tokens(self) -> None:
        self._csrf_tokens = {
            who: "" if who == Who.MACHINE else visitor.page("/find-my-visit").value("csrf_token")
            for who, visitor in self.callers.items()
        }


def filled_in(path: str, values: dict[str, str]) -> str:
    """The rule of a route as an address."""
    return re.sub(r"<(?:[^<>]+:)?(\w+)>", lambda name: values[name[1]], path)


@pytest.fixture
def scene(app: Flask, client: Visitor, ctx: None) -> Iterator[Scene]:
    app.config["LIMITS"], before = dict.fromkeys(app.config["LIMITS"], "10000 per minute"), app.config["LIMITS"]
    made = make_offer(price_cents=0)
    booked = booking_of(book_free(client, made.slug))
    held = booking_of(hold(client, made.slug, place=0))
    make_form("short")
    with transaction():
        db.session.add(ContentPage(slug="about", title="About us", body="We listen."))
        made.intake_form = "short"
        tokens = {
            booking.reference: links.make(booking.id, "test", clock.now(), expires_at=links.expiry_of(booking))
            for booking in (held, booked)
        }
        at = clock.now()
        lapsed = Offer(booking_id=booked.id, booking_version=0, state=OfferState.LAPSED, made_at=at, expires_at=at)
        db.session.add(lapsed)
        offer_token = offers.make_token(lapsed)
    callers: dict[Who, Any] = {Who.BOOKER: client}
    callers |= {who: app.test_client() for who in Who if who != Who.BOOKER}
    for token in tokens.values():
        callers[Who.GUEST].get(f"/b/{token}")
    scene = Scene(app, callers, made, held, booked, tokens, offer_token)
    scene.fetch_csrf_tokens()
    yield scene
    app.config["LIMITS"] = before


def test_every_route_has_a_rule_and_every_rule_a_route(app: Flask) -> None:
    endpoints = {route.endpoint for route in app.url_map.iter_rules()}
    missing, dead = endpoints - RULES.keys(), RULES.keys() - endpoints
    assert not missing, f"say in portal/web/access.py who may open {sorted(missing)}"
    assert not dead, f"portal/web/access.py names routes that are gone: {sorted(dead)}"


def test_a_route_without_a_rule_is_closed_to_everybody(settings: Settings) -> None:
    app = create_app(settings)
    app.add_url_rule("/forgotten", "forgotten", lambda: "secret", methods=["GET", "POST"])
    for method in ("get", "post"):
        answer = getattr(app.test_client(), method)("/forgotten", base_url=settings.public_url)
        assert answer.status_code in (400, 404)
        assert "secret" not in answer.text
    with app.app_context():
        db.engine.dispose()


@pytest.mark.parametrize("who", list(Who))
def test_everybody_gets_what_the_matrix_says_and_nothing_else(scene: Scene, who: Who) -> None:
    wrong = []
    for endpoint, address, methods in scene.walk():
        for method in METHODS:
            if method in CHANGING and who == Who.MACHINE and endpoint not in CSRF_EXEMPT:
                continue  # refused for its missing token, below
            if endpoint in ("confirmation.cancel", "confirmation.move", "payment.pay"):
                continue  # what these do to a visit is in tests/web; who may reach them is the next test
            status = scene.call(who, method, address).status_code
            if method not in methods:
                is_right = status == 405
            elif who in LETS_IN[RULES[endpoint]]:
                is_right = status < 500 and status not in (401, 403, 404, 405)
            else:
                is_right = status == 404
            if endpoint == "confirmation.ics" and scene.held.reference in address:
                is_right = status in (404, 405)  # there is nothing to put into a calendar yet
            if not is_right:
                wrong.append(f"{method} {address} ({endpoint}) answered {status}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("who", [Who.STRANGER, Who.GUEST])
def test_who_may_not_act_leaves_no_trace(scene: Scene, who: Who) -> None:
    """Every POST below a booking, with everything right but the browser."""

    def everything() -> list[Any]:
        tables = ("booking", "booking_event", "patient", "intake", "intake_answer", "payment", "outbox")
        return [db.session.execute(text(f"select * from {table} order by id")).all() for table in tables]

    before = everything()
    acts = [
        (endpoint, address)
        for endpoint, address, methods in scene.walk()
        if "POST" in methods and address.startswith("/bookings/") and who not in LETS_IN[RULES[endpoint]]
    ]
    assert len(acts) >= 12
    for _endpoint, address in acts:
        assert scene.call(who, "POST", address).status_code == 404, address
    db.session.rollback()
    assert everything() == before


def test_a_foreign_visit_and_a_missing_one_look_the_same(scene: Scene) -> None:
    def words(answer: TestResponse) -> str:
        return re.sub(r"[0-9a-f]{12}", "", answer.text)

    closed = [
        address
        for endpoint, address, _ in scene.walk()
        if scene.booked.reference in address and RULES[endpoint] in (Rule.OWN_BOOKING, Rule.KNOWN_BOOKING)
    ]
    assert len(closed) >= 12
    for address in closed:
        missing = address.replace(scene.booked.reference, "BK-AAAAAA")
        foreign = scene.call(Who.STRANGER, "GET", address)
        assert words(foreign) == words(scene.call(Who.STRANGER, "GET", missing)), address


# --- who asks: forms of our own pages only


def forms(scene: Scene) -> list[str]:
    """Every address that takes a POST from a page."""
    found = sorted(
        {
            address
            for endpoint, address, methods in scene.walk()
            if "POST" in methods and endpoint not in CSRF_EXEMPT and scene.booked.reference not in address
        }
    )
    assert len(found) >= 9, found
    return found


@pytest.mark.parametrize(
    ("what", "headers", "status"),
    [
        ("without a token", {"X-CSRFToken": ""}, 400),
        ("with another browser's token", {"X-CSRFToken": "stranger"}, 400),
        ("with a made up token", {"X-CSRFToken": "x" * 91}, 400),
        ("from another site", {"Origin": "https://evil.example.com"}, 403),
        ("from another port", {"Origin": "http://127.0.0.1:1"}, 403),
        ("from a hidden origin", {"Origin": "null"}, 403),
        ("from a hidden origin elsewhere", {"Origin": "null", "Sec-Fetch-Site": "cross-site"}, 403),
        ("started by another site", {"Sec-Fetch-Site": "cross-site"}, 403),
        ("started by a sister site", {"Sec-Fetch-Site": "same-site"}, 403),
    ],
)
def test_a_form_that_another_site_sends_is_refused(
    scene: Scene, what: str, headers: dict[str, str], status: int
) -> None:
    if headers.get("X-CSRFToken") == "stranger":
        headers = {"X-CSRFToken": scene.csrf_tokens[Who.STRANGER]}
    for address in forms(scene):
        assert scene.call(Who.BOOKER, "POST", address, **headers).status_code == status, f"{address} {what}"
    db.session.refresh(scene.held)
    assert scene.held.is_held


def test_a_form_of_our_own_that_hides_its_origin_is_taken(scene: Scene) -> None:
    """Browsers say "null" where a page keeps its address to itself."""
    address = f"/bookings/{scene.held.reference}/extension"
    headers = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
    assert scene.call(Who.BOOKER, "POST", address, **headers).status_code == 303


def test_only_machines_are_spared_the_token(app: Flask) -> None:
    assert set(CSRF_EXEMPT) == {"hooks.stripe", "hooks.graph", "hooks.graph_lifecycle", "security.csp_reports"}
    views = {f"{view.__module__}.{view.__name__}": endpoint for endpoint, view in app.view_functions.items()}
    assert {views[name] for name in csrf._exempt_views} == set(CSRF_EXEMPT)
    assert csrf._exempt_blueprints == set()
    for endpoint, rule in RULES.items():
        if rule == Rule.SIGNED_MACHINE:
            assert endpoint in CSRF_EXEMPT


# --- what every answer carries


ALWAYS = {
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def assert_protected(answer: TestResponse, what: str) -> None:
    for name, value in ALWAYS.items():
        assert answer.headers.get(name) == value, f"{what}: {name}"
    assert answer.headers.get("Referrer-Policy") in ("no-referrer", "same-origin"), what
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"], what
    assert "HX-Request" in answer.headers.get("Vary", ""), what
    allowed = {name: value for name, value in answer.headers if name.startswith("Access-Control-")}
    assert allowed == ({"Access-Control-Allow-Origin": "*"} if "/api/" in what else {}), what
    assert "Server" not in answer.headers, what
    assert "X-Powered-By" not in answer.headers, what
    if answer.status_code not in (204, 202) and answer.data:
        assert re.fullmatch(r"[a-z]+/[a-z.+-]+(; charset=utf-8)?", answer.headers["Content-Type"]), what


def test_every_answer_carries_what_protects_its_reader(scene: Scene) -> None:
    for endpoint, address, _ in scene.walk():
        if endpoint in ("confirmation.cancel", "confirmation.move"):
            continue
        for who in (Who.BOOKER, Who.STRANGER):
            for method in ("GET", "HEAD", "POST", "DELETE", "OPTIONS"):
                answer = scene.call(who, method, address)
                assert_protected(answer, f"{method} {address} ({answer.status_code})")
                kept = answer.headers["Cache-Control"]
                if endpoint == "static" and answer.status_code == 200:
                    assert kept == "public, max-age=31536000, immutable"
                elif endpoint in CACHEABLE and answer.status_code == 200:
                    assert kept in ("public, max-age=60", "no-store"), address
                else:
                    assert kept == "no-store", f"{method} {address}"


@pytest.mark.parametrize(
    "call",
    [
        {"path": "/nowhere"},
        {"path": "/static/nothing.css"},
        {"path": "/api/v1/nowhere"},
        {"path": "/%00"},
        {"path": "/", "headers": {"Host": "evil.example.com"}},
        {"path": "/find-my-visit", "method": "POST", "data": {"email": "x" * 1_100_000}},
        {"path": "/hooks/stripe", "method": "POST", "data": b"{}"},
        {"path": "/hooks/graph?validationToken=hello", "method": "POST"},
    ],
)
def test_errors_carry_it_too(client: Visitor, call: dict[str, Any]) -> None:
    answer = client.open(**call)
    assert_protected(answer, str(call))
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_csp_allows_nothing_unsafe_and_nobody_else(app: Flask, settings: Settings) -> None:
    policy = dict(part.strip().partition(" ")[::2] for part in app.config["CSP"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["font-src"] == policy["connect-src"] == "'self'"
    assert policy["img-src"] == "'self' data:"
    assert policy["base-uri"] == policy["object-src"] == policy["frame-ancestors"] == "'none'"
    assert policy["report-uri"] == "/csp-reports"
    assert "unsafe" not in app.config["CSP"]
    assert "*" not in app.config["CSP"]
    real = replace(settings, is_local=False, entra_authority="https://login.microsoftonline.com")
    wanted = "form-action 'self' https://checkout.stripe.com https://login.microsoftonline.com;"
    assert wanted in content_security_policy(real)


def test_a_page_that_caches_may_keep_sets_no_cookie(scene: Scene) -> None:
    """Also for a browser whose session is due to be noted as seen."""
    with transaction():
        db.session.execute(text("update web_session set seen_at = :then"), {"then": clock.now() - timedelta(days=1)})
    public = [address for endpoint, address, _ in scene.walk() if endpoint in (*CACHEABLE, "static")]
    assert len(public) >= 6
    for address in public:
        answer = scene.call(Who.BOOKER, "GET", address)
        assert "public" in answer.headers["Cache-Control"], address
        assert "Set-Cookie" not in answer.headers, address
    noted = scene.call(Who.BOOKER, "GET", f"/bookings/{scene.booked.reference}")
    assert "Set-Cookie" in noted.headers


def test_the_cookie_is_as_narrow_as_it_can_be(scene: Scene, settings: Settings) -> None:
    answer = scene.app.test_client().get("/find-my-visit", base_url=settings.public_url)
    [cookie] = answer.headers.getlist("Set-Cookie")
    name, _, attributes = cookie.partition("=")
    assert name == f"__Host-session{settings.cookie_suffix}"
    given = {part.strip().lower() for part in attributes.split(";")[1:]}
    assert {"secure", "httponly", "path=/", "samesite=lax"} <= given
    assert not [part for part in given if part.startswith("domain")]
    assert len(attributes.split(";")[0]) >= 43


def test_who_only_looks_gets_no_cookie(scene: Scene, settings: Settings) -> None:
    fresh = scene.app.test_client()
    for path in ("/", f"/services/{scene.made.service.slug}", "/about", "/sitemap.xml", "/nowhere", "/healthz"):
        assert "Set-Cookie" not in fresh.get(path, base_url=settings.public_url).headers, path


def test_a_session_id_that_we_did_not_issue_is_worth_nothing(scene: Scene, settings: Settings) -> None:
    name = f"__Host-session{settings.cookie_suffix}"
    host = settings.public_host.split(":")[0]
    known = db.session.execute(text("select id_hash from web_session limit 1")).scalar()
    for forged in ("x" * 43, "", "\xff" * 20, "y" * 5000, str(known), "{}", "../../etc/passwd"):
        visitor: Any = scene.app.test_client()
        visitor.set_cookie(name, forged, domain=host, secure=True, httponly=True)
        assert visitor.get(f"/bookings/{scene.booked.reference}").status_code == 404
        answer = visitor.get("/find-my-visit")
        assert answer.status_code == 200
        assert forged == "" or f"{name}={forged};" not in answer.headers.get("Set-Cookie", "")
    assert free_times(visitor.page(f"/book/{scene.made.slug}"))
