"""Keeps a booking's answers: sealed when saved, opened for the person who typed them, carried along to another time."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, select, update

from portal import vault
from portal.bookings.models import Booking
from portal.catalogue import offer
from portal.catalogue.models import FormDefinition
from portal.db import db
from portal.intake.definition import Answers
from portal.intake.models import Intake, IntakeAnswer, IntakeState

# What each page of the funnel asks is built once; building it takes as long as asking.
_BEGUN = (
    select(FormDefinition)
    .join(Intake, Intake.form_definition_id == FormDefinition.id)
    .where(Intake.booking_id == bindparam("booking"), FormDefinition.slug == bindparam("slug"))
)
_GIVEN = (
    select(Intake.key, IntakeAnswer.question, IntakeAnswer.sealed)
    .join_from(IntakeAnswer, Intake, IntakeAnswer.intake_id == Intake.id)
    .where(Intake.booking_id == bindparam("booking"), Intake.form_definition_id == bindparam("form"))
    .order_by(IntakeAnswer.id)
)
_CARRY_OVER = (
    update(Intake).where(Intake.booking_id == bindparam("from_booking")).values(booking_id=bindparam("to_booking"))
)


def intake_form(booking: Booking) -> FormDefinition | None:
    """The version of the intake form that this booking answers: the one begun, else the newest."""
    return _form(booking, booking.appointment_type.intake_form)


def questions_form(booking: Booking) -> FormDefinition | None:
    """The same for the type's own questions on the details page."""
    return _form(booking, booking.appointment_type.questions_form)


def save(booking: Booking, form: FormDefinition, answers: Answers, now: datetime, *, is_complete: bool) -> None:
    """Replace the answers of one form. Incomplete ones are kept too, so that nothing typed is lost."""
    intake = _find(booking, form) or _start(booking, form, now)
    intake.state = IntakeState.SUBMITTED if is_complete else IntakeState.STARTED
    intake.submitted_at = now if is_complete else None
    db.session.flush()
    db.session.execute(delete(IntakeAnswer).where(IntakeAnswer.intake_id == intake.id))
    for question, answer in answers.items():
        sealed = vault.seal(json.dumps(answer), _context(intake.key, question))
        db.session.add(IntakeAnswer(intake_id=intake.id, question=question, sealed=sealed))
    db.session.flush()


def answers(booking: Booking, form: FormDefinition) -> Answers:
    """What has been answered so far, by question id."""
    rows = db.session.execute(_GIVEN, {"booking": booking.id, "form": form.id})
    return {question: json.loads(vault.unseal(sealed, _context(key, question))) for key, question, sealed in rows}


def is_complete(booking: Booking, form: FormDefinition | None) -> bool:
    """Whether nothing of this form is left to answer."""
    if form is None:
        return True
    intake = _find(booking, form)
    return intake is not None and intake.state == IntakeState.SUBMITTED


def is_begun(booking: Booking, form: FormDefinition) -> bool:
    """Whether anything of this form was answered."""
    return _find(booking, form) is not None


def missing_step(booking: Booking) -> str | None:
    """The first page of the funnel that still wants something: "details", "intake" or nothing."""
    if booking.patient_id is None or not is_complete(booking, questions_form(booking)):
        return "details"
    return None if is_complete(booking, intake_form(booking)) else "intake"


def carry_over(earlier: Booking, booking: Booking) -> None:
    """Another time for the same visit: what was answered goes along."""
    db.session.connection().execute(_CARRY_OVER, {"from_booking": earlier.id, "to_booking": booking.id})


def service_options() -> Sequence[tuple[str, str]]:
    """The services a person may show interest in: what is on sale, and what is coming."""
    return offer.names_on_show()


def _form(booking: Booking, slug: str | None) -> FormDefinition | None:
    if slug is None:
        return None
    begun = db.session.scalar(_BEGUN, {"booking": booking.id, "slug": slug})
    return begun or offer.form_in_use(slug)


def _find(booking: Booking, form: FormDefinition) -> Intake | None:
    return db.session.scalar(
        select(Intake).where(Intake.booking_id == booking.id, Intake.form_definition_id == form.id)
    )


def _start(booking: Booking, form: FormDefinition, now: datetime) -> Intake:
    intake = Intake(
        key=secrets.token_hex(8),
        booking_id=booking.id,
        form_definition_id=form.id,
        state=IntakeState.STARTED,
        started_at=now,
    )
    db.session.add(intake)
    return intake


def _context(key: str, question: str) -> str:
    return f"intake_answer:{key}:{question}"
