"""Tells whether anything has changed that open times follow from.

The database itself adds a row with a random mark whenever such a table changes (migration 0019), in the transaction of
the change. So the marks that a transaction sees, taken together, stand for exactly what it sees of those tables.
"""

from __future__ import annotations

from datetime import datetime
from typing import cast

from sqlalchemy import delete, func, select, text

from portal.db import db
from portal.scheduling.models import ScheduleChange

_STATE = text("select bit_xor(mark) from schedule_change")


def state() -> int | None:
    """A number that is the same only while nothing has changed, this transaction's own changes included."""
    db.session.flush()  # what this transaction has done counts, and a plain statement would not flush it
    return cast(int | None, db.session.scalar(_STATE))


def forget_old(_now: datetime) -> None:
    """Keep the newest mark only: fewer rows are another state once, and the same one from then on."""
    newest = select(func.max(ScheduleChange.id)).scalar_subquery()
    db.session.execute(delete(ScheduleChange).where(ScheduleChange.id < newest))
