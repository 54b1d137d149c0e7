"""Owe a job to the outside, in the transaction of its cause."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import case, event, func, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, SessionTransaction

from portal.db import db
from portal.outbox import relay
from portal.outbox.models import OutboxMessage
from portal.reactions import CANNOT_BE_TAKEN_BACK, JOB_QUEUES, REACTIONS

_RINGS = "outbox_queues_to_ring"
REST = timedelta(hours=1)  # how long a sweep leaves a job alone that was given up


def announce(event_name: str, subject_id: int, now: datetime, *, undo_until: datetime | None = None) -> None:
    """Say that something happened: every job that reactions.py names for it is owed from now on.

    `undo_until`: the jobs that cannot be taken back wait until then.
    """
    for job in REACTIONS[event_name]:
        owe(job, subject_id, now=now, not_before=undo_until if job in CANNOT_BE_TAKEN_BACK else None)


def owe(job: str, *args: int | str, now: datetime, not_before: datetime | None = None) -> None:
    """Owe one job. Arguments are ids only, because rows and queues are read by more people than the database is.

    The same job for the same thing waits once; one that has been tried keeps the time that its partner wished for, and
    does then what is wanted by then. The update below is not idle: it locks a waiting row until our transaction
    commits, so that nobody runs it before they could see what we have just changed.
    """
    queue = JOB_QUEUES[job]
    row = insert(OutboxMessage).values(
        job=job,
        args=list(args),
        queue=queue,
        dedupe_key=_key(job, args),
        created_at=now,
        not_before=not_before or now,
    )
    db.session.execute(
        row.on_conflict_do_update(
            index_elements=["dedupe_key"],
            index_where=text("done_at is null and parked_at is null and lease_token is null"),
            set_={
                "not_before": case(
                    (OutboxMessage.attempts > 0, OutboxMessage.not_before),
                    else_=func.least(OutboxMessage.not_before, row.excluded.not_before),
                )
            },
        )
    )
    if not_before is None or not_before <= now:
        db.session.info.setdefault(_RINGS, set()).add(queue)


def remind(job: str, *args: int | str, now: datetime) -> None:
    """Owe a job that nothing but the time asks for, unless it waits or runs already, or was given up a moment ago.

    A sweep comes every half minute. owe() would send what was refused to the partner again and again, and have what
    runs already run once more.
    """
    known = select(OutboxMessage.id).where(
        OutboxMessage.dedupe_key == _key(job, args),
        OutboxMessage.done_at.is_(None),
        or_(OutboxMessage.parked_at.is_(None), OutboxMessage.parked_at > now - REST),
    )
    if db.session.scalar(known.limit(1)) is None:
        owe(job, *args, now=now)


def _key(job: str, args: Iterable[int | str]) -> str:
    return ":".join([job, *map(str, args)])


@event.listens_for(Session, "after_commit")
def _ring_after_commit(session: Session) -> None:
    _ring(session.info.pop(_RINGS, ()))


@event.listens_for(Session, "after_soft_rollback")
def _forget_after_rollback(session: Session, previous: SessionTransaction) -> None:
    if not previous.nested:
        session.info.pop(_RINGS, None)


def _ring(queues: Iterable[str]) -> None:
    for queue in queues:
        relay.ring(queue)
