"""Services and everything staff may change about them. All of it is data; nothing here names a particular service."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.db import Base, HasId, Json


class ServiceStatus(StrEnum):
    DRAFT = "draft"
    ACTIVE = "active"
    COMING_SOON = "coming-soon"
    RETIRED = "retired"


class Kind(StrEnum):
    INITIAL = "initial"
    FOLLOW_UP = "follow-up"
    CONSULT = "consult"


class Mode(StrEnum):
    TELEHEALTH = "telehealth"
    IN_PERSON = "in-person"


class WhoMayBook(StrEnum):
    ANYONE = "anyone"
    NEW = "new"
    RETURNING = "returning"


class GstRule(StrEnum):
    GST_FREE = "gst_free"
    TAXABLE = "taxable"
    UNSET = "unset"


class PaymentPolicy(StrEnum):
    NONE = "none"
    FULL = "full"


class StartAlignment(StrEnum):
    """From where the start step is counted."""

    CLOCK = "clock"  # local midnight: 9:00, 9:15
    HOURS = "hours"  # the beginning of the hours: 9:10, 9:25


class FormPurpose(StrEnum):
    INTAKE = "intake"
    QUESTIONS = "questions"


class ProcessorKind(StrEnum):
    MEDIRECORDS = "medirecords"
    WAITLIST = "waitlist"
    NONE = "none"


class Calendar(Base):
    """A named set of working hours that appointment types draw on; not an Outlook calendar."""

    __tablename__ = "calendar"

    slug: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]


class CancellationPolicy(Base):
    """What a late cancellation or a missed visit costs, as a share of the price."""

    __tablename__ = "cancellation_policy"
    __table_args__ = (
        CheckConstraint("late_fee_percent between 0 and 100", name="late_fee"),
        CheckConstraint("no_show_fee_percent between 0 and 100", name="no_show_fee"),
    )

    slug: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    notice_hours: Mapped[int]
    late_fee_percent: Mapped[int]
    no_show_fee_percent: Mapped[int]
    grace_minutes: Mapped[int] = mapped_column(default=60)


class Service(HasId, Base):
    """One card on the grid."""

    __tablename__ = "service"

    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    status: Mapped[ServiceStatus]
    summary: Mapped[str] = mapped_column(default="")
    description: Mapped[str] = mapped_column(default="")
    icon: Mapped[str] = mapped_column(default="leaf")
    position: Mapped[int] = mapped_column(default=0)
    launch_on: Mapped[date | None]
    has_waitlist: Mapped[bool] = mapped_column(default=False)

    types: Mapped[list[AppointmentType]] = relationship(back_populates="service", order_by="AppointmentType.position")
    processor: Mapped[Processor | None] = relationship(back_populates="service")

    @property
    def is_active(self) -> bool:
        return self.status == ServiceStatus.ACTIVE

    @property
    def is_coming_soon(self) -> bool:
        return self.status == ServiceStatus.COMING_SOON


class AppointmentType(HasId, Base):
    """Something a patient can book, with its rules. Without a length or a price it is shown and cannot be booked."""

    __tablename__ = "appointment_type"
    __table_args__ = (
        CheckConstraint("length_minutes > 0", name="length"),
        CheckConstraint("start_step_minutes > 0", name="step"),
        CheckConstraint("buffer_before_minutes >= 0 and buffer_after_minutes >= 0", name="buffers"),
    )

    slug: Mapped[str] = mapped_column(unique=True)
    service_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("service.id"), index=True)
    name: Mapped[str]
    summary: Mapped[str] = mapped_column(default="")
    kind: Mapped[Kind]
    mode: Mapped[Mode]
    who_may_book: Mapped[WhoMayBook] = mapped_column(default=WhoMayBook.ANYONE)
    is_active: Mapped[bool] = mapped_column(default=True)
    is_listed: Mapped[bool] = mapped_column(default=True)
    position: Mapped[int] = mapped_column(default=0)
    length_minutes: Mapped[int | None]
    calendar_slug: Mapped[str] = mapped_column(ForeignKey("calendar.slug"))
    buffer_before_minutes: Mapped[int] = mapped_column(default=0)
    buffer_after_minutes: Mapped[int] = mapped_column(default=0)
    minimum_notice_minutes: Mapped[int] = mapped_column(default=120)
    horizon_days: Mapped[int] = mapped_column(default=60)
    daily_cap: Mapped[int | None]  # visits of this type on one local day, whoever gives them
    start_step_minutes: Mapped[int] = mapped_column(default=15)
    start_alignment: Mapped[StartAlignment] = mapped_column(default=StartAlignment.CLOCK, server_default="clock")
    needs_room: Mapped[bool] = mapped_column(default=False)
    payment_policy: Mapped[PaymentPolicy] = mapped_column(default=PaymentPolicy.FULL)
    cancellation_policy_slug: Mapped[str] = mapped_column(ForeignKey("cancellation_policy.slug"))
    gst_rule: Mapped[GstRule] = mapped_column(default=GstRule.UNSET)
    intake_form: Mapped[str | None]
    questions_form: Mapped[str | None]
    confirmation_message: Mapped[str] = mapped_column(default="")
    medi_code: Mapped[str | None]
    medi_minutes: Mapped[int | None]
    medi_type_id: Mapped[str | None]
    billing_code: Mapped[str | None]
    reporting_category: Mapped[str] = mapped_column(default="")
    calendly_event: Mapped[str | None]

    service: Mapped[Service] = relationship(back_populates="types")
    prices: Mapped[list[Price]] = relationship(back_populates="type", order_by="Price.valid_from")
    cancellation_policy: Mapped[CancellationPolicy] = relationship()

    @property
    def is_telehealth(self) -> bool:
        return self.mode == Mode.TELEHEALTH

    def price_at(self, when: datetime) -> Price | None:
        """The price in force at an instant, or None while it is to be announced."""
        return next((price for price in reversed(self.prices) if price.valid_from <= when), None)


class Price(HasId, Base):
    """What a type costs from an instant on, GST included."""

    __tablename__ = "price"
    __table_args__ = (
        UniqueConstraint("type_id", "valid_from"),
        CheckConstraint("amount_cents >= 0", name="amount"),
    )

    type_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("appointment_type.id"))
    amount_cents: Mapped[int]
    valid_from: Mapped[datetime]

    type: Mapped[AppointmentType] = relationship(back_populates="prices")


class FormDefinition(HasId, Base):
    """One version of a form; an answered version is never changed, a new one is added."""

    __tablename__ = "form_definition"
    __table_args__ = (UniqueConstraint("slug", "version"),)

    slug: Mapped[str]
    version: Mapped[int]
    purpose: Mapped[FormPurpose]
    title: Mapped[str]
    definition: Mapped[Json]


class Processor(Base):
    """What happens when the event of a service's booking arrives from Outlook."""

    __tablename__ = "processor"

    service_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("service.id"), primary_key=True)
    kind: Mapped[ProcessorKind]
    settings: Mapped[Json] = mapped_column(default=dict)

    service: Mapped[Service] = relationship(back_populates="processor")


