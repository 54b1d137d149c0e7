"""Patients. Name, birth date and contact stay readable for the desk's search (design D11)."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, func, text
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
    # The desk has found that this record is somebody we know; the row stays for the day that proves a mistake.
    merged_into_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("patient.id"), index=True)
    created_at: Mapped[datetime]

    @property
    def called(self) -> str:
        """What we call them in a greeting."""
        return self.preferred_name or self.given_name

    @property
    def full_name(self) -> str:
        return f"{self.given_name} {self.family_name}"


class PatientMerge(HasId, Base):
    """Two records joined by the desk, with all that it takes to part them again."""

    __tablename__ = "patient_merge"
    __table_args__ = (
        Index("uq_patient_merge_open", "gone_id", unique=True, postgresql_where=text("undone_at is null")),
    )

    gone_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("patient.id"))
    kept_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("patient.id"), index=True)
    moved: Mapped[list[Any]]  # the ids of the bookings that changed hands
    took_medirecords_id: Mapped[bool]  # the kept record had none, and took over that of the other
    merged_at: Mapped[datetime]
    merged_by_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("staff_member.id"))
    undone_at: Mapped[datetime | None]
    undone_by_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("staff_member.id"))


class PatientDistinction(Base):
    """Two records that look alike and are two people: nobody is asked again."""

    __tablename__ = "patient_distinction"
    __table_args__ = (CheckConstraint("one_id < other_id", name="order"),)

    one_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("patient.id"), primary_key=True)
    other_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("patient.id"), primary_key=True)
    decided_at: Mapped[datetime]
    decided_by_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("staff_member.id"))


Index("ix_patient_email", func.lower(Patient.email))
Index("ix_patient_name", func.lower(Patient.family_name), Patient.born_on)
