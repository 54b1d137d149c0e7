"""The road back: personal links, and "Find my visit" for those who have lost theirs."""

from __future__ import annotations

import secrets

from flask import Blueprint, abort, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy import func, select
from wtforms import EmailField, StringField
from wtforms.validators import ValidationError

from portal.bookings import links
from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.clock import now
from portal.db import db, transaction
from portal.outbox.post import owe
from portal.patients.models import Patient
from portal.web.booking import visitor
from portal.web.booking.details_form import clean
from portal.web.limits import is_within, limit, limit_reads, limiter, mark

bp = Blueprint("links", __name__)


class FindForm(FlaskForm):
    """Whose visit to look for."""

    email = EmailField("E-mail address", filters=[clean])
    reference = StringField("Booking reference (optional)", filters=[clean])

    def validate_email(self, field: EmailField) -> None:
        typed = field.data or ""
        if "@" not in typed or len(typed) > 100 or not typed.isprintable():
            raise ValidationError("Enter the e-mail address you booked with, such as name@example.com.")

    def validate_reference(self, field: StringField) -> None:
        if not (field.data or "").isprintable():
            raise ValidationError("Enter the reference as it stands in your confirmation, such as BK-7F3K2Q.")


@bp.get("/b/<token>", defaults={"act": None})
@bp.get("/b/<token>/<any(move, cancel):act>")
@limiter.limit(lambda: limit("links"))
def open_link(token: str, act: str | None) -> ResponseReturnValue:
    """Exchange the token for a grant in this browser and go on without it, so that it stays out of histories.

    Nothing is used up: mail scanners open links too.
    """
    g.no_referrer = True
    booking = links.find(token, now())
    if booking is None:
        abort(404)
    visitor.remember_opened(booking)
    endpoint = {None: "booking", "move": "move_page", "cancel": "cancel_page"}[act]
    return redirect(url_for(f"confirmation.{endpoint}", reference=booking.reference), 303)


@bp.get("/find-my-visit")
@limit_reads
def find() -> ResponseReturnValue:
    return render_template("booking/find.html", form=FindForm(formdata=None))


@bp.post("/find-my-visit")
@limiter.limit(lambda: limit("find-visit"))
def send_link() -> ResponseReturnValue:
    """The same answer whether we know the address or not, and whether a mail goes out or enough have."""
    form = FindForm()
    if not form.validate():
        return render_template("booking/find.html", form=form), 422
    email = form.email.data or ""
    # Whoever has tried that often has the mails already, or wants somebody else to get them.
    if is_within("find-visit-mail", mark("mail", email.lower())):
        with transaction():
            for booking_id in _visits_of(email, form.reference.data or ""):
                owe("notices.send_personal_link", booking_id, secrets.token_hex(6), now=now())
    return redirect(url_for(".sent"), 303)


@bp.get("/find-my-visit/sent")
def sent() -> ResponseReturnValue:
    return render_template("booking/find_sent.html")


def _visits_of(email: str, reference: str) -> list[int]:
    """The coming visits booked with an address; at most three mails, the soonest visits first."""
    coming = (
        select(Booking.id)
        .join(Patient, Patient.id == Booking.patient_id)
        .where(
            func.lower(Patient.email) == email.lower(), Booking.status == Status.CONFIRMED, Booking.starts_at > now()
        )
        .order_by(Booking.starts_at)
        .limit(3)
    )
    if reference:
        coming = coming.where(Booking.reference == reference.upper())
    return list(db.session.scalars(coming))
