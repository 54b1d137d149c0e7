"""Takes due rows of one queue by lease and runs their jobs, each to its end."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib import import_module
from typing import cast

import structlog
from rq.timeouts import JobTimeoutException
from sqlalchemy import or_, select, update
from sqlalchemy.exc import IntegrityError

from portal import crash
from portal.clock import now
from portal.db import Busy, db, transaction
from portal.integrations.http import Permanent, Transient
from portal.outbox.models import OutboxMessage

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=90)  # longer than any job: a living worker never loses its row
DRAIN_SECONDS = 20.0
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=2), timedelta(minutes=10)
GIVE_UP_AFTER = timedelta(hours=24)

# What tells staff of a job that was given up: (job, args, error, at), and what takes it back: (job, args, at). Staff
# tasks lie to our right, so create_app hands them in.
Parked = Callable[[str, list[int | str], str, datetime], None]
Settled = Callable[[str, list[int | str], datetime], None]
_tell_staff: Parked | None = None
_tell_staff_it_is_settled: Settled | None = None


def when_parked(tell: Parked, settle: Settled) -> None:
    """Set what is called, in the same transaction, when a row is given up, and when its job is done after all."""
    global _tell_staff, _tell_staff_it_is_settled
    _tell_staff, _tell_staff_it_is_settled = tell, settle


def drain(queue: str) -> int:
    """Run what is due in this queue for up to 20 s; RQ forks per call, so one call does many rows. -> rows run"""
    until, count = time.monotonic() + DRAIN_SECONDS, 0
    while time.monotonic() < until:
        row = take(queue, now())
        if row is None:
            break
        run(row)
        count += 1
    return count


def take(queue: str, at: datetime) -> OutboxMessage | None:
    """Lease the oldest due row, or None. A lease that ran out counts as free: its worker has died."""
    free = (
        select(OutboxMessage.id)
        .where(
            OutboxMessage.queue == queue,
            OutboxMessage.done_at.is_(None),
            OutboxMessage.parked_at.is_(None),
            OutboxMessage.not_before <= at,
            or_(OutboxMessage.lease_until.is_(None), OutboxMessage.lease_until < at),
        )
        .order_by(OutboxMessage.not_before, OutboxMessage.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    with transaction():
        row_id = db.session.scalar(free)
        if row_id is None:
            return None
        db.session.execute(
            update(OutboxMessage)
            .where(OutboxMessage.id == row_id)
            .values(
                lease_token=secrets.token_hex(16),
                lease_until=at + LEASE,
                attempts=OutboxMessage.attempts + 1,
            )
        )
    return db.session.get(OutboxMessage, row_id)


def run(row: OutboxMessage) -> None:
    """Run one leased row and write down how it ended. A later holder of the lease wins over us."""
    row_id, job, args, token = row.id, row.job, list(row.args), cast(str, row.lease_token)
    attempts, created_at = row.attempts, row.created_at
    db.session.rollback()
    db.session.expire_all()
    started = time.monotonic()
    outcome = "done"
    try:
        crash.point("outbox.leased")
        job_function(job)(*args)
        crash.point("outbox.job_done")
        _complete(row_id, token)
    except Busy:
        outcome = "busy"
        _retry(row_id, token, "another copy was at work", timedelta(seconds=1))
    except Transient as error:
        outcome = "again"
        if now() - created_at > GIVE_UP_AFTER:
            outcome = "parked"
            _park(row_id, token, str(error))
        else:
            _retry(row_id, token, str(error), wait(attempts, error.retry_after))
    except Permanent as error:
        outcome = "parked"
        _park(row_id, token, str(error))
    except JobTimeoutException:
        raise
    except Exception as error:
        # A fault of our own: the text of the exception may hold a patient's data, so only its type is kept.
        outcome = "again"
        log.exception("outbox.job_failed", job=job, row=row_id, error=type(error).__name__)
        if attempts >= 8:
            outcome = "parked"
            _park(row_id, token, f"our own fault: {type(error).__name__}")
        else:
            _retry(row_id, token, f"our own fault: {type(error).__name__}", wait(attempts, None))
    finally:
        db.session.rollback()
        log.info(
            "outbox.ran",
            job=job,
            row=row_id,
            attempt=attempts,
            outcome=outcome,
            duration_ms=round((time.monotonic() - started) * 1000),
        )


def wait(attempts: int, wished: float | None) -> timedelta:
    """How long until the next try: doubling from 2 s up to 10 min with jitter, never less than the partner wished."""
    doubled: timedelta = min(FIRST_WAIT * 2 ** min(attempts - 1, 16), LONGEST_WAIT)
    jittered = doubled * random.uniform(0.75, 1.25)  # noqa: S311 - jitter, not a secret
    return max(jittered, timedelta(seconds=wished or 0))


def job_function(job: str) -> Callable[..., None]:
    """The function a job name stands for: "sync.outlook" is outlook() in portal/sync/jobs.py."""
    package, _, name = job.partition(".")
    return cast(Callable[..., None], getattr(import_module(f"portal.{package}.jobs"), name))


def _complete(row_id: int, token: str) -> None:
    """The job is done; what was given up of it before needs nobody any more."""
    db.session.rollback()
    at = now()
    with transaction():
        if not _release(row_id, token, done_at=at):
            return
        row = db.session.get_one(OutboxMessage, row_id)
        earlier = (
            update(OutboxMessage)
            .where(
                OutboxMessage.dedupe_key == row.dedupe_key,
                OutboxMessage.done_at.is_(None),
                OutboxMessage.parked_at.is_not(None),
            )
            .values(done_at=at)
            .returning(OutboxMessage.id)
        )
        if db.session.scalars(earlier).all() and _tell_staff_it_is_settled is not None:
            _tell_staff_it_is_settled(row.job, list(row.args), at)


def _finish(row_id: int, token: str, **values: object) -> bool:
    """Write the end of our lease; False when somebody else holds the row by now."""
    db.session.rollback()
    with transaction():
        return _release(row_id, token, **values)


def _release(row_id: int, token: str, **values: object) -> bool:
    released = db.session.scalar(
        update(OutboxMessage)
        .where(OutboxMessage.id == row_id, OutboxMessage.lease_token == token)
        .values(lease_token=None, lease_until=None, **values)
        .returning(OutboxMessage.id)
    )
    return released is not None


def _retry(row_id: int, token: str, error: str, after: timedelta) -> None:
    due = now() + after
    try:
        _finish(row_id, token, last_error=error, not_before=due)
    except IntegrityError:
        _hand_over(row_id, token, error, due)


def _hand_over(row_id: int, token: str, error: str, due: datetime) -> None:
    """The same job was ordered again meanwhile and waits in a row of its own, which carries on when we would have."""
    db.session.rollback()
    with transaction():
        row = db.session.get_one(OutboxMessage, row_id)
        if _release(row_id, token, last_error=error, done_at=now()):
            db.session.execute(
                update(OutboxMessage)
                .where(
                    OutboxMessage.dedupe_key == row.dedupe_key,
                    OutboxMessage.done_at.is_(None),
                    OutboxMessage.parked_at.is_(None),
                    OutboxMessage.lease_token.is_(None),
                )
                .values(attempts=row.attempts, last_error=error, not_before=due)
            )


def _park(row_id: int, token: str, error: str) -> None:
    db.session.rollback()
    at = now()
    with transaction():
        if _release(row_id, token, last_error=error, parked_at=at) and _tell_staff is not None:
            row = db.session.get_one(OutboxMessage, row_id)
            _tell_staff(row.job, list(row.args), error, at)
