"""Brings a catalogue document into the database: adds and changes rows by id, and never deletes one.

What the document does not mention stays as it is; a row that is new gets defaults. Calendars, policies and forms that
a new row needs and nobody has defined come from the packaged catalogue, so a bare list of services loads as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import select

from portal import money
from portal.catalogue import defaults, people
from portal.catalogue.document import BadDocument, Document, Entry, ServiceEntry, TypeEntry, read_document
from portal.catalogue.export import export
from portal.catalogue.keys import BESIDE_COLUMNS, TYPE_KEYS
from portal.catalogue.models import (
    AppointmentType,
    Calendar,
    CancellationPolicy,
    CatalogueVersion,
    ContentPage,
    FormDefinition,
    OldAddress,
    Price,
    Processor,
    Service,
)
from portal.catalogue.offer import current_form
from portal.db import Base, Json, db

PACKAGED = Path(__file__).with_name("seed.json")
# The first price holds for all the time before it too: a clock that is set back must not make a visit unbookable.
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
NO_COLUMNS = {TYPE_KEYS[name].column for name in BESIDE_COLUMNS}


@cache
def packaged_document() -> Document:
    """The catalogue that comes with the portal."""
    return read_document(json.loads(PACKAGED.read_text()))


def load(document: Document, now: datetime, by: str) -> list[str]:
    """Add and change what the document says; the answer is each change in words. Does not commit.

    Raises BadDocument when the document refers to something that does not exist.
    """
    loading = _Loading(now)
    loading.policies(document.policies)
    loading.calendars(document.calendars)
    loading.forms(document.forms)
    for entry in document.services:
        loading.service(entry)
    loading.pages(document.pages)
    loading.old_addresses(document.old_addresses)
    db.session.flush()
    if loading.changes:
        db.session.expire_all()
        db.session.add(CatalogueVersion(made_at=now, made_by=by, document=export(now)))
        db.session.flush()
    return loading.changes


class _Loading:
    """One run of load(), with the changes that it has made so far."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.changes: list[str] = []

    def policies(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._put(db.session.get(CancellationPolicy, entry.slug), CancellationPolicy, "Cancellation policy", entry)

    def calendars(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._put(db.session.get(Calendar, entry.slug), Calendar, "Calendar", entry)

    def pages(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._put(db.session.get(ContentPage, entry.slug), ContentPage, "Page", entry)

    def old_addresses(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            row = db.session.get(OldAddress, entry.slug)
            if row is None:
                db.session.add(OldAddress(path=entry.slug, **entry.values))
                self.changes.append(f"Add old address {entry.slug}.")
            else:
                self._set(row, f"Old address {entry.slug}", entry.values)

    def forms(self, entries: Iterable[Entry]) -> None:
        """An answered version is never changed: a change is a version more."""
        for entry in entries:
            last = current_form(entry.slug)
            if last is not None and all(getattr(last, column) == value for column, value in entry.values.items()):
                continue
            version = last.version + 1 if last is not None else 1
            db.session.add(FormDefinition(slug=entry.slug, version=version, **entry.values))
            db.session.flush()
            self.changes.append(f'Add form "{entry.slug}", version {version}.')

    def service(self, entry: ServiceEntry) -> None:
        row = db.session.scalar(select(Service).where(Service.slug == entry.slug))
        if row is None:
            row = Service(slug=entry.slug, **{**defaults.of_service(entry, _next_position()), **entry.values})
            db.session.add(row)
            db.session.flush()
            self.changes.append(f'Add service "{entry.slug}".')
        else:
            self._set(row, f'Service "{entry.slug}"', entry.values)
        for each in entry.types:
            self._type(row, each)
        self._processor(row, entry)

    def _type(self, service: Service, entry: TypeEntry) -> None:
        values = {column: value for column, value in entry.values.items() if column not in NO_COLUMNS}
        row = db.session.scalar(select(AppointmentType).where(AppointmentType.slug == entry.slug))
        if row is None:
            usual = defaults.of_type(entry, service.slug, len(service.types), packaged_document())
            values = {**usual, **values}
            self._need(entry, values)
            row = AppointmentType(slug=entry.slug, service=service, **values)
            db.session.add(row)
            db.session.flush()
            self.changes.append(f'Add appointment type "{entry.slug}".')
        elif row.service_id != service.id:
            raise BadDocument(f'Appointment type "{entry.slug}" belongs to the service "{row.service.slug}" already.')
        else:
            self._need(entry, values)
            self._set(row, f'Appointment type "{entry.slug}"', values)
        if "price_cents" in entry.values:
            self._price(row, entry.values["price_cents"])
        if "coming_prices" in entry.values:
            self._coming_prices(row, entry.values["coming_prices"])
        if "practitioners" in entry.values:
            self._practitioners(row, entry.values["practitioners"])

    def _need(self, entry: TypeEntry, values: Mapping[str, Any]) -> None:
        """See that what a type refers to exists, taking it from the packaged catalogue where it can."""
        where, packaged = f'Appointment type "{entry.slug}"', packaged_document()
        policy, calendar = values.get("cancellation_policy_slug"), values.get("calendar_slug")
        if policy and db.session.get(CancellationPolicy, policy) is None:
            self.policies([_find(packaged.policies, policy, f"{where}: there is no cancellation policy")])
        if calendar and db.session.get(Calendar, calendar) is None:
            known = [each for each in packaged.calendars if each.slug == calendar]
            self.calendars(known or [Entry(calendar, {"name": defaults.in_words(calendar)})])
        for form in (values.get("intake_form"), values.get("questions_form")):
            if form and current_form(form) is None:
                self.forms([_find(packaged.forms, form, f"{where}: there is no form")])
        db.session.flush()

    def _price(self, row: AppointmentType, cents: int | None) -> None:
        """A price holds from an instant on; the older ones stay, because bookings were made at them."""
        current = row.price_at(self.now)
        if cents == (current.amount_cents if current else None):
            return
        if cents is None:
            raise BadDocument(
                f'Appointment type "{row.slug}" has a price, which can be changed but not taken away;'
                " set active to false to stop selling it."
            )
        if current is not None and current.valid_from == self.now:
            current.amount_cents = cents
        else:
            db.session.add(Price(type=row, amount_cents=cents, valid_from=self.now if row.prices else EPOCH))
        was = f" instead of {money.in_words(current.amount_cents)}" if current else ""
        self.changes.append(f'Appointment type "{row.slug}": the price is {money.in_words(cents)}{was}.')

    def _coming_prices(self, row: AppointmentType, wanted: Mapping[datetime, int]) -> None:
        """No visit can have been held at a price that is still to come, so such a one may also be changed or go."""
        db.session.flush()
        db.session.refresh(row, ["prices"])
        known = {each.valid_from: each for each in row.prices}
        for start, cents in wanted.items():
            if start in known and (known[start].amount_cents == cents or start <= self.now):
                continue
            if start <= self.now:
                raise BadDocument(f'Appointment type "{row.slug}": the price from {start:%d/%m/%Y} is not to come.')
            if start in known:
                known[start].amount_cents = cents
            else:
                db.session.add(Price(type=row, amount_cents=cents, valid_from=start))
            self._tell_price(row, f"becomes {money.in_words(cents)}", start)
        for start, price in known.items():
            if start > self.now and start not in wanted:
                db.session.delete(price)
                self._tell_price(row, f"does not become {money.in_words(price.amount_cents)}", start)

    def _tell_price(self, row: AppointmentType, what: str, start: datetime) -> None:
        self.changes.append(f'Appointment type "{row.slug}": the price {what} at {start:%Y-%m-%d %H:%M} UTC.')

    def _practitioners(self, row: AppointmentType, slugs: list[str]) -> None:
        if nobody := people.unknown(slugs):
            raise BadDocument(f'Appointment type "{row.slug}": there is no practitioner "{nobody[0]}".')
        if slugs != people.offering().get(row.id, []):
            people.let_offer(row.id, slugs)
            offered = f"only by {', '.join(slugs)}" if slugs else "by all who have hours in its calendar"
            self.changes.append(f'Appointment type "{row.slug}": it is offered {offered}.')

    def _processor(self, service: Service, entry: ServiceEntry) -> None:
        row = db.session.get(Processor, service.id)
        if row is None:
            values = {**defaults.of_processor(service), **(entry.processor or {})}
            db.session.add(Processor(service=service, **values))
            self.changes.append(f'Service "{service.slug}": the processor is {values["kind"]}.')
        else:
            self._set(row, f'Processor of "{service.slug}"', entry.processor or {})

    def _put(self, row: Base | None, table: type[Base], noun: str, entry: Entry) -> None:
        if row is not None:
            self._set(row, f'{noun} "{entry.slug}"', entry.values)
            return
        db.session.add(table(slug=entry.slug, **entry.values))
        db.session.flush()
        self.changes.append(f'Add {noun.lower()} "{entry.slug}".')

    def _set(self, row: Base, name: str, values: Json) -> None:
        for column, value in values.items():
            before = getattr(row, column)
            if before != value:
                setattr(row, column, value)
                self.changes.append(f"{name}: {_change(column, before, value)}")


def _next_position() -> int:
    return len(db.session.scalars(select(Service.id)).all())


def _find(entries: Iterable[Entry], slug: str, complaint: str) -> Entry:
    for entry in entries:
        if entry.slug == slug:
            return entry
    raise BadDocument(f'{complaint} "{slug}".')


def _change(column: str, before: object, after: object) -> str:
    """The change of one column in words; long texts only say that they change."""
    name = column.removesuffix("_slug").replace("_", " ")
    short = all(
        value is None or isinstance(value, bool | int | date) or len(str(value)) <= 60 for value in (before, after)
    )
    if not short or isinstance(after, dict):
        return f"{name} changes."
    return f"{name} is {_said(after)} instead of {_said(before)}."


def _said(value: object) -> str:
    if value is None or value == "":
        return "empty"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
