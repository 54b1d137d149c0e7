"""The owner's search through the audit: by person, patient and period, and as a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flask import Blueprint, Response, current_app, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import joinedload
from wtforms import Form, StringField
from wtforms.validators import Length, Optional

from portal import clock
from portal.bookings.models import Booking
from portal.db import db, transaction
from portal.patients.models import Patient
from portal.staff import audit
from portal.staff.models import Action, AuditEntry, StaffMember
from portal.web.staff import csv_cells, pager, who
from portal.web.staff.fields import ChoiceField
from portal.web.staff.when_fields import Day

bp = Blueprint("audit", __name__, url_prefix="/audit")

MOST_EXPORTED = 50_000
NO_DAY = "Please choose a day from the calendar."


class SearchForm(Form):
    """What the owner looks for; everything may be left out."""

    person = ChoiceField("Person", coerce=str, validators=[Optional()])
    patient = StringField("Patient", validators=[Length(max=100, message="Please use 100 characters at most.")])
    first = Day("From", wrong=NO_DAY)
    last = Day("Until", wrong=NO_DAY)
    action = ChoiceField("Action", coerce=str, validators=[Optional()])


@bp.get("")
def search() -> ResponseReturnValue:
    form = _form()
    is_good = form.validate()
    page = pager.page_of(_wanted(form), request.args.get("page")) if is_good else None
    return render_template(
        "staff/audit.html",
        form=form,
        page=page,
        patients=_names(page.rows) if page else {},
        why=audit.why,
        export_values={name: value for name, value in request.args.items() if name in form._fields},
    ), 200 if is_good else 422


@bp.post("/export")
def export() -> ResponseReturnValue:
    """The same search as a file. Taking it out of the house is an entry of its own."""
    form = _form()
    now = clock.now()
    if not form.validate():
        return search()
    with transaction():
        found = list(db.session.scalars(_wanted(form).limit(MOST_EXPORTED)))
        body = "".join(_lines(found, _names(found)))
        audit.record(who.staff(), Action.EXPORTED, "audit", now, part=f"{len(found)} entries")
    name = f"audit-{now.astimezone(current_app.config['PORTAL'].zone):%Y-%m-%d}.csv"
    # A byte order mark, or Excel takes the names for another alphabet.
    return Response(
        "\ufeff" + body,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _form() -> SearchForm:
    form = SearchForm(request.values)
    people = db.session.execute(select(StaffMember.id, StaffMember.name).order_by(StaffMember.name)).all()
    form.person.choices = [("", "Everybody"), *((str(id), name) for id, name in people)]
    form.action.choices = [("", "Anything"), *((str(action), _in_words(action)) for action in Action)]
    return form


def _in_words(action: Action) -> str:
    return action.replace("-", " ").capitalize()


def _wanted(form: SearchForm) -> Select[AuditEntry]:
    """The newest first."""
    zone = current_app.config["PORTAL"].zone
    wanted = select(AuditEntry).options(joinedload(AuditEntry.staff_member))
    if form.person.data:
        wanted = wanted.where(AuditEntry.staff_member_id == int(form.person.data))
    if form.action.data:
        wanted = wanted.where(AuditEntry.action == Action(form.action.data))
    if form.patient.data and form.patient.data.strip():
        wanted = wanted.where(AuditEntry.patient_id.in_(_patients_called(form.patient.data.strip())))
    if form.first.data:
        wanted = wanted.where(AuditEntry.at >= clock.day_bounds(form.first.data, zone)[0])
    if form.last.data:
        wanted = wanted.where(AuditEntry.at < clock.day_bounds(form.last.data, zone)[1])
    return wanted.order_by(AuditEntry.at.desc(), AuditEntry.id.desc())


def _patients_called(typed: str) -> Select[int]:
    """The patients whose name has all these words, whose address it is, or whose visit has this reference."""
    by_reference = select(Booking.patient_id).where(Booking.reference == typed.upper())
    name = Patient.given_name + " " + Patient.preferred_name + " " + Patient.family_name
    has_all_words = and_(*[name.icontains(word, autoescape=True) for word in typed.split()])
    is_address = func.lower(Patient.email) == typed.lower()
    return select(Patient.id).where(or_(Patient.id.in_(by_reference), is_address, has_all_words))


def _names(entries: Sequence[AuditEntry]) -> dict[int, str]:
    """What the patients of these entries are called, in one query."""
    ids = {entry.patient_id for entry in entries if entry.patient_id is not None}
    found = db.session.scalars(select(Patient).where(Patient.id.in_(ids))) if ids else ()
    return {patient.id: patient.full_name for patient in found}


def _lines(entries: Sequence[AuditEntry], names: dict[int, str]) -> Iterator[str]:
    yield csv_cells.line(["When (UTC)", "Who", "Action", "What", "Which", "Patient", "Part", "Why", "Request"])
    for entry in entries:
        yield csv_cells.line(
            [
                entry.at.isoformat(timespec="seconds"),
                entry.staff_member.name if entry.staff_member else "The portal",
                _in_words(entry.action),
                entry.kind,
                entry.subject,
                names.get(entry.patient_id or 0, ""),
                entry.part,
                audit.why(entry),
                entry.request_id,
            ]
        )
