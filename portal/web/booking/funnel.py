"""The steps between a held time and the payment: details, intake, check. Answers are never lost on the way."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal import changes, money
from portal.bookings import find, hold, policy
from portal.bookings.details import record_details
from portal.bookings.hold import HoldExpired
from portal.bookings.models import BookedFor, Booking
from portal.bookings.states import Status
from portal.catalogue import offer
from portal.catalogue.models import FormDefinition
from portal.clock import now
from portal.db import transaction
from portal.intake import submit
from portal.intake.answers import read_answers, say
from portal.intake.definition import Form, parse
from portal.web.booking import nearest, steps, visitor
from portal.web.booking.details_form import GENDERS, DetailsForm, filled_from
from portal.web.htmx import go, is_htmx
from portal.web.limits import limit, limit_reads, limiter

bp = Blueprint("funnel", __name__, url_prefix="/bookings/<reference>")

STEPS = ("details", "intake", "check")


@bp.get("/details")
@limit_reads
def details(reference: str) -> ResponseReturnValue:
    changes.only_look()
    booking = visitor.own_booking(reference)
    if other := _elsewhere(booking):
        return other
    form = DetailsForm(formdata=None, data=filled_from(booking))
    definition = submit.questions_form(booking)
    answers = submit.answers(booking, definition) if definition else {}
    return _details_page(booking, form, _parsed(definition), answers, {})


@bp.post("/details")
@limiter.limit(lambda: limit("details"))
def save_details(reference: str) -> ResponseReturnValue:
    booking = visitor.own_booking(reference)
    if _is_settled(booking):
        return go(url_for("confirmation.booking", reference=reference))
    form = DetailsForm()
    definition = submit.questions_form(booking)
    questions = _parsed(definition)
    answers, errors = read_answers(questions, request.form.to_dict(flat=False)) if questions else ({}, {})
    is_valid = form.validate()
    if not is_valid or errors:
        with transaction():
            # Somebody is at it: correcting a mistake must not cost them the time.
            _keep_going(find.get_locked(booking.id))
        typed = request.form.to_dict(flat=False)
        return _details_page(booking, form, questions, {**typed, **answers}, errors), 422
    with transaction():
        booking = find.get_locked(booking.id)
        if not _is_settled(booking):
            record_details(booking, form.details(), now())
            if definition is not None:
                submit.save(booking, definition, answers, now(), is_complete=True)
            _keep_going(booking)
    return _next_page(booking)


@bp.get("/intake")
@limit_reads
def intake(reference: str) -> ResponseReturnValue:
    changes.only_look()
    booking = visitor.own_booking(reference)
    definition = submit.intake_form(booking)
    if other := _elsewhere(booking):
        return other
    if definition is None:
        return redirect(url_for(".check", reference=reference))
    return _intake_page(booking, definition, submit.answers(booking, definition), {})


@bp.post("/intake")
@limiter.limit(lambda: limit("details"))
def save_intake(reference: str) -> ResponseReturnValue:
    booking = visitor.own_booking(reference)
    definition = submit.intake_form(booking)
    if definition is None:
        abort(404)
    if _is_settled(booking):
        return go(url_for("confirmation.booking", reference=reference))
    form = parse(definition.definition, submit.service_options())
    answers, errors = read_answers(form, request.form.to_dict(flat=False))
    with transaction():
        booking = find.get_locked(booking.id)
        if not _is_settled(booking):
            # Saved even when something is missing: what was typed must survive whatever happens next.
            submit.save(booking, definition, answers, now(), is_complete=not errors)
            _keep_going(booking)
    if errors:
        return _intake_page(booking, definition, answers, errors), 422
    return _next_page(booking)


@bp.get("/check")
@limit_reads
def check(reference: str) -> ResponseReturnValue:
    changes.only_look()
    booking = visitor.own_booking(reference)
    if other := _elsewhere(booking):
        return other
    if step := submit.missing_step(booking):
        return redirect(url_for(f".{step}", reference=reference))
    return check_page(booking)


@bp.post("/extension")
@limiter.limit(lambda: limit("details"))
def extend(reference: str) -> ResponseReturnValue:
    """ "Keep it longer": the page stays as it is, with what has been typed."""
    booking = visitor.own_booking(reference)
    back = request.form.get("back", "details")
    back = back if back in STEPS else "details"
    try:
        with transaction():
            booking = find.get_locked(booking.id)
            hold.extend(booking, now())
    except HoldExpired:
        if is_htmx() and back != "check":
            # Leaving the page now would lose what is being typed; the next Continue keeps it and leads on.
            return render_template("booking/_held.html", is_lapsed=True, back=back)
        return go(url_for(f".{back}", reference=reference))
    if is_htmx():
        return render_template("booking/_held.html", summary=steps.summary(booking), back=back)
    return go(url_for(f".{back}", reference=reference))


@bp.post("/release")
@limiter.limit(lambda: limit("details"))
def release(reference: str) -> ResponseReturnValue:
    """ "Let this time go": it is free for others at once. What is booked or being paid stays as it is."""
    booking = visitor.own_booking(reference)
    with transaction():
        booking = find.get_locked(booking.id)
        if booking.is_held:
            hold.release(booking, now())
    return go(url_for(".details", reference=reference))


def check_page(booking: Booking, problem: str | None = None) -> str:
    """Everything once more before it counts, each row with a way to change it."""
    return render_template(
        "booking/check.html",
        summary=steps.summary(booking),
        step_words=steps.words_for(booking, "check"),
        rows=_rows(booking),
        policy_words=policy.in_words(booking.terms),
        button_words=_button_words(booking),
        pays_by_card=not booking.is_free,
        is_payment_open=booking.status == Status.AWAITING_PAYMENT,
        problem=problem,
    )


def _button_words(booking: Booking) -> str:
    if booking.is_free:
        return "Book free consult" if booking.terms["length_minutes"] <= 15 else "Book this free visit"
    return f"Pay {money.in_words(booking.price_cents)} and book"


def _elsewhere(booking: Booking) -> ResponseReturnValue | None:
    """Where a booking that is not being filled in belongs: its own page, or the choice of a new time."""
    if booking.is_waiting and not booking.is_lapsed(now()):
        return None
    if booking.status == Status.HELD or booking.status == Status.EXPIRED or _was_let_go(booking):
        return lapsed_page(booking)
    if booking.status == Status.AWAITING_PAYMENT:
        return redirect(url_for("payment.came_back", reference=booking.reference))
    return redirect(url_for("confirmation.booking", reference=booking.reference))


def _is_settled(booking: Booking) -> bool:
    """Booked or paid: what was answered until then stands, also against a page left open in another tab."""
    return booking.confirmed_at is not None or booking.status == Status.PAID_UNPLACED


def _was_let_go(booking: Booking) -> bool:
    return booking.is_cancelled and booking.confirmed_at is None


def lapsed_page(booking: Booking) -> ResponseReturnValue:
    """The hold has lapsed: the answers are kept, and the three nearest times are one step away."""
    appointment_type = booking.appointment_type
    try:
        offer.get_bookable(appointment_type.slug, now())
    except offer.NotOnSale:
        return redirect(url_for("grid.home"))
    was_let_go = _was_let_go(booking) and booking.cancelled_by == "patient"
    return render_template(
        "booking/expired.html",
        was_let_go=was_let_go,
        nearest=[] if was_let_go else nearest.to_booking(booking),
        form_action=url_for("times.create_hold", type_slug=appointment_type.slug),
        times_href=url_for("times.times", type_slug=appointment_type.slug),
        error=None,
    )


def _keep_going(booking: Booking) -> None:
    """Continue keeps the time longer; a lapsed one is dealt with by the next page."""
    with suppress(HoldExpired):
        hold.extend(booking, now())


def _next_page(booking: Booking) -> ResponseReturnValue:
    step = submit.missing_step(booking) or "check"
    return go(url_for(f".{step}", reference=booking.reference))


def _details_page(
    booking: Booking, form: DetailsForm, questions: Form | None, answers: Any, errors: dict[str, str]
) -> str:
    return render_template(
        "booking/details.html",
        form=form,
        questions=questions,
        answers=answers,
        errors=errors,
        summary=steps.summary(booking),
        step_words=steps.words_for(booking, "details"),
        back="details",
    )


def _intake_page(booking: Booking, definition: FormDefinition, answers: Any, errors: dict[str, str]) -> str:
    form = parse(definition.definition, submit.service_options())
    typed = request.form.to_dict(flat=False) if request.method == "POST" else {}
    return render_template(
        "booking/intake.html",
        form_title=definition.title,
        sections=form.sections,
        answers={**typed, **answers},
        errors=errors,
        summary=steps.summary(booking),
        step_words=steps.words_for(booking, "intake"),
        back="intake",
    )


def _parsed(definition: FormDefinition | None) -> Form | None:
    return parse(definition.definition, submit.service_options()) if definition else None


def _rows(booking: Booking) -> list[dict[str, str | None]]:
    """The check page's rows: what, when and who, then every answer."""
    summary, patient = steps.summary(booking), booking.patient
    assert patient is not None
    times_href = url_for("times.times", type_slug=booking.appointment_type.slug)
    details_href = url_for("funnel.details", reference=booking.reference)
    born = patient.born_on
    rows: list[tuple[str, str, str, str | None]] = [
        ("Your visit", "Time", _lines(summary.when_words, summary.beside_words), times_href),
        ("Your visit", "With", _lines(summary.practitioner, summary.chosen_because), times_href),
        ("Your visit", "Where", summary.mode_words, None),
        ("About you", "Name", patient.full_name, details_href),
        ("About you", "Preferred name", patient.preferred_name or "Not answered", details_href),
        ("About you", "Date of birth", f"{born.day} {born:%B %Y}", details_href),
        ("About you", "Gender", GENDERS[patient.gender], details_href),
        ("About you", "Mobile", patient.mobile_as_typed, details_href),
        ("About you", "E-mail", patient.email, details_href),
        ("About you", "Visited us before", "No" if booking.says_new else "Yes", details_href),
    ]
    if booking.booked_for != BookedFor.SELF:
        rows.append(("About you", "Booked by", booking.booked_by, details_href))
    intake_href = url_for("funnel.intake", reference=booking.reference)
    for definition, href in (
        (submit.questions_form(booking), details_href),
        (submit.intake_form(booking), intake_href),
    ):
        if definition is not None:
            form = parse(definition.definition, submit.service_options())
            answered = submit.answers(booking, definition)
            rows += [(definition.title, label, said, href) for label, said in say(form, answered)]
    return [dict(zip(("group", "label", "words", "change_href"), row, strict=True)) for row in rows]


def _lines(*words: str | None) -> str:
    return "\n".join(filter(None, words))
