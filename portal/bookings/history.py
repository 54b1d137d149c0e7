"""Changes a booking's state: checked against the table, written as an event, announced to whoever reacts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.sql.dml import ReturningInsert

from portal.bookings import states
from portal.bookings.models import Booking, BookingEvent
from portal.bookings.states import Status, WrongState
from portal.db import db
from portal.outbox.post import announce


def change_status(
    booking: Booking,
    wanted: Status,
    now: datetime,
    *,
    event: str,
    by: str,
    undo_until: datetime | None = None,
    columns: Mapping[str, Any] | None = None,
    **data: Any,
) -> None:
    """Compare and swap the status, and set what else changes with it. Raises WrongState if the table forbids it or
    somebody was faster."""
    states.check(booking.status, wanted)
    changes = {"status": wanted, **(columns or {})}
    asked = {"of": booking.id, "before": booking.status, "name": event, "at": now, "by": by, "data": data}
    asked |= {f"new_{column}": value for column, value in changes.items()}
    db.session.flush()
    if db.session.connection().execute(_swap_and_record(tuple(changes)), asked).one_or_none() is None:
        raise WrongState(booking.status, wanted)
    for column, value in changes.items():
        set_committed_value(booking, column, value)
    announce(event, booking.id, now, undo_until=undo_until)


def record(
    booking: Booking, event: str, now: datetime, *, by: str, undo_until: datetime | None = None, **data: Any
) -> None:
    """Add to the booking's history and announce it. `data` holds ids and times, never what a patient told us.

    `undo_until`: what could not be taken back, such as a mail, waits until then.
    """
    db.session.flush()  # the booking may be new
    columns = {"booking_id": booking.id, "name": event, "at": now, "by": by, "data": data}
    db.session.connection().execute(insert(BookingEvent), columns)
    announce(event, booking.id, now, undo_until=undo_until)


@lru_cache
def _swap_and_record(columns: tuple[str, ...]) -> ReturningInsert[tuple[int]]:
    """Sets these columns of a booking that still has the status it had, and adds to its history; a row if it did. One
    statement, built once, because others may wait for what it lets go."""
    rows, notes = Booking.__table__.c, BookingEvent.__table__.c
    swapped = (
        update(Booking)
        .where(rows.id == bindparam("of"), rows.status == bindparam("before"))
        .values({name: bindparam(f"new_{name}", type_=rows[name].type) for name in columns})
        .returning(rows.id)
        .cte("swapped")
    )
    told = [bindparam(name, type_=notes[name].type) for name in ("name", "at", "by", "data")]
    columns_told = ["booking_id", *(one.key for one in told)]
    return insert(BookingEvent).from_select(columns_told, select(swapped.c.id, *told)).returning(BookingEvent.id)
