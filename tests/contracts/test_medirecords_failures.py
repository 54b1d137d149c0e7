"""What the MediRecords client makes of refusals, faults and lost answers, and what it never tells."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from portal.integrations.http import Ambiguous, Permanent, Transient
from portal.integrations.medirecords import AuthRefused, MediRecords
from tests.contracts.test_medirecords import ELIZA
from tests.contracts.test_medirecords_book import SPEC
from tests.support.medirecords import FHIR_TOKEN, PRACTICE, REST_TOKEN, client
from tests.support.sandbox import RunningSandbox

READ = "GET /medirecords/v1/practices/*/appointment-types"
WRITE = "POST /medirecords/v1/practices/*/appointments"
NEW_PATIENT = "POST /medirecords/v2/patients"


def read(medirecords: MediRecords) -> Any:
    return medirecords.appointment_types()


def write(medirecords: MediRecords) -> Any:
    return medirecords.create_appointment(SPEC)


@pytest.mark.parametrize("token", [FHIR_TOKEN, "made-up-token"])
def test_a_wrong_token_is_refused_and_never_told(
    sandbox: RunningSandbox, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(AuthRefused) as refused:
        read(client(sandbox, rest_token=token))
    assert refused.value.status == (403 if token == FHIR_TOKEN else 401)
    assert token not in f"{refused.value!r} {refused.value.__dict__}"
    assert token not in caplog.text


def test_another_practice_is_refused(sandbox: RunningSandbox) -> None:
    with pytest.raises(AuthRefused):
        read(client(sandbox, practice_id="00000000-0000-4000-8000-000000000000"))


@pytest.mark.parametrize(
    ("match", "act", "expected"),
    [(READ, read, Transient), (WRITE, write, Ambiguous), (NEW_PATIENT, lambda c: c.create_patient(ELIZA), Ambiguous)],
)
@pytest.mark.parametrize("kind", ["error", "error_after", "timeout_before_commit", "timeout_after_commit"])
def test_a_lost_read_can_be_repeated_and_a_lost_write_must_be_looked_for(
    sandbox: RunningSandbox, match: str, act: Callable[[MediRecords], Any], expected: type[Exception], kind: str
) -> None:
    sandbox.fault(match, kind)
    with pytest.raises(Transient) as lost:
        act(client(sandbox))
    assert type(lost.value) is expected


@pytest.mark.parametrize(("match", "act"), [(READ, read), (WRITE, write)])
def test_too_many_calls_tell_when_to_come_back(
    sandbox: RunningSandbox, match: str, act: Callable[[MediRecords], Any]
) -> None:
    sandbox.fault(match, "429", retry_after=2)
    with pytest.raises(Transient) as busy:
        act(client(sandbox))
    assert (type(busy.value), busy.value.retry_after) == (Transient, 2.0)


def test_an_answer_of_another_shape_is_permanent_for_a_read_and_open_for_a_write(sandbox: RunningSandbox) -> None:
    sandbox.fault(READ, "error", status=200)
    with pytest.raises(Permanent, match="unreadable"):
        read(client(sandbox))
    sandbox.fault(WRITE, "error_after", status=201)
    with pytest.raises(Ambiguous, match="unreadable"):
        write(client(sandbox))


def test_a_server_that_is_not_there_has_certainly_not_acted() -> None:
    nobody = MediRecords(
        base_url="http://127.0.0.1:9", practice_id=PRACTICE, rest_token=REST_TOKEN, practice_zone="Australia/Sydney"
    )
    with pytest.raises(Transient) as down:
        nobody.create_patient(ELIZA)
    assert type(down.value) is Transient


def test_a_failing_look_up_tells_no_patient_data(sandbox: RunningSandbox, caplog: pytest.LogCaptureFixture) -> None:
    sandbox.fault("GET /medirecords/v1/patients/exist", "timeout_before_commit")
    with pytest.raises(Transient) as lost:
        client(sandbox).find_patients(mobile=None, email=ELIZA.email, family_name="Quist", born_on=date(1990, 12, 31))
    assert lost.value.__suppress_context__
    assert ELIZA.email not in f"{lost.value!r}"
    logged = caplog.text
    assert "/v1/patients/exist" in logged
    assert "example.com" not in logged


def test_each_call_waits_for_the_shared_pace(sandbox: RunningSandbox) -> None:
    waits: list[None] = []
    client(sandbox, pace=lambda: waits.append(None)).find_appointments(on=date(2027, 3, 9))
    assert len(waits) == len(sandbox.calls("medirecords")) == 1
