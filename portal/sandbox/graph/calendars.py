"""The events of every mailbox: each write gives a new change key and tells the subscribers."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from portal.sandbox.core import Json, Sandbox
from portal.sandbox.graph import fields as event_fields
from portal.sandbox.graph import series
from portal.sandbox.graph.answers import (
    GraphError,
    Preferences,
    bad_property,
    core_of,
    item_not_found,
    new_core,
    public_id,
)
from portal.sandbox.graph.zones import iso_z, read_moment, write_moment, zone_named

FOLDER = "C"

# What an event lacks that was stored before series were kept.
BEFORE_SERIES: Json = {"type": series.SINGLE, "series": None, "recurrence": None}

# Told after each write: ("created" | "updated" | "deleted", the event as stored)
Told = Callable[[str, Json], None]


class Calendars:
    """Reads and writes of stored events. An event is a JSON document; its times are UTC in ISO form."""

    def __init__(self, sandbox: Sandbox, tell: Told) -> None:
        self._sandbox = sandbox
        self._tell = tell

    def create(self, mailbox: Json, sent: Json, organizer: Json | None = None) -> Json:
        """A new event from a request body. Raises DuplicateTransaction for a transaction id that was used before."""
        new = {**event_fields.DEFAULTS, **event_fields.writable_fields(sent)}
        times = _times(sent)
        check_whole_days(new, times)
        rule = series.read_rule(sent)
        properties = event_fields.extended_properties(sent)
        transaction_id = sent.get("transactionId")
        if transaction_id is not None and not isinstance(transaction_id, str):
            raise bad_property("transactionId", "has a value that is not allowed")
        with self._sandbox.store.lock:
            self._claim_transaction(mailbox["id"], transaction_id)
            event = {
                "core": new_core(),
                "user_id": mailbox["id"],
                "organizer": organizer or {"name": mailbox["name"], "address": mailbox["email"]},
                "is_organizer": organizer is None,
                "uid": secrets.token_hex(28).upper(),
                "transaction_id": transaction_id,
                "created_at": self._sandbox.now().isoformat(),
                "is_deleted": False,
                "properties": properties,
                "fields": new,
                "type": series.MASTER if rule else series.SINGLE,
                "series": None,
                "recurrence": rule,
                **times,
            }
            if transaction_id:
                memory = {"core": event["core"]}
                self._sandbox.store.put("graph", f"transaction:{mailbox['id']}", transaction_id, memory)
            self._write(event, "created")
            self._write_occurrences(event)
            return event

    def update(self, mailbox: Json, event_id: str, sent: Json, if_match: str | None = None) -> Json:
        """Change the sent fields only. Raises 412 if `if_match` is not the event's etag."""
        if "transactionId" in sent:
            raise bad_property("transactionId", "is set at creation and cannot change")
        new, properties = event_fields.writable_fields(sent), event_fields.extended_properties(sent)
        with self._sandbox.store.lock:
            event = self.get(mailbox["id"], event_id)
            if if_match not in (None, "*", etag(event)):
                raise GraphError(
                    412,
                    "ErrorIrresolvableConflict",
                    "The send or update operation could not be performed because the change key passed in the request"
                    " does not match the current change key for the item.",
                )
            event.update(_times(sent, event))
            event["fields"].update(new)
            event["properties"].update(properties)
            check_whole_days(event["fields"], event)
            if event["type"] == series.OCCURRENCE:
                event["type"] = series.EXCEPTION
            self._write(event, "updated")
            self._write_occurrences(event)
            return event

    def remove(self, mailbox: Json, event_id: str) -> Json:
        with self._sandbox.store.lock:
            event = self.get(mailbox["id"], event_id)
            event["is_deleted"] = True
            self._forget_occurrences(event)
            return self._write(event, "deleted")

    def get(self, user_id: str, event_id: str) -> Json:
        core, folder = core_of(event_id)
        event = self._sandbox.store.get("graph", f"event:{user_id}", core)
        if event is None or event["is_deleted"] or folder not in (None, FOLDER):
            raise item_not_found()
        return BEFORE_SERIES | event

    def all(self, user_id: str) -> list[Json]:
        """Everything that ever was in the calendar, removed events too, oldest first."""
        return [BEFORE_SERIES | event for event in self._sandbox.store.all("graph", f"event:{user_id}")]

    def live(self, user_id: str) -> list[Json]:
        return [event for event in self.all(user_id) if not event["is_deleted"]]

    def between(self, user_id: str, start: datetime, end: datetime) -> list[Json]:
        """What takes time in the window, by its start: single events and occurrences, never the master of a series."""
        taking_time = [event for event in self.live(user_id) if event["type"] != series.MASTER]
        inside = [event for event in taking_time if touches(event, start, end)]
        return sorted(inside, key=lambda event: datetime.fromisoformat(event["starts_at"]))

    def _write_occurrences(self, event: Json) -> None:
        """Make the occurrences of a series anew. Nobody is told of them: Graph speaks of the master only."""
        if event["type"] != series.MASTER:
            return
        self._forget_occurrences(event)
        own = {"type": series.OCCURRENCE, "series": event["core"], "recurrence": None, "transaction_id": None}
        for place, (start, end) in enumerate(series.spans(event)):
            core = f"{event['core'][:-3]}{place:03}"  # an occurrence keeps its id while the series changes
            times = {"starts_at": start.isoformat(), "ends_at": end.isoformat()}
            self._stamp({**event, **own, **times, "core": core, "is_deleted": False})

    def _forget_occurrences(self, event: Json) -> None:
        for one in self.all(event["user_id"]):
            if one["series"] == event["core"]:
                self._sandbox.store.put("graph", f"event:{one['user_id']}", one["core"], {**one, "is_deleted": True})

    def _claim_transaction(self, user_id: str, transaction_id: str | None) -> None:
        memory = self._sandbox.store.get("graph", f"transaction:{user_id}", transaction_id or "")
        if memory is not None:
            raise DuplicateTransaction(memory["core"])

    def _write(self, event: Json, change: str) -> Json:
        self._stamp(event)
        self._tell(change, event)
        return event

    def _stamp(self, event: Json) -> None:
        event["change_key"] = secrets.token_urlsafe(18)
        event["modified_at"] = self._sandbox.now().isoformat()
        event["change"] = self._next_change()
        self._sandbox.store.put("graph", f"event:{event['user_id']}", event["core"], event)

    def _next_change(self) -> int:
        last = self._sandbox.store.get("graph", "counter", "change") or {"value": 0}
        self._sandbox.store.put("graph", "counter", "change", {"value": last["value"] + 1})
        return int(last["value"]) + 1


