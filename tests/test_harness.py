"""What the other tests rely on."""

from __future__ import annotations

import socket
from datetime import timedelta
from typing import Any

import pytest
import requests
from sqlalchemy import text
from sqlalchemy.orm import scoped_session

from portal.clock import now
from tests.support.browser import Tabs
from tests.support.network import OutsideIsOff
from tests.support.portal_server import PortalServer
from tests.support.sandbox import RunningSandbox
from tests.support.visitor import Visitor


@pytest.mark.parametrize("attempt", [1, 2])
def test_each_test_sees_an_empty_database_and_ids_from_one(db_session: scoped_session[Any], attempt: int) -> None:
    db_session.execute(
        text("insert into web_session (id_hash, data, created_at, seen_at) values ('x','{}',now(),now())")
    )
    db_session.commit()
    assert db_session.execute(text("select id, id_hash from web_session")).all() == [(1, "x")]


def test_the_outside_is_off() -> None:
    with pytest.raises(OutsideIsOff, match="use the `sandbox` fixture"):
        socket.create_connection(("example.com", 443))
    with pytest.raises(OutsideIsOff), socket.socket() as direct:
        direct.connect(("192.0.2.1", 443))


def test_a_visitor_and_a_browser_see_the_same_page(client: Visitor, new_page: Tabs) -> None:
    page = new_page()
    page.goto("/")
    assert page.inner_text("h1") == client.page("/").heading


def test_a_browser_that_complains_fails_the_test(new_page: Tabs) -> None:
    page = new_page()
    page.goto("/")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">')")
    page.wait_for_timeout(100)
    assert any("Content Security Policy" in complaint for complaint in new_page.complaints)
    new_page.complaints.clear()


def test_the_browser_finds_nothing_outside(new_page: Tabs) -> None:
    page = new_page()
    with pytest.raises(Exception, match="ERR_NAME_NOT_RESOLVED"):
        page.goto("http://example.com/")
    new_page.complaints.clear()


def test_the_portal_answers_where_the_sandbox_expects_it(
    portal_server: PortalServer, sandbox: RunningSandbox, client: Visitor
) -> None:
    assert portal_server.url == client.portal_url
    assert requests.get(f"{portal_server.url}/healthz").text == "ok"
    assert sandbox.url == client.application.config["PORTAL"].stripe_api_base.removesuffix("/stripe")


def test_the_portals_clock_follows_the_sandbox(ctx: None, sandbox: RunningSandbox) -> None:
    before = now()
    sandbox.advance(days=2)
    assert now() - before >= timedelta(days=2)
