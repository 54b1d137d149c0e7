"""Finding a visit when somebody calls: by reference, or by whatever they say of themselves.

What is looked for travels in the body of a POST: names and phone numbers stand in no address and no access log.
"""

from __future__ import annotations

from collections.abc import Sequence

from flask import render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func
from sqlalchemy.orm import joinedload

from portal import clock
from portal.bookings.models import Booking
from portal.bookings.scope import bookings_of, patients_of
from portal.bookings.states import Status
from portal.db import db, transaction
from portal.patients import search as patients
from portal.patients.models import Patient
from portal.staff import audit
from portal.staff.access import DESK
from portal.web.htmx import go
from portal.web.limits import limit_reads
from portal.web.staff import who
from portal.web.staff.bookings.desk import bp, typed
from portal.web.staff.bookings.panel import state_words

MOST = 50


@bp.get("")
def find() -> ResponseReturnValue:
    return _page("", None)


@bp.post("/search")
@limit_reads
def search() -> ResponseReturnValue:
    """The answer is the page itself and no redirect, which would have to carry what was typed."""
    asked = typed("q", 100)
    reference = asked.upper().replace(" ", "")
    if reference.startswith("BK-") and _is_there(reference):
        return go(url_for(".panel", reference=reference))
    return _page(asked, _of_patients(asked))


def _page(asked: str, found: Sequence[Booking] | None) -> str:
    return render_template(
        "staff/bookings/find.html",
        asked=asked,
        rows=[(booking, state_words(booking)) for booking in found[:MOST]] if found is not None else None,
        has_more=found is not None and len(found) > MOST,
        most=MOST,
        now=clock.now(),
        desk=DESK,
    )


def _is_there(reference: str) -> bool:
    return db.session.scalars(bookings_of(who.staff()).where(Booking.reference == reference)).first() is not None


def _of_patients(asked: str) -> Sequence[Booking] | None:
    """Coming visits first, then the past ones, the nearest first; None when nobody was asked for."""
    me, now = who.staff(), clock.now()
    people = patients.matching(patients_of(me), asked)
    if people is None:
        return None if not asked else []
    ids = people.order_by(None).with_only_columns(Patient.id)
    nearest = (Booking.starts_at < now, func.abs(func.extract("epoch", Booking.starts_at - now)))
    wanted = bookings_of(me).where(Booking.patient_id.in_(ids), Booking.status != Status.EXPIRED)
    with transaction():
        found = db.session.scalars(
            wanted.options(
                joinedload(Booking.patient), joinedload(Booking.practitioner), joinedload(Booking.appointment_type)
            )
            .order_by(*nearest, Booking.id)
            .limit(MOST + 1)
        ).all()
        shown = [booking.patient_id for booking in found[:MOST]]
        audit.read_list(me, audit.SEARCH, now, shown, part=f"{len(shown)} visits found")
    return found
