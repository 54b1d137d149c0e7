"""What is to be closed, as its form and the address of its page say it. Why is never in an address."""

from __future__ import annotations

from datetime import time
from typing import Any
from zoneinfo import ZoneInfo

from flask import current_app
from flask_wtf import FlaskForm
from wtforms import SelectField

from portal import words
from portal.scheduling import places
from portal.scheduling.closures import Closing
from portal.staff import people
from portal.web.staff.fields import offered
from portal.web.staff.when_fields import Clock, Day, end_instant, instant

MOST_DAYS = 366
CLINIC = "clinic"


class ClosingForm(FlaskForm):
    """Whom or what, and from when to when. Without times, whole days."""

    class Meta(FlaskForm.Meta):
        csrf = False  # it only looks: the page that it leads to closes nothing

    what = SelectField("What closes", default=CLINIC)
    first = Day("First day")
    last = Day("Last day (empty: the same)")
    starts = Clock("From (empty: all day)")
    ends = Clock("Until (empty: to the end of the day)")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.people = {f"person:{who.slug}": who for who in people.working()}
        self.places = {f"place:{place.slug}": place for place in places.everywhere()}
        self.what.choices = [
            *offered([(CLINIC, "The whole clinic")], "Everybody"),
            *offered(((value, who.name) for value, who in self.people.items()), "One practitioner"),
            *offered(((value, place.name) for value, place in self.places.items()), "One place, whole days"),
        ]

    def validate(self, extra_validators: Any = None) -> bool:
        is_read = super().validate(extra_validators)
        if self.what.errors:
            self.what.errors = ["Choose what closes."]
        if not is_read:
            return False
        return self._is_a_range() and self._fits_a_place()

    @property
    def zone(self) -> ZoneInfo:
        place = self.places.get(self.what.data or "")
        return ZoneInfo(place.zone) if place else current_app.config["PORTAL"].zone

    def closing(self) -> Closing:
        """What a valid form says."""
        assert self.first.data is not None
        last = self.last.data or self.first.data
        return Closing(
            instant(self.first.data, self.starts.data or time(), self.zone),
            end_instant(last, self.ends.data, self.zone),
            self.people.get(self.what.data or ""),
            self.places.get(self.what.data or ""),
        )

    def words(self) -> str:
        """ "Tobias Wren, Tuesday 1 December 2026, 9:00 am to 12:00 pm"."""
        assert self.first.data is not None
        closing = self.closing()
        who = closing.practitioner or closing.location
        days = words.day(self.first.data)
        if self.last.data and self.last.data != self.first.data:
            days = f"{days} to {words.day(self.last.data)}"
        if self.starts.data or self.ends.data:
            begin, end = (words.clock(at, self.zone) for at in (closing.starts_at, closing.ends_at))
            days = f"{days}, {begin} to {end}"
        return f"{who.name if who else 'The whole clinic'}, {days}"

    def query(self) -> dict[str, Any]:
        """The address of the same closing."""
        typed = {name: field.raw_data[0] if field.raw_data else "" for name, field in self._fields.items()}
        return {name: value for name, value in typed.items() if value}

    def _is_a_range(self) -> bool:
        if self.first.data is None:
            self.first.errors = ["Enter the first day."]
        elif self.last.data is not None and self.last.data < self.first.data:
            self.last.errors = ["The last day is before the first."]
        elif self.last.data is not None and (self.last.data - self.first.data).days > MOST_DAYS:
            self.last.errors = ["Close a year at most in one go."]
        elif self.closing().ends_at <= self.closing().starts_at:
            self.ends.errors = ["The end is before the start."]
        return not self.errors

    def _fits_a_place(self) -> bool:
        if self.what.data in self.places and (self.starts.data or self.ends.data):
            self.starts.errors = ["A place closes for whole days. For hours, close each practitioner."]
        return not self.errors
