"""What staff write about a visit, sealed: for staff only, and in no mail, calendar or list."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from portal import vault
from portal.bookings.auditing import write_down
from portal.bookings.models import Booking, BookingNote
from portal.db import db
from portal.staff.access import Staff
from portal.staff.models import Action

LONGEST = 2000


class NoSuchNote(Exception):
    """It is not there, or was removed already."""


@dataclass(frozen=True)
class Note:
    """A note, opened. `key` names it on pages."""

    key: str
    text: str
    written_by: str
    written_at: datetime


def write(booking: Booking, text: str, staff: Staff, now: datetime) -> str:
    """Add a note. -> its key"""
    key = secrets.token_hex(8)
    db.session.add(
        BookingNote(
            key=key,
            booking_id=booking.id,
            sealed=vault.seal(text[:LONGEST], _context(key)),
            written_by_id=staff.id,
            written_at=now,
        )
    )
    write_down(booking, Action.ADDED, staff, now, part="note")
    return key


def write_reason(booking: Booking, what: str, reason: str, staff: Staff, now: datetime) -> None:
    """Keep a typed reason where the next person looks for it; nothing when nobody gave one."""
    if reason:
        write(booking, f"{what}: {reason}", staff, now)


def of(booking: Booking) -> list[Note]:
    """The notes of a visit, the newest first. Who reads them is for the caller to write down."""
    wanted = select(BookingNote).where(BookingNote.booking_id == booking.id, BookingNote.removed_at.is_(None))
    rows = db.session.scalars(wanted.options(joinedload(BookingNote.written_by)).order_by(BookingNote.id.desc()))
    return [
        Note(row.key, vault.unseal(row.sealed, _context(row.key)), row.written_by.name, row.written_at) for row in rows
    ]


def remove(booking: Booking, key: str, staff: Staff, now: datetime) -> None:
    """Take a note off the page; the row stays, so that it can be put back. Raises NoSuchNote."""
    _get(booking, key, is_removed=False).removed_at = now
    write_down(booking, Action.REMOVED, staff, now, part="note")


def put_back(booking: Booking, key: str, staff: Staff, now: datetime) -> None:
    """Undo a removal. Raises NoSuchNote."""
    _get(booking, key, is_removed=True).removed_at = None
    write_down(booking, Action.ADDED, staff, now, part="note")


def _get(booking: Booking, key: str, *, is_removed: bool) -> BookingNote:
    wanted = select(BookingNote).where(BookingNote.booking_id == booking.id, BookingNote.key == key)
    note = db.session.scalars(wanted.with_for_update()).one_or_none()
    if note is None or (note.removed_at is not None) != is_removed:
        raise NoSuchNote(key)
    return note


def _context(key: str) -> str:
    return f"booking_note:{key}"
