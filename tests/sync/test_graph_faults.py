"""What becomes of a visit in Outlook, and of what follows from it, when Graph or Entra is in trouble."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest

from portal.bookings.states import Status
from portal.outbox import run
from tests.support.chain import Chain, patient_who
from tests.support.microsoft import WREN
from tests.support.outbox import drain, later, owed, settle, wait_of
from tests.support.race import Race
from tests.sync.tales import confirmed, listen, move, starts, sweep, tasks

CREATE = "POST /graph/*/events"
TOKEN = "POST /*/oauth2/v2.0/token"
NEEDS_A_TOKEN = {"sync.outlook", "notices.send_confirmation"}


def given_up() -> set[str]:
    """The jobs that staff are told about."""
    return {task.words.split(" was given up")[0] for task in tasks("job-parked")}


@pytest.mark.parametrize(
    ("kind", "how"),
    [("error", {"status": 500}), ("error", {"status": 503}), ("timeout_before_commit", {}), ("slow", {"seconds": 1})],
)
def test_trouble_that_passes_delays_the_event_and_nobody_hears_of_it(
    chain: Chain, kind: str, how: dict[str, Any]
) -> None:
    chain.sandbox.fault(CREATE, kind, **how)
    booking = confirmed(chain)
    settle(chain.sandbox)
    assert booking.status == Status.CONFIRMED
    later(chain.sandbox, seconds=10)
    assert (len(chain.events(booking.reference)), tasks(), owed("sync.outlook")) == (1, [], [])


def test_the_event_waits_the_fraction_of_a_second_that_graph_asks_for(chain: Chain) -> None:
    chain.sandbox.fault(CREATE, "429", retry_after=31.128)
    confirmed(chain)
    settle(chain.sandbox)
    (row,) = owed("sync.outlook")
    assert timedelta(seconds=25) < wait_of(row) <= timedelta(seconds=31.128)
    assert chain.events() == []

    later(chain.sandbox, seconds=32)
    assert len(chain.events()) == 1


@pytest.mark.parametrize(("kind", "how"), [("error", {"status": 400}), ("401", {}), ("403", {})])
def test_a_refused_event_is_one_task_and_is_written_once_it_is_allowed(
    chain: Chain, kind: str, how: dict[str, Any]
) -> None:
    chain.sandbox.fault(CREATE, kind, times=50, **how)
    booking = confirmed(chain)
    settle(chain.sandbox)
    sweep(chain, minutes=10)
    assert (booking.status, chain.events()) == (Status.CONFIRMED, [])
    assert (given_up(), len(tasks())) == ({"sync.outlook"}, 1)

    chain.sandbox.delete("/_emu/faults")
    sweep(chain, minutes=61)
    assert len(chain.events(booking.reference)) == 1


def test_a_token_that_is_refused_once_is_replaced_and_nobody_hears_of_it(chain: Chain) -> None:
    confirmed(chain)
    settle(chain.sandbox)  # from here on we have a token that Graph knows
    chain.sandbox.fault(CREATE, "401")
    booking = confirmed(chain, practitioner=chain.lark)
    settle(chain.sandbox)
    assert (len(chain.events(booking.reference)), tasks()) == (1, [])


def test_tokens_that_soon_run_out_are_fetched_in_time(chain: Chain) -> None:
    chain.sandbox.knob("entra", "token_seconds", 200)
    booking = confirmed(chain)
    settle(chain.sandbox)
    move(booking, booking.starts_at + timedelta(hours=2))
    settle(chain.sandbox)
    (event,) = chain.events()
    assert (starts(event), tasks()) == (booking.starts_at, [])
    assert 401 not in [one["status"] for one in chain.sandbox.calls("graph")][1:]


def test_tokens_that_have_run_out_are_told_to_staff_and_the_event_is_written_later(chain: Chain) -> None:
    chain.sandbox.knob("entra", "token_seconds", 0)
    booking = confirmed(chain)
    settle(chain.sandbox)
    assert (booking.status, given_up()) == (Status.CONFIRMED, NEEDS_A_TOKEN)
    assert len(tasks()) == len(NEEDS_A_TOKEN)

    chain.sandbox.knob("entra", "token_seconds", 3599)
    sweep(chain, minutes=61)
    assert len(chain.events(booking.reference)) == 1


@pytest.mark.parametrize(
    ("kind", "how"),
    [
        ("error", {"status": 503}),
        ("error_after", {}),
        ("429", {"retry_after": 7.25}),
        ("timeout_before_commit", {}),
        ("timeout_after_commit", {}),
        ("slow", {"seconds": 1}),
    ],
)
def test_trouble_at_entra_delays_the_event_and_nobody_hears_of_it(chain: Chain, kind: str, how: dict[str, Any]) -> None:
    chain.sandbox.fault(TOKEN, kind, **how)
    booking = confirmed(chain)
    settle(chain.sandbox)
    later(chain.sandbox, seconds=10)
    assert [one["fault"] for one in chain.sandbox.calls("entra") if one["fault"]] == [kind]
    assert (booking.status, len(chain.events(booking.reference)), tasks()) == (Status.CONFIRMED, 1, [])


@pytest.mark.parametrize("kind", ["401", "403"])
def test_an_entra_that_refuses_us_is_told_to_staff_and_the_event_is_written_later(chain: Chain, kind: str) -> None:
    chain.sandbox.fault(TOKEN, kind, times=50)
    booking = confirmed(chain)
    settle(chain.sandbox)
    assert (booking.status, given_up()) == (Status.CONFIRMED, NEEDS_A_TOKEN)
    assert len(tasks()) == len(NEEDS_A_TOKEN)

    chain.sandbox.delete("/_emu/faults")
    sweep(chain, minutes=61)
    assert len(chain.events(booking.reference)) == 1


def test_more_writers_than_a_mailbox_bears_all_get_their_turn(chain: Chain, race: Race) -> None:
    chain.sandbox.knob("graph", "max_concurrent_calls", 1)
    chain.sandbox.knob("graph", "latency_seconds", 0.3)
    first = confirmed(chain)
    for hours in (1, 2):
        confirmed(chain, starts_at=first.starts_at + timedelta(hours=hours))
    race.of(3, lambda: run.drain("graph"))
    assert 429 in [one["status"] for one in chain.sandbox.calls("graph")]
    for _ in range(3):
        later(chain.sandbox, minutes=1)
    assert (len(chain.events()), tasks()) == (3, [])


# What Graph sends to us.


@pytest.mark.parametrize(
    ("kind", "how"),
    [
        ("duplicate", {"times": 20, "copies": 2}),
        ("delay", {"times": 20, "seconds": 1.5}),
        ("shuffle", {"times": 50, "copies": 50}),
        ("forge", {"times": 20}),
    ],
)
def test_notifications_that_come_in_a_bad_way_still_make_one_appointment(
    chain: Chain, kind: str, how: dict[str, Any]
) -> None:
    listen(chain)
    chain.sandbox.delivery_fault("graph", kind, **how)
    booking = confirmed(chain, patient=patient_who())
    drain()
    move(booking, booking.starts_at + timedelta(hours=2))
    drain()
    chain.sandbox.delete("/_emu/faults")  # what was held back goes out in another order
    settle(chain.sandbox)
    sweep(chain, minutes=6)  # what was forged is believed by nobody, so the sweep has to find the visit
    (event,) = chain.events(booking.reference)
    assert starts(event) == booking.starts_at
    assert len(chain.appointments(booking.reference, live=False)) == len(chain.patients("Brightwater")) == 1
    assert (tasks(), owed("sync.medirecords")) == ([], [])


@pytest.mark.parametrize("is_told", [True, False])
def test_notifications_that_are_dropped_are_made_up_for_within_minutes(chain: Chain, is_told: bool) -> None:
    """Graph may say that something was missed; it may also say nothing."""
    listen(chain)
    chain.sandbox.delivery_fault("graph", "drop", times=20)
    booking = confirmed(chain, patient=patient_who())
    settle(chain.sandbox)
    assert chain.appointments(booking.reference) == []

    chain.sandbox.delete("/_emu/faults")
    if is_told:
        (one,) = [one for one in chain.sandbox.get("/_emu/graph/subscriptions") if one["user_id"] == WREN]
        chain.sandbox.post("/_emu/graph/lifecycle", {"event": "missed", "subscription": one["id"]})
    sweep(chain, minutes=6)
    assert len(chain.appointments(booking.reference, live=False)) == 1
    assert tasks() == []


def test_notifications_that_take_their_time_make_one_appointment(chain: Chain) -> None:
    listen(chain)
    chain.sandbox.knob("graph", "notification_delay_seconds", 1)
    booking = confirmed(chain, patient=patient_who())
    started = time.monotonic()
    drain()
    assert chain.appointments(booking.reference) == []
    settle(chain.sandbox)
    assert len(chain.appointments(booking.reference, live=False)) == 1
    assert time.monotonic() - started > 1
