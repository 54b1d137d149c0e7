"""How mail, Outlook and MediRecords stand with a booking, in words, and what can be tried again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select

from portal import words
from portal.bookings import undo
from portal.bookings.models import Booking, ChangeKind
from portal.catalogue.models import ProcessorKind
from portal.db import db
from portal.notices.kinds import MailKind
from portal.notices.models import Message
from portal.outbox.models import OutboxMessage
from portal.sync.models import MediRecordsLink, OutlookLink
from portal.sync.outlook import ON_CALENDAR

MAILS = {
    MailKind.CONFIRMATION: "Confirmation",
    MailKind.MOVED: "New time",
    MailKind.CANCELLED: "Cancellation",
    MailKind.NOT_PLACED: "Money on its way back",
    MailKind.PERSONAL_LINK: "Personal link",
    MailKind.CONFIRMATION_AGAIN: "Confirmation, sent again",
    MailKind.OFFER: "Other times",
}
JOBS = {f"notices.send_{kind}": kind for kind in MAILS}
QUIET = {"notices.send_moved": ChangeKind.MOVED, "notices.send_cancelled": ChangeKind.CANCELLED}
OUTLOOK, MEDIRECORDS = "sync.outlook", "sync.medirecords"
# Their mail is one for each request, named by a key of its own.
KEYED = ("notices.send_personal_link", "notices.send_confirmation_again")


@dataclass(frozen=True)
class Row:
    """One thing outside. `state` is done, waiting, needs-you or nothing; `retry` what the button sends."""

    what: str
    state: str
    words: str
    retry: str = ""


def of(booking: Booking, zone: ZoneInfo, now: datetime) -> list[Row]:
    """Mails in the order they were written, then the calendars."""
    owed = _owed(booking)
    return [
        *_mails(booking, owed, zone, now),
        _outlook(booking, owed, zone, now),
        _medirecords(booking, owed, zone, now),
    ]


def waiting_row(booking_id: int, row_id: int) -> OutboxMessage | None:
    """A row of the outbox that was given up, if it is about this booking."""
    row = db.session.get(OutboxMessage, row_id)
    jobs = {*JOBS, OUTLOOK, MEDIRECORDS}
    return row if row is not None and row.job in jobs and row.args[:1] == [booking_id] else None


def _owed(booking: Booking) -> dict[str, OutboxMessage]:
    """What is not done yet, by job; of several the newest."""
    keys = [f"{job}:{booking.id}" for job in (*JOBS, OUTLOOK, MEDIRECORDS)]
    keyed = [OutboxMessage.dedupe_key.startswith(f"{job}:{booking.id}:", autoescape=True) for job in KEYED]
    wanted = select(OutboxMessage).where(
        OutboxMessage.done_at.is_(None), or_(OutboxMessage.dedupe_key.in_(keys), *keyed)
    )
    return {row.job: row for row in db.session.scalars(wanted.order_by(OutboxMessage.id))}


def _mails(booking: Booking, owed: dict[str, OutboxMessage], zone: ZoneInfo, now: datetime) -> Iterator[Row]:
    written = db.session.scalars(select(Message).where(Message.booking_id == booking.id).order_by(Message.id))
    for message in written:
        what = f"Mail: {MAILS[MailKind(message.kind)]}"
        if message.sent_at is not None:
            yield Row(what, "done", f"Sent {words.brief(message.sent_at, zone)}")
        elif message.given_up:
            yield Row(
                what, "needs-you", f"It may not have arrived: {message.given_up}. Ask the patient, or send it again."
            )
    for job, row in owed.items():
        if job in QUIET and undo.is_kept_quiet(booking, QUIET[job]):
            yield Row(f"Mail: {MAILS[JOBS[job]]}", "nothing", "Not sent: somebody decided not to tell")
        elif job in JOBS:
            yield _of_row(f"Mail: {MAILS[JOBS[job]]}", row, zone, now)


def _outlook(booking: Booking, owed: dict[str, OutboxMessage], zone: ZoneInfo, now: datetime) -> Row:
    link = db.session.get(OutlookLink, booking.id)
    if OUTLOOK in owed:
        return _of_row("Outlook", owed[OUTLOOK], zone, now)
    if booking.status in ON_CALENDAR and booking.practitioner.graph_user_id is None:
        return Row("Outlook", "needs-you", f"{booking.practitioner.name} has no mailbox connected.")
    if link is None or link.synced_at is None:
        return Row("Outlook", "nothing", "Not there")
    said = "There since" if link.event_id is not None else "Taken out"
    return Row("Outlook", "done", f"{said} {words.brief(link.synced_at, zone)}")


def _medirecords(booking: Booking, owed: dict[str, OutboxMessage], zone: ZoneInfo, now: datetime) -> Row:
    processor = booking.appointment_type.service.processor
    if processor is None or processor.kind != ProcessorKind.MEDIRECORDS or not booking.terms["medi_code"]:
        return Row("MediRecords", "nothing", "No appointment there for this type")
    link = db.session.get(MediRecordsLink, booking.id)
    if MEDIRECORDS in owed:
        return _of_row("MediRecords", owed[MEDIRECORDS], zone, now)
    if link is not None and link.needs_you:
        return Row("MediRecords", "needs-you", f"Needs you: {link.needs_you}.", retry=MEDIRECORDS)
    if link is None or link.synced_at is None:
        waits = booking.status in ON_CALENDAR
        return Row("MediRecords", "waiting" if waits else "nothing", "Follows Outlook" if waits else "Not there")
    said = "There since" if link.is_live else "Cancelled there"
    return Row("MediRecords", "done", f"{said} {words.brief(link.synced_at, zone)}")


def _of_row(what: str, row: OutboxMessage, zone: ZoneInfo, now: datetime) -> Row:
    if row.parked_at is not None:
        return Row(what, "needs-you", f"Given up: {row.last_error}.", retry=str(row.id))
    since = words.brief(row.created_at, zone)
    if row.attempts:
        tried = f", tried {row.attempts} time{'s' if row.attempts > 1 else ''}"
        return Row(what, "waiting", f"Waiting since {since}{tried}{': ' + row.last_error if row.last_error else ''}")
    if row.not_before > now:
        return Row(what, "waiting", f"Goes at {words.clock(row.not_before, zone)}")
    return Row(what, "waiting", f"Waiting since {since}")
