"""Fields whose complaints are in our own words; WTForms' are for developers."""

from __future__ import annotations

from typing import Any

from wtforms import DateField, Form, SelectField
from wtforms.validators import ValidationError


class DayField(DateField):
    """A day, as the browser's own calendar sends it."""

    def process_formdata(self, valuelist: list[Any]) -> None:
        try:
            super().process_formdata(valuelist)
        except ValueError:
            raise ValueError("Please choose a day from the calendar.") from None


class ChoiceField(SelectField):
    """One of the choices that the page shows."""

    def pre_validate(self, form: Form) -> None:
        try:
            super().pre_validate(form)
        except (ValidationError, ValueError):
            raise ValidationError("Please choose one from the list.") from None
