"""The worker's part, played by the test itself: what is owed is run here and now."""

from __future__ import annotations

import time
from datetime import timedelta

from sqlalchemy import select

from portal.clock import now
from portal.db import db
from portal.outbox import relay, run
from portal.outbox.models import OutboxMessage
from tests.support.sandbox import RunningSandbox


def owed(job: str | None = None) -> list[OutboxMessage]:
    """Open rows, oldest first."""
    db.session.rollback()
    wanted = select(OutboxMessage).where(OutboxMessage.done_at.is_(None), OutboxMessage.parked_at.is_(None))
    rows = db.session.scalars(wanted.order_by(OutboxMessage.id).execution_options(populate_existing=True))
    return [row for row in rows if job in (None, row.job)]


def jobs_owed() -> list[str]:
    return [row.job for row in owed()]


def all_rows(job: str) -> list[OutboxMessage]:
    """Every row of a job, done and parked ones too."""
    db.session.rollback()
    wanted = select(OutboxMessage).where(OutboxMessage.job == job).order_by(OutboxMessage.id)
    return list(db.session.scalars(wanted.execution_options(populate_existing=True)))


def drain() -> None:
    """Run what is due now, and what that makes due."""
    db.session.rollback()
    while queues := relay.queues_with_work(now()):
        db.session.rollback()
        for queue in queues:
            run.drain(queue)
    db.session.rollback()
    db.session.expire_all()


def settle(sandbox: RunningSandbox, timeout: float = 20.0) -> None:
    """Run what is due and let the outside answer, until nobody has anything to say.

    A row that waits for another try stays; `later` lets time pass for it.
    """
    deadline = time.monotonic() + timeout
    while True:
        drain()
        sandbox.wait_quiet()
        if not relay.queues_with_work(now()):
            break
        assert time.monotonic() < deadline, f"still owed: {jobs_owed()}"
    db.session.rollback()
    db.session.expire_all()


def later(sandbox: RunningSandbox, **duration: float) -> None:
    """Let this much time pass, then run what has come due."""
    sandbox.advance(**(duration or {"minutes": 2}))
    settle(sandbox)


def wait_of(row: OutboxMessage) -> timedelta:
    """How long from now until the row's next try."""
    return row.not_before - now()
