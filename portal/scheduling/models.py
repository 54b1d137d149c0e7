"""Places and hours."""

from __future__ import annotations

from datetime import date, datetime, time
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.db import Base, HasId


class Location(HasId, Base):
    """Where visits happen; its zone is the one that people see. Telehealth is a location without an address."""

    __tablename__ = "location"

    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    address: Mapped[str] = mapped_column(default="")
    zone: Mapped[str]
    is_telehealth: Mapped[bool] = mapped_column(default=False)


class Room(HasId, Base):
    """A room that one visit at a time may use."""

    __tablename__ = "room"

    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    location_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("location.id"))

    location: Mapped[Location] = relationship()


class WorkingHours(HasId, Base):
    """Weekly hours of a practitioner for one calendar at one location, in the location's wall time."""

    __tablename__ = "working_hours"
    __table_args__ = (
        CheckConstraint("weekday between 0 and 6", name="weekday"),
        CheckConstraint("ends > starts", name="order"),
        Index("ix_working_hours_calendar", "calendar_slug", "practitioner_id"),
    )

    practitioner_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("practitioner.id"))
    calendar_slug: Mapped[str] = mapped_column(ForeignKey("calendar.slug"))
    location_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("location.id"))
    weekday: Mapped[int]  # Monday is 0
    starts: Mapped[time]
    ends: Mapped[time]
    valid_from: Mapped[date | None]
    valid_until: Mapped[date | None]  # the last day


class ExceptionKind(StrEnum):
    CLOSED = "closed"
    EXTRA = "extra"


class HoursException(HasId, Base):
    """Leave or closed hours (of one practitioner, or of everybody), or extra hours for one calendar."""

    __tablename__ = "exception"
    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="order"),
        CheckConstraint(
            "kind = 'closed' or num_nulls(practitioner_id, calendar_slug, location_id) = 0",
            name="extra_names_who_and_where",
        ),
        Index("ix_exception_range", "starts_at", "ends_at"),
    )

    kind: Mapped[ExceptionKind]
    practitioner_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("practitioner.id"))
    calendar_slug: Mapped[str | None] = mapped_column(ForeignKey("calendar.slug"))
    location_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("location.id"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(default="")
