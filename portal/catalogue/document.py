"""The catalogue as a JSON document: what may stand in it, read and checked. Pure.

The shape is that of the clinic's own "Service Configuration Database", with more keys. What a document does not
mention it does not change, so each entry holds only the columns that it speaks of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from portal.catalogue.keys import (
    CALENDAR_KEYS,
    FORM_KEYS,
    PAGE_KEYS,
    POLICY_KEYS,
    PROCESSOR_KEYS,
    SERVICE_KEYS,
    TYPE_KEYS,
    Key,
    Wrong,
    own_path,
    slug,
)
from portal.db import Json


class BadDocument(ValueError):
    """The document is wrong; the message is one sentence that says where."""


@dataclass(frozen=True)
class Entry:
    """One row: its id and what the document says about its columns."""

    slug: str
    values: Json


@dataclass(frozen=True)
class TypeEntry(Entry):
    """One appointment type. `price_cents` among its values is not a column but a price to come into force."""


@dataclass(frozen=True)
class ServiceEntry(Entry):
    """One service with its appointment types; `processor` is None where nothing is said."""

    types: tuple[TypeEntry, ...]
    processor: Json | None


@dataclass(frozen=True)
class Document:
    """A whole catalogue, or a part of one."""

    services: tuple[ServiceEntry, ...]
    calendars: tuple[Entry, ...]
    policies: tuple[Entry, ...]
    forms: tuple[Entry, ...]
    pages: tuple[Entry, ...]
    old_addresses: tuple[Entry, ...]

    @property
    def types(self) -> Iterator[TypeEntry]:
        return (each for service in self.services for each in service.types)


TOP_KEYS = ("services", "calendars", "cancellation_policies", "forms", "pages", "old_addresses")


def read_document(raw: object) -> Document:
    """Check a parsed JSON document. Raises BadDocument."""
    top = _object(raw, "The catalogue")
    _refuse_unknown(top, set(TOP_KEYS), "The catalogue")
    document = Document(
        services=tuple(_service(each, where) for each, where in _listed(top, "services", "Service")),
        calendars=_entries(top, "calendars", "Calendar", CALENDAR_KEYS, needed=("name",)),
        policies=_entries(top, "cancellation_policies", "Cancellation policy", POLICY_KEYS, needed=tuple(POLICY_KEYS)),
        forms=_entries(top, "forms", "Form", FORM_KEYS, needed=tuple(FORM_KEYS)),
        pages=_entries(top, "pages", "Page", PAGE_KEYS, needed=tuple(PAGE_KEYS)),
        old_addresses=_old_addresses(_object(top.get("old_addresses", {}), "old_addresses")),
    )
    _refuse_twins("Service", document.services)
    _refuse_twins("Appointment type", tuple(document.types))
    return document


def _service(raw: object, where: str) -> ServiceEntry:
    given, where = _named(raw, "Service", where, "id")
    types = tuple(_type(each, place) for each, place in _listed(given, "appointments", f"{where}, appointment"))
    processor = None
    if "processor" in given:
        processor = _values(_object(given["processor"], f"{where}: processor"), PROCESSOR_KEYS, f"{where}, processor")
    own = {key: value for key, value in given.items() if key not in ("id", "appointments", "processor")}
    return ServiceEntry(given["id"], _values(own, SERVICE_KEYS, where), types, processor)


def _type(raw: object, where: str) -> TypeEntry:
    given, where = _named(raw, "Appointment type", where, "type")
    own = {key: value for key, value in given.items() if key != "type"}
    return TypeEntry(given["type"], _values(own, TYPE_KEYS, where))


def _entries(
    top: Mapping[str, Any], key: str, noun: str, keys: Mapping[str, Key], *, needed: tuple[str, ...]
) -> tuple[Entry, ...]:
    entries = []
    for raw, place in _listed(top, key, noun):
        given, where = _named(raw, noun, place, "id")
        missing = [name for name in needed if name not in given]
        if missing:
            raise BadDocument(f"{where} lacks {', '.join(missing)}.")
        own = {name: value for name, value in given.items() if name != "id"}
        entries.append(Entry(given["id"], _values(own, keys, where)))
    _refuse_twins(noun, tuple(entries))
    return tuple(entries)


def _old_addresses(given: Mapping[str, Any]) -> tuple[Entry, ...]:
    entries = []
    for path, leads_to in given.items():
        try:
            entries.append(Entry(own_path(path), {"leads_to": own_path(leads_to)}))
        except Wrong as error:
            raise BadDocument(f"Old address {path!r} and where it leads {error}.") from None
    return tuple(entries)


def _values(given: Mapping[str, Any], keys: Mapping[str, Key], where: str) -> Json:
    _refuse_unknown(given, set(keys), where)
    values: Json = {}
    for name, value in given.items():
        try:
            values[keys[name].column] = keys[name].read(value)
        except Wrong as error:
            raise BadDocument(f"{where}: {name} {error}, not {value!r}.") from None
    return values


def _object(raw: object, where: str) -> Mapping[str, Any]:
    if not isinstance(raw, dict):
        raise BadDocument(f"{where} must be an object with keys and values.")
    return raw


def _listed(given: Mapping[str, Any], key: str, noun: str) -> list[tuple[object, str]]:
    """The entries of a list with a name for each that holds until its id is known."""
    found = given.get(key, [])
    if not isinstance(found, list):
        raise BadDocument(f"{key} must be a list.")
    return [(each, f"{noun} number {number}") for number, each in enumerate(found, start=1)]


def _named(raw: object, noun: str, where: str, id_key: str) -> tuple[Mapping[str, Any], str]:
    given = _object(raw, where)
    try:
        return given, f'{noun} "{slug(given.get(id_key))}"'
    except Wrong as error:
        raise BadDocument(f"{where}: {id_key} {error}, not {given.get(id_key)!r}.") from None


def _refuse_unknown(given: Mapping[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(set(given) - known)
    if unknown:
        raise BadDocument(f"{where} has a key that is not known: {', '.join(unknown)}.")


def _refuse_twins(noun: str, entries: tuple[Entry, ...]) -> None:
    seen: set[str] = set()
    for entry in entries:
        if entry.slug in seen:
            raise BadDocument(f'{noun} "{entry.slug}" stands in the catalogue twice.')
        seen.add(entry.slug)
