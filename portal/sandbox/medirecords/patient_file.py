"""What hangs off a patient: addresses, settings, relationships and filed correspondence."""

from __future__ import annotations

import re
from uuid import uuid4

from flask import Blueprint, Response, jsonify, request

from portal.sandbox.core import Json, Sandbox
from portal.sandbox.medirecords.contract import rule
from portal.sandbox.medirecords.patients import get_patient
from portal.sandbox.medirecords.suburbs import wrong_part
from portal.sandbox.medirecords.wire import (
    FieldErrors,
    Refusal,
    body_of_request,
    every,
    find,
    page_of,
    public,
    put,
    timestamp,
)

ADDRESS_FIELDS = (
    "addressType",
    "addressLine1",
    "addressLine2",
    "addressLine3",
    "cityCode",
    "postcode",
    "stateCode",
    "countryCode",
)
RELATIONSHIP_FLAGS = ("isEmergency", "isNOK", "isFamily", "isHeadOfFamily")
UPLOAD_FIELDS = ("subject", "practiceId", "importDate", "category", "senderType", "senderId", "recipientId")


def add_routes(api: Blueprint, sandbox: Sandbox) -> None:
    @api.get(rule("addresses"))
    def addresses(patient_id: str) -> Response:
        return jsonify(_of_patient("address", patient_id))

    @api.post(rule("addresses"))
    def add_address(patient_id: str) -> tuple[Response, int]:
        get_patient(sandbox, patient_id)
        body = body_of_request()
        _check_address(body)
        return _added("address", patient_id, {name: body.get(name) for name in ADDRESS_FIELDS})

    @api.get(rule("settings"))
    def settings(patient_id: str) -> Response:
        get_patient(sandbox, patient_id)
        return jsonify(public(find(sandbox, "settings", patient_id) or {}))

    @api.post(rule("settings"))
    def save_settings(patient_id: str) -> tuple[Response, int]:
        get_patient(sandbox, patient_id)
        body = body_of_request()
        _check_settings(body)
        with sandbox.store.lock:
            before = find(sandbox, "settings", patient_id) or {}
            row = {**before, **body, "patientId": patient_id, "id": patient_id}
            return jsonify(public(put(sandbox, "settings", row))), 201

    @api.get(rule("relationships"))
    def relationships(patient_id: str) -> Response:
        return page_of(sandbox, _of_patient("relationship", patient_id))

    @api.post(rule("relationships"))
    def add_relationship(patient_id: str) -> tuple[Response, int]:
        get_patient(sandbox, patient_id)
        body = body_of_request()
        _check_relationship(body)
        return _added("relationship", patient_id, body)

    @api.post(rule("upload_inbound"))
    def upload_inbound(patient_id: str) -> tuple[Response, int]:
        get_patient(sandbox, patient_id)
        attachment = _check_upload(patient_id)
        row: Json = {name: request.form[name] for name in UPLOAD_FIELDS}
        row |= {"direction": "inbounds", "fileName": attachment[0], "fileSize": attachment[1], "htmlContent": None}
        return _added("correspondence", patient_id, row)

    @api.get(rule("correspondences"))
    def correspondences(patient_id: str, direction: str) -> Response:
        rows = _of_patient("correspondence", patient_id)
        return page_of(sandbox, [row for row in rows if row["direction"] == direction])

    def _of_patient(kind: str, patient_id: str) -> list[Json]:
        get_patient(sandbox, patient_id)
        return [public(row) for row in every(sandbox, kind) if row["patientId"] == patient_id]

    def _added(kind: str, patient_id: str, fields: Json) -> tuple[Response, int]:
        row = {**fields, "id": str(uuid4()), "patientId": patient_id, "createdDateTime": timestamp(sandbox.now())}
        return jsonify(public(put(sandbox, kind, row))), 201


def _check_address(body: Json) -> None:
    errors = FieldErrors()
    errors.text(body, "addressLine1", 0, 50, required=True)
    errors.text(body, "addressLine2", 0, 50)
    errors.text(body, "addressLine3", 0, 50)
    errors.text(body, "cityCode", 0, 60, required=True)
    errors.text(body, "postcode", 4, 4, required=True)
    errors.text(body, "stateCode", 2, 3, required=True)
    if body.get("countryCode") != "AU":
        errors.add("countryCode", body.get("countryCode"), "must be a known country")
    errors.refuse()
    wrong = wrong_part(body["cityCode"], body["postcode"], body["stateCode"])
    if wrong:
        errors.add(wrong, body[wrong], "suburb, postcode and state do not match")
    errors.refuse()


def _check_settings(body: Json) -> None:
    errors = FieldErrors()
    for name, form in {"medicareNo": r"\d{10}", "medicareIRN": r"\d", "medicareExpiry": r"\d{4}-\d{2}"}.items():
        value = body.get(name)
        if value is not None and not (isinstance(value, str) and re.fullmatch(form, value)):
            errors.add(name, value, f'must match "{form}"')
    errors.boolean(body, "eprescribing")
    errors.refuse()


def _check_relationship(body: Json) -> None:
    errors = FieldErrors()
    code = body.get("relationshipCode")
    if not isinstance(code, int) or not 1 <= code <= 28:
        errors.add("relationshipCode", code, "must be a known relationship")
    errors.text(body, "contactName", 1, 100, required=True)
    for name in RELATIONSHIP_FLAGS:
        errors.boolean(body, name)
    errors.refuse()


def _check_upload(patient_id: str) -> tuple[str, int]:
    """The file's name and size."""
    errors = FieldErrors()
    for name in UPLOAD_FIELDS:
        if not request.form.get(name):
            errors.add(name, None, "must not be null")
    if request.form.get("patientId") != patient_id:
        errors.add("patientId", request.form.get("patientId"), "must be the patient of the path")
    attachment = request.files.get("attachment")
    content = attachment.read() if attachment else b""
    if not content:
        errors.add("attachment", None, "must not be empty")
    errors.refuse()
    if attachment is None:
        raise Refusal(400, {"message": "Required part 'attachment' is not present"})
    return attachment.filename or "", len(content)
