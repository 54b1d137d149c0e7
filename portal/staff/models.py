"""Practitioners, those who sign in, what they did, and the tasks that only a person can settle."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.db import Base, HasId


class Practitioner(HasId, Base):
    """Someone patients book with. The mailbox and provider ids name the same person in Outlook and MediRecords."""

    __tablename__ = "practitioner"

    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    profession: Mapped[str] = mapped_column(default="")
    profile: Mapped[str] = mapped_column(default="")
    registration: Mapped[str] = mapped_column(default="")
    email: Mapped[str]
    graph_user_id: Mapped[str | None] = mapped_column(unique=True)
    medirecords_provider_id: Mapped[str | None] = mapped_column(unique=True)
    is_active: Mapped[bool] = mapped_column(default=True)
    position: Mapped[int] = mapped_column(default=0)
    daily_cap: Mapped[int | None]  # visits of any type on one local day


class StaffTask(HasId, Base):
    """Something that needs a person. `key` says what about, so that the same trouble makes one open task."""

    __tablename__ = "staff_task"
    __table_args__ = (Index("uq_staff_task_open_key", "key", unique=True, postgresql_where=text("done_at is null")),)

    key: Mapped[str]
    kind: Mapped[str]
    words: Mapped[str]
    booking_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("booking.id"), index=True)
    created_at: Mapped[datetime]
    done_at: Mapped[datetime | None]


class StaffMember(HasId, Base):
    """Someone who signs in to the back office. Tenant and oid are who they are; name and e-mail only say it, and may
    be given to somebody else one day."""

    __tablename__ = "staff_member"
    __table_args__ = (UniqueConstraint("tenant_id", "oid"),)

    tenant_id: Mapped[str]
    oid: Mapped[str]
    name: Mapped[str]
    email: Mapped[str]
    roles: Mapped[list[Any]]  # as Microsoft said when they last signed in or were looked up again
    first_signed_in_at: Mapped[datetime]
    signed_in_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class Action(StrEnum):
    READ = "read"
    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"
    SENT = "sent"
    EXPORTED = "exported"
    SIGNED_IN = "signed-in"
    SIGNED_OUT = "signed-out"


class AuditEntry(HasId, Base):
    """Who did what to whose record; rows are only ever added, and hold nothing of the record itself."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        Index("ix_audit_entry_at", "at"),
        Index("ix_audit_entry_patient_id_at", "patient_id", "at"),
        Index("ix_audit_entry_staff_member_id_at", "staff_member_id", "at"),
        Index(
            "ix_audit_entry_patient_ids",
            "patient_ids",
            postgresql_using="gin",
            postgresql_where=text("patient_ids is not null"),
        ),
    )

    at: Mapped[datetime]
    staff_member_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("staff_member.id"))  # None: the portal
    action: Mapped[Action]
    kind: Mapped[str]  # of what, such as "booking" or "service"
    subject: Mapped[str] = mapped_column(default="")  # which one, by its reference or slug
    patient_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("patient.id"))
    patient_ids: Mapped[list[int] | None] = mapped_column(ARRAY(BigInteger))  # all whom one look at a list showed
    part: Mapped[str] = mapped_column(default="")
    why_sealed: Mapped[str] = mapped_column(default="")  # typed by a person, so it may tell of health
    request_id: Mapped[str] = mapped_column(default="")

    staff_member: Mapped[StaffMember | None] = relationship()
