"""Recurring events: a master, which is a rule, and its occurrences, which are what takes time.

Kept are daily and weekly patterns with an end. A pattern goes by the wall clock of the zone it was made in.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from portal.sandbox.core import Json
from portal.sandbox.graph.answers import bad_property
from portal.sandbox.graph.zones import zone_named

SINGLE, MASTER, OCCURRENCE, EXCEPTION = "singleInstance", "seriesMaster", "occurrence", "exception"
MOST = 200
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def read_rule(sent: Json) -> Json | None:
    """The recurrence of a body, checked; None for a single event."""
    rule = sent.get("recurrence")
    if rule is None:
        return None
    try:
        pattern, extent = rule["pattern"], rule["range"]
        is_kept = (
            pattern["type"] in ("daily", "weekly")
            and pattern["interval"] >= 1
            and set(pattern.get("daysOfWeek", [])) <= set(WEEKDAYS)
            and (extent["type"] != "numbered" or 1 <= extent["numberOfOccurrences"] <= MOST)
            and (extent["type"] != "endDate" or date.fromisoformat(extent["endDate"]))
            and extent["type"] in ("numbered", "endDate")
        )
    except (KeyError, TypeError, ValueError):
        is_kept = False
    if not is_kept:
        raise bad_property("recurrence", "is no daily or weekly pattern with an end")
    return dict(rule)


def spans(master: Json) -> list[tuple[datetime, datetime]]:
    """Start and end of each occurrence, in UTC."""
    zone = zone_named(master["start_zone"])
    starts_at = datetime.fromisoformat(master["starts_at"])
    length = datetime.fromisoformat(master["ends_at"]) - starts_at
    wall = starts_at.astimezone(zone)
    starts = [
        datetime.combine(day, wall.time(), zone).astimezone(UTC) for day in _days(master["recurrence"], wall.date())
    ]
    return [(start, start + length) for start in starts]


def _days(rule: Json, first: date) -> Iterator[date]:
    pattern, extent = rule["pattern"], rule["range"]
    most = extent.get("numberOfOccurrences", MOST)
    last = date.fromisoformat(extent["endDate"]) if extent["type"] == "endDate" else date.max
    day, count = first, 0
    while count < most and day <= last:
        if _fits(pattern, first, day):
            count += 1
            yield day
        day += timedelta(days=1)


def _fits(pattern: Json, first: date, day: date) -> bool:
    if pattern["type"] == "daily":
        return (day - first).days % int(pattern["interval"]) == 0
    weekdays: list[str] = pattern.get("daysOfWeek") or [WEEKDAYS[first.weekday()]]
    weeks: int = ((day - timedelta(days=day.weekday())) - (first - timedelta(days=first.weekday()))).days // 7
    return WEEKDAYS[day.weekday()] in weekdays and weeks % int(pattern["interval"]) == 0
