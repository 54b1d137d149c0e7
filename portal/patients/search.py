"""Finds patients for the desk: by name, birth date, phone or mail. Nothing is merged here, and nothing is changed."""

from __future__ import annotations

import re
from datetime import date

from sqlalchemy import ColumnElement, Select, and_, func, or_

from portal.patients import likeness
from portal.patients.contact import Contact
from portal.patients.models import Patient

_DATE = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-](\d{4})|(\d{4})-(\d{1,2})-(\d{1,2})", re.ASCII)
_PHONE = re.compile(r"\+?[\d ()-]{4,}", re.ASCII)
LEAST_DIGITS = 4


def matching(patients: Select[Patient], asked: str) -> Select[Patient] | None:
    """Narrow to those who fit what was typed, each word of it; None when it says too little to look for.

    A date (9/3/1984) is a birth date, a word with @ begins a mail address, four digits or more are in a phone number,
    and any other word begins a name.
    """
    rest, conditions = " ".join(asked.split()), []
    date_found = _DATE.search(rest)
    if date_found is not None:
        born_on = _read_date(date_found)
        rest = rest.replace(date_found[0], " ")
        conditions.append(Patient.born_on == born_on if born_on else Patient.id < 0)
    phone_found = _PHONE.search(rest)
    digits = re.sub(r"\D", "", phone_found[0]) if phone_found else ""
    if phone_found is not None and len(digits) >= LEAST_DIGITS:
        rest = rest.replace(phone_found[0], " ")
        conditions.append(Patient.mobile.contains(digits.lstrip("0"), autoescape=True))
    conditions += [_word(word) for word in rest.replace(",", " ").split()]
    if not conditions or (not digits and date_found is None and len(rest.replace(" ", "")) < 2):
        return None
    return patients.where(and_(*conditions)).order_by(
        func.lower(Patient.family_name), func.lower(Patient.given_name), Patient.id
    )


def alike(patients: Select[Patient], person: Contact) -> Select[Patient]:
    """Those who may be this person already."""
    return patients.where(or_(*likeness.rules(Patient, person))).order_by(Patient.id)


def _word(word: str) -> ColumnElement[bool]:
    if "@" in word:
        return func.lower(Patient.email).startswith(word.lower(), autoescape=True)
    names = (Patient.given_name, Patient.family_name, Patient.preferred_name)
    begins = [func.lower(name).startswith(word.lower(), autoescape=True) for name in names]
    # "van der Meer" is one name of three words.
    inside = [func.lower(name).contains(f" {word.lower()}", autoescape=True) for name in names]
    return or_(*begins, *inside)


def _read_date(found: re.Match[str]) -> date | None:
    day, month, year, *iso = found.groups()
    try:
        return date(int(iso[0]), int(iso[1]), int(iso[2])) if iso[0] else date(int(year), int(month), int(day))
    except ValueError:
        return None
