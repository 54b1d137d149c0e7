"""What somebody is about to publish: the difference, the check, what others have changed meanwhile; and the act."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal import clock
from portal.catalogue import drafts, publish, said
from portal.catalogue.check import Weight
from portal.catalogue.document import BadDocument
from portal.catalogue.export import export
from portal.catalogue.merge import NOTHING, Conflict, Path, Side
from portal.catalogue.publish import Contradiction, NothingToPublish
from portal.db import transaction
from portal.staff import audit
from portal.staff.models import Action
from portal.web.htmx import go
from portal.web.staff import who
from portal.web.staff.catalogue import desk, findings
from portal.web.staff.catalogue.desk import bp
from portal.web.staff.catalogue.findings import Shown


@dataclass(frozen=True)
class Choice:
    """A field that two people have changed. `key` changes when either side does, so nothing unseen is settled."""

    key: str
    path: Path
    where: str
    field: str
    before: str
    mine: str
    theirs: str


@bp.get("/changes")
def changes() -> ResponseReturnValue:
    return _page()


@bp.post("/changes/settlement")
def settle() -> ResponseReturnValue:
    """Field by field, mine or theirs; the draft goes on from what is published now."""
    me, now = who.staff(), clock.now()
    with transaction():
        publish.take_turns()
        draft = desk.there(drafts.find(me.id))
        chosen = _chosen(_choices(drafts.state(draft, now).conflicts), request.form)
        left = drafts.take_in(draft, now, chosen)
        audit.record(me, Action.CHANGED, "catalogue draft", now, part="settled")
    if left:
        return _page("Choose one of the two for each field."), 422
    return go(url_for(".changes"))


@bp.post("/changes/publication")
def publish_draft() -> ResponseReturnValue:
    """Make it the catalogue. Somebody else may have been quicker with the same fields."""
    me, now = who.staff(), clock.now()
    draft = drafts.find(me.id)
    if draft is None:
        return go(url_for(".overview"))
    if problem := _reason_to_wait(findings.about(drafts.state(draft, now).document)):
        return _page(problem), 422
    try:
        with transaction():
            version = publish.publish(me.id, me.name, now)
            audit.record(me, Action.CHANGED, "catalogue", now, subject=f"version {version.id}", part="published")
            number = version.id
    except Contradiction:
        return _page("Somebody else has just published other words for the same fields."), 409
    except NothingToPublish:
        return go(url_for(".changes"))
    except BadDocument as error:
        return _page(str(error)), 422
    return go(url_for(".overview", published=number))


@bp.post("/changes/discarding")
def discard() -> ResponseReturnValue:
    me, now = who.staff(), clock.now()
    with transaction():
        drafts.discard(me.id)
        audit.record(me, Action.REMOVED, "catalogue draft", now)
    return go(url_for(".overview"))


def _reason_to_wait(found: list[Shown]) -> str | None:
    if any(each.weight == Weight.ERROR for each in found):
        return "Something here would not work. Please mend it first."
    if _needs_a_look(found) and "wording" not in request.form:
        return "Some words may break the rules of advertising. Please look at them, and tick the box if they are right."
    return None


def _needs_a_look(found: list[Shown]) -> bool:
    """Whether this draft brings words that the rules of advertising touch."""
    return any(each.weight == Weight.WORDING and each.is_new for each in found)


def _page(problem: str | None = None) -> str:
    now, draft = clock.now(), drafts.find(who.staff().id)
    state = drafts.state(draft, now) if draft else None
    published = export(now)
    found = findings.about(state.document) if state else []
    return render_template(
        "staff/catalogue/changes.html",
        state=state,
        mine=said.all_of(state.mine, published, state.document, desk.zone()) if state else [],
        theirs=said.all_of(state.theirs, draft.base, published, desk.zone()) if draft and state else [],
        choices=_choices(state.conflicts) if state else [],
        findings=found,
        needs_a_look=_needs_a_look(found),
        weights=list(Weight),
        problem=problem,
    )


def _choices(conflicts: list[Conflict]) -> list[Choice]:
    published = export(clock.now())
    zone = desk.zone()

    def choice(each: Conflict) -> Choice:
        values = (said.value(each.path, value, zone) for value in (each.base, each.mine, each.theirs))
        return Choice(_key(each), each.path, said.where(each.path, published), said.field(each.path), *values)

    return [choice(each) for each in conflicts]


def _key(conflict: Conflict) -> str:
    sides = [None if value is NOTHING else value for value in (conflict.mine, conflict.theirs)]
    told = json.dumps([conflict.path, sides], sort_keys=True)
    return "c-" + hashlib.sha256(told.encode()).hexdigest()[:16]


def _chosen(choices: list[Choice], typed: Mapping[str, str]) -> dict[Path, Side]:
    sides = set(Side)
    return {each.path: Side(typed[each.key]) for each in choices if typed.get(each.key) in sides}
