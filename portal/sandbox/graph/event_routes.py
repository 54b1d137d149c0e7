"""Events over HTTP: create, read, change, delete, cancel, list."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g, jsonify, make_response, request

from portal.sandbox.core import Json, Sandbox
from portal.sandbox.graph import query
from portal.sandbox.graph.answers import (
    GraphError,
    collection,
    graph_root,
    json_body,
    page_size,
    preferences,
    public_id,
)
from portal.sandbox.graph.calendars import FOLDER, Calendars, DuplicateTransaction, shown
from portal.sandbox.graph.post import Post

USED_BEFORE = (
    "Your request can't be completed. The TransactionId specified in the request has already been used to create a"
    " different event."
)


def add_event_routes(api: Blueprint, sandbox: Sandbox, calendars: Calendars, post: Post) -> None:
    """Everything below /users/{id}/events and /users/{id}/calendar/events."""

    @api.post("/users/<user>/events")
    @api.post("/users/<user>/calendar/events")
    def create_event(user: str) -> Response:
        sent = json_body()
        try:
            event = calendars.create(g.mailbox, sent)
        except DuplicateTransaction as duplicate:
            return repeated(duplicate.core)
        post.invite(g.mailbox, event, "Invitation")
        return answer(event, 201)

    @api.get("/users/<user>/events/<event_id>")
    def read_event(user: str, event_id: str) -> Response:
        query.refuse_other_than("$select", "$expand")
        event = calendars.get(g.mailbox["id"], event_id)
        row = shown(event, preferences(), query.expanded_property())
        return jsonify({"@odata.context": context("/$entity"), **query.select(row)})

    @api.patch("/users/<user>/events/<event_id>")
    def change_event(user: str, event_id: str) -> Response:
        event = calendars.update(g.mailbox, event_id, json_body(), request.headers.get("If-Match"))
        post.invite(g.mailbox, event, "Updated")
        return answer(event, 200)

    @api.delete("/users/<user>/events/<event_id>")
    def delete_event(user: str, event_id: str) -> Response:
        post.invite(g.mailbox, calendars.remove(g.mailbox, event_id), "Cancelled")
        return make_response("", 204)

    @api.post("/users/<user>/events/<event_id>/cancel")
    def cancel_event(user: str, event_id: str) -> Response:
        if not calendars.get(g.mailbox["id"], event_id)["is_organizer"]:
            raise GraphError(400, "ErrorInvalidRequest", "You need to be an organizer to cancel a meeting.")
        post.invite(g.mailbox, calendars.remove(g.mailbox, event_id), "Cancelled")
        return make_response("", 202)

    @api.get("/users/<user>/events")
    @api.get("/users/<user>/calendar/events")
    def list_events(user: str) -> Response:
        query.refuse_other_than("$select", "$expand", "$filter", "$top", "$skip")
        wanted, property_id, prefs = query.property_filter(), query.expanded_property(), preferences()
        here = [event for event in calendars.live(g.mailbox["id"]) if event["series"] is None]
        found = [event for event in here if wanted is None or wanted.passes(event["properties"])]
        rows = [query.select(shown(event, prefs, property_id)) for event in found]
        return jsonify(collection(rows, f"users('{g.mailbox['id']}')/events", page_size(10)))

    def repeated(core: str) -> Response:
        """A used transaction id; the knob chooses among the three answers that were seen in the field."""
        existing_id = public_id(core, FOLDER, preferences().immutable)
        status = sandbox.knob("graph", "transaction_repeat")
        if status == 201:
            return answer(calendars.get(g.mailbox["id"], existing_id), 201)
        # The id of the existing event was seen with the 400 only.
        extra = {"@event.existingEventId": existing_id} if status == 400 else {}
        raise GraphError(status, "ErrorDuplicateTransactionId", USED_BEFORE, extra=extra)


def answer(event: Json, status: int) -> Response:
    """A whole event; what was written as an extended property is not repeated."""
    response = jsonify({"@odata.context": context("/$entity"), **shown(event, preferences())})
    response.status_code = status
    return response


def context(tail: str) -> Any:
    return f"{graph_root()}/$metadata#users('{g.mailbox['id']}')/events{tail}"
