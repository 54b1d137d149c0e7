"""The catalogue in the database as a document again; loading it back changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import select

from portal.catalogue import people
from portal.catalogue.keys import (
    BESIDE_COLUMNS,
    CALENDAR_KEYS,
    FORM_KEYS,
    PAGE_KEYS,
    POLICY_KEYS,
    PROCESSOR_KEYS,
    SERVICE_KEYS,
    TYPE_KEYS,
    Key,
    in_dollars,
    listed_prices,
)
from portal.catalogue.models import (
    AppointmentType,
    Calendar,
    CancellationPolicy,
    ContentPage,
    FormDefinition,
    OldAddress,
    Service,
)
from portal.db import Base, Json, db


def export(now: datetime) -> Json:
    """Everything, with the prices in force at `now`, those to come, and the newest version of each form."""
    offering = people.offering()
    services = db.session.scalars(select(Service).order_by(Service.position, Service.id))
    versions = db.session.scalars(select(FormDefinition).order_by(FormDefinition.version))
    newest = {each.slug: each for each in versions}
    return {
        "services": [_service(each, now, offering) for each in services],
        "calendars": _entries(Calendar, CALENDAR_KEYS),
        "cancellation_policies": _entries(CancellationPolicy, POLICY_KEYS),
        "forms": [{"id": each.slug, **_values(each, FORM_KEYS)} for each in newest.values()],
        "pages": _entries(ContentPage, PAGE_KEYS),
        "old_addresses": {
            each.path: each.leads_to for each in db.session.scalars(select(OldAddress).order_by(OldAddress.path))
        },
    }


def _service(service: Service, now: datetime, offering: Mapping[int, list[str]]) -> Json:
    told = {"id": service.slug, **_values(service, SERVICE_KEYS)}
    if service.processor is not None:
        told["processor"] = _values(service.processor, PROCESSOR_KEYS)
    return {**told, "appointments": [_type(each, now, offering.get(each.id, [])) for each in service.types]}


def _type(appointment_type: AppointmentType, now: datetime, practitioners: list[str]) -> Json:
    price = appointment_type.price_at(now)
    to_come = {each.valid_from: each.amount_cents for each in appointment_type.prices if each.valid_from > now}
    columns = {name: key for name, key in TYPE_KEYS.items() if name not in BESIDE_COLUMNS}
    return {
        "type": appointment_type.slug,
        "price": in_dollars(price.amount_cents if price else None),
        "coming_prices": listed_prices(to_come),
        "practitioners": practitioners,
        **_values(appointment_type, columns),
    }


def _entries(table: type[Calendar | CancellationPolicy | ContentPage], keys: Mapping[str, Key]) -> list[Json]:
    rows: Iterable[Calendar | CancellationPolicy | ContentPage] = db.session.scalars(select(table).order_by(table.slug))
    return [{"id": each.slug, **_values(each, keys)} for each in rows]


def _values(row: Base, keys: Mapping[str, Key]) -> Json:
    return {name: key.write(getattr(row, key.column)) for name, key in keys.items()}
