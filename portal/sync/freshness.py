"""How well we know the practitioners' calendars outside, for the person who operates the portal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from portal.db import db
from portal.scheduling.models import Outside, OutsideCalendar
from portal.staff.models import Practitioner


@dataclass(frozen=True)
class Freshness:
    """One calendar of a practitioner. Times are UTC; from `believed_until` on nobody is offered because of it."""

    practitioner: str
    source: str
    read_at: datetime | None
    believed_until: datetime | None
    state: str


def all_of_them(now: datetime) -> list[Freshness]:
    """One line for each calendar of each active practitioner, in the clinic's order."""
    people = select(Practitioner).where(Practitioner.is_active).order_by(Practitioner.position, Practitioner.id)
    known = {(row.practitioner_id, row.source): row for row in db.session.scalars(select(OutsideCalendar))}
    return [
        _line(who, source, known.get((who.id, source)), now)
        for who in db.session.scalars(people)
        for source in _calendars_of(who)
    ]


def state_of(known: OutsideCalendar | None, source: Outside, now: datetime) -> str:
    """In words: whether it is read, and whether its practitioner is offered."""
    if known is None or (known.read_at is None and known.failed_at is None):
        return "never read"
    is_offered = source != Outside.OUTLOOK or (known.unknown_from is not None and known.unknown_from > now)
    if known.failed_at is None:
        return "fresh" if is_offered else "too old: not offered"
    return f"{known.problem}; {'still' if is_offered else 'not'} offered"


def _calendars_of(who: Practitioner) -> Iterator[Outside]:
    if who.graph_user_id is not None:
        yield Outside.OUTLOOK
    if who.medirecords_provider_id is not None:
        yield Outside.MEDIRECORDS


def _line(who: Practitioner, source: Outside, known: OutsideCalendar | None, now: datetime) -> Freshness:
    return Freshness(
        who.slug,
        str(source),
        known.read_at if known else None,
        known.unknown_from if known else None,
        state_of(known, source, now),
    )
