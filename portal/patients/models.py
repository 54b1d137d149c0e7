"""Patients. Name, birth date and contact stay readable for the desk's search (design D11)."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import Index, func
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, HasId


class Gender(StrEnum):
    FEMALE = "female"
    MALE = "male"
    OTHER = "other"
    NOT_SAID = "not-said"


class Patient(HasId, Base):
    """One person. A visitor's details make a new row; only an exact match joins it to a known patient."""

    __tablename__ = "patient"

    given_name: Mapped[str]
    family_name: Mapped[str]
    preferred_name: Mapped[str] = mapped_column(default="")
    born_on: Mapped[date]
    gender: Mapped[Gender]
    email: Mapped[str]
    mobile: Mapped[str]  # E.164
    mobile_as_typed: Mapped[str]
    # Two of our records may be one person there: whoever comes back with a new address is a new record here.
    medirecords_id: Mapped[str | None] = mapped_column(index=True)
    created_at: Mapped[datetime]

    @property
    def called(self) -> str:
        """What we call them in a greeting."""
        return self.preferred_name or self.given_name

    @property
    def full_name(self) -> str:
        return f"{self.given_name} {self.family_name}"


Index("ix_patient_email", func.lower(Patient.email))
Index("ix_patient_name", func.lower(Patient.family_name), Patient.born_on)
