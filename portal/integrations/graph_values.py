"""What Graph's JSON means to us, both ways: events, subscriptions, messages and refusals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import requests

from portal.integrations.http import (
    Ambiguous,
    NotFound,
    PartnerError,
    Permanent,
    Transient,
    retry_after_seconds,
)
from portal.integrations.windows_zones import find_windows_zone

Json = dict[str, Any]

# What a 404 says when the mailbox is missing, and not the item that was asked for.
NO_MAILBOX = ("Mailbox", "ErrorInvalidUser", "ResourceNotFound")

# An event is found by this id only in exactly this spelling. Each new name would cost a mailbox one of its named
# properties for ever, so neither the GUID nor the name may change.
METADATA_PROPERTY = "String {5d2b8f0e-6c1a-4f57-9a43-2e7d90c4b1aa} Name clinicBooking"


@dataclass(frozen=True)
class EventSpec:
    """What an event of ours should be. Times are UTC; `zone` (IANA) is the one Outlook shows as its own."""

    subject: str
    starts_at: datetime
    ends_at: datetime
    zone: str
    location: str
    body: str
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class GraphEvent:
    """An event as it is now. Times are UTC; `metadata` is None for an entry that a person made."""

    id: str
    etag: str
    subject: str
    starts_at: datetime
    ends_at: datetime
    transaction_id: str | None
    metadata: Mapping[str, Any] | None
    show_as: str
    is_all_day: bool
    is_cancelled: bool
    sensitivity: str
    type: str
    created_at: datetime


@dataclass(frozen=True)
class Subscription:
    """A change subscription; Graph tells nobody the client state again."""

    id: str
    resource: str
    expires_at: datetime
    notification_url: str


@dataclass(frozen=True)
class Draft:
    """A message of ours; once sent it keeps its id and is no draft any more."""

    id: str
    is_draft: bool


class Conflict(Transient):
    """Somebody changed the item since we read it; read it again."""


class AlreadySubscribed(Permanent):
    """There is a subscription of ours for this calendar; list, then renew or replace it."""


class DuplicateTransaction(Permanent):
    """The transaction id was used before; Graph may name the event that has it."""

    def __init__(self, existing_id: str | None, status: int) -> None:
        super().__init__("graph", "ErrorDuplicateTransactionId", status=status)
        self.existing_id = existing_id


def error_of(response: requests.Response, method: str) -> PartnerError:
    """What an answer means for us. The code decides where the same case was seen with several statuses."""
    status, error = response.status_code, _error_object(response)
    code, wish = str(error.get("code") or "unknown"), retry_after_seconds(response)
    if code == "ErrorDuplicateTransactionId":
        return DuplicateTransaction(error.get("@event.existingEventId"), status)
    if code == "ErrorIrresolvableConflict" or status == 412:
        return Conflict("graph", code, status=status, retry_after=wish)
    if status in (429, 503):
        return Transient("graph", code, status=status, retry_after=wish)
    if status >= 500:
        # A gateway may give up on a write that goes through behind it.
        kind = Transient if method == "GET" else Ambiguous
        return kind("graph", code, status=status, retry_after=wish)
    return (NotFound if status == 404 else Permanent)("graph", code, status=status)


def _error_object(response: requests.Response) -> Json:
    try:
        error = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        return {}
    return error if isinstance(error, dict) else {}


def json_of(response: requests.Response) -> Json:
    """The body of a good answer. A broken one leaves open what was done."""
    try:
        return dict(response.json())
    except (ValueError, TypeError) as error:
        raise Ambiguous("graph", "unreadable answer", status=response.status_code) from error


def event_body(spec: EventSpec) -> Json:
    """What we write into an event of ours, at creation and at every change."""
    metadata = json.dumps(dict(spec.metadata), separators=(",", ":"))
    return {
        "subject": spec.subject,
        "start": _moment(spec.starts_at, spec.zone),
        "end": _moment(spec.ends_at, spec.zone),
        "location": {"displayName": spec.location},
        "body": {"contentType": "text", "content": spec.body},
        "singleValueExtendedProperties": [{"id": METADATA_PROPERTY, "value": metadata}],
    }


def _moment(at: datetime, zone: str) -> Json:
    """A wall time with a Windows zone name; IANA names fail irregularly, and Melbourne always does."""
    name = find_windows_zone(zone)
    local = at.astimezone(ZoneInfo(zone) if name else UTC)
    return {"dateTime": local.strftime("%Y-%m-%dT%H:%M:%S"), "timeZone": name or "UTC"}


def event_of(row: Json) -> GraphEvent:
    properties = {one["id"]: one["value"] for one in row.get("singleValueExtendedProperties", [])}
    return GraphEvent(
        id=row["id"],
        etag=row["@odata.etag"],
        subject=row.get("subject") or "",
        starts_at=_utc(row["start"]),
        ends_at=_utc(row["end"]),
        transaction_id=row.get("transactionId"),
        metadata=metadata_of(properties.get(METADATA_PROPERTY)),
        show_as=row.get("showAs", "unknown"),
        is_all_day=bool(row.get("isAllDay")),
        is_cancelled=bool(row.get("isCancelled")),
        sensitivity=row.get("sensitivity", "normal"),
        type=row.get("type", "singleInstance"),
        created_at=datetime.fromisoformat(row["createdDateTime"]),
    )


def metadata_of(raw: str | None) -> Mapping[str, Any] | None:
    """Our property, parsed. Anybody with calendar rights could have written rubbish into it: then it is not ours."""
    try:
        value = json.loads(raw or "null")
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _utc(moment: Json) -> datetime:
    # We never ask for another zone, so it is UTC; the value itself carries no offset.
    return datetime.fromisoformat(moment["dateTime"]).replace(tzinfo=UTC)


def subscription_of(row: Json) -> Subscription:
    return Subscription(
        id=row["id"],
        resource=row["resource"],
        expires_at=datetime.fromisoformat(row["expirationDateTime"]),
        notification_url=row["notificationUrl"],
    )


def draft_of(row: Json) -> Draft:
    return Draft(id=row["id"], is_draft=bool(row["isDraft"]))


def instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
