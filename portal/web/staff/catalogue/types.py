"""An appointment type: what it is, what it costs, when it can be booked, and what happens around it."""

from __future__ import annotations

from typing import Any

from flask import abort, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import FieldList, FormField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length

from portal import clock
from portal.catalogue import calendars, entries, people, trial
from portal.catalogue.keys import TYPE_KEYS, Wrong
from portal.catalogue.models import (
    FormPurpose,
    GstRule,
    Kind,
    Mode,
    PaymentPolicy,
    StartAlignment,
    WhoMayBook,
)
from portal.catalogue.said import LABELS, VALUES
from portal.db import Json, transaction
from portal.staff import audit
from portal.staff.models import Action
from portal.web.htmx import go
from portal.web.staff import who
from portal.web.staff.catalogue import desk, services
from portal.web.staff.catalogue.desk import bp
from portal.web.staff.catalogue.fields import (
    Choice,
    ComingPrice,
    Dollars,
    EntryForm,
    Flag,
    MaybeWords,
    Several,
    Text,
    Whole,
    Words,
    coming_prices,
    coming_rows,
)
from portal.web.staff.fields import offered

EMPTY_ROWS = 2
OWN_CALENDAR = "new calendar"


def _choices(kind: Any) -> list[SelectChoice]:
    return offered((each.value, VALUES[each]) for each in kind)


class TypeForm(EntryForm):
    KEYS = {name: key for name, key in TYPE_KEYS.items() if name not in ("position", "coming_prices")}

    name = Words(LABELS["name"])
    summary = Words("In one sentence")
    kind = Choice(LABELS["kind"], choices=_choices(Kind))
    mode = Choice(LABELS["mode"], choices=_choices(Mode))
    who_may_book = Choice(LABELS["who_may_book"], choices=_choices(WhoMayBook))
    active = Flag("On sale")
    listed = Flag("Listed on the service’s page; otherwise only who has the link finds it")
    duration = Whole("Length in minutes (empty: to be announced)")
    price = Dollars("Price in dollars, GST included (empty: to be announced)")
    coming = FieldList(FormField(ComingPrice), "Prices to come")
    gst_rule = Choice(LABELS["gst_rule"], choices=_choices(GstRule))
    payment = Choice(LABELS["payment"], choices=_choices(PaymentPolicy))
    cancellation_policy = Choice(LABELS["cancellation_policy"])
    calendar = Choice("Calendar: whose hours it draws on")
    practitioners = Several("Practitioners who offer it (none ticked: all who have hours in the calendar)")
    buffer_before_minutes = Whole("Minutes kept free before")
    buffer_after_minutes = Whole("Minutes kept free after")
    notice_minutes = Whole("Notice in minutes")
    horizon_days = Whole("How many days ahead it can be booked")
    daily_cap = Whole("Most visits of this type a day (empty: no limit)")
    step_minutes = Whole("A start every so many minutes")
    start_alignment = Choice("Starts are counted from", choices=_choices(StartAlignment))
    needs_room = Flag("Needs a room")
    form = Choice(LABELS["form"])
    questions = Choice("Its own questions, asked with the details")
    confirmation_message = Text("Confirmation message, in Markdown")
    medi_code = MaybeWords("MediRecords code (empty: no appointment is made there)")
    medi_minutes = Whole("Minutes in MediRecords (empty: its own length)")
    medi_type_id = MaybeWords("MediRecords type id (empty: found by the code)")
    billing_code = MaybeWords("Billing code (empty: the MediRecords code)")
    reporting_category = Words(LABELS["reporting_category"])
    calendly_event = MaybeWords("Calendly event (optional)")

    prices_to_come: list[Json] | None = None

    def validate(self, extra_validators: Any = None) -> bool:
        """Also the prices to come, whose rows are one answer."""
        is_valid = super().validate(extra_validators)
        try:
            self.prices_to_come = coming_prices([row.form for row in self.coming])
            starts = TYPE_KEYS["coming_prices"].read(self.prices_to_come)
            if any(start <= clock.now() for start in starts):
                raise Wrong("must begin on a day to come; change the price itself for one that holds from now on")
        except Wrong as wrong:
            self.coming.errors = [f"A price to come {wrong}."]
            return False
        return is_valid

    def entry(self) -> Json:
        return {**self.values(), "coming_prices": self.prices_to_come}


class NewTypeForm(FlaskForm):
    name = Words("Name", validators=[InputRequired("Enter a name."), Length(max=80, message="Use 80 letters at most.")])
    kind = Choice("Kind", choices=_choices(Kind))
    mode = Choice("Where", choices=_choices(Mode))
    source = Choice("Begin with the rules of")
    address = Words("Address (optional)")


@bp.get("/services/<slug>/types/new")
def new_type(slug: str) -> ResponseReturnValue:
    found = desk.document()
    service = desk.get_service(found, slug)
    return render_template("staff/catalogue/new_type.html", service=service, form=_new_form(found))


