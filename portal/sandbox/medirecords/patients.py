"""Patients over the wire: create, read, replace, delete, and the two ways to find one."""

from __future__ import annotations

import re
from datetime import date
from uuid import uuid4

from flask import Blueprint, Response, jsonify, request

from portal.sandbox.core import Json, Sandbox
from portal.sandbox.medirecords import rsql
from portal.sandbox.medirecords.contract import CODE_SYSTEMS, EMAIL_LIMIT, LAST_NAME_LIMIT, PATIENT_WRITABLE, rule
from portal.sandbox.medirecords.wire import (
    SYSTEM,
    FieldErrors,
    Refusal,
    body_of_request,
    every,
    find,
    is_listed,
    new_document,
    no_such,
    page_of,
    public,
    put,
    timestamp,
)

PHONES = {"mobilePhone": r"\d{8,10}", "homePhone": r"\d{6,12}", "workPhone": r"\d{6,12}"}


def add_routes(api: Blueprint, sandbox: Sandbox) -> None:
    @api.post(rule("patients"))
    def create_patient() -> tuple[Response, int]:
        return _create(is_status_required=True)

    @api.post(rule("patients_v1"))
    def create_patient_v1() -> tuple[Response, int]:
        return _create(is_status_required=False)

    def _create(*, is_status_required: bool) -> tuple[Response, int]:
        body = body_of_request()
        _check(sandbox, body, is_status_required=is_status_required)
        moment = timestamp(sandbox.now())
        row = {"id": str(uuid4()), **_written(body), "createdDateTime": moment, "updatedDateTime": moment}
        return jsonify(public(put(sandbox, "patient", new_document(sandbox, row)))), 201

    @api.get(rule("patient"))
    def read_patient(patient_id: str) -> Response:
        return jsonify(public(get_patient(sandbox, patient_id)))

    @api.put(rule("patient"))
    def replace_patient(patient_id: str) -> Response:
        body = body_of_request()
        with sandbox.store.lock:
            before = get_patient(sandbox, patient_id)
            _check(sandbox, body, is_status_required=True)
            row = {**before, **_written(body), "updatedDateTime": timestamp(sandbox.now())}
            return jsonify(public(put(sandbox, "patient", row)))

    @api.delete(rule("patient"))
    def delete_patient(patient_id: str) -> Response:
        get_patient(sandbox, patient_id)
        sandbox.store.delete(SYSTEM, "patient", patient_id)
        return jsonify(id=patient_id, message="Patient deleted")

    @api.get(rule("patients_exist"))
    def patients_exist() -> Response:
        wanted = {name: request.args[name] for name in ("email", "mobilePhone") if name in request.args}
        if not wanted:
            raise Refusal(400, {"message": "Required parameter is not present"})
        return jsonify([{"id": row["id"]} for row in _listed() if _has(row, wanted)])

    @api.get(rule("patients_search"))
    def search_patients() -> Response:
        query = request.args.get("q", "")
        try:
            found = [public(row) for row in _listed() if rsql.matches(query, row)]
        except rsql.BadQuery:
            raise Refusal(400, {"message": "Malformed RSQL query"}) from None
        return page_of(sandbox, found)

    def _listed() -> list[Json]:
        return [row for row in every(sandbox, "patient") if is_listed(sandbox, row)]


def get_patient(sandbox: Sandbox, patient_id: str) -> Json:
    row = find(sandbox, "patient", patient_id)
    if row is None:
        raise no_such("Patient", patient_id)
    return row


def _has(row: Json, wanted: Json) -> bool:
    return all((row.get(name) or "").casefold() == value.casefold() for name, value in wanted.items())


def _written(body: Json) -> Json:
    row = {name: body.get(name) for name in PATIENT_WRITABLE}
    row["fullName"] = row["fullName"] or " ".join(filter(None, (row["firstName"], row["lastName"])))
    return row


def _check(sandbox: Sandbox, body: Json, *, is_status_required: bool) -> None:
    errors = FieldErrors()
    if body.get("defaultPracticeId") != sandbox.settings.medirecords_practice_id:
        errors.add("defaultPracticeId", body.get("defaultPracticeId"), "must be an existing practice")
    errors.text(body, "lastName", 1, LAST_NAME_LIMIT, required=True)
    errors.text(body, "firstName", 0, LAST_NAME_LIMIT)
    errors.text(body, "preferredName", 0, LAST_NAME_LIMIT)
    errors.text(body, "email", 0, EMAIL_LIMIT)
    errors.boolean(body, "oneNameOnly")
    if body.get("gender") not in (1, 2, 3):
        errors.add("gender", body.get("gender"), "must be a known gender")
    if not _is_date(body.get("dob")):
        errors.add("dob", body.get("dob"), "must be a date such as 1980-02-01")
    status = body.get("patientStatusCode")
    if status not in CODE_SYSTEMS["patient-status-code"] and (status is not None or is_status_required):
        errors.add("patientStatusCode", status, "must be a known patient status")
    for name, form in PHONES.items():
        value = body.get(name)
        if value is not None and not (isinstance(value, str) and re.fullmatch(form, value)):
            errors.add(name, value, f'must match "{form}"')
    errors.refuse()


def _is_date(value: object) -> bool:
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True
