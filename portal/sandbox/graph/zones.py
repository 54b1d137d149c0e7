"""Times as Graph writes them: Windows zone names, the few IANA names it documents, seven fraction digits."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from portal.sandbox.core import Json
from portal.sandbox.graph.answers import GraphError, bad_property

WINDOWS = {
    "UTC": "Etc/UTC",
    "AUS Eastern Standard Time": "Australia/Sydney",
    "E. Australia Standard Time": "Australia/Brisbane",
    "Tasmania Standard Time": "Australia/Hobart",
    "Cen. Australia Standard Time": "Australia/Adelaide",
    "AUS Central Standard Time": "Australia/Darwin",
    "W. Australia Standard Time": "Australia/Perth",
    "Aus Central W. Standard Time": "Australia/Eucla",
    "Lord Howe Standard Time": "Australia/Lord_Howe",
    "New Zealand Standard Time": "Pacific/Auckland",
    "Fiji Standard Time": "Pacific/Fiji",
    "Singapore Standard Time": "Asia/Singapore",
    "China Standard Time": "Asia/Shanghai",
    "Tokyo Standard Time": "Asia/Tokyo",
    "India Standard Time": "Asia/Kolkata",
    "GMT Standard Time": "Europe/London",
    "W. Europe Standard Time": "Europe/Berlin",
    "Eastern Standard Time": "America/New_York",
    "Pacific Standard Time": "America/Los_Angeles",
}
# From the documentation of dateTimeTimeZone, as far as our part of the world goes. Melbourne is not on it.
IANA = {
    "Australia/Sydney",
    "Australia/Brisbane",
    "Australia/Hobart",
    "Australia/Adelaide",
    "Australia/Darwin",
    "Australia/Perth",
    "Pacific/Auckland",
    "Pacific/Fiji",
    "Asia/Singapore",
    "Asia/Shanghai",
    "Asia/Tokyo",
    "Asia/Kolkata",
    "Europe/London",
    "Europe/Berlin",
    "America/New_York",
    "America/Los_Angeles",
    "Etc/GMT",
}


def zone_named(name: Any) -> ZoneInfo:
    """The zone of a Windows name or a documented IANA name; Graph knows no other."""
    if name in WINDOWS:
        return ZoneInfo(WINDOWS[name])
    if name in IANA:
        return ZoneInfo(name)
    raise GraphError(
        400,
        "TimeZoneNotSupportedException",
        "A valid TimeZone value must be specified. "
        f"The following TimeZone value is not supported: '{name if isinstance(name, str) else ''}'.",
    )


def windows_name(iana: str) -> str:
    """The Windows name of a zone; UTC for one that is not in the list."""
    iana = "Australia/Sydney" if iana == "Australia/Melbourne" else iana  # one zone to Windows
    return next((windows for windows, name in WINDOWS.items() if name == iana), "UTC")


def read_moment(value: Any, name: str) -> datetime:
    """A {dateTime, timeZone} pair as UTC. The dateTime carries no offset."""
    if not isinstance(value, dict) or not isinstance(value.get("dateTime"), str):
        raise bad_property(name, "needs a dateTime and a timeZone")
    zone = zone_named(value.get("timeZone"))
    try:
        local = datetime.fromisoformat(value["dateTime"])
    except ValueError:
        raise bad_property(name, "has an unreadable dateTime") from None
    if local.tzinfo is not None:
        raise bad_property(name, "has a dateTime with an offset")
    return local.replace(tzinfo=zone).astimezone(UTC)


def write_moment(at: datetime, zone_name: str | None) -> Json:
    """The other way round; in UTC unless a zone was asked for."""
    name = zone_name or "UTC"
    local = at.astimezone(zone_named(name))
    return {"dateTime": local.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0", "timeZone": name}


def read_instant(raw: str | None, name: str) -> datetime:
    """A query or body time with an offset, as UTC; UTC if it names none."""
    try:
        moment = datetime.fromisoformat(raw or "")
    except ValueError:
        raise GraphError(400, "ErrorInvalidParameter", f"The value of {name} is missing or no date and time.") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def iso_z(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
