"""Raise and settle staff tasks."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text, update
from sqlalchemy.dialects.postgresql import insert

from portal.db import db
from portal.staff.models import StaffTask


def raise_task(kind: str, words: str, now: datetime, *, booking_id: int | None = None, about: str = "") -> None:
    """Open a task unless the same one is open already. `words` are for staff and hold no health data."""
    key = f"{kind}:{about or booking_id or ''}"
    db.session.execute(
        insert(StaffTask)
        .values(key=key, kind=kind, words=words, booking_id=booking_id, created_at=now)
        .on_conflict_do_nothing(index_elements=["key"], index_where=text("done_at is null"))
    )


def settle_task(kind: str, now: datetime, *, booking_id: int | None = None, about: str = "") -> None:
    """Close the open task of this kind, if there is one: the trouble has gone away by itself."""
    key = f"{kind}:{about or booking_id or ''}"
    db.session.execute(update(StaffTask).where(StaffTask.key == key, StaffTask.done_at.is_(None)).values(done_at=now))


def raise_task_for_parked(job: str, args: list[int | str], error: str, at: datetime) -> None:
    """A job that was given up needs a person. `error` names the system and its code, never a patient."""
    raise_task("job-parked", f"{job} was given up: {error}", at, about=":".join([job, *map(str, args)]))
