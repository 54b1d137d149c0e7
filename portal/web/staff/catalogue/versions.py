"""Every published version: who, when, what it changed, and the way back."""

from __future__ import annotations

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from portal import clock
from portal.catalogue import publish, said
from portal.catalogue.document import BadDocument
from portal.catalogue.models import CatalogueVersion
from portal.catalogue.publish import Contradiction, DraftInTheWay, NothingToPublish
from portal.catalogue.said import Told
from portal.db import transaction
from portal.staff import audit
from portal.staff.models import Action
from portal.web.htmx import go
from portal.web.staff import pager, who
from portal.web.staff.catalogue import desk
from portal.web.staff.catalogue.desk import bp

PER_PAGE = 20


@bp.get("/versions")
def versions() -> ResponseReturnValue:
    wanted = select(CatalogueVersion).order_by(CatalogueVersion.id.desc())
    page = pager.page_of(wanted, request.args.get("page"), per_page=PER_PAGE)
    return render_template("staff/catalogue/versions.html", page=page, rows=[(each, _told(each)) for each in page.rows])


@bp.get("/versions/<int:number>")
def version_page(number: int) -> ResponseReturnValue:
    return _page(desk.there(publish.get_version(number)))


@bp.post("/versions/<int:number>/withdrawal")
def take_back(number: int) -> ResponseReturnValue:
    """One more version without what this one changed. Where that contradicts a later one, it becomes a draft."""
    me, now = who.staff(), clock.now()
    version = desk.there(publish.get_version(number))
    try:
        with transaction():
            made = publish.take_back(version, me.name, now)
            audit.record(
                me, Action.CHANGED, "catalogue", now, subject=f"version {made.id}", part=f"takes back {number}"
            )
            new_number = made.id
    except Contradiction:
        return _settle_in_draft(number)
    except NothingToPublish:
        return _page(desk.there(publish.get_version(number)), "Nothing of this version is left to take back."), 422
    except BadDocument as error:
        return _page(desk.there(publish.get_version(number)), str(error)), 422
    return go(url_for(".overview", published=new_number))


def _settle_in_draft(number: int) -> ResponseReturnValue:
    version = desk.there(publish.get_version(number))
    try:
        with transaction():
            publish.take_back_in_draft(version, who.staff().id, clock.now())
    except DraftInTheWay:
        words = "Some of these fields were changed again since. Publish or discard your own changes first."
        return _page(desk.there(publish.get_version(number)), words), 409
    return go(url_for(".changes"))


def _told(version: CatalogueVersion) -> list[Told]:
    return said.all_of(publish.changes_of(version), publish.before_it(version), version.document, desk.zone())


def _page(version: CatalogueVersion, problem: str | None = None) -> str:
    return render_template("staff/catalogue/version.html", version=version, changes=_told(version), problem=problem)
