"""What we know of the other systems' copies of a booking."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.bookings.models import Booking
from portal.db import Base, HasId
from portal.staff.models import Practitioner


class OutlookLink(Base):
    """The Outlook event of a booking. `creates` numbers the creations, so that each has its own transaction id."""

    __tablename__ = "outlook_link"

    booking_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("booking.id"), primary_key=True)
    graph_user_id: Mapped[str]
    event_id: Mapped[str | None] = mapped_column(unique=True)
    etag: Mapped[str] = mapped_column(default="")
    written: Mapped[dict[str, Any]] = mapped_column(default=dict)  # what we last wrote, to see what changed
    creates: Mapped[int] = mapped_column(default=0)
    create_sent_at: Mapped[datetime | None]  # set while the outcome of a create is unknown
    synced_at: Mapped[datetime | None]

    booking: Mapped[Booking] = relationship()


class MediRecordsLink(Base):
    """The MediRecords appointment of a booking."""

    __tablename__ = "medirecords_link"

    booking_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("booking.id"), primary_key=True)
    appointment_id: Mapped[str | None] = mapped_column(unique=True)
    written: Mapped[dict[str, Any]] = mapped_column(default=dict)
    patient_sent_at: Mapped[datetime | None]  # likewise, for the patient
    create_sent_at: Mapped[datetime | None]  # set while the outcome of a create is unknown
    synced_at: Mapped[datetime | None]
    is_live: Mapped[bool] = mapped_column(default=False)
    needs_you: Mapped[str] = mapped_column(default="")  # why a person has to look, in words; empty when all is well

    booking: Mapped[Booking] = relationship()


class RunState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    NOTHING_TO_DO = "nothing_to_do"
    NEEDS_YOU = "needs_you"


class ProcessorRun(HasId, Base):
    """One run of a service's processor for a booking, with each named step and what it resolved to."""

    __tablename__ = "processor_run"

    booking_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("booking.id"), index=True)
    kind: Mapped[str]
    cause: Mapped[str]
    state: Mapped[RunState]
    steps: Mapped[list[Any]] = mapped_column(default=list)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class GraphSubscription(HasId, Base):
    """Our subscription to a practitioner's calendar. `client_state` proves that a notification is Graph's."""

    __tablename__ = "graph_subscription"

    practitioner_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("practitioner.id"), unique=True)
    subscription_id: Mapped[str | None] = mapped_column(unique=True)
    client_state: Mapped[str]
    expires_at: Mapped[datetime | None]
    checked_at: Mapped[datetime | None]

    practitioner: Mapped[Practitioner] = relationship()


class GraphNotification(HasId, Base):
    """A change that Graph told us of. It says where to look, never what happened."""

    __tablename__ = "graph_notification"

    practitioner_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("practitioner.id"))
    event_id: Mapped[str]
    change_type: Mapped[str]
    dedupe_key: Mapped[str] = mapped_column(unique=True)
    received_at: Mapped[datetime]
    routed_at: Mapped[datetime | None]
    outcome: Mapped[str] = mapped_column(default="")

    practitioner: Mapped[Practitioner] = relationship()
