"""The details form: who comes, and how to reach them. Shape and wording only; the rules of booking live elsewhere."""

from __future__ import annotations

import calendar
import re
import unicodedata
from datetime import date
from typing import Any

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from flask import current_app
from flask_wtf import FlaskForm
from phonenumbers import PhoneNumberType, is_possible_number_for_type
from wtforms import EmailField, Form, FormField, RadioField, StringField, TelField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import ValidationError

from portal.bookings.details import Details
from portal.bookings.models import BookedFor, Booking
from portal.clock import now
from portal.patients import contact
from portal.patients.contact import Contact
from portal.patients.models import Gender, Patient

LONGEST_NAME = 40  # MediRecords takes no more
LONGEST_MOBILE = 30
OLDEST = 120
GENDERS = {
    Gender.FEMALE: "Woman or girl",
    Gender.MALE: "Man or boy",
    Gender.OTHER: "Another gender",
    Gender.NOT_SAID: "Prefer not to say",
}
_MONTHS = {
    name.lower(): number
    for names in (calendar.month_name, calendar.month_abbr)
    for number, name in enumerate(names)
    if name
}


def clean(text: str | None) -> str:
    """Trimmed, inner white space folded, Unicode composed."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", text or "")).strip()


class Name:
    """A person's name as they write it; no control characters, no markup."""

    def __init__(self, missing: str | None) -> None:
        self.missing = missing

    def __call__(self, _form: Form, field: StringField) -> None:
        if not field.data:
            if self.missing:
                raise ValidationError(self.missing)
            return
        if len(field.data) > LONGEST_NAME:
            raise ValidationError(f"Enter no more than {LONGEST_NAME} letters.")
        if any(unicodedata.category(letter).startswith("C") or letter in "<>" for letter in field.data):
            raise ValidationError("Use letters, spaces, hyphens and apostrophes.")


class DateBoxes(Form):
    """Day, month and year; a month may be a name."""

    day = StringField("Day")
    month = StringField("Month")
    year = StringField("Year")

    def read(self) -> date | None:
        month = clean(self.month.data).lower().rstrip(".")
        try:
            return date(int(clean(self.year.data)), _MONTHS.get(month) or int(month), int(clean(self.day.data)))
        except (ValueError, OverflowError):
            return None


