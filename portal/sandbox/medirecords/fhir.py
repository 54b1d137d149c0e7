"""The FHIR side, as far as a patient look-up goes; it takes the FHIR token only."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from portal.sandbox.core import Json, Sandbox
from portal.sandbox.medirecords.contract import GENDER, rule
from portal.sandbox.medirecords.wire import SYSTEM, every, find, is_listed

MEDIA_TYPE = "application/fhir+json"


def add_routes(api: Blueprint, sandbox: Sandbox) -> None:
    @api.get(rule("fhir_patients"))
    def search_fhir_patients() -> Response:
        rows = [row for row in every(sandbox, "patient") if is_listed(sandbox, row) and _fits(row)]
        entries = [{"resource": _resource(row)} for row in rows]
        return _fhir({"resourceType": "Bundle", "type": "searchset", "total": len(rows), "entry": entries})

    @api.get(rule("fhir_patient"))
    def read_fhir_patient(patient_id: str) -> Response:
        row = find(sandbox, "patient", patient_id)
        if row is None:
            issue = {"severity": "error", "code": "not-found", "diagnostics": f"No Patient for id: {patient_id}"}
            return _fhir({"resourceType": "OperationOutcome", "issue": [issue]}, 404)
        return _fhir(_resource(row))

    def _resource(row: Json) -> Json:
        genders = GENDER[sandbox.knob(SYSTEM, "GENDER_ORDER")]
        telecom = [("phone", row.get("mobilePhone")), ("email", row.get("email"))]
        return {
            "resourceType": "Patient",
            "id": row["id"],
            "active": row.get("patientStatusCode") == 1,
            "name": [{"family": row["lastName"], "given": [row["firstName"]] if row.get("firstName") else []}],
            "gender": genders[row["gender"]].lower(),
            "birthDate": row["dob"],
            "telecom": [{"system": system, "value": value} for system, value in telecom if value],
        }


def _fits(row: Json) -> bool:
    fields = {"family": "lastName", "given": "firstName", "birthdate": "dob"}
    wanted = {fields[name]: value for name, value in request.args.items() if name in fields}
    return all((row.get(name) or "").casefold() == value.casefold() for name, value in wanted.items())


def _fhir(body: Json, status: int = 200) -> Response:
    response = jsonify(body)
    response.status_code, response.mimetype = status, MEDIA_TYPE
    return response
