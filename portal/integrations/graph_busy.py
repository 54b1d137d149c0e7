"""What Graph says of when somebody is busy: entries of a calendar view, rounds of changes, free/busy.

Never what an entry is about: we do not ask for its subject, and what a delta round sends of it is dropped here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from portal.integrations.graph_values import METADATA_PROPERTY, Json, metadata_of
from portal.integrations.http import Permanent

ENTRY_FIELDS = "id,start,end,isAllDay,showAs,isCancelled,type,transactionId"
MASTER = "seriesMaster"


@dataclass(frozen=True)
class CalendarEntry:
    """An event or one occurrence of a series, as it is now. `metadata` is None for an entry that a person made.

    Times are UTC; of an all-day entry they are midnights without a zone, meant as local days.
    """

    id: str
    starts_at: datetime
    ends_at: datetime
    is_all_day: bool
    show_as: str
    is_cancelled: bool
    type: str
    transaction_id: str | None
    metadata: Mapping[str, Any] | None


@dataclass(frozen=True)
class Change:
    """Something happened to this entry. A removed one is known by its id only."""

    id: str
    is_removed: bool
    is_master: bool
    transaction_id: str | None


@dataclass(frozen=True)
class Changes:
    """One round: each changed entry once, and where the next round starts."""

    changed: tuple[Change, ...]
    delta_link: str


@dataclass(frozen=True)
class ScheduleItem:
    """A range of somebody's free/busy, in UTC. `status` is spelt as in an event's showAs, in lower case."""

    starts_at: datetime
    ends_at: datetime
    status: str


class RoundsAreOver(Permanent):
    """Graph has forgotten where we stood (410): begin again with a first round."""


class ScheduleUnknown(Permanent):
    """Graph does not say when this person is busy. That is unknown, never free."""


def entry_of(row: Json) -> CalendarEntry:
    properties = {one["id"]: one["value"] for one in row.get("singleValueExtendedProperties", [])}
    return CalendarEntry(
        id=row["id"],
        starts_at=_utc(row["start"]),
        ends_at=_utc(row["end"]),
        is_all_day=bool(row.get("isAllDay")),
        show_as=row.get("showAs", "unknown"),
        is_cancelled=bool(row.get("isCancelled")),
        type=row.get("type", "singleInstance"),
        transaction_id=row.get("transactionId"),
        metadata=metadata_of(properties.get(METADATA_PROPERTY)),
    )


def changes_of(rows: Iterable[Json], delta_link: str) -> Changes:
    """The same entry may come several times; the last row counts."""
    latest = {row["id"]: row for row in rows}
    return Changes(tuple(map(_change_of, latest.values())), delta_link)


def _change_of(row: Json) -> Change:
    return Change(
        id=row["id"],
        is_removed="@removed" in row,
        is_master=row.get("type") == MASTER,
        transaction_id=row.get("transactionId"),
    )


def schedule_of(answer: Json) -> list[ScheduleItem]:
    """The one schedule that was asked for. Raises ScheduleUnknown for an entry with an error, which looks free."""
    (schedule,) = answer["value"]
    error = schedule.get("error")
    if error is not None:
        raise ScheduleUnknown("graph", str(error.get("responseCode") or "unknown"))
    return [
        ScheduleItem(_utc(item["start"]), _utc(item["end"]), str(item["status"]).lower())
        for item in schedule["scheduleItems"]
    ]


def _utc(moment: Json) -> datetime:
    # We never ask for another zone, so it is UTC; the value itself carries no offset.
    return datetime.fromisoformat(moment["dateTime"]).replace(tzinfo=UTC)
