"""How a practitioner is connected to Outlook and MediRecords, in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select

from portal import words
from portal.db import db
from portal.scheduling.models import Outside, OutsideCalendar
from portal.staff.models import Practitioner
from portal.sync.models import GraphSubscription


@dataclass(frozen=True)
class Connection:
    """One system: what is so, and whether somebody has to look."""

    system: str
    words: str
    is_fine: bool


def of(people: list[Practitioner], now: datetime, zone: ZoneInfo) -> dict[int, list[Connection]]:
    """By practitioner; two queries, however many they are."""
    ids = [person.id for person in people]
    read = select(OutsideCalendar).where(
        OutsideCalendar.practitioner_id.in_(ids), OutsideCalendar.source == Outside.OUTLOOK
    )
    told = select(GraphSubscription).where(GraphSubscription.practitioner_id.in_(ids))
    calendars = {each.practitioner_id: each for each in db.session.scalars(read)}
    subscriptions = {each.practitioner_id: each for each in db.session.scalars(told)}
    return {
        person.id: [
            _outlook(person, calendars.get(person.id), subscriptions.get(person.id), now, zone),
            _medirecords(person),
        ]
        for person in people
    }


def _outlook(
    person: Practitioner,
    calendar: OutsideCalendar | None,
    subscription: GraphSubscription | None,
    now: datetime,
    zone: ZoneInfo,
) -> Connection:
    if person.graph_user_id is None:
        return Connection("Outlook", "No mailbox: visits are written into no calendar.", is_fine=False)
    if calendar is not None and calendar.failed_at is not None:
        since = words.brief(calendar.failed_at, zone)
        is_kept_off = calendar.unknown_from is not None and calendar.unknown_from <= now
        closed = " Nobody can book with them until it can." if is_kept_off else ""
        return Connection("Outlook", f"The calendar cannot be read since {since}.{closed}", is_fine=False)
    if calendar is None or calendar.read_at is None:
        return Connection("Outlook", "The calendar has not been read yet. Nobody can book until it is.", is_fine=False)
    read = f"Read {words.brief(calendar.read_at, zone)}."
    if subscription is None or subscription.expires_at is None or subscription.expires_at <= now:
        return Connection("Outlook", f"{read} Changes there are not told to us yet.", is_fine=False)
    return Connection("Outlook", f"Connected. {read}", is_fine=True)


def _medirecords(person: Practitioner) -> Connection:
    if person.medirecords_provider_id is None:
        return Connection("MediRecords", "No provider: visits get no appointment there.", is_fine=False)
    return Connection("MediRecords", "Provider is set.", is_fine=True)
