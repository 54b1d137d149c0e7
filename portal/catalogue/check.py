"""What is worth a second look in the catalogue; nothing here stops anybody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from sqlalchemy import select

from portal.catalogue.models import AppointmentType, GstRule, ProcessorKind, Service, ServiceStatus
from portal.catalogue.offer import current_form
from portal.db import db


def warnings(now: datetime, today: date) -> list[str]:
    """Each doubt in one sentence; `today` is the clinic's day. Services that are retired are left alone."""
    wanted = select(Service).where(Service.status != ServiceStatus.RETIRED).order_by(Service.position, Service.id)
    found: list[str] = []
    for service in db.session.scalars(wanted):
        found.extend(_about_service(service, today))
        for each in service.types:
            if each.is_active:
                found.extend(f'"{each.slug}" {doubt}' for doubt in _about_type(each, service, now))
    return found


def _about_service(service: Service, today: date) -> Iterator[str]:
    if service.is_coming_soon and service.launch_on is not None and service.launch_on < today:
        yield f'"{service.slug}" is coming soon, and its launch date {service.launch_on:%d/%m/%Y} is past: not shown.'
    if service.is_active and not any(each.is_active and each.is_listed for each in service.types):
        yield f'"{service.slug}" is active, but has nothing to book.'


def _about_type(appointment_type: AppointmentType, service: Service, now: datetime) -> Iterator[str]:
    price = appointment_type.price_at(now)
    if appointment_type.length_minutes is None:
        yield "has no length: it is shown and cannot be booked."
    if price is None:
        yield "has no price: it is shown and cannot be booked."
    if price is not None and price.amount_cents > 0 and appointment_type.gst_rule == GstRule.UNSET:
        yield "is paid and has no GST rule: receipts show no GST line."
    is_processed = service.processor is not None and service.processor.kind == ProcessorKind.MEDIRECORDS
    if is_processed and not appointment_type.medi_code:
        yield "has no MediRecords code, although its service goes to MediRecords: no appointment is made there."
    if appointment_type.intake_form is None:
        yield "has no intake form."
    for form in (appointment_type.intake_form, appointment_type.questions_form):
        if form is not None and current_form(form) is None:
            yield f'asks for the form "{form}", which does not exist.'
