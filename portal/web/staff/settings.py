"""What managers set about the clinic. Each field says where it acts, and what is saved acts there from then on."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, abort, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from portal import clinic, clock
from portal.catalogue import offer
from portal.db import Json, db, transaction
from portal.staff import audit
from portal.staff.models import Action, AuditEntry
from portal.web.htmx import go
from portal.web.staff import changed, who
from portal.web.staff.changed import Difference
from portal.web.staff.settings_forms import CalendarsForm, ClinicForm, HoldsForm, SettingsForm

bp = Blueprint("settings", __name__, url_prefix="/settings")

FORMS: dict[str, type[SettingsForm]] = {"clinic": ClinicForm, "holds": HoldsForm, "calendars": CalendarsForm}


@dataclass(frozen=True)
class Section:
    """One form of the page."""

    form: SettingsForm
    seen: str
    last: AuditEntry | None
    differences: list[Difference] | None = None


@bp.get("")
def page() -> ResponseReturnValue:
    return _page()


@bp.post("/<section>")
def save(section: str) -> ResponseReturnValue:
    form, me, now = _form(section), who.staff(), clock.now()
    if not form.validate():
        return _page(section, Section(form, request.form.get("seen", ""), _last(section))), 422
    with transaction():
        before = _stored(form, clinic.read_locked(form.DOCUMENT))
        is_old = request.form.get("seen") != changed.mark(before)
        parts = [form[name].label.text for name, value in form.values().items() if value != before[name]]
        if parts and not is_old:
            clinic.change(form.DOCUMENT, form.values())
            audit.record(me, Action.CHANGED, "settings", now, subject=section, part=", ".join(parts))
    if is_old:
        found = changed.differences([(name, form[name].label.text) for name in before], before, form.values())
        return _page(section, Section(form, changed.mark(before), _last(section), found)), 409
    return go(url_for(".page", saved=section))


def _page(section: str | None = None, sent: Section | None = None) -> str:
    """All forms, the one that was just sent as it came."""
    sections = {name: sent if name == section and sent else _as_stored(name) for name in FORMS}
    return render_template(
        "staff/settings/page.html",
        **{f"{name}_section": each for name, each in sections.items()},
        sent=sent,
        saved=request.args.get("saved"),
        mail_href=_mail_href(),
    )


def _as_stored(name: str) -> Section:
    stored = _stored(FORMS[name], clinic.read(FORMS[name].DOCUMENT))
    form = FORMS[name](formdata=None, data=stored)
    return Section(form, changed.mark(stored), _last(name))


def _form(section: str) -> SettingsForm:
    return FORMS[section]() if section in FORMS else abort(404)


def _stored(form: SettingsForm | type[SettingsForm], document: Json) -> Json:
    return {name: document.get(name, default) for name, default in form.DEFAULTS.items()}


def _last(section: str) -> AuditEntry | None:
    """Who changed it last, and when."""
    wanted = select(AuditEntry).where(AuditEntry.kind == "settings", AuditEntry.subject == section)
    loaded = wanted.options(joinedload(AuditEntry.staff_member)).order_by(AuditEntry.id.desc()).limit(1)
    return db.session.scalars(loaded).one_or_none()


def _mail_href() -> str | None:
    """A mail to look at: the confirmation of the first visit that can be booked."""
    now = clock.now()
    for service in offer.services_on_show():
        for each in service.types:
            if offer.is_bookable(each, now):
                return url_for("staff.catalogue.preview_mail", slug=each.slug)
    return None
