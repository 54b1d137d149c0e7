"""What becomes of a visit's appointment when MediRecords is slow, busy, or refuses us."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.clock import now
from portal.db import transaction
from portal.outbox.post import announce
from tests.support.chain import PROVIDERS, Chain, patient_who
from tests.support.medirecords import Wire
from tests.support.microsoft import WREN
from tests.support.outbox import later, owed, settle, wait_of
from tests.sync.appointments import CREATE, wall
from tests.sync.tales import confirmed, medirecords_link, sweep, tasks

pytestmark = pytest.mark.usefixtures("heard")


def stands_everywhere(chain: Chain, booking: Booking) -> bool:
    """Once in Outlook, once in MediRecords, for one patient."""
    found = chain.events(booking.reference), chain.appointments(booking.reference, live=False)
    return [len(one) for one in (*found, chain.patients("Brightwater"))] == [1, 1, 1]


@pytest.mark.parametrize("match", [CREATE, "POST /medirecords/v2/patients", "GET /medirecords/v1/patients/exist"])
@pytest.mark.parametrize(
    ("kind", "how"),
    [("error", {"status": 500}), ("error", {"status": 503}), ("error_after", {}), ("slow", {"seconds": 1})],
)
def test_trouble_that_passes_delays_the_appointment_and_nobody_hears_of_it(
    chain: Chain, match: str, kind: str, how: dict[str, Any]
) -> None:
    chain.sandbox.fault(match, kind, **how)
    booking = confirmed(chain, patient=patient_who())
    settle(chain.sandbox)
    assert booking.status == Status.CONFIRMED
    for _ in range(3):
        later(chain.sandbox, seconds=25)
    assert stands_everywhere(chain, booking)
    assert (tasks(), owed()) == ([], [])


def test_the_appointment_waits_the_fraction_of_a_second_that_medirecords_asks_for(chain: Chain) -> None:
    chain.sandbox.fault(CREATE, "429", retry_after=41.75)
    booking = confirmed(chain, patient=patient_who())
    settle(chain.sandbox)
    (row,) = owed("sync.medirecords")
    assert timedelta(seconds=35) < wait_of(row) <= timedelta(seconds=41.75)
    assert chain.appointments(booking.reference) == []

    later(chain.sandbox, seconds=42)
    assert stands_everywhere(chain, booking)


@pytest.mark.parametrize("status", [400, 422])
def test_an_appointment_that_is_refused_is_one_task_and_not_sent_again_and_again(chain: Chain, status: int) -> None:
    chain.sandbox.fault(CREATE, "error", times=50, status=status)
    booking = confirmed(chain, patient=patient_who())
    settle(chain.sandbox)
    for _ in range(3):
        sweep(chain, minutes=6)
    assert booking.status == Status.CONFIRMED
    assert len(chain.events(booking.reference)) == 1
    assert len(tasks()) == 1
    sent = [one for one in chain.sandbox.calls("medirecords") if one["fault"]]
    assert len(sent) <= 2  # a second notification may have come in between


@pytest.mark.parametrize("kind", ["401", "403"])
def test_refused_access_is_one_task_and_the_appointment_is_made_once_it_is_given(chain: Chain, kind: str) -> None:
    chain.sandbox.fault("* /medirecords/*", kind, times=200)
    booking = confirmed(chain, patient=patient_who())
    settle(chain.sandbox)
    sweep(chain, minutes=6)
    assert (booking.status, [task.kind for task in tasks()]) == (Status.CONFIRMED, ["job-parked"])

    chain.sandbox.delete("/_emu/faults")
    sweep(chain, minutes=61)
    assert stands_everywhere(chain, booking)


def test_a_token_that_ran_out_is_one_task_and_the_appointment_is_made_with_the_new_one(chain: Chain) -> None:
    chain.sandbox.knob("medirecords", "AUTH_MODE", "oauth")
    booking = confirmed(chain, patient=patient_who())
    settle(chain.sandbox)
    sweep(chain, minutes=6)
    assert (booking.status, [task.kind for task in tasks()]) == (Status.CONFIRMED, ["job-parked"])

    chain.sandbox.knob("medirecords", "AUTH_MODE", "static")
    sweep(chain, minutes=61)
    assert stands_everywhere(chain, booking)


def test_a_server_that_would_double_book_is_not_let(chain: Chain) -> None:
    chain.sandbox.knob("medirecords", "DOUBLE_BOOKING_DEFAULT", True)
    booking = chain.booking(patient=patient_who())
    Wire(chain.sandbox).book(providerId=PROVIDERS[WREN], scheduleTime=wall(booking), notes="By telephone")
    with transaction():
        announce("booking.confirmed", booking.id, now())
    settle(chain.sandbox)
    assert chain.appointments(booking.reference, live=False) == []
    assert "already booked" in medirecords_link(booking).needs_you
    assert [task.kind for task in tasks()] == ["medirecords"]


@pytest.mark.parametrize(("name", "value"), [("MAX_PAGE_SIZE", 1), ("LINK_DELAY", 2)])
def test_small_pages_and_late_video_links_change_nothing_for_a_visit(chain: Chain, name: str, value: int) -> None:
    chain.sandbox.knob("medirecords", name, value)
    booking = confirmed(chain, patient=patient_who())
    settle(chain.sandbox)
    assert stands_everywhere(chain, booking)
    assert tasks() == []
