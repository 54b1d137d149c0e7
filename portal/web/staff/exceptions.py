"""Opens again what was closed, and takes extra hours back; both are exceptions to the weekly hours."""

from __future__ import annotations

from flask import abort
from sqlalchemy import select

from portal import clock
from portal.db import db
from portal.scheduling import closures
from portal.scheduling.closures import IsOver
from portal.scheduling.models import ExceptionKind, HoursException
from portal.staff import audit
from portal.staff.models import Action
from portal.web.staff import who


def take_back(exception_id: int, kind: ExceptionKind, called: str) -> None:
    """Run it in a transaction. 404 for one that is missing, of another kind, or over."""
    now = clock.now()
    wanted = select(HoursException).where(HoursException.id == exception_id, HoursException.kind == kind)
    found = db.session.scalars(wanted.with_for_update()).one_or_none()
    if found is None:
        abort(404)
    try:
        closures.take_back(found, now)
    except IsOver:
        abort(404)
    audit.record(who.staff(), Action.REMOVED, called, now, subject=str(exception_id))
