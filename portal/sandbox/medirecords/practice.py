"""What the clinic has set up: the practice, its providers, rooms, rosters, appointment types and code lists."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from portal.sandbox.core import Json, Sandbox
from portal.sandbox.medirecords import contract
from portal.sandbox.medirecords.contract import rule
from portal.sandbox.medirecords.wire import SYSTEM, Refusal, every, find, no_such, page_of


def add_routes(api: Blueprint, sandbox: Sandbox) -> None:
    @api.get(rule("practice"))
    def practice(practice_id: str) -> Response:
        return jsonify(find(sandbox, "practice", practice_id))

    @api.get(rule("providers"))
    def providers(practice_id: str) -> Response:
        return page_of(sandbox, _matching("provider", ("status",)))

    @api.get(rule("regular_sessions"))
    def regular_sessions(practice_id: str) -> Response:
        return page_of(sandbox, _matching("session", ("userId",)))

    @api.get(rule("rooms"))
    def rooms(practice_id: str) -> Response:
        return page_of(sandbox, _matching("room", ("activeStatus",)))

    @api.get(rule("appointment_types"))
    def appointment_types(practice_id: str) -> Response:
        return page_of(sandbox, _matching("type", ("telehealth", "activeStatus")))

    @api.get(rule("appointment_type"))
    def appointment_type(practice_id: str, type_id: str) -> Response:
        found = find(sandbox, "type", type_id)
        if found is None:
            raise no_such("AppointmentType", type_id)
        return jsonify(found)

    @api.get(rule("code_system"))
    def code_system(name: str) -> Response:
        return jsonify(_codes(name))

    def _matching(kind: str, filters: tuple[str, ...]) -> list[Json]:
        wanted = {name: request.args[name].lower() for name in filters if name in request.args}
        return [
            row
            for row in every(sandbox, kind)
            if all(str(row[name]).lower() == value for name, value in wanted.items())
        ]

    def _codes(name: str) -> list[Json]:
        if name in contract.INTERVAL_SYSTEMS:
            names = {code: contract.interval_text(minutes) for code, minutes in contract.INTERVAL_MINUTES.items()}
        elif name == "gender":
            names = contract.GENDER[sandbox.knob(SYSTEM, "GENDER_ORDER")]
        elif name in contract.CODE_SYSTEMS:
            names = contract.CODE_SYSTEMS[name]
        else:
            raise Refusal(404, {"status": 404, "error": "Not Found", "message": "No such code system"})
        return [{"code": code, "name": text} for code, text in names.items()]
