"""What somebody has to create in MediRecords by hand, because its interface offers no way to do it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from portal import money
from portal.catalogue.models import AppointmentType, Service, ServiceStatus
from portal.db import db


def medirecords_checklist(now: datetime) -> list[tuple[str, list[str]]]:
    """Headings with what to create below each: appointment types, intervals, billing items."""
    wanted = (
        select(AppointmentType)
        .join(AppointmentType.service)
        .where(AppointmentType.medi_code.is_not(None), AppointmentType.is_active)
        .where(Service.status != ServiceStatus.RETIRED)
        .order_by(Service.position, AppointmentType.position)
    )
    types = list(db.session.scalars(wanted))
    lengths = {each.medi_minutes or each.length_minutes for each in types}
    return [
        ("Appointment types, named exactly like this", _appointment_types(types)),
        ("Appointment intervals", [f"{length} minutes" for length in sorted(length for length in lengths if length)]),
        ("Billing items of the private fee schedule, fees with GST", _billing_items(types, now)),
    ]


def _appointment_types(types: list[AppointmentType]) -> list[str]:
    by_code: dict[str, list[AppointmentType]] = {}
    for each in types:
        by_code.setdefault(each.medi_code or "", []).append(each)
    return [
        f"{code} ({_telehealth(users)}), used by {', '.join(each.slug for each in users)}"
        for code, users in sorted(by_code.items())
    ]


def _telehealth(users: list[AppointmentType]) -> str:
    """A type is for telehealth or not; where both kinds of visit share a code, only the clinic can decide."""
    kinds = {each.is_telehealth for each in users}
    if len(kinds) > 1:
        return "telehealth for the clinic to decide: video and clinic visits share it"
    return "telehealth on" if True in kinds else "telehealth off"


def _billing_items(types: list[AppointmentType], now: datetime) -> list[str]:
    fees: dict[str, set[int]] = {}
    for each in types:
        price = each.price_at(now)
        fees.setdefault(each.billing_code or each.medi_code or "", set()).update([price.amount_cents] if price else [])
    return [
        f"{code}: {' or '.join(money.in_words(cents) for cents in sorted(amounts)) or 'fee to be announced'}"
        for code, amounts in sorted(fees.items())
    ]
