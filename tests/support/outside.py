"""Calendars outside, for clinics that no worker looks after: nobody is offered whose Outlook calendar is unknown."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from portal import clock
from portal.db import db, transaction
from portal.scheduling.models import Outside, OutsideCalendar
from portal.staff.models import Practitioner


def know_outside(*, until: datetime | None = None) -> None:
    """Everybody's Outlook counts as read a moment ago, and is believed for a year unless told otherwise."""
    at = clock.now()
    fresh = {"read_at": at, "failed_at": None, "problem": "", "unknown_from": until or at + timedelta(days=365)}
    mailboxes = select(Practitioner.id, Practitioner.graph_user_id).where(Practitioner.graph_user_id.is_not(None))
    with transaction():
        for practitioner_id, user_id in db.session.execute(mailboxes).all():
            known = {"practitioner_id": practitioner_id, "source": Outside.OUTLOOK, "external_id": user_id, **fresh}
            row = insert(OutsideCalendar).values(known)
            db.session.execute(row.on_conflict_do_update(index_elements=["practitioner_id", "source"], set_={**fresh}))
