"""Reads what the desk has put into MediRecords' appointment book: nobody tells us of it, so all of it is asked for.

A book that cannot be read does not keep anybody from being offered, because patients book here and not there.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

from sqlalchemy import and_, or_, select

from portal import words
from portal.bookings.models import Booking
from portal.clients import clients
from portal.clock import day_bounds, now
from portal.db import db, transaction
from portal.integrations.http import NotFound, PartnerError
from portal.integrations.medirecords import Appointment
from portal.outbox.post import owe
from portal.scheduling.models import Outside, OutsideCalendar
from portal.staff.models import Practitioner
from portal.staff.tasks import raise_task, settle_task
from portal.sync import outside
from portal.sync.marker import MARKER
from portal.sync.medirecords_link import CANCELLED
from portal.sync.models import MediRecordsLink
from portal.sync.outside import Busy

EVERY = timedelta(minutes=5)
UNKNOWN_LENGTH = timedelta(hours=1)  # of an appointment whose interval is not in the code list
MOST_ASKED_FOR = 50

Providers = Mapping[str, int]  # their provider -> our practitioner


def is_due(at: datetime) -> bool:
    """Whether somebody's column in the book was not read for a while."""
    calendar = and_(OutsideCalendar.practitioner_id == Practitioner.id, OutsideCalendar.source == Outside.MEDIRECORDS)
    overdue = (
        select(Practitioner.id)
        .outerjoin(OutsideCalendar, calendar)
        .where(
            Practitioner.is_active,
            Practitioner.medirecords_provider_id.is_not(None),
            or_(OutsideCalendar.read_at.is_(None), OutsideCalendar.read_at <= at - EVERY),
        )
    )
    return db.session.scalar(overdue.limit(1)) is not None


def read() -> None:
    """Bring what we know of the book up to date, for everybody at once. A failure is noted, and tried again later."""
    at = now()
    providers = _providers()
    zone = clients().settings.zone
    today = at.astimezone(zone).date()
    last = today + outside.horizon()
    db.session.rollback()
    try:
        book = _book(providers, today, last)
    except PartnerError as error:
        _note_failure(providers, error, at)
        return
    with transaction():
        for provider_id, practitioner_id in providers.items():
            outside.replace(practitioner_id, Outside.MEDIRECORDS, book[practitioner_id])
            window = at - timedelta(days=1), at + (last - today)
            outside.note_read(practitioner_id, Outside.MEDIRECORDS, provider_id, window, at)
        _forget_who_left(providers)
        settle_task("medirecords-unreadable", at, about="book")


def _providers() -> dict[str, int]:
    rows = select(Practitioner.medirecords_provider_id, Practitioner.id).where(
        Practitioner.is_active, Practitioner.medirecords_provider_id.is_not(None)
    )
    return {provider_id: id for provider_id, id in db.session.execute(rows) if provider_id is not None}


def _book(providers: Providers, first: date, last: date) -> dict[int, list[Busy]]:
    """Who is busy when. Rows move between pages while the desk works, so one that is missing is asked for by itself."""
    known = outside.known_from(Outside.MEDIRECORDS, day_bounds(first, clients().settings.zone)[0])
    db.session.rollback()
    rows = {row.id: row for row in clients().medirecords.appointments_between(first, last)}
    missing = sorted(known.keys() - rows.keys())
    for appointment_id in missing[:MOST_ASKED_FOR]:
        with contextlib.suppress(NotFound):
            rows[appointment_id] = clients().medirecords.get_appointment(appointment_id)
    book: dict[int, list[Busy]] = defaultdict(list)
    own = _own_ids(rows.values())
    for row in rows.values():
        practitioner_id = providers.get(row.provider_id or "")
        if practitioner_id is not None and row.id not in own and row.status != CANCELLED:
            book[practitioner_id].append(busy_of(row))
    for appointment_id in missing[MOST_ASKED_FOR:]:
        # So many at once are left for the next time, and count until then.
        practitioner_id, busy = known[appointment_id]
        book[practitioner_id].append(busy)
    return book


def busy_of(row: Appointment) -> Busy:
    length = timedelta(minutes=row.minutes) if row.minutes else UNKNOWN_LENGTH
    return Busy(row.id, row.starts_at, row.starts_at + length)


def _own_ids(rows: Iterable[Appointment]) -> set[str]:
    """Which of these are our bookings' appointments, also one that we have created and not noted yet."""
    named = {row.id: match[1] if (match := MARKER.search(row.notes)) else "" for row in rows}
    bookings = set(db.session.scalars(select(Booking.reference).where(Booking.reference.in_({*named.values()}))))
    link = MediRecordsLink.appointment_id
    linked = set(db.session.scalars(select(link).where(link.in_(list(named)))))
    db.session.rollback()
    return {id for id, reference in named.items() if reference in bookings or id in linked}


def _forget_who_left(providers: Providers) -> None:
    gone = select(OutsideCalendar.practitioner_id).where(
        OutsideCalendar.source == Outside.MEDIRECORDS,
        OutsideCalendar.practitioner_id.not_in(list(providers.values())),
    )
    for practitioner_id in db.session.scalars(gone).all():
        outside.forget_calendar(practitioner_id, Outside.MEDIRECORDS)


def _note_failure(providers: Providers, error: PartnerError, at: datetime) -> None:
    db.session.rollback()
    with transaction():
        calendars = [
            outside.note_failure(practitioner_id, Outside.MEDIRECORDS, provider_id, error, at)
            for provider_id, practitioner_id in providers.items()
        ]
        since = min((calendar.failed_at for calendar in calendars if calendar.failed_at), default=at)
        owe("sync.read_medirecords_busy", now=at, not_before=outside.next_try(since, error, at))
        if at - since >= outside.FLAG_AFTER:
            told = (
                f"MediRecords' appointment book cannot be read since {words.soon(since, clients().settings.zone)}: "
                f"{outside.in_words(error)}. What the desk has put there since then is not known here, and patients "
                "may be offered those times."
            )
            raise_task("medirecords-unreadable", told, at, about="book")
