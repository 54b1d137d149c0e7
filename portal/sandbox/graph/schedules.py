"""Free/busy of several mailboxes: POST /users/{id}/calendar/getSchedule."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, Response, jsonify

from portal.sandbox.core import Json, Sandbox
from portal.sandbox.graph.answers import GraphError, graph_root, json_body, preferences
from portal.sandbox.graph.calendars import Calendars, touches
from portal.sandbox.graph.mailboxes import Mailboxes
from portal.sandbox.graph.zones import read_moment, windows_name, write_moment

DIGITS = {"free": "0", "tentative": "1", "busy": "2", "oof": "3", "workingElsewhere": "4", "unknown": "2"}
MAX_WINDOW = timedelta(days=42)


def add_schedule_route(api: Blueprint, sandbox: Sandbox, mailboxes: Mailboxes, calendars: Calendars) -> None:
    @api.post("/users/<user>/calendar/getSchedule")
    def get_schedule(user: str) -> Response:
        body = json_body()
        addresses, minutes = asked_schedules(body)
        start, end = read_moment(body.get("startTime"), "startTime"), read_moment(body.get("endTime"), "endTime")
        if not timedelta() < end - start < MAX_WINDOW:
            raise GraphError(400, "ErrorInvalidTimeInterval", "The requested time must be under 42 days.")
        rows = [schedule(address, start, end, minutes) for address in addresses]
        return jsonify({"@odata.context": f"{graph_root()}/$metadata#Collection(scheduleInformation)", "value": rows})

    def schedule(address: str, start: datetime, end: datetime, minutes: int) -> Json:
        mailbox = mailboxes.find(address)
        if mailbox is None:
            # One bad address does not fail the call; its entry says so and looks empty otherwise.
            error = {"message": f"Mailbox {address} was not found.", "responseCode": "ErrorMailRecipientNotFound"}
            return {"scheduleId": address, "availabilityView": "", "scheduleItems": [], "error": error}
        events = calendars.between(mailbox["id"], start, end)
        return {
            "scheduleId": address,
            "availabilityView": availability(events, start, end, minutes),
            "scheduleItems": [item(event) for event in events],
            "workingHours": {
                "daysOfWeek": ["monday", "tuesday", "wednesday", "thursday", "friday"],
                "startTime": "08:00:00.0000000",
                "endTime": "17:00:00.0000000",
                "timeZone": {"name": windows_name(sandbox.settings.practice_zone)},
            },
        }


def asked_schedules(body: Json) -> tuple[list[Any], int]:
    """The addresses and the interval in minutes."""
    addresses, minutes = body.get("schedules"), body.get("availabilityViewInterval", 30)
    if not isinstance(addresses, list) or not addresses:
        raise GraphError(400, "ErrorInvalidRequest", "schedules is required.")
    if len(addresses) > 20:
        raise GraphError(400, "ErrorInvalidRequest", "The number of schedules is limited to 20.")
    if not isinstance(minutes, int) or not 5 <= minutes <= 1440:
        raise GraphError(400, "ErrorInvalidRequest", "availabilityViewInterval must be from 5 to 1440 minutes.")
    return addresses, minutes


def availability(events: list[Json], start: datetime, end: datetime, minutes: int) -> str:
    """One digit per interval; an item that covers part of an interval colours all of it."""
    view, step = "", timedelta(minutes=minutes)
    while start < end:
        here = [event for event in events if touches(event, start, min(start + step, end))]
        view += max((DIGITS[event["fields"]["showAs"]] for event in here), default="0")
        start += step
    return view


def item(event: Json) -> Json:
    """Status and times; what it is about only if it is not private."""
    is_private = event["fields"]["sensitivity"] not in ("normal", "personal")
    zone = preferences().zone
    row: Json = {
        "isPrivate": is_private,
        "status": event["fields"]["showAs"],
        "start": write_moment(datetime.fromisoformat(event["starts_at"]), zone),
        "end": write_moment(datetime.fromisoformat(event["ends_at"]), zone),
    }
    if not is_private:
        row |= {"subject": event["fields"]["subject"], "location": event["fields"]["location"].get("displayName", "")}
    return row
