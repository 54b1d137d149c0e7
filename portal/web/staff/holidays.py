"""Public holidays: which of them the clinic keeps, and days that only one place keeps."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, current_app, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy import extract, select
from wtforms import SelectField, StringField
from wtforms.validators import ValidationError

from portal import clock
from portal.db import db, transaction
from portal.scheduling import holidays, places
from portal.scheduling.holidays import HolidayExists
from portal.scheduling.models import Holiday
from portal.staff import audit
from portal.staff.access import MANAGERS
from portal.staff.models import Action
from portal.web.htmx import go
from portal.web.staff import who
from portal.web.staff.fields import offered
from portal.web.staff.when_fields import Day

bp = Blueprint("holidays", __name__, url_prefix="/holidays")

MOST_LETTERS = 100


class HolidayForm(FlaskForm):
    """A day that one place keeps, such as a show day."""

    day = Day("Day")
    name = StringField("What it is called", filters=[lambda typed: " ".join((typed or "").split())])
    location = SelectField("Where")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.places = {place.slug: place for place in places.everywhere()}
        self.location.choices = offered((slug, place.name) for slug, place in self.places.items())

    def validate_day(self, field: Day) -> None:
        if field.data is None:
            raise ValidationError("Enter the day.")

    def validate_name(self, field: StringField) -> None:
        if not field.data or len(field.data) > MOST_LETTERS or not field.data.isprintable():
            raise ValidationError("Enter a name, such as Show Day. Patients see it.")

    def validate(self, extra_validators: Any = None) -> bool:
        is_right = bool(super().validate(extra_validators))
        if self.location.errors:
            self.location.errors = ["Choose one of the places."]
        return is_right


@bp.get("")
def listed() -> ResponseReturnValue:
    return _page(HolidayForm(formdata=None))


@bp.post("")
def add() -> ResponseReturnValue:
    form, now = HolidayForm(), clock.now()
    if not form.validate():
        return make_response(_page(form), 422)
    place, day = form.places[form.location.data], form.day.data
    assert day is not None
    try:
        with transaction():
            made = holidays.add_holiday(day, form.name.data, now, location_id=place.id)
            audit.record(who.staff(), Action.ADDED, "holiday", now, subject=str(made.day), part=place.slug)
    except HolidayExists:
        form.day.errors = [f"{place.name} has a holiday on that day already."]
        return make_response(_page(form), 422)
    return go(url_for(".listed", year=made.day.year, changed=made.id))


@bp.post("/<int:holiday_id>/keeping")
def keep(holiday_id: int) -> ResponseReturnValue:
    return _change(holiday_id, is_kept=True)


@bp.post("/<int:holiday_id>/working")
def work(holiday_id: int) -> ResponseReturnValue:
    return _change(holiday_id, is_kept=False)


def _change(holiday_id: int, *, is_kept: bool) -> ResponseReturnValue:
    now = clock.now()
    with transaction():
        found = db.session.scalars(select(Holiday).where(Holiday.id == holiday_id).with_for_update()).one_or_none()
        if found is None:
            abort(404)
        if is_kept:
            holidays.keep(found, now)
        else:
            holidays.unkeep(found, now)
        part = "kept" if is_kept else "not kept"
        audit.record(who.staff(), Action.CHANGED, "holiday", now, subject=str(found.day), part=part)
        year = found.day.year
    return go(url_for(".listed", year=year, changed=holiday_id))


def _page(form: HolidayForm) -> str:
    now = clock.now()
    years = holidays.coming_years(now.astimezone(current_app.config["PORTAL"].zone))
    asked = request.args.get("year", "")
    year = int(asked) if asked in map(str, years) else years[0]
    found = db.session.scalars(
        select(Holiday).where(extract("year", Holiday.day) == year).order_by(Holiday.day, Holiday.state, Holiday.id)
    ).all()
    changed = next((each for each in found if str(each.id) == request.args.get("changed")), None)
    return render_template(
        "staff/closures/holidays.html",
        form=form,
        year=year,
        years=years,
        holidays=found,
        places={place.id: place.name for place in form.places.values()},
        changed=changed,
        # Whose visits stand on it is a question that is asked for the one that has just changed.
        warning=holidays.warning(changed, now) if changed and changed.is_kept else None,
        can_change=who.staff().may(MANAGERS),
    )
