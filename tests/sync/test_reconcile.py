"""Every 15 minutes our bookings are compared with what stands outside: copies go, what is missing comes back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal.bookings.states import Status
from portal.clients import clients
from portal.clock import now
from portal.db import transaction
from portal.sync import jobs
from portal.sync.outlook import wanted_event
from tests.support.chain import CANCELLED, PROVIDERS, Chain, patient_who
from tests.support.medirecords import Wire
from tests.support.microsoft import LARK, WREN
from tests.support.outbox import later, owed, settle
from tests.sync.tales import AGE, cancel, compare, move, outlook_link, tasks, written

pytestmark = pytest.mark.usefixtures("heard")


def test_a_world_in_order_is_left_as_it_is(chain: Chain) -> None:
    booking = written(chain, patient=patient_who())
    before = chain.events(), chain.appointments(booking.reference)
    compare(chain)
    assert (chain.events(), chain.appointments(booking.reference)) == before
    assert (tasks(), owed()) == ([], [])


def test_a_copy_of_an_event_goes_and_the_one_we_know_stays(chain: Chain) -> None:
    booking = written(chain, patient=patient_who())
    wanted = wanted_event(booking)
    assert wanted is not None
    clients().graph.create_event(WREN, wanted.spec, transaction_id="somebody-elses")
    assert len(chain.events(booking.reference)) == 2
    compare(chain)
    assert [one["id"] for one in chain.events(booking.reference)] == [outlook_link(booking).event_id]


def test_an_event_of_a_visit_that_was_called_off_goes(chain: Chain) -> None:
    booking = written(chain, patient=patient_who())
    wanted = wanted_event(booking)
    assert wanted is not None
    cancel(booking)
    settle(chain.sandbox)
    clients().graph.create_event(WREN, wanted.spec, transaction_id="came-late")
    compare(chain)
    assert chain.events(booking.reference) == []


def test_an_event_that_vanished_is_written_again(chain: Chain) -> None:
    booking = written(chain, patient=patient_who())
    chain.sandbox.delivery_fault("graph", "drop", times=10)
    (event,) = chain.events()
    chain.sandbox.post("/_emu/graph/staff-event", {"user": WREN, "action": "delete", "id": event["id"]})
    settle(chain.sandbox)
    chain.sandbox.delete("/_emu/faults")
    compare(chain)
    assert len(chain.events(booking.reference)) == 1
    assert [task.kind for task in tasks()] == ["outlook-deleted"]


def test_a_visit_that_changes_hands_while_graph_is_slow_has_not_lost_its_event(chain: Chain) -> None:
    booking = written(chain, patient=patient_who())
    later(chain.sandbox, **AGE)
    chain.sandbox.fault("DELETE /graph/*/events/*", "429", retry_after=600)
    move(booking, booking.starts_at, to=chain.lark)
    settle(chain.sandbox)
    assert [one["user_id"] for one in chain.events(booking.reference)] == [WREN]
    compare(chain)
    assert tasks() == []

    later(chain.sandbox, minutes=15)
    assert [one["user_id"] for one in chain.events(booking.reference)] == [LARK]
    assert tasks() == []


def test_a_copy_of_an_appointment_is_cancelled_and_the_one_we_know_stays(chain: Chain) -> None:
    booking = written(chain, patient=patient_who())
    (known,) = chain.appointments(booking.reference)
    Wire(chain.sandbox).book(
        providerId=PROVIDERS[LARK], scheduleTime=known["scheduleTime"][:16], notes=known["notes"] + " (copied)"
    )
    assert len(chain.appointments(booking.reference)) == 2
    compare(chain)
    assert [one["id"] for one in chain.appointments(booking.reference)] == [known["id"]]


def test_an_appointment_that_the_desk_cancelled_there_is_a_task_and_the_visit_stays(chain: Chain) -> None:
    booking = written(chain, patient=patient_who())
    (known,) = chain.appointments(booking.reference)
    chain.sandbox.post("/_emu/medirecords/staff-edit", {"appointment": known["id"], "cancel": True})
    compare(chain)
    assert booking.status == Status.CONFIRMED
    (row,) = chain.appointments(booking.reference, live=False)
    assert row["appointmentStatus"] == CANCELLED
    assert [task.kind for task in tasks()] == ["medirecords-removed"]


def test_an_appointment_that_is_still_to_follow_its_visit_to_another_day_is_not_missing(chain: Chain) -> None:
    booking = written(chain, patient=patient_who())
    later(chain.sandbox, **AGE)
    chain.sandbox.fault("PUT /medirecords/*", "429", retry_after=1500)
    move(booking, booking.starts_at + timedelta(days=1))
    settle(chain.sandbox)
    compare(chain)
    assert (tasks(), len(owed("sync.medirecords"))) == ([], 1)


def test_what_was_written_a_moment_ago_is_left_alone(chain: Chain) -> None:
    booking = written(chain, patient=patient_who())
    wanted = wanted_event(booking)
    assert wanted is not None
    clients().graph.create_event(WREN, wanted.spec, transaction_id="somebody-elses")
    with transaction():
        jobs.owe_reconciliation(now() - timedelta(seconds=1))
    settle(chain.sandbox)
    assert len(chain.events(booking.reference)) == 2
