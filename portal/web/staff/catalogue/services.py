"""A service: its words, its picture, its state and its place on the grid."""

from __future__ import annotations

from flask import abort, current_app, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms.validators import InputRequired, Length

from portal import clock
from portal.catalogue import entries, trial
from portal.catalogue.keys import SERVICE_KEYS, Wrong
from portal.catalogue.keys import slug as as_slug
from portal.catalogue.models import ServiceStatus
from portal.catalogue.said import LABELS, VALUES
from portal.db import Json
from portal.web.htmx import go
from portal.web.staff.catalogue import desk
from portal.web.staff.catalogue.desk import bp
from portal.web.staff.catalogue.fields import Choice, Day, EntryForm, Flag, Paragraphs, Picture, Words
from portal.web.staff.fields import offered

# Drawn for buttons and notes; the others are for services.
NOT_FOR_SERVICES = {"alert", "arrow", "back", "check", "filter", "receipt", "clock", "calendar"}


class ServiceForm(EntryForm):
    KEYS = {name: key for name, key in SERVICE_KEYS.items() if name != "position"}

    name = Words(LABELS["name"])
    status = Choice(LABELS["status"], choices=offered((each.value, VALUES[each]) for each in ServiceStatus))
    summary = Words("In one sentence, for its card")
    description = Paragraphs("Description, in Markdown")
    icon = Picture(LABELS["icon"])
    launch_date = Day("Launch date (optional)")
    waitlist = Flag("Take names for a waitlist while it is not open")


class NewServiceForm(FlaskForm):
    name = Words("Name", validators=[InputRequired("Enter a name."), Length(max=80, message="Use 80 letters at most.")])
    address = Words("Address (optional)")


@bp.get("/services/new")
def new_service() -> ResponseReturnValue:
    return render_template("staff/catalogue/new_service.html", form=NewServiceForm())


@bp.post("/services")
def add_service() -> ResponseReturnValue:
    form = NewServiceForm()
    wanted = form.address.json or entries.slug_of(form.name.json)
    slug = free_slug(form.address, wanted, _taken()) if form.validate() else None
    if slug:
        addition = {"services": [{"id": slug, "name": form.name.json}]}
        if desk.try_to_change(form, lambda found: trial.laid_over(found, addition, clock.now()), slug):
            return go(url_for(".service_page", slug=slug, kept=1))
    return render_template("staff/catalogue/new_service.html", form=form), 422


@bp.get("/services/<slug>")
def service_page(slug: str) -> ResponseReturnValue:
    entry = desk.get_service(desk.document(), slug)
    return _page(entry, _form(entry))


@bp.post("/services/<slug>")
def save_service(slug: str) -> ResponseReturnValue:
    entry = desk.get_service(desk.document(), slug)
    form = _form(entry)
    is_kept = form.validate() and desk.try_to_change(
        form, lambda found: desk.get_service(found, slug).update(form.values()), slug
    )
    if not is_kept:
        return _page(entry, form), 422
    return go(url_for(".service_page", slug=slug, kept=1))


@bp.post("/services/<slug>/removal")
def remove_service(slug: str) -> ResponseReturnValue:
    """Out of the draft, while it has never been published. What was published can be retired only."""
    if not desk.is_new(("services", slug)):
        abort(404)
    desk.change(lambda found: found["services"].remove(desk.get_service(found, slug)), slug, "removed")
    return go(url_for(".overview"))


def pictures() -> list[str]:
    """The pictures that a service may have, by name: those that templates/components/icons.html can draw."""
    drawn = current_app.jinja_env.get_template("components/icons.html").module.PATHS  # type: ignore[attr-defined]
    return [name for name in drawn if name not in NOT_FOR_SERVICES]


def free_slug(field: Words, wanted: str, taken: set[str]) -> str | None:
    """The address, if it can be one and is free; else its field is told."""
    try:
        as_slug(wanted)
    except Wrong as wrong:
        field.errors = [f"The address {wrong}."]
        return None
    if wanted in taken:
        field.errors = [f"“{wanted}” is taken. Choose another, such as {wanted}-2."]
        return None
    return wanted


def _taken() -> set[str]:
    return {each["id"] for each in desk.document()["services"]}


def _form(entry: Json) -> ServiceForm:
    form = ServiceForm(data=entry)
    form.icon.choices = offered((name, name.capitalize()) for name in dict.fromkeys([*pictures(), entry["icon"]]))
    return form


def _page(entry: Json, form: ServiceForm) -> str:
    return render_template(
        "staff/catalogue/service.html",
        service=entry,
        types=entries.in_order(entry["appointments"]),
        form=form,
        is_new=desk.is_new(("services", entry["id"])),
    )
