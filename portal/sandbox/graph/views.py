"""Looking at a calendar over a window of time: calendarView and its delta."""

from __future__ import annotations

import secrets
from datetime import datetime

from flask import Blueprint, Response, g, jsonify, request

from portal.sandbox.core import Json, Sandbox
from portal.sandbox.graph import query, series
from portal.sandbox.graph.answers import (
    GraphError,
    Preferences,
    bad_query,
    collection,
    graph_root,
    page_size,
    preferences,
    public_id,
)
from portal.sandbox.graph.calendars import FOLDER, Calendars, shown, touches
from portal.sandbox.graph.zones import read_instant


def add_view_routes(api: Blueprint, sandbox: Sandbox, calendars: Calendars) -> None:
    """calendarView and calendarView/delta of a user."""
    rounds = Rounds(sandbox, calendars)

    @api.get("/users/<user>/calendarView")
    @api.get("/users/<user>/calendar/calendarView")
    def calendar_view(user: str) -> Response:
        query.refuse_other_than("$select", "$expand", "$top", "$skip")
        start, end = window()
        prefs, property_id = preferences(), query.expanded_property()
        events = calendars.between(g.mailbox["id"], start, end)
        # $select does not work for these two on a calendarView.
        dates = ("createdDateTime", "lastModifiedDateTime")
        rows = [query.select(shown(event, prefs, property_id), without=dates) for event in events]
        return jsonify(collection(rows, f"users('{g.mailbox['id']}')/calendarView", page_size(10)))

    @api.get("/users/<user>/calendarView/delta")
    @api.get("/users/<user>/calendar/calendarView/delta")
    def delta(user: str) -> Response:
        query.refuse_other_than("$skiptoken", "$deltatoken")
        token = request.args.get("$skiptoken") or request.args.get("$deltatoken")
        state = rounds.resume(token) if token else rounds.begin(*window())
        return jsonify(rounds.page(state, preferences()))


def window() -> tuple[datetime, datetime]:
    start = read_instant(request.args.get("startDateTime"), "startDateTime")
    end = read_instant(request.args.get("endDateTime"), "endDateTime")
    if end <= start:
        raise GraphError(400, "ErrorInvalidParameter", "The end of the window is not after its start.")
    return start, end


class Rounds:
    """Delta rounds. A token names a stored state that is bound to one mailbox and one frozen window.

    A state knows the rows still to be given (`waiting`), the events it gave before (`known`) and the change
    number up to which it has looked (`until`).
    """

    def __init__(self, sandbox: Sandbox, calendars: Calendars) -> None:
        self._sandbox = sandbox
        self._calendars = calendars

    def begin(self, start: datetime, end: datetime) -> Json:
        state = {"user_id": g.mailbox["id"], "start": start.isoformat(), "end": end.isoformat()}
        return self._look({**state, "known": [], "until": -1})

    def resume(self, token: str) -> Json:
        state = self._sandbox.store.get("graph", "delta", token)
        if state is None or state["is_gone"]:
            raise self._gone(state)
        if state["user_id"] != g.mailbox["id"]:
            raise bad_query("a delta token of another mailbox")
        return state if state["waiting"] else self._look(state)

    def page(self, state: Json, prefs: Preferences) -> Json:
        size = prefs.page_size or 10
        here, waiting = state["waiting"][:size], state["waiting"][size:]
        events = {event["core"]: event for event in self._calendars.all(state["user_id"])}
        rows = [self._row(events[core], state, prefs) for core in here]
        token = secrets.token_urlsafe(48)
        self._sandbox.store.put(
            "graph", "delta", token, {**state, "token": token, "waiting": waiting, "is_gone": False}
        )
        path = f"{graph_root()}/users/{state['user_id']}/calendarView/delta"
        name, parameter = ("nextLink", "skiptoken") if waiting else ("deltaLink", "deltatoken")
        return {
            "@odata.context": f"{graph_root()}/$metadata#Collection(event)",
            "value": rows,
            f"@odata.{name}": f"{path}?${parameter}={token}",
        }

    def _look(self, state: Json) -> Json:
        """Start a round: what changed since the last one, as far as it concerns the window."""
        events = self._calendars.all(state["user_id"])
        known = set(state["known"])
        live = [event["core"] for event in events if self._is_inside(event, state)]
        changed = [e["core"] for e in events if e["change"] > state["until"] and (e["core"] in {*live, *known})]
        return {
            **state,
            "waiting": self._replayed(state, live) + changed,
            "known": live,
            "until": max([event["change"] for event in events], default=state["until"]),
        }

    def _replayed(self, state: Json, live: list[str]) -> list[str]:
        """One row that was given before: replays are normal, and a reader must bear them."""
        if not self._sandbox.knob("graph", "delta_replay"):
            return []
        return [core for core in state["known"] if core in live][:1]

    def _row(self, event: Json, state: Json, prefs: Preferences) -> Json:
        if self._is_inside(event, state):
            row = {"@odata.type": "#microsoft.graph.event", **shown(event, prefs)}
            # Of an occurrence nothing else is told, not even whether it is busy.
            bare = ("@odata.type", "id", "seriesMasterId", "type", "start", "end")
            return {name: row[name] for name in bare} if event["type"] == series.OCCURRENCE else row
        return {
            "@odata.type": "#microsoft.graph.event",
            "id": public_id(event["core"], FOLDER, prefs.immutable),
            "@removed": {"reason": "deleted" if event["is_deleted"] else "changed"},
        }

    @staticmethod
    def _is_inside(event: Json, state: Json) -> bool:
        start, end = datetime.fromisoformat(state["start"]), datetime.fromisoformat(state["end"])
        if event["type"] == series.MASTER:
            return not event["is_deleted"] and datetime.fromisoformat(event["starts_at"]) < end
        return not event["is_deleted"] and touches(event, start, end)

    @staticmethod
    def _gone(state: Json | None) -> GraphError:
        place = f"{graph_root()}/users/{g.mailbox['id']}/calendarView/delta?$deltatoken="
        if state is not None:
            times = {name: state[name].replace("+00:00", "Z") for name in ("start", "end")}
            place += f"&startDateTime={times['start']}&endDateTime={times['end']}"
        message = "The sync state generation is not found; continue with a full synchronization."
        return GraphError(410, "SyncStateNotFound", message, headers={"Location": place})
