"""What staff may say about a practitioner."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from flask_wtf import FlaskForm
from wtforms import IntegerField, StringField, TextAreaField
from wtforms.validators import ValidationError

from portal.staff import people
from portal.staff.access import Staff

MOST_PROFILE = 5000


def _clean(typed: str | None) -> str:
    return " ".join((typed or "").split())


class Number(IntegerField):
    """A whole number, or None where nothing was typed."""

    def process_formdata(self, valuelist: list[Any]) -> None:
        self.data = None
        typed = "".join(valuelist).strip()
        if typed and (not typed.isascii() or not typed.isdecimal() or len(typed) > 4):
            raise ValueError("Enter a whole number.")
        self.data = int(typed) if typed else None


class PractitionerForm(FlaskForm):
    name = StringField("Name", filters=[_clean])
    slug = StringField("Address on the site (empty: from the name)", filters=[_clean])
    profession = StringField("Profession", filters=[_clean])
    registration = StringField("Registration, exactly as it was given", filters=[lambda typed: (typed or "").strip()])
    profile = TextAreaField("Profile", filters=[lambda typed: (typed or "").replace("\r\n", "\n").strip()])
    email = StringField("E-mail of the mailbox", filters=[_clean])
    graph_user_id = StringField("Mailbox id in Microsoft 365 (optional)", filters=[_clean])
    medirecords_provider_id = StringField("Provider id in MediRecords (optional)", filters=[_clean])
    daily_cap = Number("Most visits a day (empty: no limit)")
    position = Number("Place in lists")

    def validate_name(self, field: StringField) -> None:
        _require_line(field, "Enter the name.", 100)

    def validate_slug(self, field: StringField) -> None:
        field.data = field.data or people.slug_of(self.name.data or "")
        if not self.name.data:
            return  # one thing is wrong, and not two
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", field.data) or len(field.data) > 60:
            raise ValidationError("Use small letters, figures and hyphens, such as tobias-wren.")

    def validate_profession(self, field: StringField) -> None:
        _require_line(field, "Enter the profession, such as Naturopath.", 100)

    def validate_registration(self, field: StringField) -> None:
        if not (field.data or "").isprintable() or len(field.data) > 200:
            raise ValidationError("Enter it on one line, as it was given.")

    def validate_profile(self, field: TextAreaField) -> None:
        if len(field.data) > MOST_PROFILE or "\0" in field.data:
            raise ValidationError(f"Say it in {MOST_PROFILE} letters.")

    def validate_email(self, field: StringField) -> None:
        if not re.fullmatch(r"[^@\s<>]+@[^@\s<>]+\.[^@\s<>]+", field.data or "") or not field.data.isprintable():
            raise ValidationError("Enter an e-mail address, such as name@example.com.")

    def validate_graph_user_id(self, field: StringField) -> None:
        _check_id(field, "Enter the id as Microsoft shows it, such as 0b8e1c52-52c1-4b7e-8f4d-6a0f6d1c3e90.")

    def validate_medirecords_provider_id(self, field: StringField) -> None:
        _check_id(field, "Enter the id as MediRecords shows it, such as 7f1d0000-52c1-4b7e-8f4d-6a0f6d1c3e90.")

    def validate_daily_cap(self, field: Number) -> None:
        if field.data == 0:
            raise ValidationError("Enter a number from 1, or leave it empty.")

    def values(self) -> dict[str, Any]:
        """The columns as the database keeps them: an id that is not there is none."""
        found = {column: self._fields[column].data for column in ("slug", *people.COLUMNS) if column in self._fields}
        for column in {"graph_user_id", "medirecords_provider_id"} & found.keys():
            found[column] = found[column] or None
        return found | {"position": found["position"] or 0}

    def without_what_is_not_for(self, staff: Staff) -> PractitionerForm:
        """The same form, with the fields that this person may change."""
        for column in people.COLUMNS:
            if not people.may_change(column, staff):
                del self[column]
        return self


def _require_line(field: StringField, words: str, most: int) -> None:
    if not field.data or len(field.data) > most or not field.data.isprintable():
        raise ValidationError(words)


def _check_id(field: StringField, words: str) -> None:
    if field.data:
        try:
            field.data = str(UUID(field.data))
        except ValueError:
            raise ValidationError(words) from None
