"""The control plane of Graph under /_emu/graph: people who edit their calendar, lifecycle events, and the ledgers.

POST /staff-event   {"user", "action": "create", "start", "end", "subject"?, "show_as"?, "is_all_day"?, "organizer"?,
                     "recurrence"?}
                    {"user", "action": "move", "id", "start", "end"} | {"action": "delete" | "private", "id"}
                    {"user", "action": "show", "id", "show_as"}
POST /lifecycle     {"event": "missed" | "reauthorizationRequired" | "subscriptionRemoved", "subscription"?}
POST /expire-delta  every delta token from before answers 410
GET  /events        ?deleted=1 adds the removed ones; GET /messages; GET /subscriptions
"""

from __future__ import annotations

import base64
import contextlib
import json
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, abort, jsonify, request

from portal.sandbox.core import Json, Sandbox
from portal.sandbox.graph import mime
from portal.sandbox.graph.answers import public_id
from portal.sandbox.graph.calendars import FOLDER, Calendars, etag
from portal.sandbox.graph.mailboxes import Mailboxes
from portal.sandbox.graph.notifications import Notifier
from portal.sandbox.graph.post import DRAFTS, Post
from portal.sandbox.graph.zones import read_instant, windows_name, write_moment

LIFECYCLE = ("missed", "reauthorizationRequired", "subscriptionRemoved")


def graph_controls(
    sandbox: Sandbox, mailboxes: Mailboxes, calendars: Calendars, post: Post, notifier: Notifier
) -> Blueprint:
    """The routes of this module's first lines."""
    bp = Blueprint("controls", __name__, url_prefix="/_emu/graph")

    @bp.post("/staff-event")
    def staff_event() -> Response:
        wanted = request.get_json()
        mailbox = mailboxes.get(wanted["user"])
        actions = {"create": create, "move": change, "private": change, "show": change, "delete": delete}
        if wanted.get("action") not in actions:
            abort(400, f"action is one of {', '.join(actions)}")
        return jsonify(ledger_row(actions[wanted["action"]](mailbox, wanted)))

    def create(mailbox: Json, wanted: Json) -> Json:
        """As a person does in Outlook: without our property and without a transaction id."""
        sent = {
            **times(wanted),
            "subject": wanted.get("subject", "Private errand"),
            "showAs": wanted.get("show_as", "busy"),
            "isAllDay": wanted.get("is_all_day", False),
            "recurrence": wanted.get("recurrence"),
        }
        return calendars.create(mailbox, sent, wanted.get("organizer"))

    def change(mailbox: Json, wanted: Json) -> Json:
        changes: dict[str, Json] = {"private": {"sensitivity": "private"}, "show": {"showAs": wanted.get("show_as")}}
        sent = changes.get(wanted["action"]) or times(wanted)
        return calendars.update(mailbox, wanted["id"], sent)

    def delete(mailbox: Json, wanted: Json) -> Json:
        return calendars.remove(mailbox, wanted["id"])

    @bp.post("/lifecycle")
    def lifecycle() -> Response:
        wanted = request.get_json()
        if wanted.get("event") not in LIFECYCLE:
            abort(400, f"event is one of {', '.join(LIFECYCLE)}")
        told = [one for one in notifier.subscriptions() if wanted.get("subscription") in (None, one["id"])]
        for subscription in told:
            notifier.lifecycle(wanted["event"], subscription)
        return jsonify(told=[one["id"] for one in told])

    @bp.post("/expire-delta")
    def expire_delta() -> Response:
        with sandbox.store.lock:
            states = sandbox.store.all("graph", "delta")
            for state in states:
                sandbox.store.put("graph", "delta", state["token"], {**state, "is_gone": True})
        return jsonify(expired=len(states))

    @bp.get("/events")
    def events() -> Response:
        every = [event for mailbox in mailboxes.all() for event in calendars.all(mailbox["id"])]
        with_deleted = "deleted" in request.args
        return jsonify([ledger_row(event) for event in every if with_deleted or not event["is_deleted"]])

    @bp.get("/messages")
    def messages() -> Response:
        return jsonify([message_row(document) for document in post.all()])

    @bp.get("/subscriptions")
    def subscriptions() -> Response:
        return jsonify(notifier.subscriptions())

    def times(wanted: Json) -> Json:
        """In the clinic's zone: a whole day is a whole day there, and a series goes by its clock."""
        zone = windows_name(sandbox.settings.practice_zone)
        return {name: write_moment(read_instant(wanted.get(name), name), zone) for name in ("start", "end")}

    return bp


def ledger_row(event: Json) -> Json:
    """One event with what Graph itself would not say in one answer."""
    return {
        "user_id": event["user_id"],
        "id": public_id(event["core"], FOLDER, immutable=True),
        "regular_id": public_id(event["core"], FOLDER, immutable=False),
        "etag": etag(event),
        "subject": event["fields"]["subject"],
        "start": event["starts_at"],
        "end": event["ends_at"],
        "zone": event["start_zone"],
        "location": event["fields"]["location"].get("displayName", ""),
        "showAs": event["fields"]["showAs"],
        "sensitivity": event["fields"]["sensitivity"],
        "categories": event["fields"]["categories"],
        "attendees": len(event["fields"]["attendees"]),
        "transactionId": event["transaction_id"],
        "metadata": metadata(event),
        "isAllDay": event["fields"]["isAllDay"],
        "type": event["type"],
        "isCancelled": False,
        "isDeleted": event["is_deleted"],
    }


def metadata(event: Json) -> Any:
    """The first extended property that holds JSON, parsed; None for an entry that a person made."""
    for value in event["properties"].values():
        with contextlib.suppress(ValueError):
            return json.loads(value)
    return None


def message_row(document: Json) -> Json:
    """One message, its MIME taken apart."""
    message = mime.read(base64.b64decode(document["mime"]))
    sent_at = document["sent_at"]
    return {
        "id": public_id(document["core"], "", immutable=True),
        "user_id": document["user_id"],
        "sender": next((one.addr_spec for one in mime.addresses(message, "From")), ""),
        "to": [one.addr_spec for one in mime.addresses(message, "To", "Cc", "Bcc")],
        "subject": str(message["Subject"] or ""),
        "text": mime.part(message, "text/plain"),
        "html": mime.part(message, "text/html"),
        "ics": mime.part(message, "text/calendar"),
        "attachments": mime.attachments(message),
        "headers": {name: str(value) for name, value in message.items()},
        "message_id": document["message_id"],
        "sent_at": datetime.fromisoformat(sent_at).isoformat() if sent_at else None,
        "state": "draft" if document["folder"] == DRAFTS else "sent",
    }
