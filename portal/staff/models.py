"""Practitioners, and the tasks that only a person can settle."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

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
