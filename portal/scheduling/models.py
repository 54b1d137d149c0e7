"""Places, hours, holidays, and what the outside says is busy."""

from __future__ import annotations

from datetime import date, datetime, time
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.db import Base, HasId


class Location(HasId, Base):
    """Where visits happen; its zone is the one that people see. Telehealth is a location without an address."""

    __tablename__ = "location"

    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    address: Mapped[str] = mapped_column(default="")
    zone: Mapped[str]
    state: Mapped[str] = mapped_column(
        default="NSW", server_default="NSW"
    )  # whose public holidays are kept here, such as NSW
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


class TypePractitioner(Base):
    """Somebody who offers a type. A type that names nobody is offered by all who have hours in its calendar."""

    __tablename__ = "type_practitioner"

    type_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("appointment_type.id"), primary_key=True)
    practitioner_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("practitioner.id"), primary_key=True)


class Holiday(HasId, Base):
    """A public holiday of a state, or of one location where it is kept only there, such as a show day.

    Weekly hours do not count on it; extra hours do, because somebody has arranged them for that very day.
    One that the clinic does not keep stays here with `is_kept` false, so that loading the year again changes nothing.
    """

    __tablename__ = "holiday"
    __table_args__ = (
        CheckConstraint("num_nonnulls(state, location_id) = 1", name="is_somewhere"),
        UniqueConstraint("day", "state"),
        UniqueConstraint("day", "location_id"),
    )

    day: Mapped[date]
    name: Mapped[str]
    state: Mapped[str | None]
    location_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("location.id"))
    is_kept: Mapped[bool] = mapped_column(default=True)


class Outside(StrEnum):
    """Where busy time comes from."""

    OUTLOOK = "outlook"
    MEDIRECORDS = "medirecords"
    CALENDLY = "calendly"


class BusyTime(HasId, Base):
    """A range in which a practitioner is busy with something that is not a booking of ours. Never what it is about."""

    __tablename__ = "busy_time"
    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="order"),
        UniqueConstraint("practitioner_id", "source", "external_id"),
        Index("ix_busy_time_range", "starts_at", "ends_at"),
    )

    practitioner_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("practitioner.id"))
    source: Mapped[Outside]
    external_id: Mapped[str]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    # Somebody who works elsewhere still sees patients by video.
    in_person_only: Mapped[bool] = mapped_column(default=False, server_default=text("false"))


class OutsideCalendar(Base):
    """How well we know one practitioner's calendar outside: from when to when, how fresh, and what is wrong with it.

    Unreadable is unknown, never free: from `unknown_from` on its practitioner is not offered.
    """

    __tablename__ = "outside_calendar"

    practitioner_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("practitioner.id"), primary_key=True)
    source: Mapped[Outside] = mapped_column(primary_key=True)
    external_id: Mapped[str] = mapped_column(default="", server_default="")  # the mailbox or provider that was read
    window_from: Mapped[datetime | None]
    window_until: Mapped[datetime | None]
    delta_link: Mapped[str | None]  # where the next round of changes is asked for
    read_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]  # since when it cannot be read
    problem: Mapped[str] = mapped_column(default="")
    unknown_from: Mapped[datetime | None]  # None: a source that never keeps anybody from being offered
