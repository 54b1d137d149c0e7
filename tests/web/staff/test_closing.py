"""An account that is closed at the very moment of signing in lets nobody in, whoever is faster."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import select, text
from werkzeug.test import TestResponse

from portal import clock, demo_clinic
from portal.db import db, transaction
from portal.sessions import WebSession
from portal.staff import access
from portal.staff.models import StaffMember
from tests.support.sandbox import RunningSandbox
from tests.support.staff import AtMicrosoft, off_to_microsoft
from tests.support.visitor import Visitor

pytestmark = pytest.mark.usefixtures("ctx")
PIA = "pia@rosella-clinic.example.com"
WAITING = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"


@pytest.fixture
def member_id(sandbox: RunningSandbox, client: Visitor) -> int:
    """Pia, who has signed in before."""
    sandbox.seed(demo_clinic.people())
    client.get(AtMicrosoft().answer(off_to_microsoft(client), PIA))
    found = db.session.scalars(select(StaffMember.id)).one()
    db.session.rollback()
    return found


def come_back(app: Flask) -> Callable[[], TestResponse]:
    """Another browser of hers, on its way back from Microsoft."""
    browser = app.test_client()
    assert isinstance(browser, Visitor)
    back = AtMicrosoft().answer(off_to_microsoft(browser), PIA)
    return lambda: browser.get(back)


def close(app: Flask, member_id: int) -> None:
    with app.app_context(), transaction():
        access.disable(member_id, clock.now())


def sign_out_everywhere(app: Flask, member_id: int) -> None:
    with app.app_context(), transaction():
        access.end_sessions(member_id)


def wait_until_waiting(count: int) -> None:
    """Until so many connections wait for a lock that somebody else has."""
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        until = time.monotonic() + 5
        while connection.scalar(text(WAITING)) < count:
            assert time.monotonic() < until, "nobody waits"
            time.sleep(0.01)


def staff_sessions() -> list[WebSession]:
    db.session.rollback()
    return list(db.session.scalars(select(WebSession).where(WebSession.holder.is_not(None))))


def test_who_signs_in_while_an_owner_closes_the_account_stays_out(app: Flask, member_id: int) -> None:
    arrive = come_back(app)
    with ThreadPoolExecutor(1) as threads:
        with transaction():
            access.disable(member_id, clock.now())
            arriving = threads.submit(arrive)
            wait_until_waiting(1)
        assert arriving.result(timeout=10).status_code == 403
    assert staff_sessions() == []


@pytest.mark.parametrize("act", [close, sign_out_everywhere])
def test_who_has_nearly_signed_in_is_out_again_at_once(
    app: Flask, member_id: int, act: Callable[[Flask, int], None]
) -> None:
    arrive = come_back(app)
    with ThreadPoolExecutor(2) as threads, db.engine.connect() as elsewhere:
        elsewhere.execute(text("lock table audit_entry in share mode"))  # the sign-in stops at its own entry
        arriving = threads.submit(arrive)
        wait_until_waiting(1)
        ending = threads.submit(act, app, member_id)
        wait_until_waiting(2)
        elsewhere.rollback()
        assert arriving.result(timeout=10).status_code == 303
        ending.result(timeout=10)
    assert staff_sessions() == []
