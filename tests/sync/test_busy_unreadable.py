"""A calendar that cannot be read is unknown, never free: what was known stays, staff are told, and at last nobody is
offered."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import delete

from portal.clinic import Setting
from portal.clock import now
from portal.db import db, transaction
from portal.scheduling.models import OutsideCalendar
from tests.support.chain import Chain
from tests.support.microsoft import LARK
from tests.support.outbox import later, owed, settle
from tests.support.outside import know_outside
from tests.sync.diaries import act, busy, calendar, calls, enter, is_open, read, sweep, ten
from tests.sync.tales import listen, tasks

HOUR = timedelta(hours=1)


def kill_mailbox(chain: Chain) -> None:
    """Dr Wren's mailbox is closed to us."""
    chain.sandbox.knob("graph", "allowed_mailboxes", [LARK])


def revive_mailbox(chain: Chain) -> None:
    chain.sandbox.knob("graph", "allowed_mailboxes", None)


def forget_everything() -> None:
    """Nobody's calendar was ever read."""
    with transaction():
        db.session.execute(delete(OutsideCalendar))


def pass_time(chain: Chain, **duration: float) -> None:
    later(chain.sandbox, **duration)
    sweep(chain)


def test_a_mailbox_that_was_never_read_is_unknown_at_once(chain: Chain) -> None:
    forget_everything()
    assert not is_open(chain, ten())
    read(chain)
    assert is_open(chain, ten())
    assert not is_open(chain, ten(), chain.lark)


def test_a_mailbox_that_never_could_be_read_is_not_offered_and_staff_hear_at_once(chain: Chain) -> None:
    forget_everything()
    kill_mailbox(chain)
    sweep(chain)

    assert not is_open(chain, ten())
    (task,) = tasks("outlook-unreadable")
    assert "access is refused (ErrorAccessDenied, HTTP 403)" in task.words
    assert task.words.endswith("Nobody can book with Willa Wren until it can be read.")
    assert is_open(chain, ten(), chain.lark)


def test_a_dead_mailbox_keeps_what_was_known_then_is_not_offered_then_recovers(chain: Chain) -> None:
    at = ten()  # the day may end meanwhile
    enter(chain, at)
    pass_time(chain, minutes=3)
    read_at = calendar(chain.wren).read_at
    kill_mailbox(chain)
    pass_time(chain, minutes=3)

    known = calendar(chain.wren)
    assert known.read_at == read_at
    assert known.failed_at is not None
    assert known.problem == "access is refused (ErrorAccessDenied, HTTP 403)"
    assert busy(chain.wren) == [(at, at + HOUR)]
    assert (is_open(chain, at), is_open(chain, at + HOUR)) == (False, True)
    assert tasks() == []

    for _ in range(3):
        pass_time(chain, minutes=10)
    (task,) = tasks()
    assert task.kind == "outlook-unreadable"
    assert task.words.startswith("The Outlook calendar of Willa Wren cannot be read since ")
    assert "nobody can book with Willa Wren" in task.words
    assert is_open(chain, at + HOUR)

    pass_time(chain, hours=6)
    assert not is_open(chain, at + HOUR)
    assert is_open(chain, at + HOUR, chain.lark)
    assert len(tasks()) == 1
    assert busy(chain.wren) == [(at, at + HOUR)]

    revive_mailbox(chain)
    pass_time(chain, minutes=11)
    assert (is_open(chain, at), is_open(chain, at + HOUR)) == (False, True)
    assert (calendar(chain.wren).failed_at, calendar(chain.wren).problem) == (None, "")
    assert tasks() == []


def test_the_clinic_sets_after_how_long_a_calendar_is_unknown(chain: Chain) -> None:
    with transaction():
        db.session.add(Setting(name="scheduling", value={"unknown_after_minutes": 30}))
    read(chain)
    known = calendar(chain.wren)
    assert known.read_at is not None
    assert known.unknown_from == known.read_at + timedelta(minutes=30)
    kill_mailbox(chain)
    pass_time(chain, minutes=31)
    assert not is_open(chain, ten())

    # Somebody knows that there is nothing in the calendar, and wants to go on for longer.
    with transaction():
        db.session.get_one(Setting, "scheduling").value = {"unknown_after_minutes": 600}
    pass_time(chain, minutes=40)
    assert is_open(chain, ten())


def test_a_throttled_reading_waits_as_long_as_graph_wishes(chain: Chain) -> None:
    listen(chain)
    pass_time(chain, minutes=3)
    chain.sandbox.fault("GET /graph/*/calendarView/delta", "429", retry_after=90.5)
    since = len(chain.sandbox.calls("graph"))
    enter(chain, ten())
    settle(chain.sandbox)

    (row,) = owed("sync.read_outlook_busy")
    assert 80 < (row.not_before - now()).total_seconds() <= 90.5
    assert calendar(chain.wren).problem == "we are asked to wait (generalException, HTTP 429)"
    # Neither the sweep nor another notification calls it early.
    enter(chain, ten() + HOUR)
    settle(chain.sandbox)
    sweep(chain)
    assert calls(chain, "calendarView/delta", since) == 1

    later(chain.sandbox, seconds=91)
    assert [start for start, _ in busy(chain.wren)] == [ten(), ten() + HOUR]
    assert tasks() == []


@pytest.mark.parametrize("kind", ["error", "timeout_before_commit", "timeout_after_commit"])
def test_graph_that_is_away_for_a_moment_is_asked_again_soon(chain: Chain, kind: str) -> None:
    enter(chain, ten())
    chain.sandbox.fault("GET /graph/*", kind)
    read(chain)
    assert busy(chain.wren) == []
    assert is_open(chain, ten())  # known until now, and believed for a while

    later(chain.sandbox, seconds=3)
    assert busy(chain.wren) == [(ten(), ten() + HOUR)]


def test_tries_grow_rarer_the_longer_a_mailbox_is_dead(chain: Chain) -> None:
    pass_time(chain, minutes=3)
    kill_mailbox(chain)
    since = len(chain.sandbox.calls("graph"))
    for _ in range(60):
        pass_time(chain, minutes=1)
    # 2, 4, 8 ... seconds and at last every ten minutes.
    assert 5 <= calls(chain, "calendarView/delta", since) - 30 <= 15  # 30 are Lena Lark's


def test_a_day_without_graph_parks_nothing(chain: Chain) -> None:
    pass_time(chain, minutes=3)
    chain.sandbox.fault("GET /graph/*", "error", status=503, times=1000)
    for _ in range(30):
        pass_time(chain, hours=1)
    assert {task.kind for task in tasks()} == {"outlook-unreadable"}


def test_an_entry_that_vanishes_while_it_is_read_takes_no_time(chain: Chain) -> None:
    event_id = enter(chain, ten())
    read(chain)
    act(chain, "private", event_id)
    chain.sandbox.fault("GET /graph/*/events/*", "error", status=404)
    read(chain)

    assert calendar(chain.wren).failed_at is None
    assert busy(chain.wren) == []


def test_of_a_new_mailbox_that_cannot_be_read_nothing_is_known(chain: Chain) -> None:
    know_outside()
    with transaction():
        chain.wren.graph_user_id = "nobody"
    read(chain)

    assert calendar(chain.wren).problem == "it is not there (MailboxNotEnabledForRESTAPI, HTTP 404)"
    assert not is_open(chain, ten())
