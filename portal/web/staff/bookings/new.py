"""Booking by phone: what and when first, and the time is held while the person says who they are."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import abort, current_app, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal import clock
from portal.bookings import desk, overrides
from portal.bookings.models import Booking
from portal.bookings.scope import patients_of
from portal.catalogue import offer
from portal.catalogue.models import AppointmentType, Service
from portal.db import db, transaction
from portal.patients.models import Patient
from portal.scheduling import availability, claims
from portal.scheduling.claims import SlotTaken
from portal.scheduling.facts import Offering
from portal.staff import audit
from portal.web.booking import listing, slot_list
from portal.web.htmx import go, is_htmx
from portal.web.staff import row_ids, who
from portal.web.staff.bookings.desk import bp, problem_words
from portal.web.staff.bookings.typed_time import TypedTimeForm


@bp.get("/new")
def new() -> ResponseReturnValue:
    """Which type; a link from the diary brings the day, the time and the practitioner along."""
    services, asked = _services(), request.args
    patient = _patient(asked.get("patient"))
    slug = asked.get("type", "")
    if any(each.slug == slug for _, types in services for each in types):
        kept: dict[str, Any] = {name: asked[name] for name in ("date", "time", "practitioner") if asked.get(name)}
        if "date" in kept:
            kept["from"] = kept.pop("date")
        return go(url_for(".new_times", type_slug=slug, patient_id=patient.id if patient else None, **kept))
    with transaction():
        _note_look(patient)
        return render_template(
            "staff/bookings/new.html",
            services=services,
            patient=patient,
            kept={name: asked[name] for name in ("date", "time", "practitioner", "patient") if asked.get(name)},
            was_sent="type" in asked,
            now=clock.now(),
        )


@bp.get("/new/<type_slug>", defaults={"patient_id": None})
@bp.get("/new/<type_slug>/<int:patient_id>")
def new_times(type_slug: str, patient_id: int | None) -> ResponseReturnValue:
    return _page(_get_type(type_slug), _patient(patient_id))


@bp.post("/new/<type_slug>", defaults={"patient_id": None})
@bp.post("/new/<type_slug>/<int:patient_id>")
def hold_time(type_slug: str, patient_id: int | None) -> ResponseReturnValue:
    """Hold the chosen time for a quarter of an hour and go on to who comes, or to the panel where that is known."""
    offered, patient = _get_type(type_slug), _patient(patient_id)
    form, problem, booking = None, None, None
    try:
        if "clock" in request.form:
            form = _form(offered, formdata=request.form)
            booking = _hold_typed(offered, form, patient)
        else:
            chosen = slot_list.read_value(request.form.get("slot", "").strip())
            problem = "Choose a time, then hold it." if chosen is None else None
            booking = _hold(offered, *chosen, patient) if chosen is not None else None
    except SlotTaken as refusal:
        problem = problem_words(refusal)
    if booking is None:
        return make_response(_page(offered, patient, problem=problem, form=form), 422)
    page = ".panel" if patient is not None else ".choose_patient"
    return go(url_for(page, reference=booking))


def _hold(offered: AppointmentType, starts_at: datetime, practitioner_id: int | None, patient: Patient | None) -> str:
    me, type_id, patient_id = who.staff(), offered.id, patient.id if patient else None

    def run() -> str:
        booking = desk.hold_time(
            db.session.get_one(AppointmentType, type_id),
            starts_at,
            me,
            clock.now(),
            practitioner_id=practitioner_id,
            patient=db.session.get(Patient, patient_id) if patient_id else None,
        )
        return booking.reference

    return claims.claim(run)


def _hold_typed(offered: AppointmentType, form: TypedTimeForm, patient: Patient | None) -> str | None:
    if not form.validate():
        return None
    place = form.place(_people(offered), offered, _zone(), clock.now())
    if place is None:
        return None
    if not place.reason:
        return _hold(offered, place.starts_at, place.practitioner_id, patient)
    me = who.staff()

    def run() -> str:
        booking: Booking = overrides.hold_anyway(offered, place, me, clock.now(), patient=patient)
        return booking.reference

    return claims.claim(run)


def _page(
    offered: AppointmentType, patient: Patient | None, problem: str | None = None, form: TypedTimeForm | None = None
) -> str:
    here: dict[str, Any] = {"type_slug": offered.slug, "patient_id": patient.id if patient else None}
    shown = listing.context(
        offered,
        form_action=url_for(".hold_time", **here),
        here=url_for(".new_times", **here),
        zone_path="",
        error=problem,
    ) | {"zone_href": None, "times_button": "Hold this time"}
    if is_htmx():
        return render_template("booking/_times.html", **shown)
    with transaction():
        _note_look(patient)
        return render_template(
            "staff/bookings/new_times.html",
            patient=patient,
            form=form or _form(offered, formdata=None),
            asked=_asked(offered),
            action=url_for(".hold_time", **here),
            **shown,
        )


def _note_look(patient: Patient | None) -> None:
    """The page says their name, and somebody could count up the numbers in its address."""
    if patient is not None:
        audit.read(who.staff(), "patient", clock.now(), patient_id=patient.id, part="new visit")


def _asked(offered: AppointmentType) -> dict[str, Any] | None:
    """The time that a gap of the diary stands for: whether it is open, and as the list would send it."""
    people, day = _people(offered), _day()
    person = next((each for each in people if each.slug == request.values.get("practitioner")), None)
    try:
        at = datetime.strptime(request.args.get("time", ""), "%H:%M").time()  # noqa: DTZ007 - a wall time
    except ValueError:
        return None
    starts_at = clock.local_instant(day, at, _zone()) if day else None
    if starts_at is None:
        return None
    why = availability.explain(offered, person.id if person else None, starts_at, clock.now())
    return {
        "starts_at": starts_at,
        "who": person.name if person else "anyone",
        "value": slot_list.value_of(starts_at, person.id if person else None),
        "why": why.words if why else None,
    }


def _form(offered: AppointmentType, **filled: Any) -> TypedTimeForm:
    asked = _asked(offered)
    data: dict[str, Any] = {"with_whom": request.values.get("practitioner"), "day": _day()}
    if asked is not None:
        data["clock"] = asked["starts_at"].astimezone(_zone()).time()
    return TypedTimeForm.offering(_people(offered), data=data, **filled)


def _day() -> date | None:
    try:
        return date.fromisoformat(request.args.get("from", ""))
    except ValueError:
        return None


def _services() -> list[tuple[Service, list[AppointmentType]]]:
    """What can be booked now; unlisted types too, because the desk is who hands out their links."""
    now = clock.now()
    found = [
        (service, [each for each in service.types if offer.is_bookable(each, now)])
        for service in offer.services_on_show()
    ]
    return [(service, types) for service, types in found if types]


def _get_type(slug: str) -> AppointmentType:
    try:
        return offer.get_bookable(slug, clock.now())
    except offer.NotOnSale:
        abort(404)


def _patient(raw: str | int | None) -> Patient | None:
    """The patient whom the address names; 404 for one who is not there."""
    if raw is None or raw == "":
        return None
    found = db.session.scalars(patients_of(who.staff()).where(Patient.id == row_ids.read(raw))).one_or_none()
    return found if found is not None else abort(404)


def _people(offered: AppointmentType) -> tuple[Offering, ...]:
    now = clock.now()
    day = now.astimezone(_zone()).date()
    return availability.timetable(offered, day, day, now).practitioners


def _zone() -> ZoneInfo:
    return current_app.config["PORTAL"].zone  # type: ignore[no-any-return]
