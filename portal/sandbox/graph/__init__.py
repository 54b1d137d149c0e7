"""Microsoft Graph as far as the portal uses it: calendars, mail and change notifications.

The API is under /graph/v1.0, mail as its reader sees it under /mail, the controls under /_emu/graph.
Attachments to events and $batch are not kept; asking for them is refused.
"""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, g, request

from portal.sandbox.core import Sandbox, System
from portal.sandbox.graph.answers import GraphError, error_response, preferences
from portal.sandbox.graph.by_hand import calendar_forms
from portal.sandbox.graph.calendars import Calendars
from portal.sandbox.graph.controls import graph_controls
from portal.sandbox.graph.event_routes import add_event_routes
from portal.sandbox.graph.mailboxes import Mailboxes
from portal.sandbox.graph.message_routes import add_message_routes
from portal.sandbox.graph.notifications import Notifier
from portal.sandbox.graph.pages import mail_pages, panels
from portal.sandbox.graph.post import Post
from portal.sandbox.graph.schedules import add_schedule_route
from portal.sandbox.graph.subscriptions import add_subscription_routes
from portal.sandbox.graph.views import add_view_routes

KNOBS = {
    "notification_delay_seconds": 0.05,
    "transaction_repeat": 400,  # 400, 409 or 201: the answers seen for a repeated transaction id
    "allowed_mailboxes": None,  # a list of ids or addresses; every other mailbox answers 403
    "max_concurrent_calls": 4,  # per mailbox, then 429
    "latency_seconds": 0.0,  # each call takes this much longer, and counts as under way meanwhile
    "delta_replay": True,  # each delta round repeats one row it gave before
    "mails_per_minute": 0,  # per mailbox, then 429; Exchange delays rather than refuses, so it is off
}


def register(sandbox: Sandbox) -> Blueprint:
    """Add Graph to the sandbox and hand back its routes."""
    mailboxes, notifier, post = Mailboxes(sandbox), Notifier(sandbox), Post(sandbox)
    calendars = Calendars(sandbox, notifier.changed)
    api = Blueprint("v1", __name__, url_prefix="/graph/v1.0")
    guard(api, sandbox, mailboxes)
    add_view_routes(api, sandbox, calendars)
    add_schedule_route(api, sandbox, mailboxes, calendars)
    add_event_routes(api, sandbox, calendars, post)
    add_message_routes(api, post)
    add_subscription_routes(api, sandbox, mailboxes, notifier)
    add_refusals(api)

    bp = Blueprint("graph", __name__)
    bp.register_error_handler(GraphError, error_response)
    bp.register_blueprint(api)
    bp.register_blueprint(mail_pages(sandbox, post))
    bp.register_blueprint(calendar_forms(sandbox, mailboxes, calendars))
    bp.register_blueprint(graph_controls(sandbox, mailboxes, calendars, post, notifier))
    shown = panels(sandbox, mailboxes, calendars, post, notifier)
    sandbox.add(System("graph", seed=mailboxes.seed, panels=shown, knobs=KNOBS))
    return bp


def guard(api: Blueprint, sandbox: Sandbox, mailboxes: Mailboxes) -> None:
    """Before each call: a known token, a mailbox in reach, and not too many calls at once."""

    @api.before_request
    def check_token() -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise GraphError(401, "InvalidAuthenticationToken", "Access token is empty.")
        grant = sandbox.store.get("entra", "access_token", token)
        if grant is None:
            message = "CompactToken parsing failed with error code: 80049217"
            raise GraphError(401, "InvalidAuthenticationToken", message)
        # Tokens keep real time, like everything that is signed: the movable clock is for the clinic's deadlines.
        if datetime.fromisoformat(grant["expires_at"]) <= datetime.now(UTC):
            raise GraphError(401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")
        if not grant["opens_graph"]:
            raise GraphError(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
        g.app_id = grant["client_id"]

    @api.before_request
    def enter_mailbox() -> None:
        if "user" not in (request.view_args or {}):
            return
        mailbox = mailboxes.get(request.view_args["user"])  # type: ignore[index]
        mailboxes.enter(mailbox["id"])
        g.mailbox = mailbox
        time.sleep(sandbox.knob("graph", "latency_seconds"))

    @api.teardown_request
    def leave_mailbox(_: Any) -> None:
        if "mailbox" in g:
            mailboxes.leave(g.pop("mailbox")["id"])

    @api.after_request
    def sign(response: Response) -> Response:
        response.headers["request-id"] = str(uuid.uuid4())
        response.headers["client-request-id"] = request.headers.get("client-request-id", "")
        if "outlook.body-content-type" in preferences().asked:
            kind = preferences().asked["outlook.body-content-type"]
            response.headers["Preference-Applied"] = f'outlook.body-content-type="{kind}"'
        return response


def add_refusals(api: Blueprint) -> None:
    """What is not there, in Graph's words; the token is checked first all the same."""
    every = ["GET", "POST", "PATCH", "PUT", "DELETE"]

    @api.route("/me/<path:rest>", methods=every)
    def me(rest: str) -> Response:
        raise GraphError(400, "BadRequest", "/me request is only valid with delegated authentication flow.")

    @api.route("/<path:rest>", methods=every)
    def nothing(rest: str) -> Response:
        raise GraphError(400, "BadRequest", "Resource not found for the segment.")
