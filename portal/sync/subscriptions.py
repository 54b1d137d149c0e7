"""Whose calendars Graph tells us about, for the person who operates the portal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from portal.db import db
from portal.outbox.post import owe
from portal.staff.models import Practitioner
from portal.sync.models import GraphSubscription
from portal.sync.notifications import RENEW_BEFORE


@dataclass(frozen=True)
class Listening:
    """How we hear of one practitioner's calendar. `expires_at` is UTC, as Graph last told us."""

    practitioner: str
    expires_at: datetime | None
    state: str


def all_of_them(now: datetime) -> list[Listening]:
    """One line for each practitioner who is active, in the clinic's order."""
    return [
        Listening(who.slug, known.expires_at if known else None, state_of(who, known, now)) for who, known in _pairs()
    ]


def state_of(practitioner: Practitioner, known: GraphSubscription | None, now: datetime) -> str:
    """In words. A lost notification is caught by the sweep, so none of them stops a booking."""
    if practitioner.graph_user_id is None:
        return "no mailbox"
    if known is None or known.subscription_id is None or known.expires_at is None:
        return "missing"
    if known.expires_at <= now:
        return "ran out"
    return "renewal due" if known.expires_at - now <= RENEW_BEFORE else "live"


def renew_all(now: datetime) -> list[str]:
    """Owe every active practitioner's subscription a renewal, also when ours looks fresh. -> their slugs

    Our row may be wrong: Graph drops a subscription without a word. Asking to renew one tells us, and a lost one is
    then made anew.
    """
    connected = [(who, known) for who, known in _pairs() if who.graph_user_id is not None]
    for who, known in connected:
        if known is not None and known.subscription_id is not None:
            known.expires_at = now
        owe("sync.keep_subscription", who.id, now=now)
    return [who.slug for who, _ in connected]


def _pairs() -> list[tuple[Practitioner, GraphSubscription | None]]:
    query = (
        select(Practitioner, GraphSubscription)
        .outerjoin(GraphSubscription, GraphSubscription.practitioner_id == Practitioner.id)
        .where(Practitioner.is_active)
        .order_by(Practitioner.position, Practitioner.id)
    )
    return [(who, known) for who, known in db.session.execute(query)]
