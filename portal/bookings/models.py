"""The booking, its history, and the personal links that open it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import TSTZRANGE, ExcludeConstraint, Range
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.bookings.states import OCCUPYING, WAITING, Status
from portal.catalogue.models import AppointmentType
from portal.db import Base, HasId, Json
from portal.patients.models import Patient
from portal.scheduling.models import Location, Room
from portal.staff.models import Practitioner, StaffMember

_OCCUPYING_SQL = "status in (" + ", ".join(f"'{status}'" for status in sorted(OCCUPYING)) + ")"
_WAITING_SQL = "status in (" + ", ".join(f"'{status}'" for status in sorted(WAITING)) + ")"


class BookedFor(StrEnum):
    SELF = "self"
    CHILD = "child"
    CARED_FOR = "cared-for"


class Booking(HasId, Base):
    """One visit, from hold to history. It keeps its row and reference for life, also when it moves (design D8)."""

    __tablename__ = "booking"
    __table_args__ = (
        # The judge of double bookings (design D2). int8range makes a plain column fit a GiST index without btree_gist.
        ExcludeConstraint(
            (text("int8range(practitioner_id, practitioner_id, '[]')"), "&&"),
            ("blocked", "&&"),
            name="no_overlap_of_practitioner",
            where=text(f"{_OCCUPYING_SQL} and not overlap_allowed"),
            using="gist",
        ),
        # A null room would become an unbounded range and clash with every other one.
        ExcludeConstraint(
            (text("int8range(room_id, room_id, '[]')"), "&&"),
            ("blocked", "&&"),
            name="no_overlap_of_room",
            where=text(f"room_id is not null and {_OCCUPYING_SQL} and not overlap_allowed"),
            using="gist",
        ),
        CheckConstraint("ends_at > starts_at", name="order"),
        CheckConstraint("blocked @> tstzrange(starts_at, ends_at)", name="blocked_holds_visit"),
        CheckConstraint("not overlap_allowed or overlap_reason <> ''", name="overlap_has_reason"),
        CheckConstraint(f"not ({_WAITING_SQL}) or hold_expires_at is not null", name="waiting_has_deadline"),
        Index("ix_booking_waiting", "hold_expires_at", postgresql_where=text(_WAITING_SQL)),
        Index("ix_booking_practitioner_starts_at", "practitioner_id", "starts_at"),
        # scheduling/facts_statement.py asks with these very words; the guards above do not know of overrides.
        Index("ix_booking_blocked", "blocked", postgresql_using="gist", postgresql_where=text(_OCCUPYING_SQL)),
    )

    reference: Mapped[str] = mapped_column(unique=True)
    appointment_type_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("appointment_type.id"))
    practitioner_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("practitioner.id"))
    location_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("location.id"))
    room_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("room.id"))
    patient_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("patient.id"), index=True)
    status: Mapped[Status]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    blocked: Mapped[Range[datetime]] = mapped_column(TSTZRANGE)
    held_at: Mapped[datetime]
    hold_expires_at: Mapped[datetime | None]
    terms: Mapped[Json]
    source: Mapped[str] = mapped_column(default="web")
    # Stands for the network it was held from online, which cannot be read back; empty for the desk's.
    held_from: Mapped[str] = mapped_column(default="", server_default="")
    # Why this practitioner, where the person named none.
    chosen_because: Mapped[str] = mapped_column(default="", server_default="")
    overlap_allowed: Mapped[bool] = mapped_column(default=False)
    overlap_reason: Mapped[str] = mapped_column(default="")
    moves_booking_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("booking.id"))
    version: Mapped[int] = mapped_column(default=0)  # how often it has moved; the SEQUENCE of its calendar entry
    access_version: Mapped[int] = mapped_column(default=0, server_default=text("0"))  # how often its links were closed
    booked_for: Mapped[BookedFor] = mapped_column(default=BookedFor.SELF)
    booked_by: Mapped[str] = mapped_column(default="")
    says_new: Mapped[bool | None]
    confirmed_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    cancelled_by: Mapped[str] = mapped_column(default="")  # who wished it; the history tells who did it
    fee_waived: Mapped[bool] = mapped_column(default=False, server_default=text("false"))

    appointment_type: Mapped[AppointmentType] = relationship()
    practitioner: Mapped[Practitioner] = relationship()
    location: Mapped[Location] = relationship()
    room: Mapped[Room | None] = relationship()
    patient: Mapped[Patient | None] = relationship()

    @property
    def price_cents(self) -> int:
        """The price agreed when the time was held."""
        return int(self.terms["price_cents"])

    @property
    def length_minutes(self) -> int:
        """The length agreed when the time was held."""
        return int(self.terms["length_minutes"])

    @property
    def grant(self) -> str:
        """What a browser remembers that may see this booking; another word once its links were closed."""
        return f"{self.reference}.{self.access_version}" if self.access_version else self.reference

    @property
    def is_free(self) -> bool:
        return self.price_cents == 0

    @property
    def is_held(self) -> bool:
        return self.status == Status.HELD

    @property
    def is_confirmed(self) -> bool:
        return self.status == Status.CONFIRMED

    @property
    def is_cancelled(self) -> bool:
        return self.status == Status.CANCELLED

    @property
    def is_waiting(self) -> bool:
        """Held or awaiting payment: it lapses at `hold_expires_at`."""
        return self.status in WAITING

    @property
    def is_spared_fee(self) -> bool:
        """Nothing is kept of what was paid: the clinic itself cancelled, or staff waived the fee."""
        return self.fee_waived or (self.is_cancelled and self.cancelled_by != "patient")

    def is_lapsed(self, now: datetime) -> bool:
        return self.is_waiting and self.hold_expires_at is not None and self.hold_expires_at <= now


class BookingEvent(HasId, Base):
    """What happened to a booking, in order; rows are only ever added."""

    __tablename__ = "booking_event"

    booking_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("booking.id"), index=True)
    name: Mapped[str]
    at: Mapped[datetime]
    by: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)


class ChangeKind(StrEnum):
    MOVED = "moved"
    CANCELLED = "cancelled"
    DID_NOT_ARRIVE = "did-not-arrive"


class StaffChange(Base):
    """The latest change by staff to a booking, and how it stood before. Until `due_at` it can be undone."""

    __tablename__ = "staff_change"

    booking_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("booking.id"), primary_key=True)
    kind: Mapped[ChangeKind]
    before: Mapped[Json]
    version: Mapped[int]  # of the booking, as the change left it
    made_by_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("staff_member.id"))
    made_at: Mapped[datetime]
    due_at: Mapped[datetime]
    is_told: Mapped[bool] = mapped_column(default=True)  # False: somebody decided that the patient gets no mail

    made_by: Mapped[StaffMember] = relationship()


class BookingNote(HasId, Base):
    """What staff wrote about a visit, sealed: it may tell of health. `key` is part of what it is sealed with."""

    __tablename__ = "booking_note"

    key: Mapped[str] = mapped_column(unique=True)
    booking_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("booking.id"), index=True)
    sealed: Mapped[str]
    written_by_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("staff_member.id"))
    written_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]

    written_by: Mapped[StaffMember] = relationship()


class LinkToken(HasId, Base):
    """A personal link, stored as a hash only. One link opens one booking's logistics, never health data."""

    __tablename__ = "link_token"

    token_hash: Mapped[str] = mapped_column(unique=True)
    booking_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("booking.id"), index=True)
    purpose: Mapped[str] = mapped_column(default="manage")
    made_for: Mapped[str]  # the message that carries it; a retry of the message replaces the token
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class OfferState(StrEnum):
    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    LAPSED = "lapsed"
    WITHDRAWN = "withdrawn"  # the visit was moved or cancelled by another road


class Offer(HasId, Base):
    """Other times for a visit that cannot be kept as booked. The times are held bookings that name the visit.

    The link's token is kept as a hash only; a retry of the mail that carries it replaces it.
    """

    __tablename__ = "offer"
    __table_args__ = (
        Index("uq_offer_open", "booking_id", unique=True, postgresql_where=text("state = 'open'")),
        Index("ix_offer_waiting", "expires_at", postgresql_where=text("state = 'open'")),
    )

    booking_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("booking.id"), index=True)
    booking_version: Mapped[int]  # as the visit stood: one that has moved since needs no offer
    state: Mapped[OfferState]
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    token_hash: Mapped[str | None] = mapped_column(unique=True)

    booking: Mapped[Booking] = relationship()

    @property
    def is_open(self) -> bool:
        return self.state == OfferState.OPEN
