"""The rows of a patient's record. A fixed number of queries, however many visits; the newest come first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from flask import url_for
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from portal.bookings.diary_visits import SHOWABLE
from portal.bookings.models import Booking, BookingEvent
from portal.bookings.scope import bookings_of
from portal.catalogue.models import FormDefinition
from portal.db import db
from portal.intake.models import Intake, IntakeState
from portal.notices.kinds import MailKind
from portal.notices.models import Message
from portal.patients.models import Patient
from portal.payments.models import Method, Payment, PaymentState
from portal.staff.access import HEALTH, Staff
from portal.web import access
from portal.web.staff.bookings import history_words
from portal.web.staff.bookings.history_words import Line
from portal.web.staff.bookings.money_words import refund_words
from portal.web.staff.bookings.sync_words import MAILS

MOST = 200
PANEL, ANSWERS = "staff.bookings.panel", "staff.bookings.answers"
PAID_WORDS = {
    PaymentState.STARTING: "Going to the payment page",
    PaymentState.OPEN: "On the payment page",
    PaymentState.PENDING: "Waiting for the bank",
    PaymentState.PAID: "Paid",
    PaymentState.CLOSED: "Not completed",
}


@dataclass(frozen=True)
class FormRow:
    """One form of one visit: whether it is filled in, never what it says."""

    visit: Booking
    title: str
    state: IntakeState | None
    answers_href: str | None


@dataclass(frozen=True)
class Mail:
    """A mail about a visit."""

    message: Message
    reference: str
    said: str


def visits(patient: Patient, me: Staff) -> list[Booking]:
    """Those that are this person's work, without holds that came to nothing."""
    wanted = bookings_of(me).where(Booking.patient_id == patient.id, Booking.status.in_(SHOWABLE))
    loaded = wanted.options(joinedload(Booking.appointment_type), joinedload(Booking.practitioner))
    return list(db.session.scalars(loaded.order_by(Booking.starts_at.desc(), Booking.id.desc()).limit(MOST)))


def panel_href(reference: str, me: Staff) -> str | None:
    return url_for(PANEL, reference=reference) if access.may_open(me, PANEL) else None


def forms(found: Sequence[Booking], me: Staff) -> list[FormRow]:
    """Every form that is wanted or begun, by visit."""
    newest = select(FormDefinition.slug, FormDefinition.title).order_by(FormDefinition.version)
    titles = {row.slug: row.title for row in db.session.execute(newest)}
    begun = select(Intake.booking_id, FormDefinition.slug, FormDefinition.title, Intake.state).join(Intake.form)
    known: dict[int, dict[str, tuple[str, IntakeState]]] = {}
    for booking_id, slug, title, state in db.session.execute(
        begun.where(Intake.booking_id.in_([visit.id for visit in found])).order_by(Intake.id)
    ):
        known.setdefault(booking_id, {})[slug] = (title, state)
    return [row for visit in found for row in _forms_of(visit, known.get(visit.id, {}), titles, me)]


def _forms_of(
    visit: Booking, begun: dict[str, tuple[str, IntakeState]], titles: dict[str, str], me: Staff
) -> Iterator[FormRow]:
    wanted = (visit.appointment_type.questions_form, visit.appointment_type.intake_form)
    href = url_for(ANSWERS, reference=visit.reference) if begun and _treats(me, visit) else None
    for slug in dict.fromkeys((*wanted, *begun)):
        if slug is not None and slug in titles:
            title, state = begun.get(slug, (titles[slug], None))
            yield FormRow(visit, title, state, href if state is not None else None)


def _treats(me: Staff, visit: Booking) -> bool:
    """Only who gives the visit reads what was answered for it."""
    is_theirs = me.may(HEALTH) and me.practitioner_id == visit.practitioner_id
    return is_theirs and access.may_open(me, ANSWERS)


def payments(ids: Sequence[int]) -> list[tuple[Payment, str, list[str]]]:
    """Each attempt with its state and what went back, in words."""
    wanted = select(Payment).where(Payment.booking_id.in_(ids)).order_by(Payment.id.desc()).limit(MOST)
    loaded = wanted.options(selectinload(Payment.refunds), joinedload(Payment.booking))
    return [(each, _paid(each), [*map(refund_words, each.refunds)]) for each in db.session.scalars(loaded)]


def _paid(payment: Payment) -> str:
    if payment.method == Method.CLINIC and payment.state == PaymentState.PAID:
        return "Paid at the clinic"
    return PAID_WORDS[payment.state]


def messages(ids: Sequence[int]) -> list[Mail]:
    wanted = select(Message, Booking.reference).join(Booking, Booking.id == Message.booking_id)
    found = wanted.where(Booking.id.in_(ids)).order_by(Message.id.desc()).limit(MOST)
    return [Mail(each, reference, MAILS[MailKind(each.kind)]) for each, reference in db.session.execute(found)]


def journey(ids: Sequence[int], zone: ZoneInfo) -> list[tuple[str, Line]]:
    """What happened to all their visits."""
    wanted = select(BookingEvent, Booking).join(Booking, Booking.id == BookingEvent.booking_id)
    newest = wanted.where(Booking.id.in_(ids)).order_by(BookingEvent.at.desc(), BookingEvent.id.desc()).limit(MOST)
    found = db.session.execute(newest).all()
    lines = history_words.lines([event for event, _ in found], zone)
    return [(visit.reference, line) for (_, visit), line in zip(found, lines, strict=True)]
