"""What may be set, in forms: each knows its document, and refuses what would not work where it acts."""

from __future__ import annotations

import re
import unicodedata
from typing import ClassVar

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from flask_wtf import FlaskForm
from wtforms import Field, StringField, TextAreaField
from wtforms.validators import ValidationError

from portal import clinic
from portal.catalogue import wording
from portal.clinic import Clinic, Holds
from portal.db import Json
from portal.sync.outside import UNKNOWN_AFTER_MINUTES
from portal.web.booking import details_form


class Line:
    """One line of text of no more than so many letters."""

    def __init__(self, most: int, missing: str | None = None) -> None:
        self.most, self.missing = most, missing

    def __call__(self, _form: FlaskForm, field: Field) -> None:
        if not field.data and self.missing:
            raise ValidationError(self.missing)
        if len(field.data or "") > self.most:
            raise ValidationError(f"Use {self.most} letters or fewer; there are {len(field.data)} now.")
        if any(unicodedata.category(each) in ("Cc", "Cs") and each != "\n" for each in field.data or ""):
            raise ValidationError("Remove the characters that cannot be printed.")


class Minutes:
    """A whole number of minutes between two."""

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most

    def __call__(self, _form: FlaskForm, field: Field) -> None:
        typed = field.data or ""
        if not re.fullmatch(r"\d{1,6}", typed, re.ASCII) or not self.least <= int(typed) <= self.most:
            raise ValidationError(f"Enter whole minutes between {self.least} and {self.most}.")


def clean(typed: object) -> str:
    """A number of a document is shown as it would be typed."""
    return details_form.clean(str(typed if typed is not None else ""))


def several_lines(typed: str | None) -> str:
    return re.sub(r"\n{3,}", "\n\n", (typed or "").replace("\r\n", "\n").replace("\r", "\n")).strip()


class SettingsForm(FlaskForm):
    """One document of settings. DEFAULTS holds while nothing is set."""

    DOCUMENT: ClassVar[str]
    DEFAULTS: ClassVar[Json]

    def values(self) -> Json:
        """As they are stored."""
        return {name: self[name].data or "" for name in self.DEFAULTS}


class ClinicForm(SettingsForm):
    DOCUMENT, DEFAULTS = "clinic", vars(Clinic())

    name = StringField("Name of the clinic", filters=[clean], validators=[Line(80, "Enter the clinic's name.")])
    abn = StringField("ABN", filters=[clean])
    street_address = StringField("Street address", filters=[clean], validators=[Line(150)])
    phone = StringField("Phone", filters=[clean], validators=[Line(30)])
    email = StringField("E-mail", filters=[clean], validators=[Line(100)])
    mail_footer = TextAreaField("Lines below every mail", filters=[several_lines], validators=[Line(500)])

    def validate_abn(self, field: StringField) -> None:
        if not field.data:
            return
        read = clinic.read_abn(field.data)
        if read is None:
            raise ValidationError("That is no ABN: it has 11 digits, and these do not fit together. Check for a slip.")
        field.data = read

    def validate_phone(self, field: StringField) -> None:
        if not field.data:
            return
        try:
            is_possible = phonenumbers.is_possible_number(phonenumbers.parse(field.data, "AU"))
        except phonenumbers.NumberParseException:
            is_possible = False
        if not is_possible or not re.fullmatch(r"[\d +()-]+", field.data, re.ASCII):
            raise ValidationError("Enter a phone number with its area code, such as (02) 5550 0100.")

    def validate_email(self, field: StringField) -> None:
        if not field.data:
            return
        try:
            field.data = validate_email(field.data, check_deliverability=False, test_environment=True).normalized
        except EmailNotValidError:
            raise ValidationError("Enter an e-mail address in the form name@example.com.") from None

    def validate_mail_footer(self, field: TextAreaField) -> None:
        for find in wording.finds(field.data or ""):
            raise ValidationError(f"Mails about a visit must not advertise. It says “{find.words}”. {find.why}")


class HoldsForm(SettingsForm):
    DOCUMENT, DEFAULTS = "holds", vars(Holds())

    minutes = StringField("Minutes for each step", filters=[clean], validators=[Minutes(5, 60)])
    longest_minutes = StringField(
        "Minutes from the first step to the last", filters=[clean], validators=[Minutes(5, 180)]
    )

    def validate_longest_minutes(self, field: StringField) -> None:
        if self.minutes.errors or field.errors:
            return
        if int(field.data) < int(self.minutes.data or 0):
            raise ValidationError("This cannot be shorter than the minutes for one step.")

    def values(self) -> Json:
        return {name: int(value) for name, value in super().values().items()}


class CalendarsForm(SettingsForm):
    DOCUMENT, DEFAULTS = "scheduling", {"unknown_after_minutes": UNKNOWN_AFTER_MINUTES}

    unknown_after_minutes = StringField(
        "Minutes without an answer from Outlook", filters=[clean], validators=[Minutes(15, 2880)]
    )

    def values(self) -> Json:
        return {name: int(value) for name, value in super().values().items()}
