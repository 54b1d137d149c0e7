"""What is worth a second look in the catalogue. Errors stop a publication, warnings and wording are for a person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select

from portal.catalogue import people, wording
from portal.catalogue.models import (
    AppointmentType,
    FormDefinition,
    FormPurpose,
    GstRule,
    PaymentPolicy,
    ProcessorKind,
    Service,
    ServiceStatus,
)
from portal.catalogue.offer import current_form
from portal.catalogue.people import Person
from portal.db import Json, db


class Weight(StrEnum):
    ERROR = "error"
    WORDING = "wording"
    WARNING = "warning"


class Part(StrEnum):
    """What a finding is about, and so which page mends it."""

    SERVICE = "service"
    TYPE = "type"
    QUESTIONS = "questions"
    PROCESSOR = "processor"
    HOURS = "hours"


@dataclass(frozen=True)
class Finding:
    """One doubt: `says` goes on after the name of what it is about, `field` is the document's key."""

    part: Part
    slug: str
    name: str
    says: str
    field: str = ""
    weight: Weight = Weight.WARNING

    def __str__(self) -> str:
        return f'"{self.slug}" {self.says}'


def warnings(now: datetime, today: date) -> list[str]:
    """Each doubt in one sentence; `today` is the clinic's day."""
    return [str(each) for each in findings(now, today)]


def findings(now: datetime, today: date) -> list[Finding]:
    """Each doubt about what is stored now. Services that are retired are left alone."""
    wanted = select(Service).where(Service.status != ServiceStatus.RETIRED).order_by(Service.position, Service.id)
    looking = _Looking(now, today)
    for service in db.session.scalars(wanted):
        looking.found.extend(looking.service(service))
        for each in service.types:
            if each.is_active:
                looking.found.extend(looking.type(each, service))
    return looking.found


class _Looking:
    """One look, with what all its parts need to know."""

    def __init__(self, now: datetime, today: date) -> None:
        self.now, self.today = now, today
        self.people = people.active(today)
        self.offering = people.offering()
        self.has_rooms = people.has_rooms()
        self.forms: set[str] = set()
        self.found: list[Finding] = []

    def service(self, row: Service) -> Iterator[Finding]:
        def doubt(says: str, field: str, weight: Weight = Weight.WARNING) -> Finding:
            return Finding(Part.SERVICE, row.slug, row.name, says, field, weight)

        if row.is_coming_soon and row.launch_on is not None and row.launch_on < self.today:
            launch = f"{row.launch_on:%d/%m/%Y}"
            yield doubt(f"is coming soon, and its launch date {launch} is past: not shown.", "launch_date")
        if row.is_active and not any(each.is_active and each.is_listed for each in row.types):
            yield doubt("is active, but has nothing to book.", "status")
        for field, text in (("name", row.name), ("summary", row.summary), ("description", row.description)):
            yield from (doubt(_said(find), field, Weight.WORDING) for find in wording.finds(text))

    def type(self, row: AppointmentType, service: Service) -> Iterator[Finding]:
        def doubt(says: str, field: str, weight: Weight = Weight.WARNING) -> Finding:
            return Finding(Part.TYPE, row.slug, f"{service.name}: {row.name}", says, field, weight)

        price = row.price_at(self.now)
        if row.length_minutes is None:
            yield doubt("has no length: it is shown and cannot be booked.", "duration")
        if price is None:
            yield doubt("has no price: it is shown and cannot be booked.", "price")
        if price is not None and price.amount_cents > 0 and row.gst_rule == GstRule.UNSET:
            yield doubt("is paid and has no GST rule: receipts show no GST line.", "gst_rule")
        if price is not None and price.amount_cents > 0 and row.payment_policy == PaymentPolicy.NONE:
            yield doubt("has a price, and nobody is asked to pay it.", "payment")
        is_processed = service.processor is not None and service.processor.kind == ProcessorKind.MEDIRECORDS
        if is_processed and not row.medi_code:
            yield doubt(
                "has no MediRecords code, although its service goes to MediRecords: no appointment is made there.",
                "medi_code",
            )
        if row.medi_code and not is_processed and service.is_active:
            says = f'has visits with a MediRecords code, such as "{row.name}", and they do not go to MediRecords.'
            yield Finding(Part.PROCESSOR, service.slug, service.name, says, "kind")
        if row.intake_form is None:
            yield doubt("has no intake form.", "form")
        for form, field in ((row.intake_form, "form"), (row.questions_form, "questions")):
            if form is not None and current_form(form) is None:
                yield doubt(f'asks for the form "{form}", which does not exist.', field, Weight.ERROR)
        if row.needs_room and not self.has_rooms:
            yield doubt("needs a room, and there is none.", "needs_room")
        if service.is_active:
            yield from self.who_works(row, service)
        for field, text in (
            ("name", row.name),
            ("summary", row.summary),
            ("confirmation_message", row.confirmation_message),
        ):
            yield from (doubt(_said(find), field, Weight.WORDING) for find in wording.finds(text))
        if row.questions_form is not None and row.questions_form not in self.forms:
            self.forms.add(row.questions_form)
            yield from self.questions(row.questions_form)

    def who_works(self, row: AppointmentType, service: Service) -> Iterator[Finding]:
        """Somebody has to offer it, and to have hours in its calendar."""
        name = f"{service.name}: {row.name}"
        named = self.offering.get(row.id)
        offering = [each for each in self.people if named is None or each.slug in named]
        if not offering:
            yield Finding(Part.TYPE, row.slug, name, "has no practitioner who offers it.", "practitioners")
        elif not _with_hours(offering, row.calendar_slug):
            says = f'has no working hours: nobody who offers it works in the calendar "{row.calendar_slug}".'
            yield Finding(Part.HOURS, row.slug, name, says, "calendar")
        elif named is not None and len(_with_hours(offering, row.calendar_slug)) < len(offering):
            idle = ", ".join(each.name for each in offering if row.calendar_slug not in each.calendars)
            says = f'is offered by {idle}, who has no hours in the calendar "{row.calendar_slug}".'
            yield Finding(Part.HOURS, row.slug, name, says, "calendar")

    def questions(self, slug: str) -> Iterator[Finding]:
        form = current_form(slug)
        if form is None or form.purpose != FormPurpose.QUESTIONS:
            return
        for text in _texts(form):
            for find in wording.finds(text):
                yield Finding(Part.QUESTIONS, slug, form.title, _said(find), "", Weight.WORDING)


def _with_hours(found: list[Person], calendar: str) -> list[Person]:
    return [each for each in found if calendar in each.calendars]


def _said(find: wording.Find) -> str:
    return f"says “{find.words}”. {find.why}"


def _texts(form: FormDefinition) -> Iterator[str]:
    """Every text of a form that a patient reads."""
    yield form.title

    def inside(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            told: Json = value
            for key, each in told.items():
                if key in ("label", "hint", "why", "title", "intro") and isinstance(each, str):
                    yield each
                else:
                    yield from inside(each)
        elif isinstance(value, list):
            for each in value:
                yield from inside(each)

    yield from inside(form.definition)
