"""Who a patient is and how they are reached, as one value that staff may correct."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from portal.db import Json
from portal.patients.models import Gender, Patient

# What an entry of the audit calls each part.
PARTS = {
    "given_name": "name",
    "family_name": "name",
    "preferred_name": "name",
    "born_on": "birth date",
    "gender": "gender",
    "email": "e-mail",
    "mobile": "phone",
    "mobile_as_typed": "phone",
}


@dataclass(frozen=True)
class Contact:
    """`mobile` is E.164, `mobile_as_typed` what the person wrote."""

    given_name: str
    family_name: str
    preferred_name: str
    born_on: date
    gender: Gender
    email: str
    mobile: str
    mobile_as_typed: str

    def values(self) -> Json:
        """By column; dates and choices as texts."""
        return {name: str(getattr(self, name)) for name in PARTS}


def of(patient: Patient) -> Contact:
    return Contact(**{name: getattr(patient, name) for name in PARTS})


def change(patient: Patient, wanted: Contact) -> list[str]:
    """Write the corrections down; -> the parts that are others now, each once."""
    other = [name for name in PARTS if getattr(patient, name) != getattr(wanted, name)]
    for name in other:
        setattr(patient, name, getattr(wanted, name))
    return list(dict.fromkeys(PARTS[name] for name in other))
