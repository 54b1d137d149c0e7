"""What a patient answered, for the practitioner whose visit it is and for nobody else."""

from __future__ import annotations

from flask import abort, render_template
from flask.typing import ResponseReturnValue

from portal import clock
from portal.bookings.models import Booking
from portal.db import transaction
from portal.intake import submit
from portal.intake.answers import say
from portal.intake.definition import parse
from portal.staff import audit
from portal.staff.access import HEALTH, Staff
from portal.web.staff import who
from portal.web.staff.bookings.desk import bp, get


@bp.get("/<reference>/answers")
def answers(reference: str) -> ResponseReturnValue:
    booking, me = get(reference), who.staff()
    if not may_read(booking, me):
        abort(404)
    with transaction():
        audit.read(me, "answers", clock.now(), patient_id=booking.patient_id, subject=booking.reference, part="forms")
    forms = [form for form in (submit.questions_form(booking), submit.intake_form(booking)) if form is not None]
    told = [
        (form, say(parse(form.definition, submit.service_options()), submit.answers(booking, form))) for form in forms
    ]
    return render_template("staff/bookings/answers.html", booking=booking, told=told)


def may_read(booking: Booking, me: Staff) -> bool:
    """What somebody typed and never sent off with a booking is for nobody."""
    return me.may(HEALTH) and booking.practitioner_id == me.practitioner_id and booking.confirmed_at is not None
