"""The patient of an appointment: found when known, made once when new, and left to a person when in doubt."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from portal.patients.models import Gender
from portal.sync import jobs
from tests.support.chain import Chain, patient_who
from tests.support.medirecords import Wire
from tests.support.outbox import later, settle
from tests.support.race import Race
from tests.sync.appointments import LOST_AND_LATE, make_start
from tests.sync.tales import confirmed, medirecords_link, tasks, written

pytestmark = pytest.mark.usefixtures("heard")


def test_two_visits_of_one_new_patient_make_one_patient(chain: Chain, race: Race) -> None:
    patient = patient_who()
    first = chain.booking(patient=patient)
    second = chain.booking(patient=patient, starts_at=first.starts_at + timedelta(hours=1))
    ids = [first.id, second.id]
    for booking_id in ids:
        jobs.outlook(booking_id)
    chain.sandbox.wait_quiet()
    race(*[lambda booking_id=booking_id: jobs.medirecords(booking_id) for booking_id in ids])
    settle(chain.sandbox)
    later(chain.sandbox, seconds=5)
    assert len(chain.patients("Brightwater")) == 1
    assert [len(chain.appointments(one.reference)) for one in (first, second)] == [1, 1]


@pytest.mark.parametrize("fault", ["timeout_after_commit", "timeout_before_commit"])
def test_a_patient_whose_create_was_not_answered_is_made_once(chain: Chain, fault: str) -> None:
    chain.sandbox.knob("medirecords", "SEARCH_LAG_SECONDS", 15)
    chain.sandbox.fault("POST /medirecords/v2/patients", fault)
    booking = confirmed(chain, patient=patient_who())
    for _ in range(4):
        later(chain.sandbox, **LOST_AND_LATE)
    assert len(chain.patients("Brightwater")) == 1
    assert len(chain.appointments(booking.reference)) == 1


@pytest.mark.parametrize("order", ["mf", "fm"])
@pytest.mark.parametrize(
    ("gender", "word"),
    [(Gender.FEMALE, "Female"), (Gender.MALE, "Male"), (Gender.OTHER, "Other"), (Gender.NOT_SAID, "Other")],
)
def test_the_gender_is_said_in_the_practices_own_codes(chain: Chain, order: str, gender: Gender, word: str) -> None:
    chain.sandbox.knob("medirecords", "GENDER_ORDER", order)
    written(chain, patient=patient_who(gender=gender))
    (made,) = chain.patients("Brightwater")
    rows = Wire(chain.sandbox).get("/v1/code-system/gender").json()
    names = {row["code"]: row["name"] for row in (rows["data"] if isinstance(rows, dict) else rows)}
    assert names[made["gender"]] == word


def test_a_patient_who_is_known_there_is_found_and_not_made_again(chain: Chain) -> None:
    # As the sandbox's clinic has her from the start.
    nora = patient_who(
        given_name="nora", family_name="CASTELLANO", born_on=date(1984, 7, 19), email="nora.castellano@example.com"
    )
    before = len(chain.patients("Castellano"))
    booking = written(chain, patient=nora)
    assert len(chain.patients("Castellano")) == before
    assert chain.appointments(booking.reference)[0]["patient"]["firstName"] == "Nora"


def test_somebody_who_comes_back_with_a_new_address_is_the_same_patient_there(chain: Chain) -> None:
    written(chain, patient=patient_who())
    again = written(
        chain,
        patient=patient_who(email="ottilie@example.org", mobile="+61491570158"),
        starts_at=make_start(0) + timedelta(hours=2),
    )
    assert len(chain.patients("Brightwater")) == 1
    assert (medirecords_link(again).needs_you, tasks()) == ("", [])


@pytest.mark.parametrize(("given_name", "is_same"), [("ottilie", True), ("Odalys", False)])
def test_a_twin_with_another_given_name_is_for_a_person_to_look_at(
    chain: Chain, given_name: str, is_same: bool
) -> None:
    written(chain, patient=patient_who())
    visit = confirmed(chain, patient=patient_who(given_name=given_name), starts_at=make_start(0) + timedelta(hours=2))
    settle(chain.sandbox)

    assert len(chain.patients("Brightwater")) == 1
    assert bool(chain.appointments(visit.reference)) == is_same
    assert (medirecords_link(visit).needs_you == "") == is_same
    assert len(tasks("medirecords")) == (0 if is_same else 1)
    assert all("Brightwater" not in task.words for task in tasks())
