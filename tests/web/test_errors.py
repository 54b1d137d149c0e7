"""When something is wrong the page is plain, tells no secret, and has a reference to mention."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from sqlalchemy import text

from portal import create_app
from portal.config import Settings
from portal.db import db, transaction
from tests.support.funnel import DETAILS, hold
from tests.support.page import Page
from tests.support.visitor import Visitor

INSIDE = re.compile(
    r"Traceback|psycopg|sqlalchemy|werkzeug|\.py|portal\.|CannotOpen|select |127\.0\.0\.1", re.IGNORECASE
)


def assert_plain(visitor: Visitor, answer: object, heading: str) -> None:
    page = Page(visitor, answer)  # type: ignore[arg-type]
    assert page.heading == heading
    assert re.search(r"please mention [0-9a-f]{12} \.", page.text), page.text
    assert page.response.headers["X-Request-Id"] in page.text
    assert not INSIDE.search(page.text), page.text
    assert page.response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.response.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in page.response.headers
    assert page.links == {"Go to the start page": "/"}


@pytest.mark.parametrize(
    ("method", "path", "status", "heading"),
    [
        ("GET", "/nowhere", 404, "We cannot find that page"),
        ("GET", "/static/nothing.css", 404, "We cannot find that page"),
        ("GET", "/static/../portal/config.py", 404, "We cannot find that page"),
        ("GET", "/.git/config", 404, "We cannot find that page"),
        ("GET", "/%00", 404, "We cannot find that page"),
        ("GET", "/bookings/BK-AAAAAA", 404, "We cannot find that page"),
        ("POST", "/about", 405, "That does not work from here"),
        ("DELETE", "/", 405, "That does not work from here"),
        ("PUT", "/find-my-visit", 405, "That does not work from here"),
        ("GET", "/hooks/stripe", 405, "That does not work from here"),
        ("POST", "/nowhere", 404, "We cannot find that page"),
    ],
)
def test_a_wrong_address_or_method(
    ctx: None, client: Visitor, method: str, path: str, status: int, heading: str
) -> None:
    answer = client.open(path, method=method, headers={"Origin": client.portal_url})
    assert answer.status_code == status
    assert_plain(client, answer, heading)


def test_a_form_without_its_token(ctx: None, client: Visitor) -> None:
    answer = client.post("/find-my-visit", data={"email": "x"}, headers={"Origin": client.portal_url})
    assert answer.status_code == 400
    assert_plain(client, answer, "That page had been open for too long")


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        ("application/x-www-form-urlencoded", 1_000_001),
        ("multipart/form-data", 100_001),
        ("multipart/form-data", 1_000_001),
    ],
)
def test_a_form_that_is_too_large(ctx: None, client: Visitor, kind: str, size: int) -> None:
    data = {"csrf_token": client.page("/find-my-visit").value("csrf_token"), "email": "x" * size}
    answer = client.post("/find-my-visit", data=data, content_type=kind, headers={"Origin": client.portal_url})
    assert answer.status_code == 413
    assert_plain(client, answer, "That was too large")


@pytest.mark.parametrize("body", [b"\xff\xfe\x00", b"%ff=%fe&&&=;=", b"{", b"csrf_token=\x00"])
@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data", "application/json", ""])
def test_a_form_that_is_none(ctx: None, client: Visitor, kind: str, body: bytes) -> None:
    client.page("/find-my-visit")
    answer = client.post("/find-my-visit", data=body, content_type=kind, headers={"Origin": client.portal_url})
    assert answer.status_code == 400
    assert_plain(client, answer, "That page had been open for too long")


def test_a_form_of_too_many_parts(ctx: None, client: Visitor) -> None:
    token = client.page("/find-my-visit").value("csrf_token")
    data = {"csrf_token": token, **{f"field{n}": "x" for n in range(300)}}
    answer = client.post(
        "/find-my-visit", data=data, content_type="multipart/form-data", headers={"Origin": client.portal_url}
    )
    assert answer.status_code == 413


def test_too_many_tries(ctx: None, client: Visitor, limits: Callable[[str, str], None]) -> None:
    limits("reads", "1 per minute")
    client.page("/find-my-visit")
    answer = client.get("/find-my-visit")
    assert answer.status_code == 429
    assert_plain(client, answer, "That was a lot of tries")


@pytest.mark.parametrize("host", ["evil.example.com", "", "localhost", "a b"])
def test_another_host_name_is_refused(ctx: None, client: Visitor, host: str) -> None:
    answer = client.get("/", headers={"Host": host})
    assert answer.status_code == 400
    assert answer.text == "We could not read that"
    assert "Content-Security-Policy" in answer.headers


def test_a_fault_of_our_own_tells_nothing_of_itself(rosella: None, client: Visitor) -> None:
    intake = hold(client, "initial-consult-free").submit("Continue", **DETAILS, place="Queensland")
    intake.submit("Continue", reason="Quokka dreams")
    with transaction():
        db.session.execute(text("update intake_answer set sealed = 'k9.broken'"))
    answer = client.get(intake.url)
    assert answer.status_code == 500
    assert_plain(client, answer, "Something went wrong on our side")
    assert "Quokka" not in answer.text
    # The next page is none the worse for it.
    assert client.page("/find-my-visit").status == 200


@pytest.fixture
def without_database(settings: Settings) -> Iterator[Visitor]:
    """The portal while Postgres does not answer."""
    app = create_app(replace(settings, database_url="postgresql+psycopg://portal@/portal?host=/nonexistent"))
    app.test_client_class = Visitor
    yield app.test_client()  # type: ignore[misc]
    with app.app_context():
        db.engine.dispose()


@pytest.mark.parametrize(
    "path", ["/", "/services/gaps", "/book/initial-consult-free", "/about", "/nowhere", "/b/token", "/find-my-visit"]
)
def test_without_the_database_we_say_that_we_are_right_back(without_database: Visitor, path: str) -> None:
    answer = without_database.get(path)
    assert answer.status_code == 503
    assert_plain(without_database, answer, "We will be right back")


def test_without_the_database_a_visitor_with_a_session_hears_the_same(
    without_database: Visitor, settings: Settings
) -> None:
    without_database.set_cookie(
        f"__Host-session{settings.cookie_suffix}", "x" * 43, domain=settings.public_host.split(":")[0], secure=True
    )
    for path in ("/bookings/BK-AAAAAA", "/find-my-visit"):
        answer = without_database.get(path)
        assert answer.status_code == 503, path
        assert_plain(without_database, answer, "We will be right back")
    answer = without_database.post("/hooks/graph", json={"value": [{"clientState": "x", "subscriptionId": "y"}]})
    assert answer.status_code == 503


def test_without_the_database_we_are_alive_and_not_ready(without_database: Visitor) -> None:
    alive, ready = without_database.get("/healthz"), without_database.get("/readyz")
    assert (alive.status_code, alive.text) == (200, "ok")
    assert (ready.status_code, ready.text) == (503, "not ready")
