"""Short ways to act as a practitioner in Outlook, and to see what times follow from it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from portal.clock import now
from portal.db import db, transaction
from portal.scheduling import availability
from portal.scheduling.models import BusyTime, Outside, OutsideCalendar
from portal.staff.models import Practitioner
from portal.sync import jobs
from tests.support.chain import Chain
from tests.support.factories import ten_in_a_week
from tests.support.microsoft import WREN
from tests.support.outbox import settle

HALF_HOUR = timedelta(minutes=30)


def ten() -> datetime:
    """10 am in Sydney, in a week."""
    return ten_in_a_week(now())


def enter(chain: Chain, starts_at: datetime, minutes: int = 60, *, user: str = WREN, **more: Any) -> str:
    """Somebody enters something in Outlook; the id of the event."""
    wanted = {"start": starts_at.isoformat(), "end": (starts_at + timedelta(minutes=minutes)).isoformat(), **more}
    made = chain.sandbox.post("/_emu/graph/staff-event", {"user": user, "action": "create", **wanted})
    return str(made["id"])


def act(chain: Chain, action: str, event_id: str, **more: Any) -> None:
    """Move, hide or delete it, or show it otherwise."""
    chain.sandbox.post("/_emu/graph/staff-event", {"user": WREN, "action": action, "id": event_id, **more})


def shift(chain: Chain, event_id: str, starts_at: datetime, minutes: int = 60) -> None:
    ends_at = starts_at + timedelta(minutes=minutes)
    act(chain, "move", event_id, start=starts_at.isoformat(), end=ends_at.isoformat())


def read(chain: Chain) -> None:
    """Read Dr Wren's calendar now."""
    db.session.rollback()
    jobs.read_outlook_busy(chain.wren.id)


def sweep(chain: Chain) -> None:
    """What the clock does twice a minute."""
    with transaction():
        jobs.owe_busy_reads(now())
    settle(chain.sandbox)


def busy(practitioner: Practitioner, source: Outside = Outside.OUTLOOK) -> list[tuple[datetime, datetime]]:
    """What we know somebody is busy with, in order."""
    db.session.rollback()
    rows = select(BusyTime.starts_at, BusyTime.ends_at).where(
        BusyTime.practitioner_id == practitioner.id, BusyTime.source == source
    )
    return [(start, end) for start, end in db.session.execute(rows.order_by(BusyTime.starts_at))]


def calendar(practitioner: Practitioner, source: Outside = Outside.OUTLOOK) -> OutsideCalendar:
    db.session.rollback()
    return db.session.get_one(OutsideCalendar, (practitioner.id, source), populate_existing=True)


def is_open(chain: Chain, starts_at: datetime, practitioner: Practitioner | None = None) -> bool:
    """Whether patients are offered Dr Wren, or this practitioner, at a time."""
    db.session.rollback()
    db.session.expire_all()
    who = (practitioner or chain.wren).id
    found = availability.at(chain.type, starts_at, now()).open_slots
    return any(slot.practitioner_id == who for slot in found)


def calls(chain: Chain, path: str, since: int = 0) -> int:
    """How often Graph was asked for something with this in its path, since so many calls."""
    return len([call for call in chain.sandbox.calls("graph")[since:] if path in call["path"]])
