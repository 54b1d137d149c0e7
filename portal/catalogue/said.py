"""A change of the catalogue in words: where it is, which field, what stood there and what stands there. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from portal import money, words
from portal.catalogue.keys import dollars
from portal.catalogue.merge import NOTHING, Change, Path, find
from portal.db import Json

# What staff call the keys of a document, on forms and in differences alike.
LABELS = {
    "name": "Name",
    "status": "State",
    "icon": "Picture",
    "summary": "In one sentence",
    "description": "Description",
    "launch_date": "Launch date",
    "waitlist": "Waitlist",
    "position": "Place in the order",
    "duration": "Length",
    "price": "Price",
    "coming_prices": "Prices to come",
    "practitioners": "Practitioners",
    "kind": "Kind",
    "mode": "Where",
    "who_may_book": "Who may book",
    "active": "On sale",
    "listed": "Listed",
    "calendar": "Calendar",
    "buffer_before_minutes": "Free before",
    "buffer_after_minutes": "Free after",
    "notice_minutes": "Notice",
    "horizon_days": "How far ahead",
    "daily_cap": "Most a day",
    "step_minutes": "A start every",
    "start_alignment": "Starts are counted from",
    "needs_room": "Needs a room",
    "payment": "Payment",
    "cancellation_policy": "Cancellation policy",
    "gst_rule": "GST",
    "form": "Intake form",
    "questions": "Own questions",
    "confirmation_message": "Confirmation message",
    "medi_code": "MediRecords code",
    "medi_minutes": "Length in MediRecords",
    "medi_type_id": "MediRecords type id",
    "billing_code": "Billing code",
    "reporting_category": "Reports count it as",
    "calendly_event": "Calendly event",
    "notice_hours": "Notice",
    "late_fee_percent": "Late fee",
    "no_show_fee_percent": "Fee for not arriving",
    "grace_minutes": "Grace after booking",
    "title": "Title",
    "body": "Text",
    "settings": "Settings",
    "label": "Question",
    "hint": "Help",
    "why": "Why we ask",
    "required": "Needs an answer",
    "options": "Choices",
    "order": "Order",
    "intro": "Introduction",
    "purpose": "Purpose",
    "minutes": "Minutes it takes",
    "max_length": "Longest answer",
    "min": "Least",
    "max": "Most",
    "reveals": "Follow-up question",
    "definition": "Questions",
    "processor": "What happens with its visits",
}
# What staff call the values that a field may have.
VALUES = {
    "draft": "Draft, seen by staff only",
    "active": "Active",
    "coming-soon": "Coming soon",
    "retired": "Retired",
    "initial": "First visit",
    "follow-up": "Follow-up",
    "consult": "Consult",
    "telehealth": "Telehealth",
    "in-person": "At the clinic",
    "anyone": "Anyone",
    "new": "New patients",
    "returning": "Returning patients",
    "gst_free": "GST-free",
    "taxable": "Includes GST",
    "unset": "Not decided",
    "none": "None",
    "full": "In full when booking",
    "clock": "The full hour",
    "hours": "The beginning of the hours",
    "medirecords": "They go to MediRecords",
    "waitlist": "They go to the waitlist",
    "text": "A line of text",
    "long_text": "A longer text",
    "choice": "One of several choices",
    "choices": "Any of several choices",
    "yes_no": "Yes or no",
    "date": "A date",
    "number": "A number",
    "services": "Services we offer",
}
CODED = {"status", "kind", "mode", "who_may_book", "gst_rule", "payment", "start_alignment"}
UNITS = {"daily_cap": "visits", "horizon_days": "days", "notice_hours": "hours"}
SECTIONS = {"cancellation_policies": "Cancellation policy", "forms": "Form", "calendars": "Calendar", "pages": "Page"}


@dataclass(frozen=True)
class Told:
    """One change as staff read it."""

    where: str
    field: str
    before: str
    after: str


def all_of(changes: Iterable[Change], before: Json, after: Json, zone: ZoneInfo) -> list[Told]:
    """Each change in words; the documents tell what an entry is called."""
    return [
        Told(
            where(each.path, after, before),
            field(each.path),
            value(each.path, each.before, zone),
            value(each.path, each.after, zone),
        )
        for each in changes
    ]


def where(path: Path, *documents: Json) -> str:
    """ "GAPS: First visit by video", by the names in the first document that knows the entry."""
    names = [_name(path[:depth], documents) for depth in range(2, len(path) + 1)]
    told = ": ".join(dict.fromkeys(name for name in names if name))
    if path[0] == "old_addresses":
        return f"Old address {path[1]}" if len(path) > 1 else "Old addresses"
    return f"{SECTIONS[path[0]]} {told}" if path[0] in SECTIONS else told


def field(path: Path) -> str:
    """The field's own name; an entry that is new or gone as a whole has none."""
    if "coming_prices" in path:
        return LABELS["coming_prices"]
    if path[0] == "services" and path[-2:] == ("processor", "kind"):
        return LABELS["processor"]
    return LABELS.get(path[-1], "") if len(path) > 2 else ""


def value(path: Path, given: Any, zone: ZoneInfo) -> str:
    """What stands there, as staff would say it; nothing where there is nothing."""
    if given is NOTHING or given is None or given == "" or given == []:
        return ""
    if isinstance(given, bool):
        return "Yes" if given else "No"
    if isinstance(given, dict):
        return _entry(path, given, zone)
    if isinstance(given, list):
        return _list(path, given, zone)
    return _single(path[-1], given)


def _single(key: str, given: Any) -> str:
    if key in CODED:
        return VALUES.get(str(given), str(given))
    if key == "price":
        return money.in_words(dollars(given))
    if key.endswith("_minutes") or key == "duration":
        return words.length(given) if given else "None"
    if key.endswith("_percent"):
        return f"{given} %"
    if key in UNITS:
        return f"{given} {UNITS[key]}"
    if key == "launch_date":
        return words.day(date.fromisoformat(given))
    return str(given)


def _entry(path: Path, given: Json, zone: ZoneInfo) -> str:
    if "from" in given:
        start = datetime.fromisoformat(given["from"])
        return f"{money.in_words(dollars(given['price']))} from {words.day(start, zone)}"
    called = given.get("name") or given.get("title") or given.get("label")
    return str(called) if called else ", ".join(_single(key, each) for key, each in given.items() if each)


def _list(path: Path, given: list[Any], zone: ZoneInfo) -> str:
    if all(isinstance(each, str) for each in given):
        return ("\n\n" if path[-1] in ("description", "body") else ", ").join(given)
    return "; ".join(_entry(path, each, zone) for each in given)


def _name(path: Path, documents: Iterable[Json]) -> str:
    """What an entry is called, if there is an entry at this path."""
    for document in documents:
        found = find(document, path)
        if isinstance(found, dict):
            return str(found.get("name") or found.get("title") or found.get("label") or "")
    return ""
