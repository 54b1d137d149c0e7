"""A form being answered for a booking, and its sealed answers."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.bookings.models import Booking
from portal.catalogue.models import FormDefinition
from portal.db import Base, HasId


class IntakeState(StrEnum):
    STARTED = "started"
    SUBMITTED = "submitted"


class Intake(HasId, Base):
    """One form version answered for one booking. `key` is random and part of what each answer is sealed with."""

    __tablename__ = "intake"
    __table_args__ = (UniqueConstraint("booking_id", "form_definition_id"),)

    key: Mapped[str] = mapped_column(unique=True)
    booking_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("booking.id"))
    form_definition_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("form_definition.id"))
    state: Mapped[IntakeState]
    started_at: Mapped[datetime]
    submitted_at: Mapped[datetime | None]

    booking: Mapped[Booking] = relationship()
    form: Mapped[FormDefinition] = relationship()


class IntakeAnswer(HasId, Base):
    """One answer, sealed: a copy of the database tells nothing about anybody's health."""

    __tablename__ = "intake_answer"
    __table_args__ = (UniqueConstraint("intake_id", "question"),)

    intake_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("intake.id", ondelete="CASCADE"))
    question: Mapped[str]
    sealed: Mapped[str]
