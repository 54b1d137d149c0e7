"""What the editor's pages share: the draft of whoever is signed in, and its entries."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from zoneinfo import ZoneInfo

from flask import Blueprint, abort, current_app, request
from wtforms import Form

from portal import clock
from portal.catalogue import drafts, entries
from portal.catalogue.document import BadDocument
from portal.catalogue.export import export
from portal.catalogue.merge import NOTHING, Path, find
from portal.db import Json, transaction
from portal.staff import audit
from portal.staff.models import Action
from portal.web.staff import who

bp = Blueprint("catalogue", __name__, url_prefix="/catalogue")

T = TypeVar("T")


@bp.context_processor
def what_every_page_shows() -> Json:
    """How the draft stands, on every page of the editor."""
    draft = drafts.find(who.staff().id)
    return {"draft_state": drafts.state(draft, clock.now()) if draft else None, "kept": "kept" in request.args}


def zone() -> ZoneInfo:
    found: ZoneInfo = current_app.config["PORTAL"].zone
    return found


def document() -> Json:
    """The catalogue as whoever is signed in has drafted it."""
    return drafts.document(who.staff().id, clock.now())


def change(act: Callable[[Json], Json | None], subject: str, part: str = "") -> None:
    """Change the draft, and write down that it was. Raises BadDocument."""
    me, now = who.staff(), clock.now()
    with transaction():
        drafts.edit(me.id, now, act)
        audit.record(me, Action.CHANGED, "catalogue draft", now, subject=subject, part=part)


def try_to_change(form: Form, act: Callable[[Json], Json | None], subject: str) -> bool:
    """The same from a form, which is told what is wrong."""
    try:
        change(act, subject)
    except BadDocument as error:
        form.form_errors = [*form.form_errors, str(error)]
        return False
    return True


def get_service(found: Json, slug: str) -> Json:
    return there(entries.service(found, slug))


def get_type(found: Json, slug: str) -> tuple[Json, Json]:
    """The type and its service."""
    return there(entries.type_and_service(found, slug))


def get_named(found: Json, section: str, slug: str) -> Json:
    return there(entries.named(found, section, slug))


def there(found: T | None) -> T:
    return found if found is not None else abort(404)


def is_new(path: Path) -> bool:
    """Whether an entry of the draft has never been published, and so may really go."""
    return find(export(clock.now()), path) is NOTHING
