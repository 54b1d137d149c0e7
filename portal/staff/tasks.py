"""Raise and settle staff tasks, and who sees which."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, exists, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from portal.db import db
from portal.staff import audit
from portal.staff.access import DESK, MONEY, Role, Staff
from portal.staff.models import Action, StaffTask


@dataclass(frozen=True)
class Kind:
    """What a task is about in words, and whose work it is."""

    words: str
    roles: frozenset[Role] = DESK


_CALENDAR, _MEDIRECORDS = Kind("Outlook"), Kind("MediRecords")
_MONEY = Kind("Money", DESK | MONEY)
# A kind that is not named here is the desk's, under its own name.
KINDS = {
    "outlook-moved": _CALENDAR,
    "outlook-deleted": _CALENDAR,
    "mailbox-missing": _CALENDAR,
    "medirecords": _MEDIRECORDS,
    "medirecords-moved": _MEDIRECORDS,
    "medirecords-removed": _MEDIRECORDS,
    "mail-unsure": Kind("Mail"),
    "job-parked": Kind("Given up"),
    "refund-outside": _MONEY,
    "refund-failed": _MONEY,
    "give-back": _MONEY,
    "dispute": _MONEY,
    "payment-differs": _MONEY,
    "stripe-unknown": _MONEY,
    "stripe-refused": _MONEY,
}


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


def settle_task_for_parked(job: str, args: list[int | str], at: datetime) -> None:
    """A job that was given up has been done after all."""
    settle_task("job-parked", at, about=":".join([job, *map(str, args)]))


def kind_of(task: StaffTask) -> Kind:
    """What a task is about."""
    return KINDS.get(task.kind) or Kind(task.kind.replace("-", " ").capitalize())


def visible_to(staff: Staff) -> Select[StaffTask]:
    """The tasks that are this person's work, open and done."""
    hidden = [kind for kind, each in KINDS.items() if not staff.may(each.roles)]
    wanted = select(StaffTask).where(StaffTask.kind.not_in(hidden))
    return wanted if staff.may(DESK) else wanted.where(StaffTask.kind.in_(KINDS))


def mark_done(task: StaffTask, staff: Staff, now: datetime) -> None:
    """A person has settled it. Once more changes nothing."""
    if task.done_at is None:
        task.done_at = now
        audit.record(staff, Action.CHANGED, "task", now, subject=task.key, part="done")


def open_again(task: StaffTask, staff: Staff, now: datetime) -> None:
    """It was not settled after all. Where the same trouble has come back meanwhile, that task is the open one."""
    other = aliased(StaffTask)
    is_there = select(exists().where(other.key == task.key, other.done_at.is_(None)))
    if not db.session.execute(is_there).scalar_one():
        task.done_at = None
        audit.record(staff, Action.CHANGED, "task", now, subject=task.key, part="opened again")
