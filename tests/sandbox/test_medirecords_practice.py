"""What the emulated clinic has set up, and what the portal's seed adds."""

from __future__ import annotations

import pytest

from tests.support.medirecords import ALT_30, MOREAU, PRACTICE, Wire
from tests.support.sandbox import RunningSandbox

PEOPLE = {
    "practice_name": "Rosella Clinic North",
    "practitioners": [
        {
            "id": 1,
            "name": "Dr Imogen Vale",
            "email": "imogen.vale@example.org",
            "graph_user_id": "c0000000-0000-4000-8000-000000000001",
            "medirecords_provider_id": "A0000000-0000-4000-8000-000000000001",
        }
    ],
    "rooms": [{"id": "b0000000-0000-4000-8000-000000000001", "name": "Garden room"}],
}


def test_the_fixed_clinic_is_there_after_a_reset(sandbox: RunningSandbox) -> None:
    wire = Wire(sandbox)
    counts = {
        name: wire.get(f"/v1/practices/{PRACTICE}/{name}").json()["totalElements"]
        for name in ("providers", "rooms", "appointment-types", "appointments")
    }
    assert counts == {"providers": 3, "rooms": 2, "appointment-types": 8, "appointments": 1}
    assert len(sandbox.get("/_emu/medirecords/patients")) == 3


def test_one_hour_is_blocked_without_patient_and_type(sandbox: RunningSandbox) -> None:
    [blocked] = sandbox.get("/_emu/medirecords/appointments")
    assert (blocked["patientId"], blocked["appointmentTypeId"]) == (None, None)
    assert (blocked["providerId"], blocked["minutes"]) == (MOREAU, 60)


def test_practitioners_and_rooms_of_the_portal_are_added(sandbox: RunningSandbox) -> None:
    sandbox.seed(PEOPLE)
    wire = Wire(sandbox)
    providers = wire.get(f"/v1/practices/{PRACTICE}/providers").json()["data"]
    assert len(providers) == 4
    assert providers[-1] == {
        "id": "a0000000-0000-4000-8000-000000000001",
        "titleCode": "315890004",
        "firstName": "Imogen",
        "lastName": "Vale",
        "status": "Active",
    }
    assert "Garden room" in [row["name"] for row in wire.get(f"/v1/practices/{PRACTICE}/rooms").json()["data"]]
    assert wire.get(f"/v1/practices/{PRACTICE}").json()["practiceName"] == "Rosella Clinic North"


def test_providers_and_types_can_be_filtered(sandbox: RunningSandbox) -> None:
    wire = Wire(sandbox)
    assert wire.get(f"/v1/practices/{PRACTICE}/providers", status="Inactive").json()["totalElements"] == 1
    types = f"/v1/practices/{PRACTICE}/appointment-types"
    assert [row["name"] for row in wire.get(types, telehealth="true").json()["data"]] == ["Telehealth consult"]
    assert [row["name"] for row in wire.get(types, activeStatus=2).json()["data"]] == ["House call"]
    assert wire.get(f"{types}/{ALT_30}").json()["duration"] == "30 min"


def test_each_provider_works_monday_to_friday(sandbox: RunningSandbox) -> None:
    rows = Wire(sandbox).get(f"/v1/practices/{PRACTICE}/regular-sessions", userId=MOREAU).json()["data"]
    assert [(row["dayOfWeek"], row["startTime"], row["endTime"]) for row in rows] == [
        (day, "09:00", "17:00") for day in (2, 3, 4, 5, 6)
    ]


def test_intervals_do_not_count_up(sandbox: RunningSandbox) -> None:
    rows = Wire(sandbox).get("/v1/code-system/appointment-interval-code").json()
    assert {"code": 7, "name": "20 min"} in rows
    assert {"code": 13, "name": "1 hr"} in rows
    assert rows != sorted(rows, key=lambda row: row["code"])


@pytest.mark.parametrize(("order", "first"), [("mf", "Male"), ("fm", "Female")])
def test_the_gender_list_can_be_turned_round(sandbox: RunningSandbox, order: str, first: str) -> None:
    sandbox.knob("medirecords", "GENDER_ORDER", order)
    assert Wire(sandbox).get("/v1/code-system/gender").json()[0] == {"code": 1, "name": first}


def test_an_unknown_code_system_is_not_found(sandbox: RunningSandbox) -> None:
    assert Wire(sandbox).get("/v1/code-system/favourite-colour").status_code == 404


def test_pages_are_numbered_from_zero_and_capped(sandbox: RunningSandbox) -> None:
    sandbox.knob("medirecords", "MAX_PAGE_SIZE", 3)
    page = Wire(sandbox).get(f"/v1/practices/{PRACTICE}/appointment-types", page=2, size=100).json()
    assert (page["first"], page["last"], page["page"], page["size"]) == (False, True, 2, 3)
    assert (page["totalPages"], page["totalElements"], page["numberOfElements"]) == (3, 8, 2)
    assert Wire(sandbox).get(f"/v1/practices/{PRACTICE}/rooms", size=0).status_code == 400
