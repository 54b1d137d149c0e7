"""The clinic's own pages, and the addresses of the former site: edited, looked at first, published, taken back."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, abort, current_app, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import RequestRedirect
from wtforms import BooleanField, StringField, TextAreaField
from wtforms.validators import ValidationError

from portal import clinic, clock
from portal.catalogue import offer, old_addresses, page_versions, pages, wording
from portal.catalogue.old_addresses import BadAddress
from portal.catalogue.page_versions import PAGES, PageVersion
from portal.catalogue.publish import NothingToPublish
from portal.catalogue.wording import Find
from portal.db import Json, transaction
from portal.staff import audit
from portal.staff.models import Action
from portal.web.booking.details_form import clean
from portal.web.htmx import go
from portal.web.staff import changed, who
from portal.web.staff.changed import Difference
from portal.web.staff.settings_forms import Line, several_lines

bp = Blueprint("content", __name__, url_prefix="/content")

LONGEST_BODY = 40_000
LABELS = (("title", "Title"), ("body", "Text"))


class PageForm(FlaskForm):
    title = StringField("Title", filters=[clean], validators=[Line(100, "Enter a title.")])
    body = TextAreaField("Text", filters=[several_lines], validators=[Line(LONGEST_BODY, "Enter the page's text.")])
    looked = BooleanField("I have looked at these words, and they may stand")

    def validate_body(self, field: TextAreaField) -> None:
        if unknown := page_versions.unknown_places(field.data or ""):
            raise ValidationError(f"{unknown[0]} is no detail of the clinic. There are {_in_braces()}.")

    def finds(self) -> list[Find]:
        return list(wording.finds(f"{self.title.data}\n{self.body.data}"))


class AddressForm(FlaskForm):
    path = StringField("Old address", filters=[clean])
    leads_to = StringField("Leads to", filters=[clean])


@bp.get("")
def listed() -> ResponseReturnValue:
    rows = [(slug, name, next(iter(page_versions.versions_of(slug)), None)) for slug, name in PAGES.items()]
    return render_template("staff/content/list.html", rows=rows, count=len(old_addresses.listed()))


@bp.get("/<slug>")
def page(slug: str) -> ResponseReturnValue:
    stored = _stored(slug)
    return _page(slug, PageForm(formdata=None, data=stored), changed.mark(stored))


@bp.post("/<slug>")
def save(slug: str) -> ResponseReturnValue:
    """Both buttons of the page: a look at what was typed, which keeps nothing, and publishing it."""
    stored, form, seen = _stored(slug), PageForm(), request.form.get("seen", "")
    if not form.validate():
        return _page(slug, form, seen), 422
    if request.form.get("act") == "preview":
        return _page(slug, form, seen, finds=form.finds(), is_preview=True)
    if seen != changed.mark(stored):
        found = changed.differences(LABELS, stored, _typed(form))
        return _page(slug, form, changed.mark(stored), differences=found, finds=form.finds()), 409
    if form.finds() and not form.looked.data:
        form.looked.errors = ["Look at the words below first. Change them, or tick that they may stand."]
        return _page(slug, form, seen, finds=form.finds(), is_preview=True), 422
    return _publish(slug, form.title.data or "", form.body.data or "")


@bp.get("/<slug>/versions/<int:number>")
def version(slug: str, number: int) -> ResponseReturnValue:
    found = _get_version(slug, number)
    return render_template("staff/content/version.html", slug=slug, version=found, body=_filled(found.body))


@bp.post("/<slug>/versions/<int:number>/return")
def bring_back(slug: str, number: int) -> ResponseReturnValue:
    """An earlier text becomes the page again, as one more version."""
    found = _get_version(slug, number)
    return _publish(slug, found.title, found.body, f"Brings back “{found.title}” of version {number}.")


@bp.get("/addresses")
def addresses() -> ResponseReturnValue:
    return _addresses(AddressForm(formdata=None))


@bp.post("/addresses")
def add_address() -> ResponseReturnValue:
    form, me, now = AddressForm(), who.staff(), clock.now()
    try:
        path, leads_to = old_addresses.check(
            form.path.data or "", form.leads_to.data or "", old_addresses.listed(), _is_ours
        )
    except BadAddress as error:
        form.validate()
        form[error.field].errors = [str(error)]
        return _addresses(form), 422
    with transaction():
        old_addresses.add(path, leads_to, me.name, now)
        audit.record(me, Action.ADDED, "old address", now, subject=path)
    return go(url_for(".addresses", added=path))


@bp.post("/addresses/removal")
def remove_address() -> ResponseReturnValue:
    me, now, path = who.staff(), clock.now(), request.form.get("path", "")
    with transaction():
        led_to = old_addresses.remove(path, me.name, now)
        if led_to is None:
            abort(404)
        audit.record(me, Action.REMOVED, "old address", now, subject=path)
    return go(url_for(".addresses", removed=path, led_to=led_to))


def _publish(slug: str, title: str, body: str, note: str = "") -> ResponseReturnValue:
    me, now = who.staff(), clock.now()
    try:
        with transaction():
            number = page_versions.publish(slug, title, body, me.name, now, note)
            audit.record(me, Action.CHANGED, "content page", now, subject=slug, part=f"version {number}")
    except NothingToPublish:
        return go(url_for(".page", slug=slug, told="same"))
    return go(url_for(".page", slug=slug, told="published"))


def _page(
    slug: str,
    form: PageForm,
    seen: str,
    *,
    finds: Sequence[Find] = (),
    is_preview: bool = False,
    differences: list[Difference] | None = None,
) -> str:
    return render_template(
        "staff/content/page.html",
        slug=slug,
        name=PAGES[slug],
        form=form,
        seen=seen,
        finds=finds,
        differences=differences,
        preview=_filled(form.body.data or "") if is_preview else None,
        versions=page_versions.versions_of(slug),
        places=_in_braces(),
        told=request.args.get("told"),
    )


def _addresses(form: AddressForm) -> str:
    return render_template(
        "staff/content/addresses.html",
        form=form,
        known=old_addresses.listed(),
        added=request.args.get("added"),
        removed=request.args.get("removed"),
        led_to=request.args.get("led_to"),
    )


def _stored(slug: str) -> Json:
    if slug not in PAGES:
        abort(404)
    found = offer.content_page(slug)
    return {"title": found.title, "body": found.body} if found else {"title": PAGES[slug], "body": ""}


def _typed(form: PageForm) -> Json:
    return {"title": form.title.data, "body": form.body.data}


def _get_version(slug: str, number: int) -> PageVersion:
    found = (each for each in page_versions.versions_of(slug) if each.number == number)
    return next(found, None) or abort(404)


def _filled(body: str) -> str:
    return pages.fill_in(body, clinic.details())


def _in_braces() -> str:
    return ", ".join(f"{{{name}}}" for name in pages.NAMES)


def _is_ours(path: str) -> bool:
    """Whether a path has a page here, or stands where only we may have one."""
    if path.split("/")[1] in ("staff", "static", "portal", "hooks", "api", "bookings", "b"):
        return True
    try:
        current_app.url_map.bind("").match(path, method="GET")
    except (MethodNotAllowed, RequestRedirect):
        return True
    except HTTPException:
        return False
    return True
