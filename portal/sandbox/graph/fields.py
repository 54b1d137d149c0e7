"""What may be written into an event, how it is checked, and what Exchange fills in."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

from portal.sandbox.core import Json
from portal.sandbox.graph.answers import GraphError, bad_property

PROPERTY_ID = re.compile(r"(String|Integer|Boolean|SystemTime) \{[0-9a-fA-F-]{36}\} (Name [\w.\- ]+|Id 0x[0-9a-fA-F]+)")
MAX_ATTENDEES = 500
SHOW_AS = ("busy", "tentative", "oof", "free", "workingElsewhere", "unknown")

Check = Callable[[Any], bool]


def is_text(value: Any) -> bool:
    return isinstance(value, str)


def is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def is_minutes(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def one_of(*names: str) -> Check:
    return lambda value: value in names


def is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def is_body(value: Any) -> bool:
    return isinstance(value, dict) and str(value.get("contentType")).lower() in ("text", "html") and "content" in value


def is_place(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("displayName", ""), str)


def is_places(value: Any) -> bool:
    return isinstance(value, list) and all(is_place(one) for one in value)


def is_attendees(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= MAX_ATTENDEES
        and all("@" in str(one.get("emailAddress", {}).get("address")) for one in value)
    )


WRITABLE: dict[str, Check] = {
    "subject": is_text,
    "body": is_body,
    "isAllDay": is_flag,
    "categories": is_texts,
    "sensitivity": one_of("normal", "personal", "private", "confidential"),
    "importance": one_of("low", "normal", "high"),
    "showAs": one_of(*SHOW_AS),
    "isReminderOn": is_flag,
    "reminderMinutesBeforeStart": is_minutes,
    "attendees": is_attendees,
    "location": is_place,
    "locations": is_places,
    "responseRequested": is_flag,
    "allowNewTimeProposals": is_flag,
    "hideAttendees": is_flag,
    "isOnlineMeeting": is_flag,
    "onlineMeetingProvider": one_of("unknown", "teamsForBusiness"),
}
# Read or checked elsewhere: times with their zones, the rule of a series, the transaction id and the extended
# properties.
APART = {"start", "end", "transactionId", "singleValueExtendedProperties", "recurrence"}
DEFAULTS: Json = {
    "subject": "",
    "body": {"contentType": "html", "content": ""},
    "isAllDay": False,
    "categories": [],
    "sensitivity": "normal",
    "importance": "normal",
    "showAs": "busy",
    "isReminderOn": True,
    "reminderMinutesBeforeStart": 15,
    "attendees": [],
    "location": {"displayName": ""},
    "locations": [],
    "responseRequested": True,
    "allowNewTimeProposals": True,
    "hideAttendees": False,
    "isOnlineMeeting": False,
    "onlineMeetingProvider": "unknown",
}


def writable_fields(sent: Json) -> Json:
    """The plain fields of a body, checked. Raises GraphError for a name or value that Graph does not take."""
    fields = {}
    for name, value in sent.items():
        if name in APART or name.startswith("@odata."):
            continue
        if name not in WRITABLE:
            raise GraphError(400, "RequestBodyRead", f"The property '{name}' cannot be written on an event.")
        if not WRITABLE[name](value):
            raise bad_property(name, "has a value that is not allowed")
        fields[name] = value
    if "location" in fields and "locations" not in fields:
        name = fields["location"].get("displayName", "")
        fields["locations"] = [{"displayName": name, "locationType": "default"}] if name else []
    return fields


def extended_properties(sent: Json) -> dict[str, str]:
    """Extended properties of a body by their id, spelt as they were sent."""
    found = {}
    for one in sent.get("singleValueExtendedProperties", []):
        if not isinstance(one, dict) or not PROPERTY_ID.fullmatch(str(one.get("id"))):
            raise bad_property("singleValueExtendedProperties", "has an id that is no property id")
        if not isinstance(one.get("value"), str):
            raise bad_property("singleValueExtendedProperties", "has a value that is no string")
        found[one["id"]] = one["value"]
    return found


def written_body(body: Json, as_text: bool) -> Json:
    """Exchange keeps html and rewrites it into a whole document; text is given only to those who prefer it."""
    is_html = str(body["contentType"]).lower() == "html"
    if as_text:
        content = html.unescape(re.sub(r"<[^>]+>", "", body["content"])) if is_html else body["content"]
        return {"contentType": "text", "content": content}
    inner = body["content"] if is_html else html.escape(body["content"]).replace("\n", "<br>\n")
    return {"contentType": "html", "content": f"<html>\n<head></head>\n<body>\n{inner}\n</body>\n</html>"}
