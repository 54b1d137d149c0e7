"""Addresses of the former site and where they lead now. Each change is a version of the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from urllib.parse import urlsplit

from sqlalchemy import delete, select

from portal.catalogue.document import read_document
from portal.catalogue.export import export
from portal.catalogue.keys import Wrong, own_path
from portal.catalogue.load import load
from portal.catalogue.models import CatalogueVersion, OldAddress
from portal.catalogue.publish import take_turns
from portal.db import db

LONGEST = 300


class BadAddress(ValueError):
    """It cannot lead there; the message says why, `field` is "path" or "leads_to"."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field


def listed() -> dict[str, str]:
    """Old path -> where it leads."""
    return {row.path: row.leads_to for row in db.session.scalars(select(OldAddress).order_by(OldAddress.path))}


def add(path: str, leads_to: str, by: str, now: datetime) -> None:
    """Lead an address on. Both have been through `check`."""
    load(read_document({"old_addresses": {path: leads_to}}), now, by)


def remove(path: str, by: str, now: datetime) -> str | None:
    """Let it lead nowhere; -> where it led, None when it is gone already."""
    take_turns()
    led_to = db.session.scalar(delete(OldAddress).where(OldAddress.path == path).returning(OldAddress.leads_to))
    if led_to is not None:
        note = f"The old address {path} leads nowhere any more."
        db.session.add(CatalogueVersion(made_at=now, made_by=by, document=export(now), note=note))
        db.session.flush()
    return led_to


def check(path: str, leads_to: str, known: Mapping[str, str], is_ours: Callable[[str], bool]) -> tuple[str, str]:
    """Both as they are kept. An old address may be pasted whole, with its https://. `is_ours` knows whether a path has
    a page here. Pure otherwise. Raises BadAddress."""
    old = _path("path", urlsplit(path).path if "://" in path else path)
    old = old.rstrip("/") or "/"
    target = _path("leads_to", leads_to)
    if old in known:
        raise BadAddress("path", f"This address is here already and leads to {known[old]}. Remove it first.")
    if is_ours(old):
        raise BadAddress("path", "This is a page of this site, so it cannot lead somewhere else.")
    end = urlsplit(target).path.rstrip("/") or "/"
    if end == old or _leads_back(old, end, known):
        raise BadAddress("leads_to", "That would lead round in a circle.")
    if end in known:
        raise BadAddress("leads_to", f"That is an old address itself. Lead straight on to {known[end]}.")
    if not is_ours(end):
        raise BadAddress("leads_to", "There is no such page on this site.")
    return old, target


def _leads_back(old: str, at: str, known: Mapping[str, str]) -> bool:
    passed: set[str] = set()
    while at in known and at not in passed:
        passed.add(at)
        at = urlsplit(known[at]).path.rstrip("/") or "/"
    return at == old


def _path(field: str, typed: str) -> str:
    try:
        found = own_path(typed)
    except Wrong:
        raise BadAddress(field, "Enter a path that begins with one slash, such as /old-page.") from None
    if len(found) > LONGEST or any(mark in found for mark in "?#" if field == "path"):
        raise BadAddress(field, "Enter the path alone, without what follows a ? or #.")
    return found
