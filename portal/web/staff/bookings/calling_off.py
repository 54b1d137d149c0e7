"""Cancelling, and visits that nobody came to: what it means for the money is said before anything is done."""

from __future__ import annotations

from datetime import datetime

from flask import make_response, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import BooleanField, RadioField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import ValidationError

from portal import clock
from portal.bookings import desk, policy
from portal.bookings.auditing import write_down
from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.db import transaction
from portal.staff.access import Staff
from portal.staff.models import Action
from portal.web.htmx import go
from portal.web.staff import who
from portal.web.staff.bookings import money_words, panel
from portal.web.staff.bookings.desk import act, bp, get, typed

PATIENT, CLINIC = "patient", "clinic"


class WaiverForm(FlaskForm):
    """Whether the fee is kept. A waived one needs a reason, which the next person can read."""

    waives = BooleanField("Waive the fee")
    waiver = StringField("Why is the fee waived?")

    def validate_waiver(self, field: StringField) -> None:
        if self.waives.data and not (field.data or "").strip():
            raise ValidationError(
                "Write why the fee is waived, such as “ill” or “the time was taken by somebody else”."
            )

    @property
    def reason(self) -> str:
        return typed("waiver") if self.waives.data else ""


class CancelForm(WaiverForm):
    """Whose wish it is decides about the fee."""

    wished_by = RadioField(
        "Who wishes it?",
        choices=[SelectChoice(PATIENT, "The patient"), SelectChoice(CLINIC, "The clinic has to")],
        validate_choice=False,
    )
    reason_given = StringField("Reason (optional, for staff only)")

    def validate_wished_by(self, field: RadioField) -> None:
        if field.data not in (PATIENT, CLINIC):
            field.data = None
            raise ValidationError("Choose who wishes it: the fee depends on it.")


@bp.get("/<reference>/cancel")
def cancel_page(reference: str) -> ResponseReturnValue:
    return _cancel_page(reference, CancelForm(formdata=None, data={"wished_by": PATIENT}))


@bp.post("/<reference>/cancellation")
def cancel(reference: str) -> ResponseReturnValue:
    form = CancelForm()
    if not form.validate():
        return make_response(_cancel_page(reference, form), 422)

    def do(booking: Booking, me: Staff, now: datetime) -> None:
        desk.cancel(
            booking, me, now, wished_by=str(form.wished_by.data), reason=typed("reason_given"), waiver=form.reason
        )

    return act(reference, do, panel.again(reference), told="cancelled")


@bp.get("/<reference>/no-show")
def no_show_page(reference: str) -> ResponseReturnValue:
    return _no_show_page(reference, WaiverForm(formdata=None))


@bp.post("/<reference>/no-shows")
def no_show(reference: str) -> ResponseReturnValue:
    form = WaiverForm()
    if not form.validate():
        return make_response(_no_show_page(reference, form), 422)
    waiver = form.reason
    return act(
        reference,
        lambda booking, me, now: desk.did_not_arrive(booking, me, now, waiver=waiver),
        panel.again(reference),
        told="did-not-arrive",
    )


def _cancel_page(reference: str, form: CancelForm) -> ResponseReturnValue:
    booking, now = get(reference), clock.now()
    if booking.status not in (Status.CONFIRMED, Status.ARRIVED):
        return go(url_for(".panel", reference=reference))
    paid = money_words.paid_cents(booking)
    costs = {by: _cost(booking, paid, now, by_clinic=by == CLINIC) for by in (PATIENT, CLINIC)}
    return _form_page(
        "staff/bookings/cancel.html",
        "cancel",
        booking,
        form,
        now,
        cost_words={by: money_words.cost_words(cost, paid) for by, cost in costs.items()},
        has_fee=costs[PATIENT].fee_cents > 0,
    )


def _no_show_page(reference: str, form: WaiverForm) -> ResponseReturnValue:
    booking, now = get(reference), clock.now()
    if booking.status != Status.CONFIRMED or booking.starts_at > now:
        return go(url_for(".panel", reference=reference))
    paid = money_words.paid_cents(booking)
    cost = policy.no_show_cost(booking.terms, paid_cents=paid)
    return _form_page(
        "staff/bookings/no_show.html",
        "no show",
        booking,
        form,
        now,
        cost_words=money_words.cost_words(cost, paid),
        has_fee=cost.fee_cents > 0,
    )


def _form_page(
    template: str, part: str, booking: Booking, form: WaiverForm, now: datetime, **shown: object
) -> ResponseReturnValue:
    """What calling off means for the money, and the form; it names the patient, so the look is written down."""
    with transaction():
        write_down(booking, Action.READ, who.staff(), now, part=part)
        return render_template(
            template,
            booking=booking,
            form=form,
            seen=desk.last_event(booking.id),
            policy_words=policy.in_words(booking.terms),
            **shown,
        )


def _cost(booking: Booking, paid: int, now: datetime, *, by_clinic: bool) -> policy.Cost:
    return policy.cancel_cost(
        booking.terms,
        paid_cents=paid,
        starts_at=booking.starts_at,
        confirmed_at=booking.confirmed_at,
        now=now,
        by_clinic=by_clinic,
    )
