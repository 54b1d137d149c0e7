"""Payment attempts, refunds and Stripe's notifications."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.bookings.models import Booking
from portal.db import Base, HasId


class PaymentState(StrEnum):
    STARTING = "starting"  # committed before Stripe is asked, so that a lost answer can be found again
    OPEN = "open"
    PENDING = "pending"  # complete but not yet paid: a delayed method
    PAID = "paid"
    CLOSED = "closed"  # expired, failed or given up without money


class Method(StrEnum):
    CARD = "card"  # through Stripe's page
    CLINIC = "clinic"  # taken by the desk: cash, the clinic's own terminal, a bank transfer


UNFINISHED = frozenset({PaymentState.STARTING, PaymentState.OPEN, PaymentState.PENDING})


class Payment(HasId, Base):
    """One attempt to pay for a booking: a Checkout session, or money that the desk has taken."""

    __tablename__ = "payment"
    __table_args__ = (
        CheckConstraint("amount_cents > 0", name="amount"),
        # One open attempt and one kept payment per booking, whatever arrives twice.
        Index(
            "uq_payment_unfinished",
            "booking_id",
            unique=True,
            postgresql_where=text("state in ('starting', 'open', 'pending')"),
        ),
        Index("uq_payment_settles", "booking_id", unique=True, postgresql_where=text("settles_booking")),
    )

    attempt: Mapped[str] = mapped_column(unique=True)
    booking_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("booking.id"), index=True)
    amount_cents: Mapped[int]
    currency: Mapped[str] = mapped_column(default="aud")
    method: Mapped[Method] = mapped_column(default=Method.CARD, server_default="card")
    state: Mapped[PaymentState]
    customer_email: Mapped[str]  # as first sent: a key that comes back with other parameters is refused
    session_id: Mapped[str | None] = mapped_column(unique=True)
    session_url: Mapped[str | None]
    session_expires_at: Mapped[datetime]
    intent_id: Mapped[str | None] = mapped_column(unique=True)
    settles_booking: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    paid_at: Mapped[datetime | None]

    booking: Mapped[Booking] = relationship()
    refunds: Mapped[list[Refund]] = relationship(back_populates="payment", order_by="Refund.id")

    @property
    def idempotency_key(self) -> str:
        return f"checkout:{self.attempt}"

    @property
    def pays_again(self) -> bool:
        """To the desk, by somebody whose first payment had gone back because nobody came."""
        return self.method == Method.CLINIC and self.state == PaymentState.PAID and not self.settles_booking


class RefundState(StrEnum):
    WANTED = "wanted"
    SENT = "sent"
    DONE = "done"
    FAILED = "failed"


class Refund(HasId, Base):
    """Money to give back. `cause` makes each reason count once per payment."""

    __tablename__ = "refund"
    __table_args__ = (
        UniqueConstraint("payment_id", "cause"),
        CheckConstraint("amount_cents > 0", name="amount"),
    )

    payment_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("payment.id"))
    cause: Mapped[str]
    amount_cents: Mapped[int]
    state: Mapped[RefundState]
    stripe_refund_id: Mapped[str | None] = mapped_column(unique=True)
    created_at: Mapped[datetime]

    payment: Mapped[Payment] = relationship(back_populates="refunds")

    @property
    def idempotency_key(self) -> str:
        return f"refund:{self.payment.attempt}:{self.cause}"


class StripeNotification(HasId, Base):
    """A verified event, stored before anything is done about it. It is a hint: the API is the truth."""

    __tablename__ = "stripe_event"

    event_id: Mapped[str] = mapped_column(unique=True)
    type: Mapped[str]
    object_id: Mapped[str]
    payment_intent: Mapped[str | None]
    livemode: Mapped[bool]
    received_at: Mapped[datetime]
    applied_at: Mapped[datetime | None]
