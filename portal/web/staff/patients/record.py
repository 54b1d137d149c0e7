"""One patient's record: visits, money, the state of forms, mails, and what happened."""

from __future__ import annotations

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.staff.access import DESK
from portal.web.booking.details_form import GENDERS
from portal.web.staff import who
from portal.web.staff.diary_cards import STATES
from portal.web.staff.patients import desk, record_rows
from portal.web.staff.patients.desk import bp


@bp.get("/<int:patient_id>")
def record(patient_id: int) -> ResponseReturnValue:
    if stands_for := desk.find_survivor(patient_id):
        return redirect(url_for(".record", patient_id=stands_for), 303)
    patient, me = desk.read(patient_id, desk.RECORD), who.staff()
    visits = record_rows.visits(patient, me)
    ids = [visit.id for visit in visits]
    return render_template(
        "staff/patients/record.html",
        patient=patient,
        born=f"{desk.born(patient.born_on)} ({desk.age(patient.born_on)} years)",
        gender=GENDERS[patient.gender],
        is_desk=me.may(DESK),
        visits=visits,
        forms=record_rows.forms(visits, me),
        payments=record_rows.payments(ids) if me.may(DESK) else None,
        messages=record_rows.messages(ids),
        journey=record_rows.journey(ids, desk.zone()),
        is_saved="saved" in request.args,
        most=record_rows.MOST,
        states=STATES,
        panel_href=lambda reference: record_rows.panel_href(reference, me),
    )
