"""The catalogue as a file, out and in. What comes in is compared first, and goes into the draft."""

from __future__ import annotations

import json

from flask import Response, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired

from portal import clock
from portal.catalogue import drafts, said, trial
from portal.catalogue.document import BadDocument, read_document
from portal.catalogue.entries import as_of
from portal.catalogue.export import export
from portal.catalogue.merge import difference
from portal.db import Json, transaction
from portal.intake.definition import BadForm, parse
from portal.staff import audit
from portal.staff.models import Action
from portal.web.htmx import go
from portal.web.staff import who
from portal.web.staff.catalogue import desk
from portal.web.staff.catalogue.desk import bp


class FileForm(FlaskForm):
    file = FileField("A catalogue file (JSON)", validators=[FileRequired("Choose a file.")])


@bp.post("/export")
def export_file() -> ResponseReturnValue:
    """What is published now. Taking it out of the house is written down."""
    me, now = who.staff(), clock.now()
    with transaction():
        body = json.dumps(export(now), indent=2, ensure_ascii=False)
        audit.record(me, Action.EXPORTED, "catalogue", now)
    name = f"catalogue-{now.astimezone(desk.zone()):%Y-%m-%d}.json"
    return Response(
        body + "\n",
        content_type="application/json; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@bp.get("/import")
def import_page() -> ResponseReturnValue:
    return _page(FileForm())


@bp.post("/import")
def read_file() -> ResponseReturnValue:
    """Read it and keep it aside, to be looked at."""
    form, now = FileForm(), clock.now()
    if not form.validate():
        return _page(form), 422
    try:
        given = _parsed(form.file.data.read())
        read_document(given)
        laid = trial.laid_over(desk.document(), as_of(given, now), now)
        for each in laid["forms"]:
            parse(each["definition"])
    except (BadDocument, BadForm) as error:
        form.file.errors = [str(error)]
        return _page(form), 422
    with transaction():
        drafts.get_or_begin(who.staff().id, now).imported = laid
    return go(url_for(".import_page"))


@bp.post("/import/acceptance")
def accept_file() -> ResponseReturnValue:
    """Into the draft with it."""
    me, now = who.staff(), clock.now()
    with transaction():
        draft = drafts.find_locked(me.id)
        if draft is not None and draft.imported is not None:
            draft.document, draft.imported, draft.changed_at = draft.imported, None, now
            audit.record(me, Action.CHANGED, "catalogue draft", now, part="from a file")
    return go(url_for(".changes"))


@bp.post("/import/refusal")
def refuse_file() -> ResponseReturnValue:
    with transaction():
        draft = drafts.find_locked(who.staff().id)
        if draft is not None:
            draft.imported = None
    return go(url_for(".import_page"))


def _parsed(body: bytes) -> Json:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise BadDocument("This is not a JSON file.") from None
    if not isinstance(found, dict):
        raise BadDocument("The catalogue must be an object with keys and values.")
    return found


def _page(form: FileForm) -> str:
    draft = drafts.find(who.staff().id)
    imported = draft.imported if draft is not None else None
    told = []
    if draft is not None and imported is not None:
        told = said.all_of(difference(draft.document, imported), draft.document, imported, desk.zone())
    return render_template("staff/catalogue/import.html", form=form, is_waiting=imported is not None, changes=told)
