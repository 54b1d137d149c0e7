"""Finds and orders the entries of a catalogue document while somebody edits it. Pure; changes it in place."""

from __future__ import annotations

import re
import unicodedata
from copy import deepcopy
from datetime import datetime

from portal.catalogue.keys import TYPE_KEYS, in_dollars
from portal.db import Json


def service(document: Json, slug: str) -> Json | None:
    return next((each for each in document["services"] if each["id"] == slug), None)


def type_and_service(document: Json, slug: str) -> tuple[Json, Json] | None:
    """The appointment type with this slug, and the service it belongs to."""
    pairs = ((each, service) for service in document["services"] for each in service["appointments"])
    return next((pair for pair in pairs if pair[0]["type"] == slug), None)


def named(document: Json, section: str, slug: str) -> Json | None:
    """An entry of another section, such as a form or a cancellation policy."""
    return next((each for each in document[section] if each["id"] == slug), None)


def in_order(entries: list[Json]) -> list[Json]:
    """Services or types as patients see them."""
    return sorted(entries, key=lambda each: each["position"])


def move(entries: list[Json], entry: Json, by: int) -> None:
    """One place up or down; the positions are counted anew."""
    ordered = in_order(entries)
    at = ordered.index(entry)
    to = at + by
    if 0 <= to < len(ordered):
        ordered[at], ordered[to] = ordered[to], ordered[at]
    for position, each in enumerate(ordered):
        each["position"] = position


def slug_of(words: str) -> str:
    """ "First visit, 60 minutes" as "first-visit-60-minutes"."""
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:80].rstrip("-")


def as_of(document: Json, at: datetime) -> Json:
    """The same catalogue at a later moment: prices whose day has come are in force."""
    found = deepcopy(document)
    for service in found.get("services", []):
        for each in service.get("appointments", []):
            _let_prices_come(each, at)
    return found


def _let_prices_come(entry: Json, at: datetime) -> None:
    if not entry.get("coming_prices"):
        return
    to_come = TYPE_KEYS["coming_prices"].read(entry["coming_prices"])
    due = {start: cents for start, cents in to_come.items() if start <= at}
    if due:
        entry["price"] = in_dollars(due[max(due)])
        rest = {start: cents for start, cents in to_come.items() if start > at}
        entry["coming_prices"] = TYPE_KEYS["coming_prices"].write(rest)
