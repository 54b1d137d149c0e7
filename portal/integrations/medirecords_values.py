"""MediRecords' people, types and appointments as values, and the pure translations between their wire and ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from portal.integrations import medirecords_contract as contract

Row = Mapping[str, Any]

ANSWER = {name: fact.value for name, fact in contract.ANSWER_FIELD.items()}
APPOINTMENT = {name: fact.value for name, fact in contract.APPOINTMENT_FIELD.items()}
PATIENT = {name: fact.value for name, fact in contract.PATIENT_FIELD.items()}


class UnwritableTime(ValueError):
    """A time that practice-local text cannot say: skipped or repeated by a clock change, or with seconds."""


@dataclass(frozen=True)
class NewPatient:
    """`gender` is male, female or other; `mobile` is E.164."""

    given_name: str
    family_name: str
    preferred_name: str | None
    born_on: date
    gender: str
    mobile: str
    email: str


@dataclass(frozen=True)
class MrPatient:
    """`mobile` is as MediRecords keeps it, such as 0491570006."""

    id: str
    given_name: str
    family_name: str
    born_on: date | None
    email: str | None
    mobile: str | None


@dataclass(frozen=True)
class AppointmentType:
    id: str
    name: str
    minutes: int | None
    is_active: bool
    is_telehealth: bool
    description: str


@dataclass(frozen=True)
class Provider:
    id: str
    name: str
    is_active: bool


@dataclass(frozen=True)
class AppointmentSpec:
    """What a new appointment shall be; `starts_at` is in UTC."""

    patient_id: str
    type_id: str
    provider_id: str
    room_id: str | None
    starts_at: datetime
    interval_code: int
    status: int
    notes: str


@dataclass(frozen=True)
class Appointment:
    """`starts_at` and `updated` are in UTC. Without patient and type it is time that staff have blocked."""

    id: str
    patient_id: str | None
    type_id: str | None
    provider_id: str | None
    starts_at: datetime
    minutes: int | None
    status: int
    notes: str
    updated: datetime | None
    telehealth_link: str | None
    raw: Row = field(repr=False)


def as_patient(row: Row) -> MrPatient:
    born_on = row.get(PATIENT["born_on"])
    return MrPatient(
        id=row[ANSWER["id"]],
        given_name=row.get(PATIENT["given_name"]) or "",
        family_name=row.get(PATIENT["family_name"]) or "",
        born_on=date.fromisoformat(born_on[:10]) if born_on else None,
        email=row.get(PATIENT["email"]),
        mobile=row.get(PATIENT["mobile"]),
    )


def as_type(row: Row) -> AppointmentType:
    return AppointmentType(
        id=row[ANSWER["id"]],
        name=row[ANSWER["type_name"]],
        minutes=minutes_in(row.get(ANSWER["type_duration"]) or ""),
        is_active=row.get(ANSWER["type_status"]) == contract.ACTIVE_TYPE.value,
        is_telehealth=bool(row.get(ANSWER["type_telehealth"])),
        description=row.get(ANSWER["type_description"]) or "",
    )


def as_provider(row: Row) -> Provider:
    names = (row.get(ANSWER["provider_given_name"]), row.get(ANSWER["provider_family_name"]))
    return Provider(
        id=row[ANSWER["id"]],
        name=" ".join(name for name in names if name),
        is_active=row.get(ANSWER["provider_status"]) == contract.ACTIVE_PROVIDER.value,
    )


def as_appointment(row: Row, zone: ZoneInfo, minutes_of: Mapping[int, int]) -> Appointment:
    """`minutes_of` tells the minutes of an interval code."""
    updated = row.get(ANSWER["updated"])
    return Appointment(
        id=row[ANSWER["id"]],
        patient_id=row.get(APPOINTMENT["patient_id"]),
        type_id=row.get(APPOINTMENT["type_id"]),
        provider_id=row.get(APPOINTMENT["provider_id"]),
        starts_at=instant(row[APPOINTMENT["starts_at"]], zone),
        minutes=minutes_of.get(row.get(APPOINTMENT["interval_code"], -1)),
        status=row[APPOINTMENT["status"]],
        notes=row.get(APPOINTMENT["notes"]) or "",
        updated=datetime.fromisoformat(updated).astimezone(UTC) if updated else None,
        telehealth_link=row.get(ANSWER["telehealth_link"]),
        raw=row,
    )


def local_text(starts_at: datetime, zone: ZoneInfo) -> str:
    """The wire's form of an aware time, such as 2026-03-09T14:30 at the practice.

    Raises UnwritableTime: the wire carries no offset, so a wall time must exist, once, and have no seconds.
    """
    if starts_at.tzinfo is None:
        raise UnwritableTime("a time without zone")
    utc = starts_at.astimezone(UTC)
    if utc.astimezone(starts_at.tzinfo).replace(tzinfo=None) != starts_at.replace(tzinfo=None):
        raise UnwritableTime("a wall time that the clock change skips")
    local = utc.astimezone(zone)
    if local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset():
        raise UnwritableTime("a wall time that the clock change repeats")
    if local.second or local.microsecond:
        raise UnwritableTime("a time with seconds")
    return f"{local:{contract.TIME_FORMAT.value}}"


def instant(text: str, zone: ZoneInfo) -> datetime:
    """UTC of a practice-local time; of a repeated hour the first. Only the first 16 characters count."""
    return datetime.fromisoformat(text[:16]).replace(tzinfo=zone).astimezone(UTC)


def minutes_in(text: str) -> int | None:
    """Minutes of "30 min", "4 hrs" or "1 hr 30 min"; None when there is nothing of that kind."""
    parts = re.findall(r"(\d+)\s*(h|m)", text, re.IGNORECASE)
    return sum(int(count) * (60 if unit.lower() == "h" else 1) for count, unit in parts) or None


def national_mobile(mobile: str) -> str | None:
    """Digits as MediRecords takes them: +61 491 570 006 becomes 0491570006. None when it has no room for the number."""
    digits = re.sub(r"\D", "", mobile)
    if mobile.strip().startswith("+61"):
        digits = "0" + digits.removeprefix("61")
    return digits if 8 <= len(digits) <= 10 else None


def same_name(one: str, other: str) -> bool:
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()


def quoted(value: str) -> str:
    """A value inside an RSQL query."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
