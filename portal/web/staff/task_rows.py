"""Staff tasks as the pages list them: in words, with the page where the trouble is dealt with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import url_for
from sqlalchemy import select

from portal.bookings.models import Booking
from portal.db import db
from portal.staff import tasks
from portal.staff.access import Staff
from portal.staff.models import StaffTask
from portal.web import access

BOOKING_PAGE = "staff.bookings.panel"


@dataclass(frozen=True)
class Row:
    """One task."""

    id: int
    kind: str
    words: str
    created_at: datetime
    done_at: datetime | None
    reference: str | None
    href: str | None  # the booking's page, for those who may open it


def of(found: Sequence[StaffTask], staff: Staff) -> list[Row]:
    """Rows for these tasks, in their order; one query for all their bookings."""
    ids = {task.booking_id for task in found if task.booking_id is not None}
    asked = select(Booking.id, Booking.reference).where(Booking.id.in_(ids))
    references = dict(db.session.execute(asked).all()) if ids else {}
    return [_row(task, references.get(task.booking_id or 0), staff) for task in found]


def _row(task: StaffTask, reference: str | None, staff: Staff) -> Row:
    href = None
    if reference is not None and access.may_open(staff, BOOKING_PAGE):
        href = url_for(BOOKING_PAGE, reference=reference)
    return Row(task.id, tasks.kind_of(task).words, task.words, task.created_at, task.done_at, reference, href)
