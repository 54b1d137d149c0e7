"""Closing the clinic, a place or a practitioner: what stands there, and other times for those who are booked."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import Blueprint, abort, current_app, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy import select
from wtforms import IntegerField, StringField
from wtforms.validators import ValidationError

from portal import clock
from portal.bookings import offers, standing
from portal.bookings.auditing import write_down
from portal.bookings.models import Booking
from portal.bookings.states import WrongState
from portal.db import db, transaction
from portal.scheduling import claims, closures
from portal.scheduling.claims import SlotTaken
from portal.scheduling.models import ExceptionKind, HoursException
from portal.staff import audit
from portal.staff.access import MANAGERS
from portal.staff.models import Action, Practitioner
from portal.web.htmx import go
from portal.web.staff import exceptions, row_ids, standing_rows, who
from portal.web.staff.closing_form import ClosingForm

bp = Blueprint("closures", __name__, url_prefix="/closures")

MOST_OFFERS = 60  # in one request; the button stays for the rest
LEAST_HOURS, MOST_HOURS = 2, 168
MOST_LETTERS = 200


class ReasonForm(FlaskForm):
    """Why it closes. Patients are told what is typed for a place; of leave they are told nothing."""

    reason = StringField("Why (optional)", filters=[lambda typed: " ".join((typed or "").split())])

    def validate_reason(self, field: StringField) -> None:
        if len(field.data) > MOST_LETTERS or not field.data.isprintable():
            raise ValidationError(f"Say it in {MOST_LETTERS} letters.")


class OffersForm(FlaskForm):
    hours = IntegerField("Hold the times for so many hours")

    def validate_hours(self, field: IntegerField) -> None:
        field.errors = []
        if field.data is None or not LEAST_HOURS <= field.data <= MOST_HOURS:
            raise ValidationError(f"Enter a number of hours from {LEAST_HOURS} to {MOST_HOURS}.")


@bp.get("")
def listed() -> ResponseReturnValue:
    return _listed(ClosingForm(formdata=None))


@bp.get("/impact")
def impact() -> ResponseReturnValue:
    """What stands in a time that may be closed, or has been."""
    form = _asked()
    if not form.validate():
        return make_response(_listed(form), 422)
    return _impact(form)


@bp.post("")
def close() -> ResponseReturnValue:
    form, reason, now = _asked(), ReasonForm(), clock.now()
    if not form.validate():
        return make_response(_listed(form), 422)
    if not reason.validate():
        return make_response(_impact(form, reason=reason), 422)
    with transaction():
        made = closures.close(form.closing(), reason.reason.data or "", now)
        audit.record(who.staff(), Action.ADDED, "closure", now, subject=form.words(), why=reason.reason.data or "")
    return go(url_for(".impact", **form.query(), closed=made.id if made else "days"))


@bp.post("/<int:exception_id>/removal")
def take_back(exception_id: int) -> ResponseReturnValue:
    with transaction():
        exceptions.take_back(exception_id, ExceptionKind.CLOSED, "closure")
    return go(url_for(".listed", opened=1))


@bp.post("/offers")
def make_offers() -> ResponseReturnValue:
    """Hold three other times for each visit that stands there, and write to its person."""
    form, hours, now = _asked(), OffersForm(), clock.now()
    if not form.validate():
        return make_response(_listed(form), 422)
    if not closures.is_closed(form.closing()):
        abort(400)  # a time that is open would be offered to the next one
    if not hours.validate():
        return make_response(_impact(form, hours=hours), 422)
    waiting = [visit for visit in standing.within(form.closing(), now).to_offer if not offers.find_open(visit.id)]
    ids = [visit.id for visit in waiting[:MOST_OFFERS]]
    made = [_offer(visit_id, now, now + timedelta(hours=hours.hours.data or 0)) for visit_id in ids]
    return go(url_for(".impact", **form.query(), offered=made.count(True), without=made.count(False)))


def _offer(visit_id: int, now: datetime, expires_at: datetime) -> bool | None:
    """Whether there was a time to offer; None for a visit that somebody has just changed or is busy with."""

    def act() -> bool:
        made = offers.make(visit_id, now, expires_at)
        visit = db.session.get_one(Booking, visit_id)
        action, part = (Action.SENT, "offer") if made else (Action.CHANGED, "no other time")
        write_down(visit, action, who.staff(), now, part=part)
        return made is not None

    try:
        return claims.claim(act)
    except (SlotTaken, WrongState):
        return None


def _listed(form: ClosingForm) -> str:
    return render_template(
        "staff/closures/listed.html",
        form=form,
        closed=closures.coming(ExceptionKind.CLOSED, clock.now()),
        names=dict(db.session.execute(select(Practitioner.id, Practitioner.name)).all()),
        can_change=who.staff().may(MANAGERS),
        has_opened="opened" in request.args,
    )


def _impact(form: ClosingForm, *, reason: ReasonForm | None = None, hours: OffersForm | None = None) -> str:
    me, now, closing = who.staff(), clock.now(), form.closing()
    with transaction():
        found = standing.within(closing, now)
        if found.visits:
            people = [visit.patient_id for visit in found.visits]
            audit.read_list(me, "closure", now, people, subject=form.words(), part="visits")
        rows = standing_rows.of(found.visits, now)
        is_closed = closures.is_closed(closing)
    return render_template(
        "staff/closures/impact.html",
        form=form,
        reason=reason or ReasonForm(formdata=None),
        hours=hours or OffersForm(formdata=None, hours=offers.hours_to_answer()),
        standing=found,
        rows=rows,
        is_closed=is_closed,
        is_over=closing.ends_at <= now,
        undo_id=_undo_id(request.args.get("closed", "")),
        told=_told(),
        waiting=sum(row.can_be_offered for row in rows),
        can_change=me.may(MANAGERS),
        zone=current_app.config["PORTAL"].zone,
    )


def _told() -> str | None:
    """What has just been offered."""
    offered, without = (request.args.get(name, "") for name in ("offered", "without"))
    if not offered.isdecimal() or not without.isdecimal():
        return None
    told = f"Other times are offered for {offered} visit{'' if offered == '1' else 's'}."
    return told if without == "0" else f"{told} For {without} nothing is free: please call, see Tasks."


def _undo_id(raw: str) -> int | None:
    found = db.session.get(HoursException, row_ids.read(raw))
    return found.id if found is not None else None


def _asked() -> ClosingForm:
    """What the address says, also of a form that acts on it."""
    return ClosingForm(formdata=request.args)
