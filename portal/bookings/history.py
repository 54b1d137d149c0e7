"""Changes a booking's state: checked against the table, written as an event, announced to whoever reacts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import CTE, BindParameter, bindparam, insert, select, update
from sqlalchemy.orm import make_transient_to_detached
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.sql.dml import ReturningInsert

from portal.bookings import states
from portal.bookings.models import Booking, BookingEvent
from portal.bookings.states import Status, WrongState
from portal.db import db
from portal.outbox.post import announce

# What a booking has that is not known otherwise: nothing of it is read back.
DEFAULTS = {
    column.name: column.default.arg if column.default is not None else None
    for column in Booking.__table__.columns
    if not column.primary_key and (column.nullable or column.default is not None)
}


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


def begin(columns: Mapping[str, Any], event: str, now: datetime, *, by: str) -> Booking:
    """Add a booking with the beginning of its history, and announce it. `columns` are those without a default, at
    least."""
    known = {**DEFAULTS, **columns}
    asked = {f"new_{name}": value for name, value in known.items()}
    asked |= {"name": event, "at": now, "by": by, "data": {}}
    db.session.flush()
    booking_id = db.session.connection().execute(_insert_and_record(tuple(known)), asked).scalar_one()
    booking = Booking(id=booking_id, **known)
    make_transient_to_detached(booking)  # as if it had been read
    db.session.add(booking)
    announce(event, booking_id, now)
    return booking


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


# One statement for a booking and its history, built once for each set of columns, because others may wait for what it
# takes or lets go.


@lru_cache
def _swap_and_record(columns: tuple[str, ...]) -> ReturningInsert[Any]:
    """Sets these columns of a booking that still has the status it had; a row if it did."""
    rows = Booking.__table__.c
    return _recorded(
        update(Booking)
        .where(rows.id == bindparam("of"), rows.status == bindparam("before"))
        .values(_bound(columns))
        .returning(rows.id)
        .cte("swapped")
    )


@lru_cache
def _insert_and_record(columns: tuple[str, ...]) -> ReturningInsert[Any]:
    """Adds a booking with these columns; its id."""
    return _recorded(insert(Booking).values(_bound(columns)).returning(Booking.__table__.c.id).cte("added"))


def _bound(columns: tuple[str, ...]) -> dict[str, BindParameter[Any]]:
    rows = Booking.__table__.c
    return {name: bindparam(f"new_{name}", type_=rows[name].type) for name in columns}


def _recorded(changed: CTE) -> ReturningInsert[Any]:
    notes = BookingEvent.__table__.c
    told = [bindparam(name, type_=notes[name].type) for name in ("name", "at", "by", "data")]
    columns = ["booking_id", *(one.key for one in told)]
    return (
        insert(BookingEvent)
        .from_select(columns, select(changed.c.id, *told))
        .returning(BookingEvent.__table__.c.booking_id)
    )
