"""MediRecords over HTTP: patients, the appointment book and its code lists, as the contract knows them."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, render_template

from portal.sandbox.core import Sandbox, System
from portal.sandbox.medirecords import appointments, auth, fhir, ledger, patient_file, patients, practice, seed
from portal.sandbox.medirecords.wire import SYSTEM, Refusal, find

KNOBS = {
    "AUTH_MODE": "static",  # or "oauth": then tokens come from /oauth/token only
    "DOUBLE_BOOKING_DEFAULT": False,  # what a missing allowDoubleBooking… flag means
    "CONFLICT_STATUS": 409,  # or 400
    "LINK_DELAY": 0,  # how many reads of an appointment come without its telehealth links
    "GENDER_ORDER": "mf",  # or "fm"
    "SEARCH_LAG_SECONDS": 0,  # how long lists do not show what is new
    "MAX_PAGE_SIZE": 200,
}
ALL_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def register(sandbox: Sandbox) -> Blueprint:
    """The routes under /medirecords and /_emu/medirecords, and the clinic that is there from the start."""
    system = System(
        SYSTEM,
        seed=lambda people: seed.add_people(sandbox, people),
        panels=ledger.panels(sandbox),
        knobs=KNOBS,
        reset=lambda: seed.plant(sandbox),
    )
    sandbox.add(system)
    if not seed.is_planted(sandbox):
        seed.plant(sandbox)
    bp = Blueprint(SYSTEM, __name__)
    bp.register_blueprint(_api(sandbox))
    bp.register_blueprint(_control(sandbox))
    _add_consulting_room(bp, sandbox)
    return bp


def _api(sandbox: Sandbox) -> Blueprint:
    api = Blueprint("api", __name__, url_prefix="/medirecords")
    api.before_request(lambda: auth.require_token(sandbox))
    api.register_error_handler(Refusal, _refused)
    for part in (auth, practice, patients, patient_file, appointments, fhir):
        part.add_routes(api, sandbox)

    @api.route("/<path:rest>", methods=ALL_METHODS)
    def unknown(rest: str) -> tuple[Response, int]:
        return jsonify(
            timestamp=int(sandbox.now().timestamp() * 1000),
            status=404,
            error="Not Found",
            message="No message available",
            path=f"/{rest}",
        ), 404

    return api


def _control(sandbox: Sandbox) -> Blueprint:
    control = Blueprint("control", __name__, url_prefix="/_emu/medirecords")
    control.register_error_handler(Refusal, _refused)
    ledger.add_routes(control, sandbox)
    return control


def _add_consulting_room(bp: Blueprint, sandbox: Sandbox) -> None:
    @bp.get("/medirecords/room/<appointment_id>/<side>")
    def consulting_room(appointment_id: str, side: str) -> str | tuple[str, int]:
        """Where a telehealth link leads. MediRecords hands out links of its video partner."""
        row = find(sandbox, "appointment", appointment_id)
        page = render_template("sandbox/medirecords/room.html", appointment=row, side=side)
        return page if row else (page, 404)


def _refused(refusal: Refusal) -> tuple[Response, int]:
    return jsonify(refusal.body), refusal.status
