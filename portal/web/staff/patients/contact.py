"""Correcting who somebody is and how they are reached, by the rules of the page on which patients type it."""

from __future__ import annotations

from typing import Any

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal import clock
from portal.bookings import correction
from portal.db import db, transaction
from portal.patients import contact
from portal.patients.contact import Contact
from portal.patients.models import Patient
from portal.web.booking.details_form import GENDERS, DetailsForm, filled_with
from portal.web.htmx import go
from portal.web.staff import changed, who
from portal.web.staff.changed import Difference
from portal.web.staff.patients import desk
from portal.web.staff.patients.desk import bp

LABELS = (
    ("given_name", "Given name"),
    ("family_name", "Family name"),
    ("preferred_name", "Preferred name"),
    ("born_on", "Date of birth"),
    ("gender", "Gender"),
    ("mobile_as_typed", "Mobile number"),
    ("email", "E-mail address"),
)


class ContactForm(DetailsForm):
    """The details page without what is asked about one visit."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        for name in ("booked_for", "booked_by", "visited"):
            del self[name]


@bp.get("/<int:patient_id>/contact")
def contact_page(patient_id: int) -> ResponseReturnValue:
    patient = desk.read(patient_id, "contact")
    return _page(patient, ContactForm(formdata=None, data=filled_with(patient)))


@bp.post("/<int:patient_id>/contact")
def save_contact(patient_id: int) -> ResponseReturnValue:
    form, me, now = ContactForm(), who.staff(), clock.now()
    if not form.validate():
        return _page(desk.read(patient_id, "contact"), form), 422
    with transaction():
        patient = desk.get(patient_id)
        # Whoever is giving this patient a visit has locked the visit and only points at the patient: no need to wait.
        db.session.refresh(patient, with_for_update={"key_share": True})
        before, typed = contact.of(patient), form.contact()
        is_old = request.form.get("seen") != changed.mark(before.values())
        if not is_old:
            correction.correct(patient, typed, me, now)
    if is_old:
        found = changed.differences(LABELS, _said(before), _said(typed))
        return _page(desk.read(patient_id, "contact"), form, found), 409
    return go(url_for(".record", patient_id=patient_id, saved=1))


def _page(patient: Patient, form: ContactForm, found: list[Difference] | None = None) -> str:
    return render_template(
        "staff/patients/contact.html",
        patient=patient,
        form=form,
        seen=_seen(patient, form, found),
        differences=found,
    )


def _seen(patient: Patient, form: ContactForm, found: list[Difference] | None) -> str:
    """A form with mistakes goes on from what its reader saw first; one who has been shown the changes has seen them."""
    is_first_look = found is not None or not form.is_submitted()
    return changed.mark(contact.of(patient).values()) if is_first_look else request.form.get("seen", "")


def _said(values: Contact) -> dict[str, str]:
    return {**values.values(), "born_on": desk.born(values.born_on), "gender": GENDERS[values.gender]}
