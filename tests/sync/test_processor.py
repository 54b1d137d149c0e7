"""The service's processor: four named steps, one appointment in MediRecords, and words for people when it cannot be."""

from __future__ import annotations

import pytest

from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.clock import now
from portal.db import transaction
from portal.outbox.post import announce
from portal.sync import jobs
from portal.sync.models import RunState
from tests.support.chain import PROVIDERS, Chain, patient_who
from tests.support.factories import make_booking
from tests.support.medirecords import Wire
from tests.support.microsoft import WREN
from tests.support.outbox import all_rows, later, owed, settle
from tests.support.race import Race
from tests.sync.appointments import CREATE, wall, when
from tests.sync.tales import cancel, confirmed, medirecords_link, runs, tasks, written

pytestmark = pytest.mark.usefixtures("heard")


def test_the_outlook_event_sets_off_the_four_named_steps_and_one_appointment(chain: Chain) -> None:
    booking = written(chain, patient=patient_who())

    (appointment,) = chain.appointments(booking.reference)
    assert appointment["type_name"] == "CONSULT_ALT_30"
    assert (when(appointment), appointment["minutes"]) == (wall(booking), 30)
    assert appointment["providerId"] == PROVIDERS[WREN]
    assert appointment["appointmentStatus"] == 2
    assert appointment["notes"] == f"Booked online. [ref:{booking.reference}] [bill:CONSULT_ALT_30]"
    assert appointment["patient"] == {"firstName": "Ottilie", "lastName": "Brightwater", "dob": "1984-03-09"}

    (run,) = runs(booking)
    assert (run.state, run.kind, run.finished_at is not None) == (RunState.DONE, "medirecords", True)
    assert [step["step"] for step in run.steps] == [
        "patient",
        "type",
        "duration",
        "billing code",
        "practitioner's calendar",
        "appointment",
    ]
    found = {step["step"]: step["found"] for step in run.steps}
    assert found["type"] == "CONSULT_ALT_30: CONSULT_ALT_30"
    assert found["duration"].startswith("30 min: interval ")
    assert found["billing code"] == "CONSULT_ALT_30"
    assert found["practitioner's calendar"] == PROVIDERS[WREN]
    assert found["appointment"] == appointment["id"] == medirecords_link(booking).appointment_id


def test_the_job_run_again_writes_nothing(chain: Chain) -> None:
    booking = written(chain, patient=patient_who())
    before, calls = chain.appointments(booking.reference), len(chain.sandbox.calls("medirecords"))
    jobs.medirecords(booking.id)
    assert (chain.appointments(booking.reference), len(chain.sandbox.calls("medirecords"))) == (before, calls)
    assert len(runs(booking)) == 1


def test_many_copies_of_the_job_make_one_appointment_and_one_patient(chain: Chain, race: Race) -> None:
    booking = chain.booking(patient=patient_who())
    booking_id = booking.id
    jobs.outlook(booking_id)
    chain.sandbox.wait_quiet()
    chain.sandbox.fault(CREATE, "slow", seconds=0.3)
    race.of(5, lambda: jobs.medirecords(booking_id))
    settle(chain.sandbox)
    later(chain.sandbox, seconds=5)
    assert len(chain.appointments(booking.reference, live=False)) == 1
    assert len(chain.patients("Brightwater")) == 1


def test_a_visit_called_off_before_its_create_arrived_is_never_written(chain: Chain) -> None:
    booking = chain.booking(patient=patient_who())
    jobs.outlook(booking.id)
    chain.sandbox.wait_quiet()
    cancel(booking)
    settle(chain.sandbox)
    assert chain.appointments(booking.reference, live=False) == []


def test_a_hold_that_came_to_nothing_asks_nobody(chain: Chain) -> None:
    booking = make_booking(status=Status.EXPIRED, type=chain.type)
    jobs.medirecords(booking.id)
    assert (chain.sandbox.calls("medirecords"), runs(booking)) == ([], [])


def taken_there(chain: Chain, booking: Booking) -> str:
    """The desk has booked somebody else at that time in MediRecords itself. -> its id"""
    row = Wire(chain.sandbox).book(providerId=PROVIDERS[WREN], scheduleTime=wall(booking), notes="By telephone")
    return str(row["id"])


@pytest.mark.parametrize("status", [409, 400])
def test_a_double_booking_there_leaves_the_visit_confirmed_and_asks_staff_once(chain: Chain, status: int) -> None:
    chain.sandbox.knob("medirecords", "CONFLICT_STATUS", status)
    booking = chain.booking(patient=patient_who())
    taken_there(chain, booking)
    with transaction():
        announce("booking.confirmed", booking.id, now())
    settle(chain.sandbox)
    jobs.medirecords(booking.id)

    assert booking.status == Status.CONFIRMED
    assert chain.appointments(booking.reference) == []
    assert len(chain.events(booking.reference)) == 1
    assert "already booked" in medirecords_link(booking).needs_you
    (task,) = tasks()
    assert (task.kind, booking.reference in task.words) == ("medirecords", True)
    assert {run.state for run in runs(booking)} == {RunState.NEEDS_YOU}
    assert owed() == []

    later(chain.sandbox, minutes=10)
    with transaction():
        jobs.sweep(now())
    assert owed("sync.medirecords") == []


def test_a_double_booking_that_the_desk_has_settled_goes_through(chain: Chain) -> None:
    booking = chain.booking(patient=patient_who())
    other = taken_there(chain, booking)
    with transaction():
        announce("booking.confirmed", booking.id, now())
    settle(chain.sandbox)
    chain.sandbox.post("/_emu/medirecords/staff-edit", {"appointment": other, "cancel": True})
    jobs.medirecords(booking.id)

    assert len(chain.appointments(booking.reference)) == 1
    assert (medirecords_link(booking).needs_you, tasks()) == ("", [])


def test_a_visit_that_needed_somebody_and_is_called_off_needs_nobody_any_more(chain: Chain) -> None:
    booking = chain.booking(patient=patient_who())
    taken_there(chain, booking)
    with transaction():
        announce("booking.confirmed", booking.id, now())
    settle(chain.sandbox)
    cancel(booking)
    settle(chain.sandbox)
    assert (medirecords_link(booking).needs_you, tasks()) == ("", [])


def test_a_refused_token_is_given_up_at_once_and_not_tried_every_half_minute(chain: Chain) -> None:
    chain.sandbox.fault("* /medirecords/*", "401", times=100)
    booking = confirmed(chain, patient=patient_who())
    settle(chain.sandbox)
    ordered = len(all_rows("sync.medirecords"))  # once for each time that Graph told us
    for _ in range(4):
        chain.sandbox.advance(minutes=6)
        with transaction():
            jobs.sweep(now())
        settle(chain.sandbox)
    assert booking.status == Status.CONFIRMED
    assert len(tasks("job-parked")) == 1
    assert len(all_rows("sync.medirecords")) == ordered
