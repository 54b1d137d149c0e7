"""`flask outbox`: what is owed since when, what was given up and can be tried again, and a bell to ring."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from portal import clock
from portal.config import Settings
from portal.db import db, transaction
from portal.outbox import relay
from portal.outbox.models import OutboxMessage
from portal.outbox.post import owe
from portal.outbox.run import drain
from portal.staff.models import Practitioner, StaffTask
from tests.cli.commands import run, rung
from tests.support.factories import make_booking, make_patient
from tests.support.sandbox import RunningSandbox


def make_owed(**columns: Any) -> int:
    """A row that is due since now; nobody has been rung for it."""
    at = clock.now()
    known = {
        "job": "sync.outlook",
        "args": [7],
        "queue": "graph",
        "dedupe_key": "sync.outlook:7",
        "created_at": at,
        "not_before": at,
    }
    with transaction():
        row = OutboxMessage(**(known | columns))
        db.session.add(row)
        db.session.flush()
        return row.id


def owe_refused_event(mailbox: Practitioner, sandbox: RunningSandbox) -> tuple[int, str]:
    """Outlook refuses a booking's event, so that its job is given up; -> the row and the booking's reference."""
    booking = make_booking(practitioner=mailbox, patient=make_patient(given_name="Nora", family_name="Castellano"))
    sandbox.fault("POST /graph/v1.0/users/*/events", "403", times=1)
    with transaction():
        owe("sync.outlook", booking.id, now=clock.now())
    reference = booking.reference
    drain("graph")
    return db.session.scalars(select(OutboxMessage.id)).one(), reference


def test_an_empty_outbox_says_so(app: Flask) -> None:
    assert run(app, "outbox", "list").output == "Nothing is owed.\n"
    assert run(app, "outbox", "list", "--parked").output == "Nothing was given up.\n"


def test_the_list_tells_what_is_owed_since_when_and_why_it_is_late(app: Flask, ctx: None) -> None:
    at = clock.now()
    make_owed(
        created_at=at - timedelta(hours=3, minutes=20, seconds=5),
        not_before=at + timedelta(minutes=9),
        attempts=14,
        last_error="graph: generalException (HTTP 503)",
    )
    make_owed(job="payments.check", args=[12], queue="stripe", dedupe_key="payments.check:12")

    assert run(app, "outbox", "list").output.splitlines() == [
        "id  state    job                 queue   tries  age         last error",
        "1   waiting  sync.outlook(7)     graph   14     3 h 20 min  graph: generalException (HTTP 503)",
        "2   due      payments.check(12)  stripe  0      0 min       -",
    ]


def test_a_row_that_somebody_works_on_is_running(app: Flask, ctx: None) -> None:
    at = clock.now()
    make_owed(lease_token="mine", lease_until=at + timedelta(seconds=60))
    make_owed(args=[8], dedupe_key="sync.outlook:8", lease_token="of the dead", lease_until=at - timedelta(seconds=1))

    first, second = run(app, "outbox", "list").output.splitlines()[1:]

    assert first.split()[1] == "running"
    assert second.split()[1] == "due"


def test_done_rows_are_not_listed(app: Flask, ctx: None) -> None:
    make_owed(done_at=clock.now())

    assert run(app, "outbox", "list").output == "Nothing is owed.\n"


def test_parked_shows_only_what_was_given_up(app: Flask, ctx: None) -> None:
    make_owed()
    make_owed(args=[8], created_at=clock.now() - timedelta(days=2, hours=5, minutes=1), parked_at=clock.now())

    (line,) = run(app, "outbox", "list", "--parked").output.splitlines()[1:]

    assert line.split()[:3] == ["2", "parked", "sync.outlook(8)"]
    assert "2 d 5 h" in line


def test_the_list_names_nobody(app: Flask, mailbox: Practitioner, sandbox: RunningSandbox) -> None:
    owe_refused_event(mailbox, sandbox)

    told = run(app, "outbox", "list").output

    assert "graph: generalException (HTTP 403)" in told
    assert not [name for name in ("Nora", "Castellano", "example.com") if name in told]


def test_a_job_that_was_given_up_does_its_work_after_a_retry(
    app: Flask, mailbox: Practitioner, sandbox: RunningSandbox
) -> None:
    row_id, reference = owe_refused_event(mailbox, sandbox)
    assert sandbox.get("/_emu/graph/events") == []

    told = run(app, "outbox", "retry", str(row_id))
    drain("graph")

    assert told.output == "sync.outlook is due again.\n"
    assert [event["subject"] for event in sandbox.get("/_emu/graph/events")] == [f"Appointment {reference}"]
    assert run(app, "outbox", "list").output == "Nothing is owed.\n"


def test_a_retry_settles_the_task_that_the_parked_row_had_raised(
    app: Flask, mailbox: Practitioner, sandbox: RunningSandbox
) -> None:
    row_id, _ = owe_refused_event(mailbox, sandbox)
    task = db.session.scalars(select(StaffTask).where(StaffTask.kind == "job-parked")).one()
    assert task.done_at is None

    run(app, "outbox", "retry", str(row_id))

    db.session.refresh(task)
    assert task.done_at is not None


def test_a_retried_row_has_its_whole_day_before_it_again(
    app: Flask, mailbox: Practitioner, sandbox: RunningSandbox
) -> None:
    booking = make_booking(practitioner=mailbox)
    at = clock.now()
    long_ago = {"created_at": at - timedelta(days=3), "parked_at": at - timedelta(days=2), "attempts": 90}
    row_id = make_owed(args=[booking.id], dedupe_key=f"sync.outlook:{booking.id}", **long_ago)
    sandbox.fault("POST /graph/v1.0/users/*/events", "error", times=1, status=503)

    run(app, "outbox", "retry", str(row_id))
    drain("graph")

    row = db.session.get_one(OutboxMessage, row_id, populate_existing=True)
    assert row.parked_at is None
    assert row.attempts == 1
    assert timedelta(seconds=1) < row.not_before - at < timedelta(minutes=1)


def test_a_retry_rings_for_the_queue(app: Flask, ctx: None) -> None:
    row_id = make_owed(parked_at=clock.now())

    run(app, "outbox", "retry", str(row_id))

    assert rung("graph") == 1


def test_a_job_that_was_ordered_anew_is_not_run_twice_by_a_retry(app: Flask, ctx: None) -> None:
    parked = make_owed(parked_at=clock.now())
    newer = make_owed()

    told = run(app, "outbox", "retry", str(parked))

    assert told.output == "sync.outlook waits in a newer row already; this one is closed.\n"
    (line,) = run(app, "outbox", "list").output.splitlines()[1:]
    assert line.split()[0] == str(newer)


def test_a_job_that_was_given_up_again_and_again_is_listed_and_retried_once(app: Flask, ctx: None) -> None:
    for _ in range(3):
        make_owed(parked_at=clock.now())
    (line,) = run(app, "outbox", "list").output.splitlines()[1:]
    assert line.split()[:2] == ["3", "parked"]

    run(app, "outbox", "retry", "3")

    (line,) = run(app, "outbox", "list").output.splitlines()[1:]
    assert line.split()[:2] == ["3", "due"]


def test_what_was_given_up_is_not_listed_once_a_newer_row_has_done_it(app: Flask, ctx: None) -> None:
    make_owed(parked_at=clock.now())
    make_owed(done_at=clock.now())

    assert run(app, "outbox", "list", "--parked").output == "Nothing was given up.\n"


@pytest.mark.parametrize("columns", [{}, {"parked": True, "done": True}], ids=["still owed", "closed"])
def test_only_what_was_given_up_can_be_retried(app: Flask, ctx: None, columns: dict[str, bool]) -> None:
    stamps = {f"{name}_at": clock.now() for name in columns}
    row_id = make_owed(**stamps)

    told = run(app, "outbox", "retry", str(row_id))

    assert told.exit_code == 1
    assert told.output == f"Error: Row {row_id} was not given up; `flask outbox list --parked` shows those.\n"


def test_an_unknown_row_cannot_be_retried(app: Flask) -> None:
    assert run(app, "outbox", "retry", "99").exit_code == 1


def test_ring_calls_the_workers_of_the_queues_that_have_work(app: Flask, ctx: None) -> None:
    make_owed()
    make_owed(queue="mail", dedupe_key="later", not_before=clock.now() + timedelta(hours=1))

    assert run(app, "outbox", "ring").output == "Rang for graph.\n"
    assert (rung("graph"), rung("mail")) == (1, 0)


def test_ring_with_nothing_due_rings_for_nobody(app: Flask) -> None:
    assert run(app, "outbox", "ring").output == "Nothing is due.\n"


def test_ring_without_redis_says_that_no_work_is_lost(app: Flask, ctx: None, settings: Settings) -> None:
    make_owed()
    relay.use_redis("redis://127.0.0.1:9")
    try:
        told = run(app, "outbox", "ring")
    finally:
        relay.use_redis(settings.redis_url)

    assert told.exit_code == 1
    assert "No work is lost" in told.output
    assert run(app, "outbox", "list").output.splitlines()[1].split()[1] == "due"
