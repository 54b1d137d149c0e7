"""Mails that are owed or sent."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, HasId


class Message(HasId, Base):
    """One mail about one booking. Unique per booking, kind and cause, so that nothing is sent twice.

    The text is composed when it is sent and not kept here; `message_id` is how it is found in the mailbox again.
    """

    __tablename__ = "message"
    __table_args__ = (UniqueConstraint("booking_id", "kind", "cause"),)

    booking_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("booking.id"))
    kind: Mapped[str]
    cause: Mapped[str]
    message_id: Mapped[str] = mapped_column(unique=True)
    draft_id: Mapped[str | None]
    created_at: Mapped[datetime]
    attempted_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    given_up: Mapped[str] = mapped_column(default="")
