"""Short ways to say what happens to a visit, for the tests of what follows from it outside."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select

from portal.bookings import change, find
from portal.bookings.models import Booking
from portal.clock import now
from portal.db import db, transaction
from portal.outbox.post import announce
from portal.scheduling import claims
from portal.staff.models import Practitioner, StaffTask
from portal.sync import jobs
from portal.sync.models import GraphNotification, MediRecordsLink, OutlookLink, ProcessorRun
from tests.support.chain import Chain
from tests.support.outbox import later, settle

AGE = {"minutes": 3}  # what was written later than two minutes ago is left alone by the comparison


def listen(chain: Chain) -> None:
    """Have Graph tell us about both calendars."""
    for person in (chain.wren, chain.lark):
        jobs.keep_subscription(person.id)


def confirmed(chain: Chain, **columns: Any) -> Booking:
    """A visit that has just been confirmed; what is owed is not done yet."""
    booking = chain.booking(**columns)
    with transaction():
        announce("booking.confirmed", booking.id, now())
    return booking


def written(chain: Chain, **columns: Any) -> Booking:
    """A visit that stands in Outlook and in MediRecords."""
    booking = confirmed(chain, **columns)
    settle(chain.sandbox)
    assert len(chain.events(booking.reference)) == 1
    assert len(chain.appointments(booking.reference)) == 1
    return booking


def move(booking: Booking, starts_at: datetime, *, to: Practitioner | None = None) -> None:
    booking_id, practitioner_id = booking.id, to.id if to else None
    claims.claim(
        lambda: change.move(find.get_locked(booking_id), starts_at, now(), by="staff", practitioner_id=practitioner_id)
    )


def cancel(booking: Booking) -> None:
    with transaction():
        change.cancel(find.get_locked(booking.id), now(), by="staff")


def sweep(chain: Chain, **after: float) -> None:
    """What the sweep finds after this time is done."""
    chain.sandbox.advance(**after)
    with transaction():
        jobs.sweep(now())
    settle(chain.sandbox)


def compare(chain: Chain) -> None:
    """What the comparison with the outside finds, when all that was written has aged, is done."""
    later(chain.sandbox, **AGE)
    with transaction():
        jobs.owe_reconciliation(now())
    settle(chain.sandbox)


def outlook_link(booking: Booking) -> OutlookLink:
    db.session.rollback()
    return db.session.get_one(OutlookLink, booking.id, populate_existing=True)


def medirecords_link(booking: Booking) -> MediRecordsLink:
    db.session.rollback()
    return db.session.get_one(MediRecordsLink, booking.id, populate_existing=True)


def runs(booking: Booking) -> list[ProcessorRun]:
    db.session.rollback()
    rows = select(ProcessorRun).where(ProcessorRun.booking_id == booking.id).order_by(ProcessorRun.id)
    return list(db.session.scalars(rows.execution_options(populate_existing=True)))


def notifications() -> list[GraphNotification]:
    db.session.rollback()
    rows = select(GraphNotification).order_by(GraphNotification.id)
    return list(db.session.scalars(rows.execution_options(populate_existing=True)))


def tasks(kind: str | None = None) -> list[StaffTask]:
    db.session.rollback()
    rows = db.session.scalars(select(StaffTask).where(StaffTask.done_at.is_(None)).order_by(StaffTask.id))
    return [row for row in rows if kind in (None, row.kind)]


def starts(entry: dict[str, Any]) -> datetime:
    """When an event of the ledger begins."""
    return datetime.fromisoformat(entry["start"])
