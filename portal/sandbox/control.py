"""The control plane under /_emu/: tests and people set the stage here and read what happened.

POST /_emu/reset                  empty everything, then nothing is seeded
POST /_emu/seed    {"practitioners": [{"id", "name", "email", "graph_user_id", "medirecords_provider_id"}],
                    "staff": [{"oid", "name", "email", "roles"}], "rooms": [{"id", "name"}],
                    "practice_name": str, "sender": {"graph_user_id", "email", "name"}}
GET  /_emu/log?system=            calls, newest first; GET /_emu/deliveries  what was sent out
POST /_emu/clock   {"offset_seconds": n} or {"advance_seconds": n}; GET tells
POST /_emu/faults  {"match": "POST /graph/*", "kind": ..., "times", "skip", "status", "retry_after", "seconds"}
                   {"deliveries": "stripe", "kind": ..., "times", "seconds", "copies"}; GET lists; DELETE clears
POST /_emu/knobs   {"system", "name", "value"}; GET lists
"""

from __future__ import annotations

import socket
import time
from typing import Any

from flask import Blueprint, Flask, Response, abort, g, jsonify, request

from portal.sandbox.core import CALL_FAULTS, Fault, Sandbox
from portal.sandbox.deliveries import DELIVERY_FAULTS, DeliveryFault


def control_plane(sandbox: Sandbox) -> Blueprint:
    """The routes of this module's first lines."""
    bp = Blueprint("emu", __name__, url_prefix="/_emu")

    @bp.post("/reset")
    def reset() -> Response:
        sandbox.reset()
        return jsonify(ok=True)

    @bp.post("/seed")
    def seed() -> Response:
        people = request.get_json()
        for system in sandbox.systems.values():
            system.seed(people)
        return jsonify(ok=True)

    @bp.get("/log")
    def log() -> Response:
        return jsonify(sandbox.store.calls(request.args.get("system"), request.args.get("limit", 500, int)))

    @bp.get("/deliveries")
    def deliveries() -> Response:
        return jsonify(waiting=sandbox.deliveries.waiting(), history=sandbox.deliveries.history)

    @bp.get("/clock")
    def tell_clock() -> Response:
        return jsonify(now=sandbox.now().isoformat(), offset_seconds=sandbox.clock.offset_seconds)

    @bp.post("/clock")
    def set_clock() -> Response:
        wanted = request.get_json()
        offset = float(wanted.get("offset_seconds", sandbox.clock.offset_seconds))
        sandbox.clock.set_offset(offset + float(wanted.get("advance_seconds", 0)))
        return tell_clock()

    @bp.get("/faults")
    def list_faults() -> Response:
        return jsonify(calls=sandbox.faults.listed(), deliveries=sandbox.deliveries.listed_faults())

    @bp.post("/faults")
    def add_fault() -> Response:
        wanted = dict(request.get_json())
        system = wanted.pop("deliveries", None)
        known = CALL_FAULTS if system is None else DELIVERY_FAULTS
        if wanted.get("kind") not in known:
            abort(400, f"kind is one of {', '.join(known)}")
        if system is None:
            sandbox.faults.add(Fault(**wanted))
        else:
            sandbox.deliveries.faults.append(DeliveryFault(system=system, **wanted))
        return list_faults()

    @bp.delete("/faults")
    def clear_faults() -> Response:
        sandbox.faults.clear()
        sandbox.deliveries.clear_faults()
        return list_faults()

    @bp.get("/knobs")
    def list_knobs() -> Response:
        return jsonify(
            {
                name: {knob: sandbox.knob(name, knob) for knob in system.knobs}
                for name, system in sandbox.systems.items()
            }
        )

    @bp.post("/knobs")
    def set_knob() -> Response:
        wanted = request.get_json()
        try:
            sandbox.set_knob(wanted["system"], wanted["name"], wanted["value"])
        except KeyError as error:
            abort(400, str(error))
        return list_knobs()

    return bp


def system_of(path: str) -> str:
    """The emulated system a path belongs to; Entra lives at the root, as `/{tenant}/...`."""
    first = path.split("/")[1]
    if first in ("stripe", "graph", "medirecords", "mail", "calendly"):
        return first
    return "entra" if "/oauth2/" in path or "/v2.0/" in path else ""


def install_faults_and_log(app: Flask, sandbox: Sandbox) -> None:
    """Every call to an emulated system is logged, and spoilt if a fault asks for it."""

    @app.before_request
    def before() -> Response | None:
        g.system = system_of(request.path)
        if not g.system:
            return None
        g.logged = sandbox.logged(g.system, request.method, request.full_path.rstrip("?"), request.get_data())
        g.entry = g.logged.__enter__()
        g.fault = sandbox.faults.take(request.method, request.path)
        return _before_acting(g.fault) if g.fault else None

    @app.after_request
    def after(response: Response) -> Response:
        if not g.get("system"):
            return response
        fault: Fault | None = g.get("fault")
        if fault is not None:
            g.entry["fault"] = fault.kind
            if fault.kind == "error_after":
                response = _spoilt(fault.status or 504, fault)
            elif fault.kind == "timeout_after_commit":
                _hang_up()
        g.entry["status"] = response.status_code
        g.logged.__exit__(None, None, None)
        return response


def _before_acting(fault: Fault) -> Response | None:
    if fault.kind in ("error", "429", "401", "403"):
        return _spoilt(fault.status or (500 if fault.kind == "error" else int(fault.kind)), fault)
    if fault.kind == "slow":
        time.sleep(fault.seconds)
    if fault.kind == "timeout_before_commit":
        _hang_up()
        return Response(status=500)
    return None


def _spoilt(status: int, fault: Fault) -> Response:
    body: dict[str, Any] = {"error": {"code": "generalException", "type": "api_error", "message": "Injected fault"}}
    body["message"] = "Injected fault"
    if g.system == "entra":
        # An OAuth error is one word; msal joins those it has seen and would stumble over anything else.
        body = {"error": "invalid_client" if status < 500 else "server_error", "error_description": "Injected fault"}
    response = jsonify(body)
    response.status_code = status
    if fault.retry_after is not None:
        response.headers["Retry-After"] = str(fault.retry_after)
    return response


def _hang_up() -> None:
    """Close the caller's connection without an answer, as a broken network does."""
    connection = request.environ.get("werkzeug.socket")
    if connection is not None:
        connection.shutdown(socket.SHUT_RDWR)