class CatalogueVersion(HasId, Base):
    """Each change of the catalogue: who, when, and the catalogue after it."""

    __tablename__ = "catalogue_version"

    made_at: Mapped[datetime]
    made_by: Mapped[str]
    document: Mapped[dict[str, Any]]
    note: Mapped[str] = mapped_column(default="", server_default="")


class CatalogueDraft(Base):
    """What one person is changing and has not published: the whole catalogue, and the one that they began from."""

    __tablename__ = "catalogue_draft"

    staff_member_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("staff_member.id"), primary_key=True)
    base: Mapped[Json]
    document: Mapped[Json]
    imported: Mapped[Json | None]  # the draft as a file would make it, until somebody takes it in
    changed_at: Mapped[datetime]


class MappingCheck(HasId, Base):
    """A question to MediRecords: does it know what the visits of a service are mapped to? A job finds out."""

    __tablename__ = "mapping_check"

    staff_member_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("staff_member.id"), index=True)
    service_slug: Mapped[str]
    wanted: Mapped[Json]  # as it stood in the draft: types and practitioners
    asked_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    findings: Mapped[list[Any]] = mapped_column(default=list)  # each a {"is_right", "words"}


class ContentPage(Base):
    """A page that the clinic writes itself, in Markdown."""

    __tablename__ = "content_page"

    slug: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    body: Mapped[str]


class OldAddress(Base):
    """An address of the former site and where it leads now."""

    __tablename__ = "old_address"

    path: Mapped[str] = mapped_column(primary_key=True)
    leads_to: Mapped[str]
