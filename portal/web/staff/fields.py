"""Fields whose complaints are in our own words; WTForms' are for developers."""

from __future__ import annotations

from collections.abc import Iterable

from wtforms import Form, SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import ValidationError


def offered(pairs: Iterable[tuple[str, str]], group: str | None = None) -> list[SelectChoice]:
    """What can be chosen, by value and words; `group` is the heading it stands under."""
    return [SelectChoice(value, words, optgroup=group) for value, words in pairs]


class ChoiceField(SelectField):
    """One of the choices that the page shows."""

    def pre_validate(self, form: Form) -> None:
        try:
            super().pre_validate(form)
        except (ValidationError, ValueError):
            raise ValidationError("Please choose one from the list.") from None
