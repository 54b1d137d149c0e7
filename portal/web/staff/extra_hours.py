"""Extra hours: somebody works at a time that is not in their week."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy import select
from wtforms import SelectField

from portal import clock
from portal.catalogue.models import Calendar
from portal.db import db, transaction
from portal.scheduling import closures, places
from portal.scheduling.models import ExceptionKind, HoursException, Location
from portal.staff import audit, people
from portal.staff.access import MANAGERS
from portal.staff.models import Action, Practitioner
from portal.web.htmx import go
from portal.web.staff import exceptions, who
from portal.web.staff.fields import offered
from portal.web.staff.when_fields import NO_TIME, Clock, Day, end_instant, instant

bp = Blueprint("extra_hours", __name__, url_prefix="/extra-hours")


class ExtraForm(FlaskForm):
    practitioner = SelectField("Who")
    calendar = SelectField("Calendar")
    location = SelectField("Where")
    day = Day("Day")
    starts = Clock("From")
    ends = Clock("Until")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.people = {who.slug: who for who in people.working()}
        self.places = {place.slug: place for place in places.everywhere()}
        calendars = db.session.scalars(select(Calendar).order_by(Calendar.name))
        self.practitioner.choices = offered((slug, who.name) for slug, who in self.people.items())
        self.location.choices = offered((slug, place.name) for slug, place in self.places.items())
        self.calendar.choices = offered((each.slug, each.name) for each in calendars)

    def validate(self, extra_validators: Any = None) -> bool:
        super().validate(extra_validators)
        for field in (self.practitioner, self.calendar, self.location):
            field.errors = ["Choose one of these."] if field.errors else []
        for field in (self.day, self.starts, self.ends):
            if field.data is None and not field.errors:
                field.errors = ["Enter the day." if field is self.day else NO_TIME]
        if not self.errors and self.span()[1] <= self.span()[0]:
            self.ends.errors = ["The end is before the start."]
        if not self.errors and self.span()[1] <= clock.now():
            self.day.errors = ["That time has passed."]
        return not self.errors

    def span(self) -> tuple[Any, Any]:
        """From when to when, as instants; midnight is the end of the day."""
        assert self.day.data is not None
        assert self.starts.data is not None
        zone = ZoneInfo(self.places[self.location.data].zone)
        return instant(self.day.data, self.starts.data, zone), end_instant(self.day.data, self.ends.data, zone)


@bp.get("")
def listed() -> ResponseReturnValue:
    return _page(ExtraForm(formdata=None, practitioner=request.args.get("practitioner")))


@bp.post("")
def add() -> ResponseReturnValue:
    form = ExtraForm()
    if not form.validate():
        return make_response(_page(form), 422)
    person, place, now = form.people[form.practitioner.data], form.places[form.location.data], clock.now()
    with transaction():
        made = closures.add_extra(person, form.calendar.data, place, *form.span())
        audit.record(who.staff(), Action.ADDED, "extra hours", now, subject=person.slug, part=str(form.day.data))
    return go(url_for(".listed", added=made.id))


@bp.post("/<int:exception_id>/removal")
def take_back(exception_id: int) -> ResponseReturnValue:
    with transaction():
        exceptions.take_back(exception_id, ExceptionKind.EXTRA, "extra hours")
    return go(url_for(".listed", removed=1))


def _page(form: ExtraForm) -> str:
    coming = closures.coming(ExceptionKind.EXTRA, clock.now())
    return render_template(
        "staff/closures/extra.html",
        form=form,
        coming=coming,
        names=_names(coming),
        calendars={choice.value: choice.label for choice in form.calendar.choices},
        added=next((each for each in coming if str(each.id) == request.args.get("added")), None),
        has_removed="removed" in request.args,
        can_change=who.staff().may(MANAGERS),
    )


def _names(coming: list[HoursException]) -> dict[tuple[str, int | None], str]:
    """Of people and places, by kind and id."""
    people = select(Practitioner.id, Practitioner.name).where(Practitioner.id.in_({e.practitioner_id for e in coming}))
    places = select(Location.id, Location.name).where(Location.id.in_({e.location_id for e in coming}))
    found: dict[tuple[str, int | None], str] = {("who", id): name for id, name in db.session.execute(people)}
    return found | {("where", id): name for id, name in db.session.execute(places)}
