"""The owner's search through the audit: by person, patient and period, and as a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from flask import Blueprint, Response, current_app, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import BigInteger, Select, and_, any_, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY
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
from portal.web.staff.fields import ChoiceField, offered
from portal.web.staff.when_fields import Day

bp = Blueprint("audit", __name__, url_prefix="/audit")

MOST_EXPORTED = 50_000
FEW = 3  # patients of one entry who are named on the page; the file names all of them
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
        whose=_whose(page.rows) if page else {},
        few=FEW,
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
        body = "".join(_lines(found))
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
    form.person.choices = offered([("", "Everybody"), *((str(id), name) for id, name in people)])
    form.action.choices = offered([("", "Anything"), *((str(action), _in_words(action)) for action in Action)])
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
        # As arrays, so that either index answers; "in (select …) or …" would read every row.
        called = func.array(_patients_called(form.patient.data.strip()).scalar_subquery(), type_=ARRAY(BigInteger))
        wanted = wanted.where(or_(AuditEntry.patient_id == any_(called), AuditEntry.patient_ids.overlap(called)))
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


def _whose(entries: Sequence[AuditEntry]) -> dict[int, list[str]]:
    """By entry: what its patients are called, in one query."""
    ids = {entry.id: _patient_ids(entry) for entry in entries}
    wanted = set(chain(*ids.values()))
    found = db.session.scalars(select(Patient).where(Patient.id.in_(wanted))) if wanted else ()
    names = {patient.id: patient.full_name for patient in found}
    return {entry_id: [names[each] for each in some] for entry_id, some in ids.items()}


def _patient_ids(entry: AuditEntry) -> list[int]:
    return [entry.patient_id] if entry.patient_id is not None else entry.patient_ids or []


def _lines(entries: Sequence[AuditEntry]) -> Iterator[str]:
    whose = _whose(entries)
    yield csv_cells.line(["When (UTC)", "Who", "Action", "What", "Which", "Patient", "Part", "Why", "Request"])
    for entry in entries:
        yield csv_cells.line(
            [
                entry.at.isoformat(timespec="seconds"),
                entry.staff_member.name if entry.staff_member else "The portal",
                _in_words(entry.action),
                entry.kind,
                entry.subject,
                "; ".join(whose[entry.id]),
                entry.part,
                audit.why(entry),
                entry.request_id,
            ]
        )
