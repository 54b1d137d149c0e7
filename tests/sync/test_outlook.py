"""One visit, one event in the practitioner's calendar, whatever happens to either of them."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from portal.bookings import find
from portal.bookings.states import Status
from portal.clock import now
from portal.db import db, transaction
from portal.outbox.post import owe
from portal.sync import jobs
from tests.support.chain import Chain
from tests.support.factories import make_practitioner
from tests.support.microsoft import LARK, WREN
from tests.support.outbox import all_rows, drain, later, owed, settle
from tests.support.race import Race
from tests.sync.tales import cancel, confirmed, move, outlook_link, starts, tasks

CREATE, CHANGE = "POST /graph/*/events", "PATCH /graph/*/events/*"


def test_a_confirmed_visit_stands_in_outlook_with_the_four_tags_and_nothing_of_health(chain: Chain) -> None:
    booking = confirmed(chain)
    settle(chain.sandbox)

    (event,) = chain.events()
    assert event["user_id"] == WREN
    assert (starts(event), event["subject"]) == (booking.starts_at, f"Appointment {booking.reference}")
    assert (event["sensitivity"], event["showAs"], event["categories"], event["attendees"]) == (
        "private",
        "busy",
        [],
        0,
    )
    assert event["zone"] == "AUS Eastern Standard Time"
    assert event["metadata"] == {
        "v": 1,
        "b": booking.reference,
        "s": booking.terms["service_slug"],
        "d": 30,
        "p": chain.wren.slug,
        "c": 11900,
    }
    said = str({name: value for name, value in event.items() if name != "metadata"})
    for secret in ("Castellano", "Nora", booking.terms["service_name"], booking.terms["type_name"]):
        assert secret not in said


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.CONFIRMED}))
def test_which_states_stand_in_the_calendar(chain: Chain, status: Status) -> None:
    booking = chain.booking(status, hold_expires_at=now() + timedelta(minutes=5))
    jobs.outlook(booking.id)
    expected = status in (Status.ARRIVED, Status.IN_SESSION, Status.COMPLETED, Status.DID_NOT_ARRIVE)
    assert bool(chain.events(booking.reference)) == expected


def test_the_job_run_again_writes_nothing(chain: Chain) -> None:
    booking = confirmed(chain)
    settle(chain.sandbox)
    before = chain.events()
    calls = len(chain.sandbox.calls("graph"))
    jobs.outlook(booking.id)
    assert (chain.events(), len(chain.sandbox.calls("graph"))) == (before, calls)


def test_two_copies_of_the_job_make_one_event(chain: Chain, race: Race) -> None:
    booking_id = confirmed(chain).id
    chain.sandbox.knob("graph", "latency_seconds", 0.1)
    race.of(4, lambda: jobs.outlook(booking_id))
    settle(chain.sandbox)
    later(chain.sandbox, seconds=5)
    assert len(chain.events()) == 1


@pytest.mark.parametrize("repeat", [400, 409, 201])
@pytest.mark.parametrize("fault", ["timeout_after_commit", "error_after"])
def test_a_create_whose_answer_was_lost_makes_one_event(chain: Chain, fault: str, repeat: int) -> None:
    chain.sandbox.knob("graph", "transaction_repeat", repeat)
    chain.sandbox.fault(CREATE, fault, times=2)
    booking = confirmed(chain)
    settle(chain.sandbox)
    later(chain.sandbox, seconds=10)
    later(chain.sandbox, seconds=10)
    (event,) = chain.events()
    assert outlook_link(booking).event_id == event["id"]


def test_a_create_that_never_arrived_is_sent_again(chain: Chain) -> None:
    chain.sandbox.fault(CREATE, "timeout_before_commit")
    confirmed(chain)
    settle(chain.sandbox)
    assert chain.events() == []
    later(chain.sandbox, seconds=10)
    assert len(chain.events()) == 1


def test_a_moved_visit_moves_its_event(chain: Chain) -> None:
    booking = confirmed(chain)
    settle(chain.sandbox)
    (before,) = chain.events()
    move(booking, booking.starts_at + timedelta(hours=2))
    settle(chain.sandbox)

    (event,) = chain.events()
    assert (event["id"], starts(event)) == (before["id"], booking.starts_at)


def test_a_visit_that_moved_before_a_lost_create_was_asked_for_again_stands_at_its_new_time(chain: Chain) -> None:
    chain.sandbox.fault(CREATE, "timeout_after_commit")
    booking = confirmed(chain)
    settle(chain.sandbox)
    move(booking, booking.starts_at + timedelta(days=1, hours=2))
    settle(chain.sandbox)
    later(chain.sandbox, seconds=10)

    (event,) = chain.events()
    assert starts(event) == booking.starts_at


def test_a_visit_that_moves_while_its_event_is_being_written_stands_at_its_new_time(chain: Chain, race: Race) -> None:
    booking = confirmed(chain)
    wanted = booking.starts_at + timedelta(hours=3)
    booking_id = booking.id
    chain.sandbox.fault(CREATE, "slow", seconds=0.6)

    def move_meanwhile() -> None:
        time.sleep(0.3)  # the create is on its way, with the old time
        move(find.get(booking_id), wanted)

    race(lambda: jobs.outlook(booking_id), move_meanwhile)
    settle(chain.sandbox)
    later(chain.sandbox, seconds=5)
    (event,) = chain.events()
    assert starts(event) == wanted


def test_a_visit_that_changes_hands_leaves_one_calendar_for_the_other(chain: Chain) -> None:
    booking = confirmed(chain)
    settle(chain.sandbox)
    move(booking, booking.starts_at, to=chain.lark)
    settle(chain.sandbox)

    (event,) = chain.events()
    assert (event["user_id"], event["metadata"]["p"]) == (LARK, chain.lark.slug)
    assert tasks() == []

    move(booking, booking.starts_at, to=chain.wren)
    settle(chain.sandbox)
    assert [event["user_id"] for event in chain.events()] == [WREN]


def test_a_visit_that_changed_hands_before_a_lost_create_was_asked_for_again(chain: Chain) -> None:
    chain.sandbox.fault(CREATE, "timeout_after_commit")
    booking = confirmed(chain)
    settle(chain.sandbox)
    move(booking, booking.starts_at, to=chain.lark)
    settle(chain.sandbox)
    later(chain.sandbox, seconds=10)
    assert [event["user_id"] for event in chain.events()] == [LARK]


@pytest.mark.parametrize("fault", ["timeout_after_commit", "timeout_before_commit"])
def test_a_lost_answer_to_a_removal_removes_it_once(chain: Chain, fault: str) -> None:
    booking = confirmed(chain)
    settle(chain.sandbox)
    chain.sandbox.fault("DELETE /graph/*/events/*", fault)
    cancel(booking)
    settle(chain.sandbox)
    later(chain.sandbox, seconds=10)
    assert chain.events() == []
    assert owed("sync.outlook") == []


def test_a_cancelled_visit_leaves_nothing_behind(chain: Chain) -> None:
    booking = confirmed(chain)
    settle(chain.sandbox)
    cancel(booking)
    settle(chain.sandbox)
    assert chain.events() == []


def test_a_visit_cancelled_before_its_create_was_sent_is_never_written(chain: Chain) -> None:
    booking = confirmed(chain)
    cancel(booking)
    settle(chain.sandbox)
    assert chain.events() == []
    assert [one for one in chain.sandbox.calls("graph") if one["path"].endswith("/events")] == []


def test_a_visit_cancelled_before_a_lost_create_was_asked_for_again_leaves_nothing_behind(chain: Chain) -> None:
    chain.sandbox.fault(CREATE, "timeout_after_commit")
    booking = confirmed(chain)
    settle(chain.sandbox)
    assert len(chain.events()) == 1
    cancel(booking)
    settle(chain.sandbox)
    later(chain.sandbox, seconds=10)
    assert chain.events() == []


def edit(chain: Chain, action: str, **how: object) -> None:
    """Somebody changes our event in Outlook."""
    (event,) = chain.events()
    chain.sandbox.post(
        "/_emu/graph/staff-event", {"user": event["user_id"], "id": event["id"], "action": action, **how}
    )


def test_an_event_that_somebody_deleted_is_written_again_when_the_visit_moves(chain: Chain) -> None:
    booking = confirmed(chain)
    settle(chain.sandbox)
    edit(chain, "delete")
    move(booking, booking.starts_at + timedelta(hours=2))
    settle(chain.sandbox)
    (event,) = chain.events()
    assert starts(event) == booking.starts_at


def test_an_event_that_somebody_deleted_is_no_trouble_when_the_visit_is_cancelled(chain: Chain) -> None:
    booking = confirmed(chain)
    settle(chain.sandbox)
    edit(chain, "delete")
    cancel(booking)
    settle(chain.sandbox)
    assert (chain.events(), owed("sync.outlook"), tasks("job-parked")) == ([], [], [])


def test_a_lost_create_whose_event_somebody_deleted_is_written_anew(chain: Chain) -> None:
    chain.sandbox.fault(CREATE, "timeout_after_commit")
    confirmed(chain)
    settle(chain.sandbox)
    edit(chain, "delete")
    for _ in range(3):
        later(chain.sandbox, seconds=15)
    assert len(chain.events()) == 1


def test_a_practitioner_without_a_mailbox_is_a_task_and_no_endless_work(chain: Chain) -> None:
    nobody = make_practitioner(name="Juno Thistle")
    booking = confirmed(chain, practitioner=nobody)
    settle(chain.sandbox)
    (task,) = tasks("mailbox-missing")
    assert task.words == f"Juno Thistle has no Outlook mailbox connected. {booking.reference} is not there."

    later(chain.sandbox, minutes=10)
    with transaction():
        jobs.sweep(now())
    assert owed("sync.outlook") == []
    assert len(all_rows("sync.outlook")) == 1


def test_the_sweep_writes_a_visit_once_the_mailbox_is_connected(chain: Chain) -> None:
    nobody = make_practitioner()
    confirmed(chain, practitioner=nobody)
    settle(chain.sandbox)
    with transaction():
        chain.lark.graph_user_id = None
        db.session.flush()
        nobody.graph_user_id = LARK
    later(chain.sandbox, minutes=6)
    with transaction():
        jobs.sweep(now())
    settle(chain.sandbox)
    assert [event["user_id"] for event in chain.events()] == [LARK]


@pytest.mark.parametrize(("minutes", "expected"), [(4, 0), (6, 1)])
def test_the_sweep_looks_for_visits_without_an_event_after_five_minutes(
    chain: Chain, minutes: int, expected: int
) -> None:
    chain.booking(confirmed_at=now() - timedelta(minutes=minutes))  # whose order got lost
    with transaction():
        jobs.sweep(now())
    assert len(owed("sync.outlook")) == expected


def test_a_refusal_is_not_repeated_every_half_minute(chain: Chain) -> None:
    chain.sandbox.fault(CREATE, "403", times=50)
    confirmed(chain)
    settle(chain.sandbox)
    assert len(tasks("job-parked")) == 1
    for _ in range(4):
        chain.sandbox.advance(minutes=6)
        with transaction():
            jobs.sweep(now())
        settle(chain.sandbox)
    assert len(all_rows("sync.outlook")) == 1


def test_an_order_that_comes_after_the_visit_was_cancelled_does_no_harm(chain: Chain) -> None:
    booking = confirmed(chain)
    settle(chain.sandbox)
    cancel(booking)
    settle(chain.sandbox)
    with transaction():
        owe("sync.outlook", booking.id, now=now())
    drain()
    assert chain.events() == []