class DuplicateTransaction(Exception):
    """The transaction id was used in this mailbox before, for the event with this core."""

    def __init__(self, core: str) -> None:
        super().__init__(core)
        self.core = core


def etag(event: Json) -> str:
    return f'W/"{event["change_key"]}"'


def touches(event: Json, start: datetime, end: datetime) -> bool:
    return datetime.fromisoformat(event["starts_at"]) < end and datetime.fromisoformat(event["ends_at"]) > start


def shown(event: Json, prefs: Preferences, property_id: str | None = None) -> Json:
    """The event as Graph answers it. An extended property is there only if it was expanded by its exact id."""
    fields = dict(event["fields"])
    row: Json = {
        "@odata.etag": etag(event),
        "id": public_id(event["core"], FOLDER, prefs.immutable),
        "createdDateTime": iso_z(datetime.fromisoformat(event["created_at"])),
        "lastModifiedDateTime": iso_z(datetime.fromisoformat(event["modified_at"])),
        "changeKey": event["change_key"],
        **({"transactionId": event["transaction_id"]} if event["transaction_id"] else {}),
        "originalStartTimeZone": event["start_zone"],
        "originalEndTimeZone": event["end_zone"],
        "iCalUId": event["uid"],
        "bodyPreview": event_fields.written_body(fields["body"], as_text=True)["content"][:255],
        **fields,
        "body": event_fields.written_body(fields["body"], prefs.text_body),
        "start": edge(event, "start", prefs.zone),
        "end": edge(event, "end", prefs.zone),
        "hasAttachments": False,
        "isCancelled": False,
        "isDraft": False,
        "isOrganizer": event["is_organizer"],
        "organizer": {"emailAddress": event["organizer"]},
        "responseStatus": {"response": "organizer" if event["is_organizer"] else "accepted"},
        "type": event["type"],
        "seriesMasterId": event["series"] and public_id(event["series"], FOLDER, prefs.immutable),
        "recurrence": event["recurrence"],
        "webLink": f"https://outlook.office365.com/owa/?itemid={event['core']}&exvsurl=1&path=/calendar/item",
    }
    if property_id is not None and property_id in event["properties"]:
        row["singleValueExtendedProperties"] = [{"id": property_id, "value": event["properties"][property_id]}]
    return row


def edge(event: Json, name: str, zone: str | None) -> Json:
    """Start or end as Graph shows it: of a whole day midnight of that date, whatever zone was asked for."""
    at = datetime.fromisoformat(event[f"{name}s_at"])
    if not event["fields"]["isAllDay"]:
        return write_moment(at, zone)
    day = at.astimezone(zone_named(event[f"{name}_zone"])).date()
    return {"dateTime": f"{day}T00:00:00.0000000", "timeZone": zone or "UTC"}


def check_whole_days(fields: Json, times: Json) -> None:
    """An event of whole days begins and ends at midnight of its own zone."""
    for name in ("start", "end") if fields["isAllDay"] else ():
        at = datetime.fromisoformat(times[f"{name}s_at"]).astimezone(zone_named(times[f"{name}_zone"]))
        if (at.hour, at.minute, at.second) != (0, 0, 0):
            raise bad_property(name, "of an all-day event is not midnight")


def _times(sent: Json, known: Json | None = None) -> dict[str, Any]:
    """Start and end of a body, over the known ones. Both are needed for a new event."""
    times: dict[str, Any] = {}
    for name, at, zone in (("start", "starts_at", "start_zone"), ("end", "ends_at", "end_zone")):
        if name in sent:
            times[at] = read_moment(sent[name], name).isoformat()
            times[zone] = sent[name]["timeZone"]
        elif known is None:
            raise bad_property(name, "is required")
        else:
            times[at], times[zone] = known[at], known[zone]
    length = datetime.fromisoformat(times["ends_at"]) - datetime.fromisoformat(times["starts_at"])
    if length < timedelta():
        raise bad_property("start", "is after the end")
    return times
