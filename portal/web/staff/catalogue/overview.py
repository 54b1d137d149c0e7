"""Everything the clinic sells on one page, in the order patients see it."""

from __future__ import annotations

from flask import abort, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from portal.catalogue import drafts, entries, publish
from portal.catalogue.models import FormPurpose
from portal.db import Json, db
from portal.staff.models import StaffMember
from portal.web.htmx import go
from portal.web.staff import row_ids, who
from portal.web.staff.catalogue import desk
from portal.web.staff.catalogue.desk import bp

WAYS = {"up": -1, "down": 1}


@bp.get("")
def overview() -> ResponseReturnValue:
    found = desk.document()
    return render_template(
        "staff/catalogue/overview.html",
        services=[{**each, "appointments": entries.in_order(each["appointments"])} for each in _ordered(found)],
        forms=[each for each in found["forms"] if each["purpose"] == FormPurpose.QUESTIONS],
        policies=found["cancellation_policies"],
        others=_others(),
        published=publish.get_version(row_ids.read(request.args.get("published"))),
    )


@bp.post("/services/<slug>/place")
def move_service(slug: str) -> ResponseReturnValue:
    by = asked_way()
    desk.change(lambda found: entries.move(found["services"], desk.get_service(found, slug), by), slug, "position")
    return go(url_for(".overview") + f"#service-{slug}")


@bp.post("/types/<slug>/place")
def move_type(slug: str) -> ResponseReturnValue:
    by = asked_way()

    def act(found: Json) -> None:
        entry, service = desk.get_type(found, slug)
        entries.move(service["appointments"], entry, by)

    service = desk.get_type(desk.document(), slug)[1]
    desk.change(act, slug, "position")
    return go(url_for(".service_page", slug=service["id"]) + "#types")


def _others() -> list[Json]:
    """Who else has a draft, so that two people know of each other before they publish."""
    found = drafts.others(who.staff().id)
    names = select(StaffMember.id, StaffMember.name).where(StaffMember.id.in_([each.staff_member_id for each in found]))
    by_id = {row.id: row.name for row in db.session.execute(names)}
    return [{"name": by_id[each.staff_member_id], "changed_at": each.changed_at} for each in found]


def asked_way() -> int:
    """Up or down, as the form says."""
    return WAYS.get(request.form.get("way", "")) or abort(422)


def _ordered(found: Json) -> list[Json]:
    """Retired ones last: they are kept for the visits that were booked."""
    ordered = entries.in_order(found["services"])
    return sorted(ordered, key=lambda each: each["status"] == "retired")
