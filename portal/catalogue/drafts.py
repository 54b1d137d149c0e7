"""What somebody changes before it is published. Everybody has a draft of their own, of the whole catalogue, so that
nobody's half-done work is shown or published by another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select

from portal.catalogue.document import read_document
from portal.catalogue.entries import as_of
from portal.catalogue.export import export
from portal.catalogue.merge import Change, Conflict, Path, Side, difference, merge
from portal.catalogue.models import CatalogueDraft
from portal.db import Json, LockKind, db, lock_together


@dataclass(frozen=True)
class State:
    """A draft beside what is published now."""

    document: Json  # with what others have published meanwhile, and mine where both have changed a field
    mine: list[Change]
    theirs: list[Change]
    conflicts: list[Conflict]


def find(staff_id: int) -> CatalogueDraft | None:
    return db.session.get(CatalogueDraft, staff_id)


def others(staff_id: int) -> list[CatalogueDraft]:
    """Who else is at it."""
    wanted = select(CatalogueDraft).where(CatalogueDraft.staff_member_id != staff_id)
    return list(db.session.scalars(wanted.order_by(CatalogueDraft.changed_at.desc())))


def document(staff_id: int, now: datetime) -> Json:
    """What somebody sees in the editor: their draft, or what is published. A copy."""
    draft = find(staff_id)
    return as_of(draft.document, now) if draft is not None else export(now)


def edit(staff_id: int, now: datetime, act: Callable[[Json], Json | None]) -> None:
    """Change the draft, which begins with the first change. `act` changes the document in place, or answers another.

    Raises BadDocument when it is no catalogue any more; the draft stays as it was then.
    """
    draft = get_or_begin(staff_id, now)
    document = as_of(draft.document, now)
    changed = act(document) or document
    read_document(changed)
    draft.document, draft.changed_at = changed, now
    db.session.flush()


def find_locked(staff_id: int) -> CatalogueDraft | None:
    """The draft for whoever changes it; two tabs of one person take turns."""
    lock_together((LockKind.CATALOGUE_DRAFT, staff_id), timeout_ms=3000)
    return db.session.get(CatalogueDraft, staff_id, populate_existing=True)


def get_or_begin(staff_id: int, now: datetime) -> CatalogueDraft:
    """The same, begun from what is published when there is none."""
    draft = find_locked(staff_id)
    if draft is None:
        published = export(now)
        draft = CatalogueDraft(
            staff_member_id=staff_id, base=published, document=deepcopy(published), imported=None, changed_at=now
        )
        db.session.add(draft)
    return draft


def discard(staff_id: int) -> None:
    """Away with it; what is published stays."""
    db.session.execute(delete(CatalogueDraft).where(CatalogueDraft.staff_member_id == staff_id))


def state(draft: CatalogueDraft, now: datetime, chosen: Mapping[Path, Side] | None = None) -> State:
    """What this draft would change, and what others have changed since it began."""
    base, mine, theirs = as_of(draft.base, now), as_of(draft.document, now), export(now)
    merged, conflicts = merge(base, mine, theirs, chosen)
    # A new calendar is kept at once, because hours are set in it before anything is published: nobody's change.
    published = [each for each in difference(base, theirs) if each.path[0] != "calendars"]
    return State(merged, difference(theirs, merged), published, conflicts)


def take_in(draft: CatalogueDraft, now: datetime, chosen: Mapping[Path, Side] | None = None) -> list[Conflict]:
    """Go on from what is published now. Answers what `chosen` leaves unsettled; nothing changes while there is any."""
    found = state(draft, now, chosen)
    if not found.conflicts:
        read_document(found.document)
        draft.base, draft.document, draft.changed_at = export(now), found.document, now
        db.session.flush()
    return found.conflicts
