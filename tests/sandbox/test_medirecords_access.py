"""Who MediRecords lets in, and how it says no."""

from __future__ import annotations

import pytest

from tests.support.medirecords import BOOK, FHIR_TOKEN, NORA, PRACTICE, REST_TOKEN, Wire
from tests.support.sandbox import RunningSandbox


def test_a_call_without_a_token_is_asked_to_authenticate(sandbox: RunningSandbox) -> None:
    answer = Wire(sandbox, token=None).get(BOOK)
    assert answer.status_code == 401
    assert answer.json()["error"] == "unauthorized"


def test_an_unknown_token_is_refused_and_echoed(sandbox: RunningSandbox) -> None:
    answer = Wire(sandbox, token="made-up").get(BOOK)
    assert answer.status_code == 401
    assert answer.json() == {"error": "invalid_token", "error_description": "Invalid access token: made-up"}


@pytest.mark.parametrize(("token", "path"), [(FHIR_TOKEN, BOOK), (REST_TOKEN, "/fhir/v1/Patient")])
def test_each_token_opens_its_own_interface_only(sandbox: RunningSandbox, token: str, path: str) -> None:
    answer = Wire(sandbox, token).get(path)
    assert answer.status_code == 403
    assert "does not contain resource id" in answer.json()["error_description"]


def test_the_fhir_token_finds_a_patient(sandbox: RunningSandbox) -> None:
    found = Wire(sandbox, FHIR_TOKEN).get("/fhir/v1/Patient", family="castellano", birthdate="1984-07-19").json()
    assert [entry["resource"]["id"] for entry in found["entry"]] == [NORA]


def test_another_practice_is_not_ours(sandbox: RunningSandbox) -> None:
    answer = Wire(sandbox).get("/v1/practices/3f0c7f52-0000-4000-8000-000000000000/appointments")
    assert (answer.status_code, answer.json()) == (403, {"message": "Access is denied"})


def test_an_unknown_route_is_not_found(sandbox: RunningSandbox) -> None:
    answer = Wire(sandbox).get(f"/v1/practices/{PRACTICE}/unavailable-sessions")
    assert answer.status_code == 404
    assert answer.json()["error"] == "Not Found"


def test_tokens_are_granted_in_oauth_mode_only(sandbox: RunningSandbox) -> None:
    form = {"grant_type": "client_credentials", "client_id": PRACTICE, "client_secret": REST_TOKEN}
    nobody = Wire(sandbox, token=None)
    assert nobody.call("POST", "/oauth/token", data=form).status_code == 404

    sandbox.knob("medirecords", "AUTH_MODE", "oauth")
    assert Wire(sandbox).get(BOOK).status_code == 401
    assert nobody.call("POST", "/oauth/token", data={**form, "client_secret": "wrong"}).status_code == 401
    granted = nobody.call("POST", "/oauth/token", data=form).json()
    assert Wire(sandbox, granted["access_token"]).get(BOOK).status_code == 200


def test_a_granted_token_runs_out(sandbox: RunningSandbox) -> None:
    sandbox.knob("medirecords", "AUTH_MODE", "oauth")
    form = {"grant_type": "client_credentials", "client_id": PRACTICE, "client_secret": REST_TOKEN}
    granted = Wire(sandbox, token=None).call("POST", "/oauth/token", data=form).json()
    sandbox.advance(seconds=granted["expires_in"])
    assert Wire(sandbox, granted["access_token"]).get(BOOK).status_code == 401