@bp.post("/services/<slug>/types")
def add_type(slug: str) -> ResponseReturnValue:
    found = desk.document()
    service = desk.get_service(found, slug)
    form = _new_form(found)
    taken = {each["type"] for one in found["services"] for each in one["appointments"]}
    wanted = form.address.json or f"{slug}-{entries.slug_of(form.name.json)}"
    type_slug = services.free_slug(form.address, wanted, taken) if form.validate() else None
    if type_slug and _add(form, found, service, type_slug):
        return go(url_for(".type_page", slug=type_slug, kept=1))
    return render_template("staff/catalogue/new_type.html", service=service, form=form), 422


@bp.get("/types/<slug>")
def type_page(slug: str) -> ResponseReturnValue:
    found = desk.document()
    entry, service = desk.get_type(found, slug)
    return _page(entry, service, _form(entry, service, found))


@bp.post("/types/<slug>")
def save_type(slug: str) -> ResponseReturnValue:
    found = desk.document()
    entry, service = desk.get_type(found, slug)
    form = _form(entry, service, found)
    if form.calendar.data == OWN_CALENDAR:
        _make_calendar(service)
        form.calendar.choices = offered(_calendars(service))
        form.calendar.data = service["id"]
    if not form.validate() or not desk.try_to_change(
        form, lambda draft: desk.get_type(draft, slug)[0].update(form.entry()), slug
    ):
        return _page(entry, service, form), 422
    return go(url_for(".type_page", slug=slug, kept=1))


@bp.post("/types/<slug>/removal")
def remove_type(slug: str) -> ResponseReturnValue:
    """Out of the draft, while it has never been published. What was published can be taken off sale only."""
    service = desk.get_type(desk.document(), slug)[1]
    if not desk.is_new(("services", service["id"], "appointments", slug)):
        abort(404)

    def act(found: Json) -> None:
        entry, its_service = desk.get_type(found, slug)
        its_service["appointments"].remove(entry)

    desk.change(act, slug, "removed")
    return go(url_for(".service_page", slug=service["id"]))


def _add(form: NewTypeForm, found: Json, service: Json, slug: str) -> bool:
    given: Json = {"type": slug, "name": form.name.json, "kind": form.kind.json, "mode": form.mode.json}
    if form.source.data:
        source = desk.get_type(found, form.source.data)[0]
        given = {**source, "calendly_event": None, "active": True, **given}
        given.pop("position")
    else:
        _make_calendar(service)
    addition = {"services": [{"id": service["id"], "appointments": [given]}]}
    return desk.try_to_change(form, lambda draft: trial.laid_over(draft, addition, clock.now()), slug)


def _make_calendar(service: Json) -> None:
    """At once, or no hours could be set in it before the service is published."""
    me, now = who.staff(), clock.now()
    with transaction():
        if service["id"] not in dict(calendars.named()):
            calendars.keep(service["id"], service["name"])
            audit.record(me, Action.ADDED, "calendar", now, subject=service["id"])


def _new_form(found: Json) -> NewTypeForm:
    form = NewTypeForm()
    every = ((service, each) for service in found["services"] for each in service["appointments"])
    form.source.choices = offered(
        [
            ("", "What is usual for its kind"),
            *((each["type"], f"{service['name']}: {each['name']}") for service, each in every),
        ]
    )
    return form


def _form(entry: Json, service: Json, found: Json) -> TypeForm:
    rows = coming_rows(entry["coming_prices"])
    form = TypeForm(data={**entry, "coming": rows})
    if request.method == "GET":
        for _ in range(EMPTY_ROWS):
            form.coming.append_entry()
    form.cancellation_policy.choices = offered((each["id"], each["name"]) for each in found["cancellation_policies"])
    form.calendar.choices = offered(_calendars(service))
    form.practitioners.choices = offered(_practitioners(entry))
    form.form.choices = offered([("", "None"), *_forms(found, FormPurpose.INTAKE)])
    form.questions.choices = offered([("", "None"), *_forms(found, FormPurpose.QUESTIONS)])
    return form


def _calendars(service: Json) -> list[tuple[str, str]]:
    known = calendars.named()
    own = [] if service["id"] in dict(known) else [(OWN_CALENDAR, f"A new calendar: {service['name']}")]
    return [*known, *own]


def _practitioners(entry: Json) -> list[tuple[str, str]]:
    today = clock.now().astimezone(desk.zone()).date()
    known = {each.slug: each.name for each in people.active(today)}
    # Somebody who has left stands there until they are taken out.
    gone = {slug: f"{slug} (not active)" for slug in entry["practitioners"] if slug not in known}
    return [*known.items(), *gone.items()]


def _forms(found: Json, purpose: FormPurpose) -> list[tuple[str, str]]:
    return [(each["id"], each["title"]) for each in found["forms"] if each["purpose"] == purpose]


def _page(entry: Json, service: Json, form: TypeForm) -> str:
    return render_template(
        "staff/catalogue/type.html",
        entry=entry,
        service=service,
        form=form,
        is_new=desk.is_new(("services", service["id"], "appointments", entry["type"])),
    )
