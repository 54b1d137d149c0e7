"""The keys of a catalogue document: the column of each, how it is read from JSON and how it is written back. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from portal.catalogue.models import (
    FormPurpose,
    GstRule,
    Kind,
    Mode,
    PaymentPolicy,
    ProcessorKind,
    ServiceStatus,
    StartAlignment,
    WhoMayBook,
)
from portal.db import Json


class Wrong(ValueError):
    """A value is wrong; the message goes on after the key: "must be ..."."""


@dataclass(frozen=True)
class Key:
    """One key of an entry: its column, how it is read from JSON, and how it is written back."""

    column: str
    read: Callable[[Any], Any]
    write: Callable[[Any], Any] = lambda value: value


def text(value: Any) -> str:
    if not isinstance(value, str) or re.search("[\x00\ud800-\udfff]", value):
        raise Wrong("must be a text without unprintable characters")
    return value


def words(value: Any) -> str:
    if not text(value).strip():
        raise Wrong("must not be empty")
    return text(value)


def slug(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", value) or len(value) > 80:
        raise Wrong("must be small letters and digits with hyphens between, such as initial-consult")
    return value


def prose(value: Any) -> str:
    """A longer text may come as a list of paragraphs: JSON has no other way to break a line."""
    return "\n\n".join(text(each) for each in value) if isinstance(value, list) else text(value)


def paragraphs(value: str) -> list[str]:
    return value.split("\n\n") if value else []


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Wrong("must be true or false")
    return value


def whole(least: int, most: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        is_number = isinstance(value, int) and not isinstance(value, bool)
        if not is_number or not least <= value <= most:
            raise Wrong(f"must be a whole number from {least} to {most}")
        return int(value)

    return read


def one_of(kind: type[StrEnum]) -> Callable[[Any], StrEnum]:
    def read(value: Any) -> StrEnum:
        try:
            return kind(value)
        except ValueError:
            raise Wrong(f"must be one of {', '.join(kind)}") from None

    return read


def day(value: Any) -> date:
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise Wrong("must be a date such as 2026-12-01") from None


def dollars(value: Any) -> int:
    """Dollars, as people write prices, to cents."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= 100_000 or abs(value * 100 - round(value * 100)) > 1e-6:
        raise Wrong("must be an amount in dollars such as 119 or 79.50")
    cents: int = round(value * 100)
    return cents


def in_dollars(cents: int | None) -> int | float | None:
    if cents is None:
        return None
    return cents // 100 if cents % 100 == 0 else cents / 100


def instant(value: Any) -> datetime:
    """A moment with its distance from UTC: a day begins at another moment in each zone."""
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        found = None
    if found is None or found.tzinfo is None:
        raise Wrong("must be a moment with its zone such as 2026-07-01T00:00+10:00")
    return found.astimezone(UTC)


def coming_prices(value: Any) -> dict[datetime, int]:
    """Prices to come into force: from when on, and how many cents."""
    if not isinstance(value, list) or not all(
        isinstance(each, dict) and set(each) == {"from", "price"} for each in value
    ):
        raise Wrong('must be a list of {"from", "price"}')
    found = {instant(each["from"]): dollars(each["price"]) for each in value}
    if len(found) < len(value):
        raise Wrong("must not name two prices from the same moment on")
    return found


def listed_prices(prices: dict[datetime, int]) -> list[Json]:
    return [{"from": start.isoformat(), "price": in_dollars(cents)} for start, cents in sorted(prices.items())]


def slugs(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise Wrong("must be a list")
    return sorted({slug(each) for each in value})


def optional(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else read(value)


def mapping(value: Any) -> Json:
    if not isinstance(value, dict):
        raise Wrong("must be an object")
    return value


def own_path(value: Any) -> str:
    """A path on this site; two slashes at the start would lead to another one."""
    if not isinstance(value, str) or not re.fullmatch(r"/([^/\\\s][^\\\s]*)?", value):
        raise Wrong("must be a path on this site such as /services/gaps")
    return value


SERVICE_KEYS = {
    "name": Key("name", words),
    "status": Key("status", one_of(ServiceStatus), str),
    "icon": Key("icon", words),
    "summary": Key("summary", text),
    "description": Key("description", prose, paragraphs),
    "launch_date": Key("launch_on", optional(day), lambda value: value and value.isoformat()),
    "waitlist": Key("has_waitlist", flag),
    "position": Key("position", whole(0, 10_000)),
}
TYPE_KEYS = {
    "name": Key("name", words),
    "summary": Key("summary", text),
    "duration": Key("length_minutes", optional(whole(1, 480))),
    "price": Key("price_cents", optional(dollars), in_dollars),
    "coming_prices": Key("coming_prices", coming_prices, listed_prices),
    "practitioners": Key("practitioners", slugs),
    "kind": Key("kind", one_of(Kind), str),
    "mode": Key("mode", one_of(Mode), str),
    "who_may_book": Key("who_may_book", one_of(WhoMayBook), str),
    "active": Key("is_active", flag),
    "listed": Key("is_listed", flag),
    "position": Key("position", whole(0, 10_000)),
    "calendar": Key("calendar_slug", slug),
    "buffer_before_minutes": Key("buffer_before_minutes", whole(0, 240)),
    "buffer_after_minutes": Key("buffer_after_minutes", whole(0, 240)),
    "notice_minutes": Key("minimum_notice_minutes", whole(0, 60 * 24 * 60)),
    "horizon_days": Key("horizon_days", whole(1, 730)),
    "daily_cap": Key("daily_cap", optional(whole(1, 200))),
    "step_minutes": Key("start_step_minutes", whole(5, 240)),
    "start_alignment": Key("start_alignment", one_of(StartAlignment), str),
    "needs_room": Key("needs_room", flag),
    "payment": Key("payment_policy", one_of(PaymentPolicy), str),
    "cancellation_policy": Key("cancellation_policy_slug", slug),
    "gst_rule": Key("gst_rule", one_of(GstRule), str),
    "form": Key("intake_form", optional(slug)),
    "questions": Key("questions_form", optional(slug)),
    "confirmation_message": Key("confirmation_message", text),
    "medi_code": Key("medi_code", optional(words)),
    "medi_minutes": Key("medi_minutes", optional(whole(1, 480))),
    "medi_type_id": Key("medi_type_id", optional(words)),
    "billing_code": Key("billing_code", optional(words)),
    "reporting_category": Key("reporting_category", text),
    "calendly_event": Key("calendly_event", optional(words)),
}
# What a type says that is no column of its own.
BESIDE_COLUMNS = ("price", "coming_prices", "practitioners")
CALENDAR_KEYS = {"name": Key("name", words)}
POLICY_KEYS = {
    "name": Key("name", words),
    "notice_hours": Key("notice_hours", whole(0, 24 * 60)),
    "late_fee_percent": Key("late_fee_percent", whole(0, 100)),
    "no_show_fee_percent": Key("no_show_fee_percent", whole(0, 100)),
    "grace_minutes": Key("grace_minutes", whole(0, 24 * 60)),
}
FORM_KEYS = {
    "purpose": Key("purpose", one_of(FormPurpose), str),
    "title": Key("title", words),
    "definition": Key("definition", mapping),
}
PAGE_KEYS = {"title": Key("title", words), "body": Key("body", prose, paragraphs)}
PROCESSOR_KEYS = {"kind": Key("kind", one_of(ProcessorKind), str), "settings": Key("settings", mapping)}
