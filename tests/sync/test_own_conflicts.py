"""MediRecords refuses a time that a visit of ours has just left: that is waited for, and nobody is bothered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from portal.bookings.models import Booking
from portal.integrations.http import Transient
from portal.sync import jobs
from tests.support.chain import Chain, patient_who
from tests.support.outbox import later, settle
from tests.sync.tales import cancel, confirmed, listen, medirecords_link, move, tasks, written

ANY_CHANGE = "PUT /medirecords/v1/practices/*/appointments/*"


def leave_by_moving(visit: Booking) -> None:
    move(visit, visit.starts_at + timedelta(hours=3))


@pytest.mark.parametrize("leave", [cancel, leave_by_moving])
def test_a_time_that_a_visit_of_ours_has_left_is_waited_for(chain: Chain, leave: Callable[[Booking], None]) -> None:
    listen(chain)
    first = written(chain, patient=patient_who())
    starts_at = first.starts_at
    chain.sandbox.fault(ANY_CHANGE, "error", times=3, status=503)
    leave(first)
    second = confirmed(chain, starts_at=starts_at, patient=patient_who(given_name="Odo", family_name="Marsh"))
    settle(chain.sandbox)
    assert chain.appointments(second.reference) == []
    assert tasks() == []

    for _ in range(4):
        later(chain.sandbox, minutes=11)
    assert len(chain.appointments(second.reference)) == 1
    assert len(chain.appointments(first.reference)) == (0 if leave is cancel else 1)
    assert tasks() == []


def test_a_visit_of_ours_that_stands_there_is_a_case_for_staff(chain: Chain) -> None:
    listen(chain)
    first = written(chain, patient=patient_who())
    second = confirmed(
        chain,
        starts_at=first.starts_at,
        overlap_allowed=True,
        overlap_reason="asked for by the practitioner",
        patient=patient_who(given_name="Odo", family_name="Marsh"),
    )
    settle(chain.sandbox)
    later(chain.sandbox)
    assert medirecords_link(second).needs_you
    assert [task.kind for task in tasks()] == ["medirecords"]


def test_a_move_waits_as_well(chain: Chain) -> None:
    listen(chain)
    first = written(chain, patient=patient_who())
    second = written(
        chain,
        starts_at=first.starts_at + timedelta(hours=2),
        patient=patient_who(given_name="Odo", family_name="Marsh"),
    )
    starts_at = first.starts_at
    cancel(first)
    move(second, starts_at)
    jobs_of_second_first(second)
    assert tasks() == []
    for _ in range(3):
        later(chain.sandbox)
    (appointment,) = chain.appointments(second.reference)
    assert appointment["appointmentStatus"] != 8
    assert medirecords_link(second).written["starts_at"] == starts_at.isoformat()
    assert tasks() == []


def jobs_of_second_first(visit: Booking) -> None:
    """The visit that wants the time is quicker than the one that has left it."""
    with pytest.raises(Transient):
        jobs.medirecords(visit.id)
