"""What a person does in Outlook, done on the sandbox's page: add an entry, move it, hide it, take it away."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from flask import Blueprint, abort, redirect, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import ImmutableMultiDict

from portal.sandbox.core import Json, Sandbox
from portal.sandbox.graph.answers import GraphError
from portal.sandbox.graph.calendars import Calendars
from portal.sandbox.graph.mailboxes import Mailboxes
from portal.sandbox.graph.series import WEEKDAYS
from portal.sandbox.graph.zones import windows_name

Form = ImmutableMultiDict[str, str]


def calendar_forms(sandbox: Sandbox, mailboxes: Mailboxes, calendars: Calendars) -> Blueprint:
    """The forms of the calendars' panel, under /outlook/."""
    bp = Blueprint("by_hand", __name__, url_prefix="/outlook")
    zone = windows_name(sandbox.settings.practice_zone)

    @bp.post("/<user>/events")
    def add_entry(user: str) -> ResponseReturnValue:
        day = _day(request.form)
        calendars.create(mailboxes.get(user), _entry(request.form, zone))
        return _back(day)

    @bp.post("/<user>/events/<event_id>")
    def change_entry(user: str, event_id: str) -> ResponseReturnValue:
        mailbox, act, day = mailboxes.get(user), request.form.get("act"), _day(request.form)
        if act == "delete":
            calendars.remove(mailbox, event_id)
        elif act == "private":
            calendars.update(mailbox, event_id, {"sensitivity": "private"})
        elif act == "move":
            calendars.update(mailbox, event_id, _times(request.form, zone))
        else:
            abort(400, "act is delete, private or move")
        return _back(day)

    @bp.errorhandler(GraphError)
    def refused(error: GraphError) -> ResponseReturnValue:
        return error.message, error.status

    return bp


def _entry(form: Form, zone: str) -> Json:
    entry: Json = {
        **_times(form, zone),
        "subject": form.get("subject", ""),
        "showAs": form.get("show_as", "busy"),
        "isAllDay": "all_day" in form,
    }
    weeks = form.get("weeks", 1, int)
    if weeks > 1:
        weekly = {"type": "weekly", "interval": 1, "daysOfWeek": [WEEKDAYS[_day(form).weekday()]]}
        entry["recurrence"] = {"pattern": weekly, "range": {"type": "numbered", "numberOfOccurrences": weeks}}
    return entry


def _times(form: Form, zone: str) -> Json:
    day, is_whole = _day(form), "all_day" in form
    try:
        starts = datetime.combine(day, time() if is_whole else time.fromisoformat(form.get("starts", "")))
        ends = starts + timedelta(days=1) if is_whole else datetime.combine(day, time.fromisoformat(form["ends"]))
    except (KeyError, ValueError):
        abort(400, "A time such as 14:30 is missing.")
    return {name: {"dateTime": at.isoformat(), "timeZone": zone} for name, at in (("start", starts), ("end", ends))}


def _day(form: Form) -> date:
    try:
        return date.fromisoformat(form.get("day", ""))
    except ValueError:
        abort(400, "A day such as 2026-03-09 is missing.")


def _back(day: date) -> ResponseReturnValue:
    return redirect(f"/?week={day:%G-W%V}#graph", 303)
