"""Keeps the outside in step: each job takes an id, looks at the truth, and makes one system match it."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import or_, select

from portal.bookings import find
from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.catalogue.models import AppointmentType, Processor, ProcessorKind
from portal.clock import now
from portal.db import LockKind, db, exclusive, transaction
from portal.outbox.post import remind
from portal.staff.models import Practitioner
from portal.staff.tasks import raise_task
from portal.sync import busy, busy_check, busy_medirecords, mapping, notifications, processor, reconcile
from portal.sync import outlook as calendar
from portal.sync.models import MediRecordsLink, OutlookLink

LOST_AFTER = timedelta(minutes=5)


def outlook(booking_id: int) -> None:
    """Make the practitioner's Outlook match the booking: create, move, remove, or nothing."""
    with exclusive(LockKind.OUTLOOK, booking_id):
        booking = find.get(booking_id)
        if booking.practitioner.graph_user_id is None and booking.status in calendar.ON_CALENDAR:
            with transaction():
                raise_task(
                    "mailbox-missing",
                    f"{booking.practitioner.name} has no Outlook mailbox connected. {booking.reference} is not there.",
                    now(),
                    booking_id=booking_id,
                )
            return
        calendar.match(booking)


def route(notification_id: int) -> None:
    """Send a Graph notification to the processor of the service it is about."""
    notifications.route(notification_id)


def keep_subscription(practitioner_id: int) -> None:
    """Create or renew the Graph subscription of a practitioner's calendar."""
    with exclusive(LockKind.SUBSCRIPTION, practitioner_id):
        notifications.keep_subscription(practitioner_id)


def medirecords(booking_id: int) -> None:
    """Run the service's processor: make MediRecords match the booking."""
    with exclusive(LockKind.MEDIRECORDS, booking_id):
        processor.process(find.get(booking_id), cause="outbox")


def reconcile_outlook(practitioner_id: int) -> None:
    """Compare a practitioner's calendar with their bookings."""
    reconcile.outlook(practitioner_id)


def check_mapping(check_id: int) -> None:
    """Find out whether MediRecords knows what a service is mapped to."""
    mapping.answer(check_id)


def read_outlook_busy(practitioner_id: int) -> None:
    """Bring what we know of a practitioner's own entries in Outlook up to date."""
    with exclusive(LockKind.OUTSIDE_CALENDAR, practitioner_id):
        busy.read(practitioner_id)


def check_outlook_busy(practitioner_id: int) -> None:
    """Compare what we know of them with Outlook's free/busy."""
    with exclusive(LockKind.OUTSIDE_CALENDAR, practitioner_id):
        busy_check.check(practitioner_id)


def read_medirecords_busy() -> None:
    """Bring what we know of the desk's appointments in MediRecords up to date."""
    with exclusive(LockKind.OUTSIDE_CALENDAR, 0):
        busy_medirecords.read()


def reconcile_medirecords() -> None:
    """Compare MediRecords' appointments with our bookings."""
    reconcile.medirecords()


def owe_reconciliation(at: datetime) -> None:
    """Every 15 minutes: compare every calendar, and MediRecords, with our bookings."""
    for practitioner_id in _connected():
        remind("sync.reconcile_outlook", practitioner_id, now=at)
    remind("sync.reconcile_medirecords", now=at)


def owe_busy_reads(at: datetime) -> None:
    """Every half minute: read again what was not read for a while, whether or not anybody told us of a change."""
    for practitioner_id in busy.practitioners_to_read(at):
        remind("sync.read_outlook_busy", practitioner_id, now=at)
    if busy_medirecords.is_due(at):
        remind("sync.read_medirecords_busy", now=at)


def owe_busy_checks(at: datetime) -> None:
    """Every hour: ask Outlook itself whether we have understood its calendars."""
    for practitioner_id in _connected():
        remind("sync.check_outlook_busy", practitioner_id, now=at)


def sweep(at: datetime) -> None:
    """Catch what got lost: subscriptions that ran out, events never written, notifications that never came."""
    for practitioner_id in notifications.practitioners_to_look_after(at):
        remind("sync.keep_subscription", practitioner_id, now=at)
    for booking_id in _without_event(at):
        remind("sync.outlook", booking_id, now=at)
    for booking_id in _without_appointment(at):
        remind("sync.medirecords", booking_id, now=at)


def _connected() -> list[int]:
    rows = select(Practitioner.id).where(Practitioner.is_active, Practitioner.graph_user_id.is_not(None))
    return list(db.session.scalars(rows))


def _without_event(at: datetime) -> list[int]:
    """Confirmed for a while and still ahead, but not in Outlook; left alone while its mailbox is missing."""
    query = (
        select(Booking.id)
        .join(Practitioner, Practitioner.id == Booking.practitioner_id)
        .outerjoin(OutlookLink, OutlookLink.booking_id == Booking.id)
        .where(
            Practitioner.graph_user_id.is_not(None),
            Booking.status == Status.CONFIRMED,
            Booking.confirmed_at <= at - LOST_AFTER,
            Booking.starts_at > at,
            OutlookLink.event_id.is_(None),
        )
    )
    return list(db.session.scalars(query))


def _without_appointment(at: datetime) -> list[int]:
    """In Outlook for a while, but not in MediRecords although its service wants it; "needs you" waits for a person."""
    query = (
        select(Booking.id)
        .join(OutlookLink, OutlookLink.booking_id == Booking.id)
        .join(AppointmentType, AppointmentType.id == Booking.appointment_type_id)
        .join(Processor, Processor.service_id == AppointmentType.service_id)
        .outerjoin(MediRecordsLink, MediRecordsLink.booking_id == Booking.id)
        .where(
            Booking.status == Status.CONFIRMED,
            Booking.starts_at > at,
            OutlookLink.synced_at <= at - LOST_AFTER,
            Processor.kind == ProcessorKind.MEDIRECORDS,
            Booking.terms["medi_code"].astext.is_not(None),
            MediRecordsLink.appointment_id.is_(None),
            or_(MediRecordsLink.needs_you.is_(None), MediRecordsLink.needs_you == ""),
        )
    )
    return list(db.session.scalars(query))
