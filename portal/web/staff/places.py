"""Places and rooms: where visits happen."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from flask import Blueprint, abort, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy import select
from wtforms import BooleanField, SelectField, StringField
from wtforms.validators import ValidationError

from portal import clock
from portal.db import db, transaction
from portal.scheduling import places
from portal.scheduling.holidays import STATES
from portal.scheduling.models import Location, Room
from portal.staff import audit
from portal.staff.access import MANAGERS
from portal.staff.models import Action
from portal.web.htmx import go
from portal.web.staff import who
from portal.web.staff.fields import offered

bp = Blueprint("places", __name__, url_prefix="/places")

ZONES = sorted(zone for zone in available_timezones() if zone.startswith("Australia/") and zone.count("/") == 1)
MOST_LETTERS = 100


def _clean(typed: str | None) -> str:
    return " ".join((typed or "").split())


def _require(field: StringField, words: str) -> None:
    if not field.data or len(field.data) > MOST_LETTERS or not field.data.isprintable():
        raise ValidationError(words)


class PlaceForm(FlaskForm):
    name = StringField("Name", filters=[_clean])
    address = StringField("Address (empty for telehealth)", filters=[_clean])
    zone = SelectField("Time zone", choices=offered((zone, zone.partition("/")[2].replace("_", " ")) for zone in ZONES))
    state = SelectField("State, for public holidays", choices=offered((state, state) for state in STATES))
    is_telehealth = BooleanField("Visits here are by video")

    def validate_name(self, field: StringField) -> None:
        _require(field, "Enter the name.")

    def validate_address(self, field: StringField) -> None:
        if len(field.data) > MOST_LETTERS * 2 or not field.data.isprintable():
            raise ValidationError("Enter the address on one line.")
        if not field.data and not self.is_telehealth.data:
            raise ValidationError("Enter the address. Only telehealth has none.")

    def validate(self, extra_validators: Any = None) -> bool:
        is_right = bool(super().validate(extra_validators))
        for field in (self.zone, self.state):
            field.errors = ["Choose one of these."] if field.errors else []
        return is_right

    def values(self) -> dict[str, Any]:
        return {name: self._fields[name].data for name in ("name", "address", "zone", "state", "is_telehealth")}


class RoomForm(FlaskForm):
    name = StringField("Name of the room", filters=[_clean])

    def validate_name(self, field: StringField) -> None:
        _require(field, "Enter the name of the room, such as Room 2.")


@bp.get("")
def listed() -> ResponseReturnValue:
    return render_template(
        "staff/practitioners/places.html",
        places=places.everywhere(),
        rooms=db.session.scalars(select(Room).order_by(Room.name)).all(),
        can_change=who.staff().may(MANAGERS),
    )


@bp.get("/new")
def new() -> ResponseReturnValue:
    return _page(PlaceForm(formdata=None, zone="Australia/Sydney", state="NSW"))


@bp.post("")
def add() -> ResponseReturnValue:
    form = PlaceForm()
    if not form.validate():
        return make_response(_page(form), 422)
    with transaction():
        place = places.add(form.values())
        audit.record(who.staff(), Action.ADDED, "place", clock.now(), subject=place.slug)
        slug = place.slug
    return go(url_for(".page", slug=slug, told="added"))


@bp.get("/<slug>")
def page(slug: str) -> ResponseReturnValue:
    place = _get(slug)
    return _page(PlaceForm(formdata=None, obj=place), place)


@bp.post("/<slug>/changes")
def change(slug: str) -> ResponseReturnValue:
    place, form = _get(slug), PlaceForm()
    if not form.validate():
        return make_response(_page(form, place), 422)
    with transaction():
        for name, value in form.values().items():
            setattr(place, name, value)
        audit.record(who.staff(), Action.CHANGED, "place", clock.now(), subject=slug)
    return go(url_for(".page", slug=slug, told="saved"))


@bp.post("/<slug>/rooms")
def add_room(slug: str) -> ResponseReturnValue:
    place, room = _get(slug), RoomForm()
    if not room.validate():
        return make_response(_page(PlaceForm(formdata=None, obj=place), place, room), 422)
    with transaction():
        made = places.add_room(place, room.name.data)
        audit.record(who.staff(), Action.ADDED, "room", clock.now(), subject=made.slug)
    return go(url_for(".page", slug=slug, told="room"))


def _page(form: PlaceForm, place: Location | None = None, room: RoomForm | None = None) -> str:
    wanted = select(Room).where(Room.location_id == (place.id if place else 0)).order_by(Room.name)
    return render_template(
        "staff/practitioners/place.html",
        form=form,
        place=place,
        rooms=db.session.scalars(wanted).all(),
        room=room or RoomForm(formdata=None),
        told=request.args.get("told"),
        can_change=who.staff().may(MANAGERS),
    )


def _get(slug: str) -> Location:
    found = db.session.scalars(select(Location).where(Location.slug == slug)).one_or_none()
    return found if found is not None else abort(404)
