"""The appointment itself is made once, moves with its visit and goes with it, whatever answers get lost."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from portal.bookings import find
from portal.sync import jobs
from tests.support.chain import CANCELLED, PROVIDERS, Chain, patient_who
from tests.support.microsoft import LARK
from tests.support.outbox import later, owed, settle
from tests.support.race import Race
from tests.sync.appointments import CREATE, LOST_AND_LATE, SYDNEY, wall, when
from tests.sync.tales import cancel, confirmed, medirecords_link, move, tasks, written

pytestmark = pytest.mark.usefixtures("heard")


@pytest.mark.parametrize("lag", [0, 15])
@pytest.mark.parametrize("fault", ["timeout_after_commit", "error_after"])
def test_a_create_whose_answer_was_lost_makes_one_appointment(chain: Chain, fault: str, lag: int) -> None:
    chain.sandbox.knob("medirecords", "SEARCH_LAG_SECONDS", lag)
    chain.sandbox.fault(CREATE, fault)
    booking = confirmed(chain, patient=patient_who())
    for _ in range(3):
        later(chain.sandbox, seconds=8)
    later(chain.sandbox, **LOST_AND_LATE)

    (appointment,) = chain.appointments(booking.reference, live=False)
    assert medirecords_link(booking).appointment_id == appointment["id"]
    assert (tasks(), owed()) == ([], [])


def test_a_create_that_never_arrived_is_sent_again(chain: Chain) -> None:
    chain.sandbox.fault(CREATE, "timeout_before_commit")
    booking = confirmed(chain, patient=patient_who())
    for _ in range(3):
        later(chain.sandbox, **LOST_AND_LATE)
    assert len(chain.appointments(booking.reference, live=False)) == 1


def test_a_create_that_was_lost_so_long_that_it_stands_in_its_own_way_is_adopted(chain: Chain) -> None:
    chain.sandbox.knob("medirecords", "SEARCH_LAG_SECONDS", 40)
    chain.sandbox.fault(CREATE, "timeout_after_commit")
    booking = confirmed(chain, patient=patient_who())
    settle(chain.sandbox)
    for _ in range(4):
        later(chain.sandbox, **LOST_AND_LATE)
    jobs.medirecords(booking.id)
    (appointment,) = chain.appointments(booking.reference, live=False)
    assert medirecords_link(booking).appointment_id == appointment["id"]
    assert tasks() == []


def test_a_visit_that_moved_to_another_day_before_a_lost_create_was_asked_for_again(chain: Chain) -> None:
    chain.sandbox.fault(CREATE, "timeout_after_commit")
    booking = confirmed(chain, patient=patient_who())
    settle(chain.sandbox)
    move(booking, booking.starts_at + timedelta(days=2))
    for _ in range(3):
        later(chain.sandbox, **LOST_AND_LATE)

    (appointment,) = chain.appointments(booking.reference, live=False)
    assert when(appointment) == wall(booking)


def test_a_visit_that_moved_to_another_day_and_was_called_off_before_the_lost_create_leaves_nothing(
    chain: Chain,
) -> None:
    chain.sandbox.fault(CREATE, "timeout_after_commit")
    booking = confirmed(chain, patient=patient_who())
    settle(chain.sandbox)
    move(booking, booking.starts_at + timedelta(days=2))
    cancel(booking)
    for _ in range(3):
        later(chain.sandbox, **LOST_AND_LATE)
    assert chain.appointments(booking.reference) == []


def test_a_visit_that_moves_while_we_ask_around_stands_at_its_new_time(chain: Chain, race: Race) -> None:
    booking = chain.booking(patient=patient_who())
    jobs.outlook(booking.id)
    chain.sandbox.wait_quiet()
    chain.sandbox.fault("GET /medirecords/v1/practices/*/providers", "slow", seconds=0.8)
    booking_id, wanted = booking.id, booking.starts_at + timedelta(hours=3)

    def move_meanwhile() -> None:
        time.sleep(0.4)
        move(find.get(booking_id), wanted)

    race(lambda: jobs.medirecords(booking_id), move_meanwhile)
    settle(chain.sandbox)
    later(chain.sandbox, seconds=5)
    (appointment,) = chain.appointments(booking.reference)
    assert when(appointment) == wall(find.get(booking_id)) == f"{wanted.astimezone(SYDNEY):%Y-%m-%dT%H:%M}"


def test_a_moved_visit_moves_its_appointment_and_keeps_what_the_desk_wrote(chain: Chain) -> None:
    booking = written(chain, patient=patient_who())
    (before,) = chain.appointments(booking.reference)
    notes = before["notes"] + " Prefers the lift."
    chain.sandbox.post(
        "/_emu/medirecords/staff-edit",
        {"appointment": before["id"], "change": {"notes": notes, "urgency": 2, "appointmentStatus": 3}},
    )
    move(booking, booking.starts_at + timedelta(days=1, hours=1), to=chain.lark)
    settle(chain.sandbox)

    (after,) = chain.appointments(booking.reference, live=False)
    assert (after["id"], when(after), after["providerId"]) == (before["id"], wall(booking), PROVIDERS[LARK])
    assert (after["notes"], after["urgency"], after["appointmentStatus"]) == (notes, 2, 3)


def test_a_cancelled_visit_is_cancelled_there_with_a_reason_and_the_row_stays(chain: Chain) -> None:
    booking = written(chain, patient=patient_who())
    cancel(booking)
    settle(chain.sandbox)
    (row,) = chain.appointments(booking.reference, live=False)
    assert (row["appointmentStatus"], row["cancellationReason"] is not None) == (CANCELLED, True)
    assert not medirecords_link(booking).is_live


@pytest.mark.parametrize("fault", ["timeout_after_commit", "timeout_before_commit", "error_after"])
def test_a_lost_answer_to_a_cancellation_cancels(chain: Chain, fault: str) -> None:
    booking = written(chain, patient=patient_who())
    chain.sandbox.fault("PUT /medirecords/v1/practices/*/appointments/*", fault)
    cancel(booking)
    settle(chain.sandbox)
    later(chain.sandbox, seconds=10)
    assert chain.appointments(booking.reference) == []
    assert owed() == []


@pytest.mark.parametrize("lag", [0, 15])
def test_a_visit_called_off_before_a_lost_create_was_asked_for_again_leaves_nothing(chain: Chain, lag: int) -> None:
    chain.sandbox.knob("medirecords", "SEARCH_LAG_SECONDS", lag)
    chain.sandbox.fault(CREATE, "timeout_after_commit")
    booking = confirmed(chain, patient=patient_who())
    settle(chain.sandbox)
    cancel(booking)
    for _ in range(4):
        later(chain.sandbox, **LOST_AND_LATE)
    assert chain.appointments(booking.reference) == []
    assert chain.events(booking.reference) == []
