"""What MediRecords accepts as an appointment, and when a provider or a patient is already booked."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from portal.sandbox.core import Json, Sandbox
from portal.sandbox.medirecords.contract import (
    APPOINTMENT_REQUIRED,
    CODE_SYSTEMS,
    INTERVAL_MINUTES,
    NOTES_LIMIT,
    STATUS,
)
from portal.sandbox.medirecords.wire import SYSTEM, FieldErrors, Refusal, every, find, no_such

SCHEDULE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}")


def check_fields(sandbox: Sandbox, body: Json, before: Json | None) -> None:
    """Raises the refusal of a body that cannot be stored. `before` is the row it replaces."""
    errors = FieldErrors()
    for name in APPOINTMENT_REQUIRED:
        if body.get(name) is None:
            errors.add(name, None, "must not be null")
    errors.refuse()
    if find(sandbox, "patient", body["patientId"]) is None:
        raise no_such("Patient", body["patientId"])
    _check_type(sandbox, body, before, errors)
    for name, kind in (("providerId", "provider"), ("roomId", "room")):
        if body.get(name) is not None and find(sandbox, kind, body[name]) is None:
            errors.add(name, body[name], f"must be an existing {kind}")
    if not is_schedule_time(body["scheduleTime"]):
        errors.add("scheduleTime", body["scheduleTime"], "must be a date and time such as 2026-03-09T14:30")
    if not _is_code(body["appointmentIntervalCode"], INTERVAL_MINUTES):
        errors.add("appointmentIntervalCode", body["appointmentIntervalCode"], "must be a known interval")
    errors.text(body, "notes", 0, NOTES_LIMIT)
    if body.get("urgency") not in (None, 1, 2):
        errors.add("urgency", body["urgency"], "must be between 1 and 2")
    for name in ("walkIn", "firstAvailableDoctor", "emailReminder"):
        errors.boolean(body, name)
    _check_status(body, errors)
    errors.refuse()


def _check_type(sandbox: Sandbox, body: Json, before: Json | None, errors: FieldErrors) -> None:
    kind = find(sandbox, "type", body["appointmentTypeId"])
    is_kept = before is not None and before["appointmentTypeId"] == body["appointmentTypeId"]
    if kind is None:
        errors.add("appointmentTypeId", body["appointmentTypeId"], "must be an existing appointment type")
    elif kind["activeStatus"] != 1 and not is_kept:
        errors.add("appointmentTypeId", body["appointmentTypeId"], "appointment type is inactive")


def _check_status(body: Json, errors: FieldErrors) -> None:
    status, reason = body["appointmentStatus"], body.get("cancellationReason")
    if not _is_code(status, STATUS.values()):
        errors.add("appointmentStatus", status, "must be between 2 and 8")
    if status == STATUS["cancelled"] and reason is None:
        errors.add("cancellationReason", None, "must not be null when the appointment is cancelled")
    if reason is not None and not _is_code(reason, CODE_SYSTEMS["appointment-cancellation-reason"]):
        errors.add("cancellationReason", reason, "must be a known cancellation reason")


def _is_code(value: Any, known: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value in known


def is_schedule_time(value: Any) -> bool:
    """Practice-local `YYYY-MM-DDThh:mm`: no zone, no seconds, a day and hour that exist in the calendar."""
    if not isinstance(value, str) or not SCHEDULE_TIME.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def check_free(sandbox: Sandbox, body: Json, ignoring: str | None) -> None:
    """Raises the refusal when the provider, or else the patient, has another appointment then.

    The caller holds the store's lock until the row is written: two callers at once cannot both be told it is free.
    """
    if body["appointmentStatus"] == STATUS["cancelled"]:
        return
    start, end = span(sandbox, body)
    people = {body.get("providerId"), body["patientId"]} - {None}
    overlapping = [
        row
        for row in every(sandbox, "appointment")
        if row["id"] != ignoring
        and row["appointmentStatus"] != STATUS["cancelled"]
        and people & {row["providerId"], row["patientId"]}
        and _overlaps(span(sandbox, row), start, end)
    ]
    for whose in ("Provider", "Patient"):
        owner = body.get(f"{whose.lower()}Id")
        taken = owner is not None and any(row[f"{whose.lower()}Id"] == owner for row in overlapping)
        if taken and not _may_double_book(sandbox, body, whose):
            status = int(sandbox.knob(SYSTEM, "CONFLICT_STATUS"))
            raise Refusal(status, {"message": f"{whose} is already booked for this time"})


def _overlaps(other: tuple[datetime, datetime], start: datetime, end: datetime) -> bool:
    return other[0] < end and start < other[1]


def _may_double_book(sandbox: Sandbox, body: Json, whose: str) -> bool:
    flag = body.get(f"allowDoubleBookingFor{whose}")
    return bool(sandbox.knob(SYSTEM, "DOUBLE_BOOKING_DEFAULT") if flag is None else flag)


def span(sandbox: Sandbox, row: Json) -> tuple[datetime, datetime]:
    """Start and end as instants. Wall times are compared in UTC, or an hour would vanish when the clocks change."""
    local = datetime.fromisoformat(row["scheduleTime"]).replace(tzinfo=ZoneInfo(sandbox.settings.practice_zone))
    start = local.astimezone(UTC)
    return start, start + timedelta(minutes=INTERVAL_MINUTES[row["appointmentIntervalCode"]])
