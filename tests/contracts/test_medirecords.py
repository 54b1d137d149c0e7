"""The MediRecords client against the emulator: what both believe, code lists, and finding or creating a patient."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Any

import pytest

from portal.integrations import medirecords_contract as ours
from portal.integrations.medirecords import MappingError, NewPatient, Refused
from portal.sandbox.medirecords import contract as theirs
from tests.support.medirecords import NORA, PRACTICE, WILL, Wire, client, patient
from tests.support.sandbox import RunningSandbox

ELIZA = NewPatient(
    given_name="Eliza",
    family_name="O'Hara Quist",
    preferred_name="Liz",
    born_on=date(1990, 12, 31),
    gender="female",
    mobile="+61491570158",
    email="eliza.quist@example.com",
)


def values(table: Any) -> dict[str, Any]:
    return {name: fact.value for name, fact in table.items()}


def test_both_sides_know_the_same_paths() -> None:
    assert values(ours.PATH).items() <= theirs.PATH.items()


def test_both_sides_know_the_same_statuses_and_limits() -> None:
    assert values(ours.STATUS) == theirs.STATUS
    assert ours.NOTES_LIMIT.value == theirs.NOTES_LIMIT


def test_we_send_every_field_of_an_appointment_and_no_other() -> None:
    assert set(values(ours.APPOINTMENT_FIELD).values()) == set(theirs.APPOINTMENT_WRITABLE)
    assert set(ours.NO_DOUBLE_BOOKING) == set(theirs.APPOINTMENT_REQUEST_ONLY)


def test_we_send_only_fields_and_filters_that_exist() -> None:
    assert set(values(ours.PATIENT_FIELD).values()) <= set(theirs.PATIENT_WRITABLE)
    filters = {*theirs.APPOINTMENT_FILTERS, "appointmentDateRangeStart", "appointmentDateRangeEnd"}
    assert set(values(ours.APPOINTMENT_QUERY).values()) <= filters


def test_we_ask_for_code_lists_that_exist() -> None:
    known = {*theirs.CODE_SYSTEMS, *theirs.INTERVAL_SYSTEMS, "gender"}
    assert set(values(ours.CODE_SYSTEM).values()) <= known


def test_the_table_can_tell_what_is_still_guessed() -> None:
    guessed = dict(ours.guesses())
    assert {"conflict_statuses", "exist_query.mobile", "code_system.gender"} <= guessed.keys()
    assert "status.booked" not in guessed
    assert all(fact.source for _, fact in ours.facts())


def test_types_tell_length_and_kind(sandbox: RunningSandbox) -> None:
    types = {each.name: each for each in client(sandbox).appointment_types()}
    assert len(types) == 8
    assert (types["CONSULT_GAPS_60"].minutes, types["CONSULT_GAPS_60"].is_active) == (60, True)
    assert (types["House call"].minutes, types["House call"].is_active) == (90, False)
    assert types["Telehealth consult"].is_telehealth
    assert types["Telehealth consult"].description == ""


def test_providers_tell_who_is_active(sandbox: RunningSandbox) -> None:
    providers = {each.name: each.is_active for each in client(sandbox).providers()}
    assert providers == {"Ines Moreau": True, "Tobias Lindqvist": True, "Paula Greene": False}


@pytest.mark.parametrize(("minutes", "code"), [(5, 2), (10, 4), (15, 6), (20, 7), (30, 9), (45, 11), (60, 13)])
def test_an_interval_is_found_by_its_minutes(sandbox: RunningSandbox, minutes: int, code: int) -> None:
    assert client(sandbox).interval_code(minutes) == code


def test_a_missing_interval_is_never_the_nearest(sandbox: RunningSandbox) -> None:
    with pytest.raises(MappingError, match="35 minutes"):
        client(sandbox).interval_code(35)


def test_the_older_name_of_the_interval_list_is_tried_next(sandbox: RunningSandbox) -> None:
    sandbox.fault("GET /medirecords/v1/code-system/appointment-interval-code", "error", status=404)
    assert client(sandbox).interval_code(30) == 9


def test_a_code_list_is_asked_for_once(sandbox: RunningSandbox) -> None:
    medirecords = client(sandbox)
    for minutes in (15, 30, 45):
        medirecords.interval_code(minutes)
    assert len(sandbox.calls("medirecords")) == 1


def test_a_missing_code_list_is_a_mapping_error(sandbox: RunningSandbox) -> None:
    sandbox.fault("GET /medirecords/v1/code-system/*", "error", status=404, times=5)
    with pytest.raises(MappingError, match="gender"):
        client(sandbox).gender_code("female")


@pytest.mark.parametrize(
    ("order", "gender", "code"),
    [("mf", "male", 1), ("mf", "female", 2), ("fm", "male", 2), ("fm", "female", 1), ("fm", "other", 3)],
)
def test_gender_follows_the_code_list(sandbox: RunningSandbox, order: str, gender: str, code: int) -> None:
    sandbox.knob("medirecords", "GENDER_ORDER", order)
    assert client(sandbox).gender_code(gender) == code


def test_prefer_not_to_say_is_other(sandbox: RunningSandbox) -> None:
    assert client(sandbox).gender_code("prefer-not") == 3


def test_a_new_patient_arrives_as_the_practice_writes_it(sandbox: RunningSandbox) -> None:
    made = client(sandbox).create_patient(ELIZA)
    kept = Wire(sandbox).get(f"/v1/patients/{made.id}").json()
    sent = {name: kept[name] for name in ("firstName", "lastName", "preferredName", "gender", "dob", "mobilePhone")}
    assert sent == {
        "firstName": "Eliza",
        "lastName": "O'Hara Quist",
        "preferredName": "Liz",
        "gender": 2,
        "dob": "1990-12-31",
        "mobilePhone": "0491570158",
    }
    assert (kept["defaultPracticeId"], kept["patientStatusCode"]) == (PRACTICE, 1)
    assert client(sandbox).get_patient(made.id) == made
    assert made.born_on == ELIZA.born_on


def test_a_refused_patient_names_the_fields_and_keeps_no_value(sandbox: RunningSandbox) -> None:
    too_long = "Abernathy-" * 5
    with pytest.raises(Refused) as refused:
        client(sandbox).create_patient(NewPatient("Ruth", too_long, None, date(1971, 5, 2), "female", "", ""))
    assert refused.value.parameters == ("lastName",)
    assert too_long not in repr(refused.value)


def find(sandbox: RunningSandbox, **changes: Any) -> list[str]:
    wanted = {
        "mobile": "+61491570156",
        "email": "nora.castellano@example.com",
        "family_name": "Castellano",
        "born_on": date(1984, 7, 19),
        **changes,
    }
    return [each.id for each in client(sandbox).find_patients(**wanted)]


def test_a_shared_phone_finds_the_one_with_the_birth_date(sandbox: RunningSandbox) -> None:
    assert find(sandbox) == [NORA]
    assert find(sandbox, born_on=date(2012, 2, 29)) == [WILL]


def test_the_phone_is_asked_first_and_is_enough(sandbox: RunningSandbox) -> None:
    find(sandbox)
    asked = [call["path"].removeprefix("/medirecords/v1/patients/") for call in sandbox.calls("medirecords")]
    assert asked == ["exist?mobilePhone=0491570156", NORA, WILL]


def test_then_the_mail_and_then_name_and_birth_date(sandbox: RunningSandbox) -> None:
    assert find(sandbox, mobile="+61491570006") == [NORA]
    assert find(sandbox, mobile="+61491570006", email=None) == [NORA]
    assert find(sandbox, mobile=None, email=None, family_name=" castellano ") == [NORA]


def test_a_name_with_an_apostrophe_can_be_searched(sandbox: RunningSandbox) -> None:
    found = client(sandbox).find_patients(mobile=None, email=None, family_name="O'Dea", born_on=date(1961, 11, 3))
    assert [each.given_name for each in found] == ["Aroha"]


def test_another_name_or_birth_date_is_another_person(sandbox: RunningSandbox) -> None:
    assert find(sandbox, family_name="Castell") == []
    assert find(sandbox, born_on=date(1984, 7, 20)) == []


def test_twins_are_both_found_so_that_a_person_can_decide(sandbox: RunningSandbox) -> None:
    twins = [Wire(sandbox).post("/v2/patients", patient(firstName=name)).json()["id"] for name in ("Ada", "Ida")]
    found = client(sandbox).find_patients(
        mobile="+61491570159", email=None, family_name="Abernathy", born_on=date(1971, 5, 2)
    )
    assert [each.id for each in found] == twins


def test_a_look_up_that_is_not_offered_leaves_the_next_one(sandbox: RunningSandbox) -> None:
    sandbox.fault("GET /medirecords/v1/patients/exist", "error", status=400, times=2)
    assert find(sandbox) == [NORA]


def test_an_answer_that_lists_everybody_is_not_believed(sandbox: RunningSandbox) -> None:
    wire = Wire(sandbox)
    for number in range(21):
        wire.post("/v2/patients", patient(firstName=f"Ruth {number}", mobilePhone="0491570006", email=None))
    find(sandbox, mobile="+61491570006")
    read = [call for call in sandbox.calls("medirecords") if call["method"] == "GET"]
    assert len(read) == 4  # two look-ups, then Nora and Will of her mail address


def test_a_patient_who_is_not_indexed_yet_is_not_found(sandbox: RunningSandbox) -> None:
    sandbox.knob("medirecords", "SEARCH_LAG_SECONDS", 60)
    medirecords = client(sandbox)
    made = medirecords.create_patient(ELIZA)
    look = partial(
        medirecords.find_patients,
        mobile=ELIZA.mobile,
        email=ELIZA.email,
        family_name=ELIZA.family_name,
        born_on=ELIZA.born_on,
    )
    assert look() == []
    sandbox.advance(seconds=60)
    assert look() == [made]