class DetailsForm(FlaskForm):
    """The details page without the type's own questions."""

    booked_for = RadioField(
        "Who is the visit for?",
        choices=[
            SelectChoice(BookedFor.SELF.value, "Me"),
            SelectChoice(BookedFor.CHILD.value, "My child"),
            SelectChoice(BookedFor.CARED_FOR.value, "Someone I care for"),
        ],
        validate_choice=False,
    )
    booked_by = StringField("Your own name, if the visit is for somebody else", filters=[clean])
    visited = RadioField(
        "Has this person visited us before?",
        choices=[SelectChoice("no", "No, this is the first visit"), SelectChoice("yes", "Yes")],
        validate_choice=False,
    )
    given_name = StringField("Given name", filters=[clean], validators=[Name("Enter the given name.")])
    family_name = StringField("Family name", filters=[clean], validators=[Name("Enter the family name.")])
    preferred_name = StringField("Preferred name (optional)", filters=[clean], validators=[Name(None)])
    born = FormField(DateBoxes, "Date of birth")
    gender = RadioField(
        "Gender",
        choices=[SelectChoice(gender.value, words) for gender, words in GENDERS.items()],
        validate_choice=False,
    )
    mobile = TelField("Mobile number", filters=[clean])
    email = EmailField("E-mail address", filters=[clean])

    def validate_booked_for(self, field: RadioField) -> None:
        _choose(field, "Choose who the visit is for.")

    def validate_booked_by(self, field: StringField) -> None:
        if self.booked_for.data in (BookedFor.CHILD, BookedFor.CARED_FOR):
            Name("Enter your own name, so that we know who booked.")(self, field)

    def validate_visited(self, field: RadioField) -> None:
        _choose(field, "Choose whether this person has visited us before.")

    def validate_gender(self, field: RadioField) -> None:
        _choose(field, "Choose a gender, or “Prefer not to say”.")

    def validate_mobile(self, field: TelField) -> None:
        if not field.data:
            raise ValidationError("Enter a mobile number, such as 0491 570 006.")
        try:
            number = phonenumbers.parse(field.data, "AU")
        except phonenumbers.NumberParseException:
            number = None
        is_mobile = number is not None and is_possible_number_for_type(number, PhoneNumberType.MOBILE)
        if number is None or not is_mobile or len(field.data) > LONGEST_MOBILE or not field.data.isprintable():
            raise ValidationError("Enter a mobile number, such as 0491 570 006, or with its country code.")
        self.mobile_e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)

    def validate_email(self, field: EmailField) -> None:
        if not field.data:
            raise ValidationError("Enter an e-mail address, such as name@example.com.")
        try:
            self.email_normal = validate_email(field.data, check_deliverability=False, test_environment=True).normalized
        except EmailNotValidError:
            raise ValidationError("Enter an e-mail address in the form name@example.com.") from None
        if len(self.email_normal) > 100:
            raise ValidationError("Enter an e-mail address of no more than 100 letters.")

    mobile_e164: str = ""
    email_normal: str = ""
    born_on: date | None = None

    def validate(self, extra_validators: Any = None) -> bool:
        """Also the date as a whole: its three boxes are one answer with one message."""
        is_valid = bool(super().validate(extra_validators))
        self.born_on = self.born.form.read()
        message = self._date_message()
        if message:
            self.born.form.form_errors = [message]
        return is_valid and message is None

    def _date_message(self) -> str | None:
        today = now().astimezone(current_app.config["PORTAL"].zone).date()
        if not any(clean(box.data) for box in self.born.form):
            return "Enter the date of birth."
        if self.born_on is None:
            return "Enter a real date of birth, such as 27 3 1985."
        if self.born_on > today:
            return "The date of birth must be in the past."
        if self.born_on.year < today.year - OLDEST:
            return f"Enter a date of birth in the last {OLDEST} years."
        return None

    def contact(self) -> Contact:
        """Who comes, checked, as the domain wants it."""
        assert self.born_on is not None
        return Contact(
            given_name=self.given_name.data or "",
            family_name=self.family_name.data or "",
            preferred_name=self.preferred_name.data or "",
            born_on=self.born_on,
            gender=Gender(self.gender.data),
            email=self.email_normal,
            mobile=self.mobile_e164,
            mobile_as_typed=self.mobile.data or "",
        )

    def details(self) -> Details:
        """The same, and what is about this visit."""
        is_own = self.booked_for.data == BookedFor.SELF
        return Details(
            **vars(self.contact()),
            booked_for=BookedFor(self.booked_for.data),
            booked_by="" if is_own else self.booked_by.data or "",
            says_new=self.visited.data == "no",
        )


def filled_from(booking: Booking) -> dict[str, Any]:
    """What the form shows when somebody comes back to it."""
    patient = booking.patient
    if patient is None:
        return {}
    return {
        "booked_for": booking.booked_for.value,
        "booked_by": booking.booked_by,
        "visited": "no" if booking.says_new else "yes",
        **filled_with(patient),
    }


def filled_with(patient: Patient) -> dict[str, Any]:
    """What it shows of a person whom we know."""
    born = patient.born_on
    return {
        **contact.of(patient).values(),
        "mobile": patient.mobile_as_typed,
        "born": {"day": str(born.day), "month": str(born.month), "year": str(born.year)},
    }


def _choose(field: RadioField, message: str) -> None:
    if field.data not in {choice.value for choice in field.iter_choices()}:
        field.data = None
        raise ValidationError(message)
