"""Practitioners: who they are, how they are connected, and retiring one."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, current_app, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from portal import clock
from portal.bookings import standing
from portal.db import db, transaction
from portal.staff import audit, people
from portal.staff.access import MANAGERS
from portal.staff.models import Action, Practitioner
from portal.staff.people import Taken
from portal.web.htmx import go
from portal.web.staff import connections, who
from portal.web.staff.practitioner_form import PractitionerForm

bp = Blueprint("practitioners", __name__, url_prefix="/practitioners")

TAKEN = "Somebody else has this one already."


@bp.get("")
def listed() -> ResponseReturnValue:
    found = people.everybody()
    return render_template(
        "staff/practitioners/listed.html",
        people=found,
        connections=connections.of(found, clock.now(), current_app.config["PORTAL"].zone),
        can_change=who.staff().may(MANAGERS),
    )


@bp.get("/new")
def new() -> ResponseReturnValue:
    return _form_page(_form(formdata=None))


@bp.post("")
def add() -> ResponseReturnValue:
    form = _form()
    if not form.validate():
        return make_response(_form_page(form), 422)
    try:
        with transaction():
            person = people.add(form.values(), who.staff())
            audit.record(who.staff(), Action.ADDED, "practitioner", clock.now(), subject=person.slug)
    except Taken as taken:
        form[taken.column].errors = [TAKEN]
        return make_response(_form_page(form), 422)
    return go(url_for(".page", slug=form.slug.data, told="added"))


@bp.get("/<slug>")
def page(slug: str) -> ResponseReturnValue:
    person = _get(slug)
    return _form_page(_form(formdata=None, obj=person), person)


@bp.post("/<slug>/changes")
def change(slug: str) -> ResponseReturnValue:
    person, form, me, now = _get(slug), _form(), who.staff(), clock.now()
    form.slug.data = slug  # part of public addresses, so it stays
    if not form.validate():
        return make_response(_form_page(form, person), 422)
    try:
        with transaction():
            for part in people.change(person, form.values(), me):
                audit.record(me, Action.CHANGED, "practitioner", now, subject=slug, part=part)
    except Taken as taken:
        form[taken.column].errors = [TAKEN]
        return make_response(_form_page(form, _get(slug)), 422)
    return go(url_for(".page", slug=slug, told="saved"))


@bp.post("/<slug>/retirement")
def retire(slug: str) -> ResponseReturnValue:
    return _set_active(slug, is_active=False)


@bp.post("/<slug>/return")
def bring_back(slug: str) -> ResponseReturnValue:
    return _set_active(slug, is_active=True)


def _set_active(slug: str, *, is_active: bool) -> ResponseReturnValue:
    person = _get(slug)
    with transaction():
        people.set_active(person, is_active=is_active)
        part = "back" if is_active else "retired"
        audit.record(who.staff(), Action.CHANGED, "practitioner", clock.now(), subject=slug, part=part)
    return go(url_for(".page", slug=slug, told=part))


def _form(**given: Any) -> PractitionerForm:
    return PractitionerForm(**given).without_what_is_not_for(who.staff())


def _form_page(form: PractitionerForm, person: Practitioner | None = None) -> str:
    now, zone = clock.now(), current_app.config["PORTAL"].zone
    return render_template(
        "staff/practitioners/page.html",
        form=form,
        person=person,
        connections=connections.of([person], now, zone)[person.id] if person else [],
        visits=standing.coming(person, now) if person else [],
        told=request.args.get("told"),
        can_change=who.staff().may(MANAGERS),
        zone=zone,
    )


def _get(slug: str) -> Practitioner:
    found = db.session.scalars(select(Practitioner).where(Practitioner.slug == slug)).one_or_none()
    return found if found is not None else abort(404)
