"""Keeps what we know of the calendars outside: when people are busy there, how fresh that is, and what is wrong."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from portal.catalogue.models import AppointmentType
from portal.clinic import Setting
from portal.db import db
from portal.integrations.http import PartnerError, Permanent, Transient
from portal.scheduling.models import BusyTime, Outside, OutsideCalendar

UNKNOWN_AFTER_MINUTES = 360
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=2), timedelta(minutes=10)
FLAG_AFTER = timedelta(minutes=15)


@dataclass(frozen=True)
class Busy:
    """A range in which somebody is busy outside, in UTC, under its id there."""

    external_id: str
    starts_at: datetime
    ends_at: datetime
    in_person_only: bool = False


def find_calendar(practitioner_id: int, source: Outside) -> OutsideCalendar | None:
    return db.session.get(OutsideCalendar, (practitioner_id, source), populate_existing=True)


def known_ids(practitioner_id: int, source: Outside) -> set[str]:
    """The ids, there, of what we know somebody is busy with."""
    return set(db.session.scalars(select(BusyTime.external_id).where(*_of(practitioner_id, source))))


def known_from(source: Outside, at: datetime) -> dict[str, tuple[int, Busy]]:
    """What begins at this moment or later, of everybody: by its id there, with who is busy."""
    rows = db.session.scalars(select(BusyTime).where(BusyTime.source == source, BusyTime.starts_at >= at))
    return {row.external_id: (row.practitioner_id, _busy(row)) for row in rows}


def replace(practitioner_id: int, source: Outside, busy: Collection[Busy]) -> None:
    """All that is known from now on. In one transaction with its cause, so that nobody ever looks between."""
    forget(practitioner_id, source, known_ids(practitioner_id, source) - {one.external_id for one in busy})
    put(practitioner_id, source, busy)


def put(practitioner_id: int, source: Outside, busy: Iterable[Busy]) -> None:
    """Add or change these; what else is known stays."""
    rows = [{"practitioner_id": practitioner_id, "source": source, **asdict(one)} for one in busy]
    if not rows:
        return
    new = insert(BusyTime).values(rows)
    db.session.execute(
        new.on_conflict_do_update(
            index_elements=["practitioner_id", "source", "external_id"],
            set_={name: new.excluded[name] for name in ("starts_at", "ends_at", "in_person_only")},
        )
    )


def forget(practitioner_id: int, source: Outside, external_ids: Collection[str]) -> None:
    if external_ids:
        gone = delete(BusyTime).where(*_of(practitioner_id, source), BusyTime.external_id.in_(external_ids))
        db.session.execute(gone)


def forget_calendar(practitioner_id: int, source: Outside) -> None:
    """Nobody is there any more: neither is what we knew."""
    db.session.execute(delete(BusyTime).where(*_of(practitioner_id, source)))
    calendar = find_calendar(practitioner_id, source)
    if calendar is not None:
        db.session.delete(calendar)


def note_read(
    practitioner_id: int, source: Outside, external_id: str, window: tuple[datetime, datetime], at: datetime
) -> OutsideCalendar:
    """It was read at this moment, over this window. Outlook is trusted for a while from now; then it is unknown."""
    calendar = _calendar(practitioner_id, source)
    calendar.external_id = external_id
    calendar.window_from, calendar.window_until = window
    calendar.read_at, calendar.failed_at, calendar.problem = at, None, ""
    calendar.unknown_from = at + unknown_after() if source == Outside.OUTLOOK else None
    return calendar


def note_failure(
    practitioner_id: int, source: Outside, external_id: str, error: PartnerError, at: datetime
) -> OutsideCalendar:
    """It could not be read. What was known stays; but of another mailbox than the one we knew, nothing is known."""
    calendar = _calendar(practitioner_id, source)
    calendar.failed_at = calendar.failed_at or at
    calendar.problem = in_words(error)
    if source == Outside.OUTLOOK:
        calendar.unknown_from = _unknown_from(calendar, external_id, at)
    return calendar


def next_try(failed_at: datetime, error: PartnerError, at: datetime) -> datetime:
    """As long again as it has been failing, from 2 s to 10 min, and never before the partner wants to see us."""
    wish = error.retry_after if isinstance(error, Transient) else None
    wait = min(max(at - failed_at, FIRST_WAIT), LONGEST_WAIT)
    return at + max(wait, timedelta(seconds=wish or 0))


def in_words(error: PartnerError) -> str:
    """What went wrong, for staff."""
    if error.system == "entra":
        why = "Microsoft does not let the portal in"
    elif error.status == 404:
        why = "it is not there"
    elif error.status in (401, 403):
        why = "access is refused"
    elif error.status == 429:
        why = "we are asked to wait"
    elif isinstance(error, Permanent):
        why = "the answer makes no sense"
    else:
        why = "there is no answer"
    return f"{why} ({error.code}{f', HTTP {error.status}' if error.status else ''})"


def unknown_after() -> timedelta:
    """How long a reading of Outlook is believed: "unknown_after_minutes" of the setting "scheduling"."""
    stored = db.session.scalar(select(Setting.value).where(Setting.name == "scheduling")) or {}
    return timedelta(minutes=int(stored.get("unknown_after_minutes", UNKNOWN_AFTER_MINUTES)))


def horizon() -> timedelta:
    """How far ahead patients can book, of whatever type."""
    return timedelta(days=db.session.scalar(select(func.max(AppointmentType.horizon_days))) or 60)


def _busy(row: BusyTime) -> Busy:
    return Busy(row.external_id, row.starts_at, row.ends_at, row.in_person_only)


def _unknown_from(calendar: OutsideCalendar, external_id: str, at: datetime) -> datetime:
    """Of a calendar that cannot be read. The clinic may change its mind, meanwhile, on how long it believes one."""
    if calendar.external_id != external_id or calendar.read_at is None:
        return min(calendar.unknown_from or at, at)
    return calendar.read_at + unknown_after()


def _calendar(practitioner_id: int, source: Outside) -> OutsideCalendar:
    calendar = find_calendar(practitioner_id, source)
    if calendar is None:
        calendar = OutsideCalendar(practitioner_id=practitioner_id, source=source, problem="", external_id="")
        db.session.add(calendar)
    return calendar


def _of(practitioner_id: int, source: Outside) -> tuple[Any, Any]:
    return BusyTime.practitioner_id == practitioner_id, BusyTime.source == source
