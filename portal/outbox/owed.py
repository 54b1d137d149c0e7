"""What the outbox still owes, for the person who operates it: look at it, and try again what was given up."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import exists, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from portal.db import db
from portal.outbox.models import OutboxMessage


class NotParked(Exception):
    """There is no row with this id that was given up."""


def owed(*, only_parked: bool = False) -> list[OutboxMessage]:
    """The rows that are not done, oldest first; with `only_parked` those that were given up.

    A row that was given up is left out once the same job has been ordered anew: the newer row tells how it stands.
    """
    newer = aliased(OutboxMessage)
    has_newer = exists().where(newer.dedupe_key == OutboxMessage.dedupe_key, newer.id > OutboxMessage.id)
    rows = select(OutboxMessage).where(
        OutboxMessage.done_at.is_(None), or_(OutboxMessage.parked_at.is_(None), ~has_newer)
    )
    if only_parked:
        rows = rows.where(OutboxMessage.parked_at.is_not(None))
    return list(db.session.scalars(rows.order_by(OutboxMessage.id)))


def state_of(row: OutboxMessage, now: datetime) -> str:
    """ "parked", "running", "due" or "waiting"."""
    if row.parked_at is not None:
        return "parked"
    if row.lease_until is not None and row.lease_until >= now:
        return "running"
    return "due" if row.not_before <= now else "waiting"


def try_again(row_id: int, now: datetime) -> OutboxMessage:
    """Make a parked row due, with all its tries and its 24 hours before it again. Raises NotParked.

    One row is enough for one job: others that were given up are done with it, and if the same job has been ordered
    anew and waits already, that row carries on and this one is done.
    """
    row = db.session.get(OutboxMessage, row_id, with_for_update=True, populate_existing=True)
    if row is None or row.parked_at is None or row.done_at is not None:
        raise NotParked(row_id)
    db.session.execute(
        update(OutboxMessage)
        .where(
            OutboxMessage.dedupe_key == row.dedupe_key,
            OutboxMessage.id != row.id,
            OutboxMessage.parked_at.is_not(None),
            OutboxMessage.done_at.is_(None),
        )
        .values(done_at=now)
    )
    try:
        with db.session.begin_nested():
            row.parked_at, row.attempts = None, 0
            row.created_at = row.not_before = now
    except IntegrityError:
        row.done_at = now
    return row
