"""Appointments over the wire: list, read, create, replace, delete."""

from __future__ import annotations

from uuid import uuid4

from flask import Blueprint, Response, jsonify, request

from portal.sandbox.core import Json, Sandbox
from portal.sandbox.medirecords import rules
from portal.sandbox.medirecords.contract import (
    APPOINTMENT_FILTERS,
    APPOINTMENT_WRITABLE,
    STATUS,
    rule,
)
from portal.sandbox.medirecords.seed import STAFF_USER, fixed_id
from portal.sandbox.medirecords.wire import (
    SYSTEM,
    FieldErrors,
    Refusal,
    body_of_request,
    every,
    find,
    is_listed,
    new_document,
    page_of,
    public,
    put,
    timestamp,
)

API_USER = fixed_id("user/api")
MOVING = ("scheduleTime", "appointmentIntervalCode", "providerId", "patientId")


def add_routes(api: Blueprint, sandbox: Sandbox) -> None:
    @api.get(rule("appointments"))
    def list_appointments(practice_id: str) -> Response:
        rows = [row for row in every(sandbox, "appointment") if is_listed(sandbox, row) and _is_wanted(row)]
        return page_of(sandbox, [shown(row) for row in rows])

    @api.get(rule("appointment"))
    def get_appointment(practice_id: str, appointment_id: str) -> Response:
        with sandbox.store.lock:
            row = _get(sandbox, appointment_id)
            if row["_reads_without_link"]:
                put(sandbox, "appointment", {**row, "_reads_without_link": row["_reads_without_link"] - 1})
        return jsonify(shown(row))

    @api.post(rule("appointments"))
    def create_appointment(practice_id: str) -> tuple[Response, int]:
        body = body_of_request()
        with sandbox.store.lock:
            rules.check_fields(sandbox, body, before=None)
            rules.check_free(sandbox, body, ignoring=None)
            row = create(sandbox, body)
        return jsonify(shown(row)), 201

    @api.put(rule("appointment"))
    def replace_appointment(practice_id: str, appointment_id: str) -> Response:
        body = body_of_request()
        with sandbox.store.lock:
            before = _get(sandbox, appointment_id)
            rules.check_fields(sandbox, body, before=before)
            is_revived = before["appointmentStatus"] == STATUS["cancelled"] != body["appointmentStatus"]
            if is_revived or any(body.get(name) != before[name] for name in MOVING):
                rules.check_free(sandbox, body, ignoring=appointment_id)
            row = change(sandbox, before, {name: body.get(name) for name in APPOINTMENT_WRITABLE}, by=API_USER)
        return jsonify(shown(row))

    @api.delete(rule("appointment"))
    def delete_appointment(practice_id: str, appointment_id: str) -> Response:
        with sandbox.store.lock:
            _get(sandbox, appointment_id)
            sandbox.store.delete(SYSTEM, "appointment", appointment_id)
        return jsonify(id=appointment_id, message="Appointment deleted")


def create(sandbox: Sandbox, body: Json) -> Json:
    """Store a new row. The caller has checked it."""
    moment = timestamp(sandbox.now())
    row = {
        "id": str(uuid4()),
        "practiceId": sandbox.settings.medirecords_practice_id,
        **{name: body.get(name) for name in APPOINTMENT_WRITABLE},
        "confirmationLink": None,
        "createdBy": API_USER,
        "updatedBy": API_USER,
        "createdDateTime": moment,
        "updatedDateTime": moment,
        "_reads_without_link": int(sandbox.knob(SYSTEM, "LINK_DELAY")),
    }
    return put(sandbox, "appointment", new_document(sandbox, {**row, **_links(sandbox, row)}))


def change(sandbox: Sandbox, before: Json, fields: Json, *, by: str = STAFF_USER) -> Json:
    """Store a changed row. The caller has checked it."""
    row = {**before, **fields, "updatedBy": by, "updatedDateTime": timestamp(sandbox.now())}
    return put(sandbox, "appointment", {**row, **_links(sandbox, row)})


def shown(row: Json) -> Json:
    """The row as a caller sees it; links come late when the emulator is told so."""
    if row.get("_reads_without_link"):
        row = {**row, "telehealthLinkForProvider": None, "telehealthLinkForPatient": None}
    return public(row)


def _links(sandbox: Sandbox, row: Json) -> Json:
    kind = find(sandbox, "type", row["appointmentTypeId"])
    base = f"{sandbox.settings.own_url}/medirecords/room/{row['id']}" if kind and kind["telehealth"] else None
    return {
        "telehealthLinkForProvider": base and f"{base}/provider",
        "telehealthLinkForPatient": base and f"{base}/patient",
    }


def _get(sandbox: Sandbox, appointment_id: str) -> Json:
    row = find(sandbox, "appointment", appointment_id)
    if row is None:
        body = {
            "timestamp": int(sandbox.now().timestamp() * 1000),
            "status": 404,
            "error": "Not Found",
            "message": f"No Appointment for id: {appointment_id}",
            "path": request.path.removeprefix("/medirecords"),
        }
        raise Refusal(404, body)
    return row


def _is_wanted(row: Json) -> bool:
    errors = FieldErrors()
    start, end = (request.args.get(f"appointmentDateRange{edge}") for edge in ("Start", "End"))
    for name, value in (("appointmentDateRangeStart", start), ("appointmentDateRangeEnd", end)):
        if value is not None and not rules.is_schedule_time(value):
            errors.add(name, value, "must be a date and time such as 2026-03-09T14:30")
    errors.refuse()
    if (start and row["scheduleTime"] < start) or (end and row["scheduleTime"] > end):
        return False
    wanted = {name: request.args[name] for name in APPOINTMENT_FILTERS if name in request.args}
    return all(row[name] is not None and str(row[name]) == value for name, value in wanted.items())
