"""What happens with a service's visits: its processor, and how each type is found in MediRecords."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy import select

from portal import clock
from portal.catalogue import entries, people
from portal.catalogue.models import MappingCheck, ProcessorKind
from portal.catalogue.said import LABELS, VALUES
from portal.db import Json, db, transaction
from portal.sync import mapping
from portal.web.htmx import go, render
from portal.web.staff import who
from portal.web.staff.catalogue import desk
from portal.web.staff.catalogue.desk import bp
from portal.web.staff.catalogue.fields import Choice
from portal.web.staff.fields import offered

KINDS = {**VALUES, ProcessorKind.NONE: "Nothing: the Outlook event is all there is"}
SLOW = timedelta(seconds=20)


class ProcessorForm(FlaskForm):
    kind = Choice(LABELS["processor"], choices=offered((each.value, KINDS[each]) for each in ProcessorKind))


@bp.get("/services/<slug>/mapping")
def mapping_page(slug: str) -> ResponseReturnValue:
    """The page, or for htmx only the answer that it waits for."""
    service = desk.get_service(desk.document(), slug)
    return _page(service, ProcessorForm(formdata=None, data=service["processor"]))


@bp.post("/services/<slug>/mapping")
def save_mapping(slug: str) -> ResponseReturnValue:
    service, form = desk.get_service(desk.document(), slug), ProcessorForm()
    if not form.validate():
        return _page(service, form), 422
    desk.change(lambda found: desk.get_service(found, slug)["processor"].update(kind=form.kind.json), slug, "processor")
    return go(url_for(".mapping_page", slug=slug, kept=1))


@bp.post("/services/<slug>/mapping/checks")
def check_mapping(slug: str) -> ResponseReturnValue:
    """Ask MediRecords; a job brings the answer."""
    service, now = desk.get_service(desk.document(), slug), clock.now()
    types = [_asked(each) for each in entries.in_order(service["appointments"]) if each["active"]]
    named = [{"name": each.name, "provider_id": each.medirecords_provider_id} for each in _practitioners(service)]
    with transaction():
        mapping.ask(who.staff().id, slug, types, named, now)
    return go(url_for(".mapping_page", slug=slug) + "#answer")


def _asked(entry: Json) -> Json:
    minutes = entry["medi_minutes"] or entry["duration"]
    code, type_id, billing = entry["medi_code"], entry["medi_type_id"], entry["billing_code"]
    return {"name": entry["name"], "code": code, "type_id": type_id, "minutes": minutes, "billing_code": billing}


def _practitioners(service: Json) -> list[people.Person]:
    """Those who would give one of its visits."""
    today = clock.now().astimezone(desk.zone()).date()
    types = [each for each in service["appointments"] if each["active"]]
    return [
        person
        for person in people.active(today)
        if any(
            person.slug in each["practitioners"] or (not each["practitioners"] and each["calendar"] in person.calendars)
            for each in types
        )
    ]


def _page(service: Json, form: ProcessorForm) -> str:
    asked = select(MappingCheck).where(
        MappingCheck.service_slug == service["id"], MappingCheck.staff_member_id == who.staff().id
    )
    check: Any = db.session.scalar(asked.order_by(MappingCheck.id.desc()).limit(1))
    return render(
        "staff/catalogue/mapping.html",
        partial="staff/catalogue/_mapping_answer.html",
        service=service,
        types=[(each, _asked(each)) for each in entries.in_order(service["appointments"])],
        practitioners=_practitioners(service),
        form=form,
        check=check,
        is_slow=check is not None and clock.now() - check.asked_at > SLOW,
    )
