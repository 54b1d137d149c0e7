"""The emulator's back door: the whole book as JSON for tests, and the parts of the start page for people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from flask import Blueprint, Response, jsonify, redirect, request
from flask.typing import ResponseReturnValue

from portal.sandbox.core import Json, Panel, Sandbox
from portal.sandbox.medirecords import rules, seed
from portal.sandbox.medirecords.appointments import change, shown
from portal.sandbox.medirecords.contract import APPOINTMENT_WRITABLE, INTERVAL_MINUTES, STATUS, STATUS_WORDS
from portal.sandbox.medirecords.wire import SYSTEM, Refusal, every, find, public

STAFF_CANCEL_REASON = 11
REFUSALS_SHOWN = 50


def add_routes(control: Blueprint, sandbox: Sandbox) -> None:
    @control.get("/appointments")
    def ledger() -> Response:
        return jsonify([_entry(sandbox, row) for row in every(sandbox, "appointment")])

    @control.get("/patients")
    def patients() -> Response:
        return jsonify([public(row) for row in every(sandbox, "patient")])

    @control.post("/staff-edit")
    def staff_edit() -> ResponseReturnValue:
        """{"appointment": id} with "change": {field: value}, "cancel": true or "delete": true.

        The start page's button sends a form and gets the page back.
        """
        wanted = request.form if request.form else request.get_json()
        with sandbox.store.lock:
            row = find(sandbox, "appointment", wanted.get("appointment"))
            if row is None:
                return jsonify(error="no such appointment"), 404
            if wanted.get("delete"):
                sandbox.store.delete(SYSTEM, "appointment", row["id"])
                return redirect("/#medirecords", 303) if request.form else jsonify(ok=True)
            edited = change(sandbox, row, _staff_change(sandbox, row, wanted))
        return redirect("/#medirecords", 303) if request.form else jsonify(_entry(sandbox, edited))

    @control.post("/staff-block")
    def staff_block() -> ResponseReturnValue:
        """{"provider", "at": practice-local "2026-03-09T14:30", "minutes"}: the desk keeps a provider's time free."""
        wanted = request.form if request.form else request.get_json()
        minutes = str(wanted.get("minutes", ""))
        if minutes not in map(str, INTERVAL_MINUTES.values()) or not rules.is_schedule_time(wanted.get("at")):
            return jsonify(error="a practice-local time such as 2026-03-09T14:30, and a known length"), 400
        if find(sandbox, "provider", wanted.get("provider")) is None:
            return jsonify(error="no such provider"), 404
        row = seed.block(sandbox, str(uuid4()), wanted["provider"], wanted["at"], int(minutes))
        return redirect("/#medirecords", 303) if request.form else jsonify(_entry(sandbox, row))


def _staff_change(sandbox: Sandbox, row: Json, wanted: Mapping[str, Any]) -> Json:
    """Staff may double-book, so only the fields are checked, not the calendar."""
    fields: Json = dict(wanted.get("change") or {})
    unknown = fields.keys() - set(APPOINTMENT_WRITABLE)
    if unknown:
        raise Refusal(400, {"error": f"not a field of an appointment: {', '.join(sorted(unknown))}"})
    if wanted.get("cancel"):
        fields |= {"appointmentStatus": STATUS["cancelled"], "cancellationReason": STAFF_CANCEL_REASON}
    if row["patientId"] is not None:
        rules.check_fields(sandbox, {**row, **fields}, before=row)
    return fields


def panels(sandbox: Sandbox) -> list[Panel]:
    folder = "sandbox/medirecords"
    return [
        Panel("Appointments", f"{folder}/_appointments.html", lambda: _book(sandbox)),
        Panel("Patients", f"{folder}/_patients.html", lambda: {"rows": _patient_rows(sandbox)}),
        Panel("Refused calls", f"{folder}/_refused.html", lambda: {"rows": _refused(sandbox)}),
    ]


def _entry(sandbox: Sandbox, row: Json) -> Json:
    """One appointment with the words behind its ids."""
    kind = find(sandbox, "type", row["appointmentTypeId"])
    patient = find(sandbox, "patient", row["patientId"])
    return {
        **shown(row),
        "type_name": kind and kind["name"],
        "provider_name": _provider_name(sandbox, row["providerId"]),
        "minutes": INTERVAL_MINUTES[row["appointmentIntervalCode"]],
        "patient": patient and {name: patient.get(name) for name in ("firstName", "lastName", "dob")},
    }


def _provider_name(sandbox: Sandbox, provider_id: Any) -> str | None:
    provider = find(sandbox, "provider", provider_id)
    return f"{provider['firstName']} {provider['lastName']}".strip() if provider else None


def _book(sandbox: Sandbox) -> Json:
    return {
        "rows": _appointment_rows(sandbox),
        "providers": [
            {"id": row["id"], "name": _provider_name(sandbox, row["id"])} for row in every(sandbox, "provider")
        ],
        "lengths": sorted(INTERVAL_MINUTES.values()),
        "tomorrow": f"{sandbox.now() + timedelta(days=1):%Y-%m-%d}T10:00",
    }


def _appointment_rows(sandbox: Sandbox) -> list[Json]:
    entries = sorted((_entry(sandbox, row) for row in every(sandbox, "appointment")), key=lambda e: e["scheduleTime"])
    return [
        {
            **entry,
            "when": f"{datetime.fromisoformat(entry['scheduleTime']):%a %d %b %Y, %H:%M}",
            "status": STATUS_WORDS[entry["appointmentStatus"]],
            "is_cancelled": entry["appointmentStatus"] == STATUS["cancelled"],
            "patient_name": _full_name(entry["patient"]),
        }
        for entry in entries
    ]


def _patient_rows(sandbox: Sandbox) -> list[Json]:
    return [{**public(row), "name": _full_name(row)} for row in every(sandbox, "patient")]


def _full_name(patient: Json | None) -> str:
    return " ".join(filter(None, (patient.get("firstName"), patient.get("lastName")))) if patient else ""


def _refused(sandbox: Sandbox) -> list[Json]:
    return [call for call in sandbox.store.calls(SYSTEM) if call["status"] >= 400][:REFUSALS_SHOWN]
