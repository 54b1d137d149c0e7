"""Words that staff type into any form of the back office are in no log, no Redis key, no job, and on no error page."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import pytest
import redis
from bs4 import Tag
from sqlalchemy import text
from werkzeug.datastructures import MultiDict

from portal.db import db
from portal.staff.access import Role
from portal.web.access import RULES
from tests.support.office import SIGN_OUT, Office, browser_of
from tests.support.page import Page

MARK = "kowarimark"
THE_FORM_AGAIN = (409, 422)  # with what was typed


def test_what_staff_type_stays_where_it_belongs(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    error_pages, sent = list[str](), set[str]()
    for role in Role:
        visitor: Any = browser_of(office.app, role)
        for page in pages(office, role, visitor):
            for form in page.soup.select("main form[method=post]"):
                address = urljoin(page.url, str(form.get("action") or page.url))
                for is_only_gaps in (False, True):
                    data = filled_in(form, is_only_gaps=is_only_gaps)
                    if MARK in str(data):
                        answer = visitor.send("post", address, data)
                        assert answer.status < 500, (address, answer)
                        sent.add(address.partition("?")[0])
                        if answer.status >= 400 and answer.status not in THE_FORM_AGAIN:
                            error_pages.append(answer.soup.decode())
    assert len(sent) > 25

    strays = {place for place, kept in places(office, caplog, error_pages) if MARK in kept}
    assert not strays
    assert any("/staff" in kept for place, kept in places(office, caplog, error_pages) if place == "log")


def pages(office: Office, role: Role, visitor: Any) -> Iterator[Page]:
    """What this role may look at."""
    for route, address in office.routes():
        allowed = RULES[route.endpoint]
        if "GET" in (route.methods or ()) and role in allowed and route.endpoint != SIGN_OUT:
            response = visitor.get(address)
            if response.status_code == 200 and response.mimetype == "text/html":
                yield Page(visitor, response)


def filled_in(form: Tag, *, is_only_gaps: bool) -> MultiDict[str, str]:
    """The form as it would be sent, with the mark in its text fields: in all, or in those that are empty."""
    data = MultiDict[str, str]()
    for box in form.select("input[name], select[name], textarea[name]"):
        name, kind = str(box["name"]), str(box.get("type", "text"))
        if box.name == "select":
            chosen = box.select_one("option[selected]") or box.select_one("option")
            data.add(name, str(chosen.get("value", "")) if chosen else "")
        elif box.name == "textarea" or kind in ("text", "search", "email", "tel", "url"):
            known = box.get_text() if box.name == "textarea" else str(box.get("value", ""))
            mark = f"{MARK}@example.com" if kind == "email" else MARK
            data.add(name, known if known.strip() and is_only_gaps else mark)
        elif kind in ("radio", "checkbox"):
            if box.has_attr("checked") or (kind == "radio" and not form.select(f"input[name='{name}'][checked]")):
                data.setdefault(name, str(box.get("value", "on")))
        else:
            data.add(name, str(box.get("value", "")))
    button = form.select_one("button[name]")
    if button is not None:
        data.add(str(button["name"]), str(button.get("value", "")))
    return data


def places(office: Office, caplog: pytest.LogCaptureFixture, error_pages: list[str]) -> Iterator[tuple[str, str]]:
    yield "log", caplog.text
    yield "error page", "\n".join(error_pages)
    for row in db.session.execute(text("select row_to_json(o)::text from outbox o")):
        yield "job", row[0]
    store = redis.Redis.from_url(
        office.app.config["PORTAL"].redis_url, encoding_errors="replace", decode_responses=True
    )
    read = {"string": store.get, "list": lambda key: store.lrange(key, 0, -1), "hash": store.hgetall}
    for key in store.scan_iter():
        look = read.get(str(store.type(key)), str)
        yield "Redis", f"{key} {look(key)!r}"
