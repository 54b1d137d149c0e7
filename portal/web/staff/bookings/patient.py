"""Whose visit it is: found among the known, or new. Nobody is taken for somebody else without a person saying so."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from flask import current_app, make_response, render_template, request
from flask.typing import ResponseReturnValue
from wtforms import RadioField, StringField
from wtforms.fields.choices import SelectChoice

from portal import clock
from portal.bookings import desk
from portal.bookings.auditing import write_down
from portal.bookings.models import BookedFor, Booking, BookingEvent
from portal.bookings.scope import patients_of
from portal.bookings.states import Status
from portal.db import db, transaction
from portal.intake import desk as intake
from portal.patients import search
from portal.patients.models import Patient
from portal.staff import audit
from portal.staff.access import Staff
from portal.staff.models import Action
from portal.web.booking.details_form import DetailsForm, clean
from portal.web.limits import limit_reads
from portal.web.staff import row_ids, who
from portal.web.staff.bookings import history_words, panel
from portal.web.staff.bookings.desk import HAS_ANSWERS, NOT_NOW, act, bp, get, typed

MOST = 20


class NewPatientForm(DetailsForm):
    """The public details form in the desk's words; whether they were here before is what the search is for."""

    visited = None
    booked_for = RadioField(
        "Who is on the phone?",
        choices=[
            SelectChoice(BookedFor.SELF.value, "The patient"),
            SelectChoice(BookedFor.CHILD.value, "A parent, for their child"),
            SelectChoice(BookedFor.CARED_FOR.value, "Somebody who cares for them"),
        ],
        validate_choice=False,
        default=BookedFor.SELF.value,
    )
    booked_by = StringField("Name of the parent or carer, who gets the mails", filters=[clean])


@bp.get("/<reference>/patient")
def choose_patient(reference: str) -> ResponseReturnValue:
    if problem := _why_not(get(reference)):
        return panel.page(reference, problem)
    return _page(reference, NewPatientForm(formdata=None))


@bp.post("/<reference>/patient-search")
@limit_reads
def search_patient(reference: str) -> ResponseReturnValue:
    """The answer is the page itself: what was typed stands in no address."""
    return _page(reference, NewPatientForm(formdata=None), asked=typed("q", 100))


@bp.post("/<reference>/patients")
def set_patient(reference: str) -> ResponseReturnValue:
    """One who is known."""
    wanted = patients_of(who.staff()).where(Patient.id == row_ids.read(request.form.get("patient")))
    patient = db.session.scalars(wanted).one_or_none()
    if patient is None:
        return make_response(_page(reference, NewPatientForm(formdata=None), "Choose somebody from the list."), 422)
    patient_id = patient.id

    def do(booking: Booking, me: Staff, now: datetime) -> None:
        intake.give_to(booking, db.session.get_one(Patient, patient_id), me, now)

    return act(reference, do, panel.again(reference), told=_told(reference))


@bp.post("/<reference>/new-patients")
def add_patient(reference: str) -> ResponseReturnValue:
    """Somebody new, unless they may be somebody we know: then a person decides."""
    form = NewPatientForm()
    if not form.validate():
        return make_response(_page(reference, form), 422)
    alike = db.session.scalars(search.alike(patients_of(who.staff()), form.contact()).limit(MOST)).all()
    if alike and request.form.get("is_new") != "yes":
        return make_response(_page(reference, form, alike=alike), 422)
    return act(
        reference, lambda booking, me, now: _add(booking, form, me, now), panel.again(reference), told=_told(reference)
    )


def _add(booking: Booking, form: NewPatientForm, me: Staff, now: datetime) -> None:
    patient = Patient(**vars(form.contact()), created_at=now)
    db.session.add(patient)
    db.session.flush()
    audit.record(me, Action.ADDED, "patient", now, patient_id=patient.id)
    intake.give_to(booking, patient, me, now)
    booking.booked_for = BookedFor(form.booked_for.data)
    booking.booked_by = "" if booking.booked_for == BookedFor.SELF else form.booked_by.data or ""
    booking.says_new = True


def _why_not(booking: Booking) -> str | None:
    """Why the visit stays whose it is."""
    if not desk.may_give(booking):
        return NOT_NOW
    return HAS_ANSWERS if intake.has_answers(booking) else None


def _told(reference: str) -> str:
    return "patient" if get(reference).confirmed_at is not None else "chosen"


def _page(
    reference: str,
    form: NewPatientForm,
    problem: str | None = None,
    newer: Sequence[BookingEvent] = (),
    alike: Sequence[Patient] = (),
    asked: str = "",
) -> str:
    booking = get(reference)
    with transaction():
        write_down(booking, Action.READ, who.staff(), clock.now(), part="who it is for")
        found = _found(asked)
        for shown, how in ((found or ())[:MOST], "found"), (alike, "alike"):
            if shown:
                _note_list(reference, shown, how)
        return render_template(
            "staff/bookings/patient.html",
            booking=booking,
            seen=desk.last_event(booking.id),
            is_held=booking.status == Status.HELD,
            asked=asked,
            found=found,
            has_more=found is not None and len(found) > MOST,
            most=MOST,
            alike=alike,
            form=form,
            problem=problem,
            newer=history_words.lines(newer, current_app.config["PORTAL"].zone),
        )


def _found(asked: str) -> Sequence[Patient] | None:
    """Those who fit; None when nobody was asked for."""
    wanted = search.matching(patients_of(who.staff()), asked)
    if wanted is None:
        return None if not asked else []
    return db.session.scalars(wanted.limit(MOST + 1)).all()


def _note_list(reference: str, shown: Sequence[Patient], how: str) -> None:
    ids = [each.id for each in shown]
    audit.read_list(who.staff(), audit.SEARCH, clock.now(), ids, subject=reference, part=f"{len(ids)} {how}")
