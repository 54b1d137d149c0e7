"""Finding a patient. What is looked for travels in the body of a POST: names and phone numbers stand in no address and
no access log."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import render_template
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy import Select, exists, func, select
from wtforms import StringField
from wtforms.validators import Length

from portal import clock
from portal.bookings.diary_visits import STANDING
from portal.bookings.models import Booking
from portal.bookings.scope import bookings_of, patients_of
from portal.db import db, transaction
from portal.patients import search as people
from portal.patients.models import Patient
from portal.staff import audit
from portal.staff.access import Staff
from portal.staff.models import AuditEntry
from portal.web import access
from portal.web.booking.details_form import clean
from portal.web.limits import limit, limiter
from portal.web.staff import who
from portal.web.staff.patients import desk
from portal.web.staff.patients.desk import bp

MOST_SHOWN = 200
RECENT = 8
REFERENCE = re.compile(r"BK-?([0-9A-Z]{6})", re.IGNORECASE | re.ASCII)
TOO_LITTLE = (
    "Please type a name, a birth date, at least four digits of a phone number, an e-mail address or a reference."
)


class SearchForm(FlaskForm):
    asked = StringField(
        "Name, birth date, phone, e-mail or reference",
        filters=[clean],
        validators=[Length(max=100, message="Please use 100 characters at most.")],
    )


@dataclass(frozen=True)
class Row:
    """Somebody who was found, and the visit that is nearest to today."""

    patient: Patient
    born: str
    coming: datetime | None
    latest: datetime | None


@bp.get("")
def listed() -> ResponseReturnValue:
    return _empty_page(SearchForm(formdata=None))


@bp.post("/search")
@limiter.limit(lambda: limit("reads"))
def search() -> ResponseReturnValue:
    """The answer is the page itself and no redirect, which would have to carry what was typed."""
    form, me = SearchForm(), who.staff()
    wanted = _wanted(me, form.asked.data or "") if form.validate() else None
    if wanted is None:
        form.asked.errors = form.asked.errors or [TOO_LITTLE]
        return _empty_page(form), 422
    with transaction():
        found = db.session.scalars(wanted.limit(MOST_SHOWN + 1)).all()
        shown = found[:MOST_SHOWN]
        audit.read_list(me, audit.SEARCH, clock.now(), [each.id for each in shown], part=f"{len(shown)} found")
        rows = _rows(me, shown)
        return _page(form, rows, has_searched=True, is_cut=len(found) > MOST_SHOWN)


def _empty_page(form: SearchForm) -> str:
    """Nothing was looked for: those whose records this person opened last."""
    me = who.staff()
    with transaction():
        rows = _recent(me)
        if rows:
            audit.read_list(me, audit.SEARCH, clock.now(), [row.patient.id for row in rows], part="opened last")
        return _page(form, rows)


def _page(form: SearchForm, rows: Sequence[Row], *, has_searched: bool = False, is_cut: bool = False) -> str:
    return render_template(
        "staff/patients/search.html",
        form=form,
        rows=rows,
        has_searched=has_searched,
        is_cut=is_cut,
        most=MOST_SHOWN,
        may_match=access.may_open(who.staff(), "staff.patients.matches"),
    )


def _wanted(me: Staff, asked: str) -> Select[Patient] | None:
    """None when too little was typed. Whoever never came to a visit's details is nobody yet."""
    patients = patients_of(me)
    if reference := REFERENCE.fullmatch(asked):
        named = bookings_of(me).where(Booking.reference == f"BK-{reference[1].upper()}")
        return patients.where(Patient.id.in_(named.with_only_columns(Booking.patient_id)))
    wanted = people.matching(patients, asked)
    has_visit = exists().where(Booking.patient_id == Patient.id)
    return wanted.where(has_visit | Patient.medirecords_id.is_not(None)) if wanted is not None else None


def _recent(me: Staff) -> list[Row]:
    """Whose records this person opened last: most questions are about somebody who was just on the phone."""
    opened = (
        select(AuditEntry.patient_id, func.max(AuditEntry.id).label("last"))
        .where(AuditEntry.staff_member_id == me.id, AuditEntry.kind == "patient", AuditEntry.part == desk.RECORD)
        .group_by(AuditEntry.patient_id)
        .order_by(func.max(AuditEntry.id).desc())
        .limit(RECENT)
        .subquery()
    )
    wanted = patients_of(me).join(opened, opened.c.patient_id == Patient.id).order_by(opened.c.last.desc())
    return _rows(me, db.session.scalars(wanted).all())


def _rows(me: Staff, found: Sequence[Patient]) -> list[Row]:
    now = clock.now()
    visits = (
        bookings_of(me)
        .where(Booking.patient_id.in_([each.id for each in found]), Booking.status.in_(STANDING))
        .where(Booking.confirmed_at.is_not(None))
        .with_only_columns(
            Booking.patient_id,
            func.min(Booking.starts_at).filter(Booking.starts_at > now).label("coming"),
            func.max(Booking.starts_at).filter(Booking.starts_at <= now).label("latest"),
        )
        .group_by(Booking.patient_id)
    )
    times = {row.patient_id: row for row in db.session.execute(visits)} if found else {}
    return [_row(each, times.get(each.id)) for each in found]


def _row(patient: Patient, times: object) -> Row:
    coming, latest = getattr(times, "coming", None), getattr(times, "latest", None)
    return Row(patient, desk.born(patient.born_on), coming, latest)
