"""Resolves a visit into a MediRecords appointment: patient, type, duration, billing code, practitioner's calendar."""

from __future__ import annotations

import re
from collections.abc import Callable

from portal.bookings.models import Booking
from portal.clients import clients
from portal.db import db
from portal.integrations.medirecords import AppointmentSpec, AppointmentType, MappingError
from portal.sync import marker, medirecords_patient
from portal.sync.medirecords_link import BOOKED
from portal.sync.processor_run import Run


def spec(booking: Booking, run: Run) -> AppointmentSpec:
    """The patient and the seed's four steps, each noted by name."""
    medirecords, terms = clients().medirecords, booking.terms
    starts_at, text = booking.starts_at, marker.notes(booking)
    provider_id = booking.practitioner.medirecords_provider_id
    type_id, code, patient = booking.appointment_type.medi_type_id, terms["medi_code"], booking.patient
    assert patient is not None
    patient_id = run.step("patient", lambda: medirecords_patient.get_id(patient, booking.id))
    db.session.rollback()
    types = medirecords.appointment_types()
    mr_type = run.step("type", lambda: resolve_type(types, code, type_id), lambda found: f"{code}: {found.name}")
    minutes = int(terms["medi_minutes"])
    interval = run.step(
        "duration", lambda: medirecords.interval_code(minutes), lambda found: f"{minutes} min: interval {found}"
    )
    run.step("billing code", lambda: _billing_code(terms["billing_code"]))
    provider = run.step("practitioner's calendar", lambda: _provider(provider_id))
    return AppointmentSpec(
        patient_id=patient_id,
        type_id=mr_type.id,
        provider_id=provider,
        room_id=None,
        starts_at=starts_at,
        interval_code=interval,
        status=BOOKED,
        notes=text,
    )


def resolve_type(types: list[AppointmentType], code: str, type_id: str | None) -> AppointmentType:
    """The appointment type a code stands for: by stored id, else by exact name, else by the code in its description.

    Raises MappingError when there is none or more than one, or when it is switched off (contract 9).
    """
    ways: list[Callable[[AppointmentType], bool]] = [
        lambda one: one.id == type_id,
        lambda one: one.name == code,
        lambda one: re.search(rf"\b{re.escape(code)}\b", one.description) is not None,
    ]
    for fits in ways[:1] if type_id else ways[1:]:
        hits = [one for one in types if fits(one)]
        if len(hits) > 1:
            raise MappingError("medirecords", f"more than one appointment type for {code}")
        if hits:
            if not hits[0].is_active:
                raise MappingError("medirecords", f"the appointment type for {code} is inactive")
            return hits[0]
    raise MappingError("medirecords", f"no appointment type for {code}")


def _billing_code(code: str | None) -> str:
    if not code:
        raise MappingError("medirecords", "the type has no billing code")
    return code


def _provider(provider_id: str | None) -> str:
    known = {provider.id: provider for provider in clients().medirecords.providers()}
    if provider_id is None or provider_id not in known or not known[provider_id].is_active:
        raise MappingError("medirecords", "the practitioner is not an active provider there")
    return provider_id
