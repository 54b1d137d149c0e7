"""Patients in the emulator: what is refused, and how one is found."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.medirecords import MOREAU, NORA, PRACTICE, WILL, Wire, patient
from tests.support.sandbox import RunningSandbox

ADDRESS = {
    "addressType": 1,
    "addressLine1": "12 Banksia Street",
    "cityCode": "Newtown",
    "postcode": "2042",
    "stateCode": "NSW",
    "countryCode": "AU",
}
NOBODY = "00000000-0000-4000-8000-000000000000"


def blamed(answer: Any) -> list[str]:
    assert answer.status_code == 400, answer.text
    return [error["parameter"] for error in answer.json()["errors"]]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("defaultPracticeId", NOBODY),
        ("lastName", None),
        ("lastName", "x" * 41),
        ("gender", None),
        ("gender", 4),
        ("dob", None),
        ("dob", "02/05/1971"),
        ("dob", "1971-02-30"),
        ("patientStatusCode", None),
        ("mobilePhone", "+61491570159"),
        ("mobilePhone", "0491 570 159"),
        ("email", "x" * 101),
    ],
)
def test_a_wrong_field_is_named(sandbox: RunningSandbox, field: str, value: Any) -> None:
    assert blamed(Wire(sandbox).post("/v2/patients", patient(**{field: value}))) == [field]


def test_the_older_create_does_without_a_status(sandbox: RunningSandbox) -> None:
    made = Wire(sandbox).post("/v1/patients", patient(patientStatusCode=None))
    assert made.status_code == 201
    assert made.json()["fullName"] == "Ruth Abernathy"


def test_a_patient_is_read_replaced_and_deleted(sandbox: RunningSandbox) -> None:
    wire = Wire(sandbox)
    path = f"/v1/patients/{wire.post('/v2/patients', patient(preferredName='Ruthie')).json()['id']}"
    assert wire.put(path, patient(lastName="Abernathy-Lowe")).json()["lastName"] == "Abernathy-Lowe"
    assert wire.get(path).json()["preferredName"] is None
    assert wire.delete(path).status_code == 200
    answer = wire.get(path)
    assert (answer.status_code, answer.json()) == (400, {"message": f"No Patient for id: {path.split('/')[-1]}"})


def test_exist_answers_a_bare_list_of_ids(sandbox: RunningSandbox) -> None:
    wire = Wire(sandbox)
    both = [{"id": NORA}, {"id": WILL}]
    assert wire.get("/v1/patients/exist", email="Nora.Castellano@example.com").json() == both
    assert wire.get("/v1/patients/exist", mobilePhone="0491570156").json() == both
    assert wire.get("/v1/patients/exist", mobilePhone="0491570006").json() == []


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("lastName==castellano", ["Nora", "Will"]),
        ("lastName==Castellano;dob==1984-07-19", ["Nora"]),
        ("""lastName=="O'Dea";dob==1961-11-03""", ["Aroha"]),
        ("firstName==Will,firstName==Aroha", ["Will", "Aroha"]),
        ("lastName==Castellano;firstName!=Nora", ["Will"]),
        ("lastName==Nobody", []),
    ],
)
def test_search_speaks_rsql(sandbox: RunningSandbox, query: str, names: list[str]) -> None:
    found = Wire(sandbox).get("/v1/patients/search", q=query).json()
    assert [row["firstName"] for row in found["data"]] == names


@pytest.mark.parametrize("query", ["", "lastName", "lastName=O'Dea", "lastName==Lee;", "lastName==O'Dea"])
def test_a_malformed_query_is_refused(sandbox: RunningSandbox, query: str) -> None:
    assert Wire(sandbox).get("/v1/patients/search", q=query).status_code == 400


def test_a_new_patient_can_be_slow_to_show_in_look_ups(sandbox: RunningSandbox) -> None:
    sandbox.knob("medirecords", "SEARCH_LAG_SECONDS", 30)
    wire = Wire(sandbox)
    made = wire.post("/v2/patients", patient()).json()
    assert wire.get(f"/v1/patients/{made['id']}").status_code == 200
    assert wire.get("/v1/patients/exist", email=made["email"]).json() == []
    sandbox.advance(seconds=30)
    assert wire.get("/v1/patients/exist", email=made["email"]).json() == [{"id": made["id"]}]


def test_addresses_are_a_bare_list(sandbox: RunningSandbox) -> None:
    wire = Wire(sandbox)
    assert wire.get(f"/v1/patients/{NORA}/addresses").json() == []
    assert wire.post(f"/v1/patients/{NORA}/addresses", ADDRESS).status_code == 201
    [kept] = wire.get(f"/v1/patients/{NORA}/addresses").json()
    assert kept["cityCode"] == "Newtown"


@pytest.mark.parametrize(
    ("changes", "parameter"),
    [
        ({"postcode": "9999"}, "postcode"),
        ({"stateCode": "VIC"}, "stateCode"),
        ({"cityCode": "Fitzroy"}, "cityCode"),
        ({"countryCode": "NZ"}, "countryCode"),
    ],
)
def test_suburb_postcode_and_state_must_agree(sandbox: RunningSandbox, changes: dict[str, str], parameter: str) -> None:
    assert blamed(Wire(sandbox).post(f"/v1/patients/{NORA}/addresses", ADDRESS | changes)) == [parameter]


def test_a_line_that_is_too_long_is_told_its_limit(sandbox: RunningSandbox) -> None:
    answer = Wire(sandbox).post(f"/v1/patients/{NORA}/addresses", ADDRESS | {"addressLine1": "x" * 51})
    [error] = answer.json()["errors"]
    assert (error["parameter"], error["message"]) == ("addressLine1", "size must be between 0 and 50")


def test_settings_are_one_object_that_grows(sandbox: RunningSandbox) -> None:
    wire, path = Wire(sandbox), f"/v1/patients/{NORA}/settings"
    assert wire.get(path).json() == {}
    wire.post(path, {"patientId": NORA, "medicareNo": "2123456701", "medicareIRN": "1"})
    wire.post(path, {"patientId": NORA, "eprescribing": True})
    kept = wire.get(path).json()
    assert (kept["medicareNo"], kept["eprescribing"]) == ("2123456701", True)
    assert blamed(wire.post(path, {"medicareNo": "123"})) == ["medicareNo"]


def test_an_emergency_contact_is_kept(sandbox: RunningSandbox) -> None:
    wire, path = Wire(sandbox), f"/v1/patients/{NORA}/relationships"
    contact = {"relationshipCode": 26, "contactName": "Jo Park", "contactMethod": 3, "isEmergency": True}
    assert wire.post(path, contact).status_code == 201
    assert [row["contactName"] for row in wire.get(path).json()["data"]] == ["Jo Park"]
    assert blamed(wire.post(path, contact | {"relationshipCode": 99})) == ["relationshipCode"]


def test_a_letter_is_filed_with_the_patient(sandbox: RunningSandbox) -> None:
    form = {
        "subject": "Intake form",
        "practiceId": PRACTICE,
        "patientId": NORA,
        "importDate": "2027-03-01",
        "category": "1",
        "senderType": "2",
        "senderId": PRACTICE,
        "recipientId": MOREAU,
    }
    wire, path = Wire(sandbox), f"/v1/upload/patients/{NORA}/correspondences/inbounds"
    letter = {"attachment": ("intake.pdf", b"%PDF-1.7", "application/pdf")}
    assert wire.call("POST", path, data=form, files=letter).status_code == 201
    filed = wire.get(f"/v1/patients/{NORA}/correspondences/inbounds").json()["data"]
    assert [(row["subject"], row["fileName"]) for row in filed] == [("Intake form", "intake.pdf")]
    assert wire.get(f"/v1/patients/{NORA}/correspondences/outbounds").json()["data"] == []
    assert blamed(wire.call("POST", path, data=form)) == ["attachment"]
