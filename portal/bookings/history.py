"""Changes a booking's state: checked against the table, written as an event, announced to whoever reacts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import insert, update
from sqlalchemy.orm.attributes import set_committed_value

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
    swap = update(Booking).where(Booking.id == booking.id, Booking.status == booking.status).values(changes)
    db.session.flush()
    if db.session.connection().execute(swap).rowcount == 0:
        raise WrongState(booking.status, wanted)
    for column, value in changes.items():
        set_committed_value(booking, column, value)
    record(booking, event, now, by=by, undo_until=undo_until, **data)


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
