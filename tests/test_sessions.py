"""A session lives in the database; the cookie holds a random id that nobody can guess or choose."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import pytest
from flask import Flask, Response, request
from sqlalchemy import select

from portal.clock import now
from portal.db import db, transaction
from portal.sessions import (
    LIFETIME,
    STAFF,
    TOUCH_EVERY,
    DatabaseSessions,
    ServerSession,
    WebSession,
    end_all_of,
    forget_old,
    hash_of,
    open_by_holder,
)

pytestmark = pytest.mark.usefixtures("ctx")


@pytest.fixture
def sessions(app: Flask) -> DatabaseSessions:
    return cast(DatabaseSessions, app.session_interface)


class Browser:
    """Opens and saves sessions as a browser with this cookie would."""

    def __init__(self, app: Flask, cookie: str | None = None, path: str = "/") -> None:
        self.app, self.cookie, self.path = app, cookie, path
        self.sessions = cast(DatabaseSessions, app.session_interface)

    def visit(self, *, public: bool = False, **values: Any) -> tuple[ServerSession, Response]:
        """One request that puts `values` into its session."""
        response = Response()
        response.cache_control.public = public
        session = self.open()
        for name, value in values.items():
            session[name] = value
        self.save(session, response)
        return session, response

    def save(self, session: ServerSession, response: Response) -> None:
        """The end of a request, and what the browser keeps of it."""
        self.sessions.save_session(self.app, session, response)
        if "Set-Cookie" in response.headers:
            self.cookie = response.headers["Set-Cookie"].split(";")[0].partition("=")[2]

    def open(self) -> ServerSession:
        names = [self.sessions.cookie_name(), self.sessions.cookie_name(STAFF)]
        cookies = "; ".join(f"{name}={self.cookie}" for name in names)
        headers = {"Cookie": cookies} if self.cookie is not None else {}
        with self.app.test_request_context(self.path, headers=headers):
            return self.sessions.open_session(self.app, request)


def rows() -> list[WebSession]:
    db.session.rollback()
    return list(db.session.scalars(select(WebSession).execution_options(populate_existing=True)))


def age(by: timedelta) -> None:
    """Make every session older."""
    with transaction():
        for row in rows():
            row.created_at, row.seen_at = row.created_at - by, row.seen_at - by


def test_what_is_put_in_is_there_again(app: Flask) -> None:
    browser = Browser(app)
    browser.visit(bookings=["BK-7F3K2Q"])
    assert dict(browser.open()) == {"bookings": ["BK-7F3K2Q"]}
    browser.visit(seen="grid")
    assert dict(browser.open()) == {"bookings": ["BK-7F3K2Q"], "seen": "grid"}
    assert len(rows()) == 1


def test_the_cookie_is_a_random_id_that_scripts_and_other_sites_do_not_get(app: Flask) -> None:
    browser = Browser(app)
    _, response = browser.visit(a=1)
    header = response.headers["Set-Cookie"]
    assert header.startswith("__Host-session")
    for part in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert part in header
    assert "Domain" not in header
    assert browser.cookie is not None
    assert len(browser.cookie) >= 40
    assert response.headers["Cache-Control"] == "no-store"


def test_the_database_keeps_the_hash_and_not_the_id(app: Flask) -> None:
    browser = Browser(app)
    browser.visit(a=1)
    (row,) = rows()
    assert browser.cookie is not None
    assert row.id_hash == hash_of(browser.cookie) != browser.cookie


def test_who_only_looks_gets_no_cookie_and_leaves_no_row(app: Flask) -> None:
    browser = Browser(app)
    _, response = browser.visit()
    assert (rows(), "Set-Cookie" in response.headers) == ([], False)
    session = browser.open()
    assert "a" not in session
    assert not session.modified


@pytest.mark.parametrize("cookie", ["chosen-by-somebody", "", "x" * 5000, "a\x00b", "ünïcode"])
def test_an_id_that_we_did_not_issue_is_worth_nothing(app: Flask, cookie: str) -> None:
    browser = Browser(app, cookie)
    assert dict(browser.open()) == {}
    browser.visit(a=1)
    assert browser.cookie != cookie  # a new id, never the one that was brought along
    assert dict(browser.open()) == {"a": 1}


def test_two_browsers_have_nothing_in_common(app: Flask) -> None:
    one, other = Browser(app), Browser(app)
    one.visit(a=1)
    other.visit(a=2)
    assert one.cookie != other.cookie
    assert (dict(one.open()), dict(other.open())) == ({"a": 1}, {"a": 2})


def test_a_session_ends_thirty_days_after_it_began(app: Flask) -> None:
    browser = Browser(app)
    browser.visit(a=1)
    age(LIFETIME - timedelta(minutes=1))
    assert dict(browser.open()) == {"a": 1}
    age(timedelta(minutes=2))
    assert dict(browser.open()) == {}


def test_a_look_is_noted_every_few_minutes_and_not_each_time(app: Flask) -> None:
    browser = Browser(app)
    browser.visit(a=1)
    age(TOUCH_EVERY - timedelta(seconds=30))
    before = rows()[0].seen_at

    def look(*, public: bool = False) -> None:
        session, response = browser.open(), Response()
        response.cache_control.public = public
        assert session["a"] == 1
        browser.sessions.save_session(app, session, response)

    look()
    assert rows()[0].seen_at == before
    age(timedelta(minutes=1))
    stale = rows()[0].seen_at
    look(public=True)  # a page that shared caches keep must not carry a cookie
    assert rows()[0].seen_at == stale
    look()
    assert rows()[0].seen_at > stale


def test_what_is_taken_out_is_gone(app: Flask) -> None:
    browser = Browser(app)
    browser.visit(a=1, b=2)
    session = browser.open()
    del session["a"]
    browser.sessions.save_session(app, session, Response())
    assert dict(browser.open()) == {"b": 2}


def test_two_requests_that_change_different_things_keep_both(app: Flask) -> None:
    browser = Browser(app)
    browser.visit(booked=["BK-1"])
    one, other = browser.open(), browser.open()
    assert one["booked"] == other["booked"] == ["BK-1"]
    one["booked"] = ["BK-1", "BK-2"]
    other["opened"] = ["BK-9"]
    for session in (one, other):
        browser.sessions.save_session(app, session, Response())
    assert dict(browser.open()) == {"booked": ["BK-1", "BK-2"], "opened": ["BK-9"]}


def test_what_is_saved_within_an_act_goes_with_the_act(app: Flask) -> None:
    browser = Browser(app)
    browser.visit(booked=["BK-1"])
    session = browser.open()
    session.amend("booked", lambda known: [*known, "BK-2"])
    db.session.rollback()
    assert dict(browser.open()) == {"booked": ["BK-1"]}


def test_two_requests_that_add_to_one_list_keep_both(app: Flask) -> None:
    browser = Browser(app)
    browser.visit(seen="grid")
    one, other = browser.open(), browser.open()
    assert one["seen"] == other["seen"] == "grid"  # both have looked before either adds
    for session, reference in ((one, "BK-1"), (other, "BK-2")):
        with transaction():
            session.amend("booked", lambda known: [*(known or []), reference])  # noqa: B023 - called at once
    assert dict(browser.open()) == {"seen": "grid", "booked": ["BK-1", "BK-2"]}
    assert not other.modified


def test_an_act_that_is_tried_again_adds_to_what_is_saved(app: Flask) -> None:
    browser = Browser(app)
    browser.visit(booked=["BK-1"])
    session = browser.open()
    session.amend("booked", lambda known: [*known, "BK-2"])
    db.session.rollback()
    with transaction():
        session.amend("booked", lambda known: [*known, "BK-3"])
    assert dict(browser.open()) == {"booked": ["BK-1", "BK-3"]}


def test_what_a_view_left_unfinished_is_not_saved_along(app: Flask) -> None:
    browser = Browser(app)
    browser.visit(a=1)
    db.session.add(WebSession(id_hash="unfinished", data={}, created_at=now(), seen_at=now()))
    db.session.flush()
    browser.visit(a=2)
    assert [row.data for row in rows()] == [{"a": 2}]


def test_old_sessions_are_forgotten_and_living_ones_are_not(app: Flask) -> None:
    old, living = Browser(app), Browser(app)
    old.visit(a=1)
    age(LIFETIME + timedelta(minutes=1))
    living.visit(a=2)
    with transaction():
        forget_old(now())
    assert [row.data for row in rows()] == [{"a": 2}]


# --- staff, whose sessions are of another realm


def test_a_session_is_worth_nothing_in_the_other_realm(app: Flask) -> None:
    """Both cookies hold the same id here; only the address says which one counts."""
    desk = Browser(app, path="/staff/tasks")
    desk.visit(a=1)
    assert dict(desk.open()) == {"a": 1}
    for path in ("/", "/staffing", "/book/staff"):
        assert dict(Browser(app, desk.cookie, path=path).open()) == {}
    visitor = Browser(app)
    visitor.visit(b=2)
    assert dict(Browser(app, visitor.cookie, path="/staff").open()) == {}


@pytest.mark.parametrize("limit", ["lifetime", "idle"])
def test_staff_have_limits_of_their_own(app: Flask, limit: str) -> None:
    desk = Browser(app, path="/staff")
    desk.visit(a=1)

    def age_only(by: timedelta) -> None:
        with transaction():
            for row in rows():
                row.created_at -= by if limit == "lifetime" else timedelta()
                row.seen_at -= by if limit == "idle" else timedelta()

    age_only(getattr(STAFF, limit) - timedelta(seconds=30))
    assert dict(desk.open()) == {"a": 1}
    age_only(timedelta(minutes=1))
    assert dict(desk.open()) == {}


def test_signing_in_starts_anew_under_another_id(app: Flask) -> None:
    desk = Browser(app, path="/staff")
    desk.visit(planted="by somebody")
    planted = desk.cookie
    age(timedelta(minutes=10))
    session = desk.open()
    session.start_anew("staff:1")
    session["staff"] = 1
    desk.save(session, Response())
    assert dict(desk.open()) == {"staff": 1}
    assert dict(Browser(app, planted, path="/staff").open()) == {}
    (row,) = rows()
    assert row.holder == "staff:1"
    assert now() - row.created_at < timedelta(minutes=1)


def test_a_renewed_session_holds_what_it_held_and_is_as_old_as_it_was(app: Flask) -> None:
    desk = Browser(app, path="/staff")
    desk.visit(a=1)
    age(timedelta(minutes=10))
    (before,), old = rows(), desk.cookie
    began = before.created_at
    session = desk.open()
    session.renew()
    session["b"] = 2
    desk.save(session, Response())
    assert dict(desk.open()) == {"a": 1, "b": 2}
    assert dict(Browser(app, old, path="/staff").open()) == {}
    assert [row.created_at for row in rows()] == [began]


def test_an_ended_session_is_gone_and_its_cookie_is_taken_back(app: Flask) -> None:
    desk = Browser(app, path="/staff")
    desk.visit(a=1)
    session, response = desk.open(), Response()
    session.end()
    desk.save(session, response)
    assert rows() == []
    assert "Max-Age=0" in response.headers["Set-Cookie"]


def test_a_request_under_way_brings_no_ended_session_back(app: Flask) -> None:
    desk = Browser(app, path="/staff")
    session = desk.open()
    session.start_anew("staff:1")
    desk.save(session, Response())
    under_way = desk.open()
    under_way["a"] = 1
    with transaction():
        end_all_of("staff:1")
    desk.save(under_way, Response())
    assert rows() == []


def test_a_session_that_is_ended_while_it_is_renewed_is_over(app: Flask) -> None:
    desk = Browser(app, path="/staff")
    session = desk.open()
    session.start_anew("staff:1")
    desk.save(session, Response())
    looked_up_again = desk.open()
    looked_up_again.renew()
    with transaction():
        end_all_of("staff:1")
    desk.save(looked_up_again, Response())
    assert dict(desk.open()) == {}
    assert rows() == []


def test_a_session_that_is_saved_with_an_act_goes_with_the_act(app: Flask) -> None:
    desk, response = Browser(app, path="/staff"), Response()
    session = desk.open()
    session.start_anew("staff:1")
    session.save_with_act(now())
    db.session.rollback()
    assert rows() == []
    with transaction():
        session.start_anew("staff:1")
        session["a"] = 1
        session.save_with_act(now())
    desk.save(session, response)
    assert dict(desk.open()) == {"a": 1}
    assert [row.holder for row in rows()] == ["staff:1"]


def test_open_sessions_are_counted_by_who_signed_in(app: Flask) -> None:
    for holder in ("staff:1", "staff:1", "staff:2"):
        desk = Browser(app, path="/staff")
        session = desk.open()
        session.start_anew(holder)
        desk.save(session, Response())
    assert open_by_holder(STAFF, now()) == {"staff:1": 2, "staff:2": 1}
    age(STAFF.idle)
    assert open_by_holder(STAFF, now()) == {}
    with transaction():
        forget_old(now())
    assert rows() == []
