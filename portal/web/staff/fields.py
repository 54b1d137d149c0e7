"""Fields whose complaints are in our own words; WTForms' are for developers."""

from __future__ import annotations

from wtforms import Form, SelectField
from wtforms.validators import ValidationError


class ChoiceField(SelectField):
    """One of the choices that the page shows."""

    def pre_validate(self, form: Form) -> None:
        try:
            super().pre_validate(form)
        except (ValidationError, ValueError):
            raise ValidationError("Please choose one from the list.") from None
