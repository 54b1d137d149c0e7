"""Makes a draft the catalogue, and takes a published version back. Every time it is one more version."""

from __future__ import annotations

from copy import deepcopy
from datetime import datetime

from sqlalchemy import select

from portal.catalogue import drafts
from portal.catalogue.document import read_document
from portal.catalogue.entries import as_of
from portal.catalogue.export import export
from portal.catalogue.load import load
from portal.catalogue.merge import Change, Conflict, by_id, difference, merge
from portal.catalogue.models import CatalogueDraft, CatalogueVersion, ServiceStatus
from portal.db import Json, LockKind, db, lock_together


class NothingToPublish(Exception):
    """The catalogue says all of that already."""


class Contradiction(Exception):
    """Somebody else has changed the same fields."""

    def __init__(self, conflicts: list[Conflict]) -> None:
        super().__init__(f"{len(conflicts)} fields were changed by somebody else")
        self.conflicts = conflicts


class DraftInTheWay(Exception):
    """Their draft would be lost."""


def publish(staff_id: int, by: str, now: datetime) -> CatalogueVersion:
    """Bring somebody's draft into the catalogue together with what others have published meanwhile; the draft ends.

    Raises NothingToPublish, Contradiction, or BadDocument.
    """
    take_turns()
    draft = drafts.find(staff_id)
    if draft is None:
        raise NothingToPublish
    if conflicts := drafts.take_in(draft, now):
        raise Contradiction(conflicts)
    version = _load(draft.document, by, now)
    drafts.discard(staff_id)
    return version


def take_back(version: CatalogueVersion, by: str, now: datetime) -> CatalogueVersion:
    """One more version without what this one changed; what was changed after it stays.

    What it added is retired and not deleted. Raises NothingToPublish, Contradiction, or BadDocument.
    """
    take_turns()
    undone, conflicts = _undone(version, now)
    if conflicts:
        raise Contradiction(conflicts)
    return _load(undone, by, now, note=f"Takes back version {version.id}.")


def take_back_in_draft(version: CatalogueVersion, staff_id: int, now: datetime) -> None:
    """The same as a draft, where fields that were changed since can be settled one by one. Raises DraftInTheWay."""
    if drafts.find(staff_id) is not None:
        raise DraftInTheWay
    db.session.add(
        CatalogueDraft(
            staff_member_id=staff_id, base=version.document, document=before_it(version), imported=None, changed_at=now
        )
    )
    db.session.flush()


def changes_of(version: CatalogueVersion) -> list[Change]:
    """What a version changed; the first one counts as the beginning."""
    before = _previous(version)
    return difference(as_of(before.document, version.made_at), version.document) if before else []


def before_it(version: CatalogueVersion) -> Json:
    """The catalogue without what a version changed. Nothing is deleted: what it added stands there, retired."""
    before = _previous(version)
    found = as_of(before.document, version.made_at) if before else deepcopy(version.document)
    known = by_id(found["services"])
    for service in version.document["services"]:
        if service["id"] not in known:
            found["services"].append({**deepcopy(service), "status": str(ServiceStatus.RETIRED)})
            continue
        own = by_id(known[service["id"]]["appointments"])
        added = (each for each in service["appointments"] if each["type"] not in own)
        known[service["id"]]["appointments"] += [{**deepcopy(each), "active": False} for each in added]
    for section in ("calendars", "cancellation_policies", "forms", "pages"):
        ids = by_id(found[section])
        found[section] += [deepcopy(each) for each in version.document[section] if each["id"] not in ids]
    found["old_addresses"] = {**version.document["old_addresses"], **found["old_addresses"]}
    return found


def get_version(number: int) -> CatalogueVersion | None:
    return db.session.get(CatalogueVersion, number)


def take_turns() -> None:
    """One publication at a time, until the end of the transaction."""
    lock_together((LockKind.CATALOGUE, 0), timeout_ms=3000)


def _undone(version: CatalogueVersion, now: datetime) -> tuple[Json, list[Conflict]]:
    return merge(as_of(version.document, now), as_of(before_it(version), now), export(now))


def _previous(version: CatalogueVersion) -> CatalogueVersion | None:
    wanted = select(CatalogueVersion).where(CatalogueVersion.id < version.id).order_by(CatalogueVersion.id.desc())
    return db.session.scalar(wanted.limit(1))


def _load(document: Json, by: str, now: datetime, note: str = "") -> CatalogueVersion:
    if not load(read_document(document), now, by):
        raise NothingToPublish
    newest = select(CatalogueVersion).order_by(CatalogueVersion.id.desc()).limit(1)
    version = db.session.scalars(newest).one()
    version.note = note
    return version
