"""Cancellation policies: what a late cancellation or a missed visit costs."""

from __future__ import annotations

from flask import render_template, url_for
from flask.typing import ResponseReturnValue

from portal.bookings import policy
from portal.catalogue import entries
from portal.catalogue.keys import POLICY_KEYS
from portal.db import Json
from portal.web.htmx import go
from portal.web.staff.catalogue import desk, services
from portal.web.staff.catalogue.desk import bp
from portal.web.staff.catalogue.fields import EntryForm, Whole, Words


class PolicyForm(EntryForm):
    KEYS = POLICY_KEYS

    name = Words("Name")
    notice_hours = Whole("Free until so many hours before the visit")
    late_fee_percent = Whole("Later than that, percent of the price")
    no_show_fee_percent = Whole("For not arriving, percent of the price")
    grace_minutes = Whole("Free for so many minutes after booking")


USUAL = {"notice_hours": 24, "late_fee_percent": 50, "no_show_fee_percent": 100, "grace_minutes": 60}


@bp.get("/policies/new")
def new_policy() -> ResponseReturnValue:
    return _page(None, PolicyForm(data=USUAL))


@bp.post("/policies")
def add_policy() -> ResponseReturnValue:
    form = PolicyForm()
    taken = {each["id"] for each in desk.document()["cancellation_policies"]}
    slug = services.free_slug(form.name, entries.slug_of(form.name.json), taken) if form.validate() else None
    if slug and desk.try_to_change(
        form, lambda found: found["cancellation_policies"].append({"id": slug, **form.values()}), slug
    ):
        return go(url_for(".policy_page", slug=slug, kept=1))
    return _page(None, form), 422


@bp.get("/policies/<slug>")
def policy_page(slug: str) -> ResponseReturnValue:
    entry = desk.get_named(desk.document(), "cancellation_policies", slug)
    return _page(entry, PolicyForm(data=entry))


@bp.post("/policies/<slug>")
def save_policy(slug: str) -> ResponseReturnValue:
    entry = desk.get_named(desk.document(), "cancellation_policies", slug)
    form = PolicyForm()
    is_kept = form.validate() and desk.try_to_change(
        form, lambda found: desk.get_named(found, "cancellation_policies", slug).update(form.values()), slug
    )
    return go(url_for(".policy_page", slug=slug, kept=1)) if is_kept else (_page(entry, form), 422)


def _page(entry: Json | None, form: PolicyForm) -> str:
    return render_template(
        "staff/catalogue/policy.html",
        entry=entry,
        form=form,
        words=policy.in_words({"price_cents": 10_000, "cancellation": entry}) if entry else "",
        users=_users(entry["id"]) if entry else [],
    )


def _users(slug: str) -> list[tuple[str, str]]:
    """The types that this policy is for: slug and name."""
    return [
        (each["type"], f"{service['name']}: {each['name']}")
        for service in desk.document()["services"]
        for each in service["appointments"]
        if each["cancellation_policy"] == slug
    ]
