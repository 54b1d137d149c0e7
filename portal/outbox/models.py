"""One row per job that is owed to the outside."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, HasId


class OutboxMessage(HasId, Base):
    """A job with its arguments (ids only), taken by lease. Whoever holds `lease_token` may finish it."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_due", "queue", "not_before", postgresql_where=text("done_at is null and parked_at is null")),
        # The same job for the same thing waits once: a second order while the first still waits changes nothing.
        Index(
            "uq_outbox_waiting",
            "dedupe_key",
            unique=True,
            postgresql_where=text("done_at is null and parked_at is null and lease_token is null"),
        ),
        # What a sweep asks before it reminds of a job.
        Index("ix_outbox_not_done", "dedupe_key", postgresql_where=text("done_at is null")),
    )

    job: Mapped[str]  # "sync.outlook" is outlook() in portal/sync/jobs.py
    args: Mapped[list[Any]]
    queue: Mapped[str]
    dedupe_key: Mapped[str]
    created_at: Mapped[datetime]
    not_before: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    lease_token: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    parked_at: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(default="")
