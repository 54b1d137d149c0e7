"""`python worker.py` as a whole program: it does what is owed, and being killed in the middle doubles nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from redis import Redis

from portal.bookings import find
from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.clock import now
from portal.config import Settings
from portal.db import db, transaction
from portal.outbox.post import announce
from portal.payments import checkout
from portal.reactions import QUEUES
from tests.support.chain import Chain, patient_who, pay
from tests.support.database import TestDatabase
from tests.support.outbox import owed

pytestmark = [pytest.mark.program, pytest.mark.timeout(300)]

PROJECT = Path(__file__).parents[1]
CREATE_EVENT, CREATE_APPOINTMENT = "POST /graph/*/events", "POST /medirecords/v1/practices/*/appointments"


def wait_for(condition: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.1)


class Workers:
    """A running worker.py with all its processes."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.environ = environ
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen([sys.executable, "worker.py"], cwd=PROJECT, env=self.environ)

    @property
    def tree(self) -> list[psutil.Process]:
        assert self.process is not None
        try:
            top = psutil.Process(self.process.pid)
            return [top, *top.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    @property
    def standing(self) -> list[psutil.Process]:
        """One per queue, and the clock; without the forks that run a job."""
        return self.tree[0].children()

    def kill(self) -> None:
        """All of them at once, as a machine that loses its power."""
        assert self.process is not None
        doomed = self.tree
        for one in doomed:
            with suppress(psutil.NoSuchProcess):  # the fork of a job may end by itself meanwhile
                one.suspend()  # nobody gets to clean up after another
        for one in doomed:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        self.process.wait(10)
        psutil.wait_procs(doomed, timeout=10)

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@pytest.fixture
def workers(environ: dict[str, str], database: TestDatabase) -> Iterator[Workers]:
    servers = {"DATABASE_URL": database.url, "REDIS_URL": database.redis_url, "LOG_LEVEL": "WARNING"}
    running = Workers({**os.environ, **environ, **servers})
    yield running
    if running.process is not None and running.process.poll() is None:
        running.kill()


def is_listening(chain: Chain) -> bool:
    """Whether the workers have told Graph to tell us of both calendars."""
    return len(chain.sandbox.get("/_emu/graph/subscriptions")) == 2


def is_confirmed(booking: Booking) -> bool:
    db.session.rollback()
    return find.get(booking.id).status == Status.CONFIRMED


def is_whole(chain: Chain, booking: Booking) -> bool:
    """Whether the visit stands outside and nothing more is owed."""
    return bool(chain.events(booking.reference) and chain.appointments(booking.reference)) and owed() == []


def assert_nothing_is_doubled(chain: Chain, booking: Booking) -> None:
    assert len(chain.events(booking.reference)) == 1
    assert len(chain.appointments(booking.reference, live=False)) == 1
    assert len(chain.patients("Brightwater")) == 1
    assert booking.patient is not None
    assert len(chain.mails(booking.patient.email)) == 1


def test_a_paid_visit_ends_in_outlook_in_medirecords_and_in_one_mail_though_every_webhook_comes_twice(
    chain: Chain, workers: Workers, settings: Settings
) -> None:
    workers.start()
    wait_for(lambda: is_listening(chain), "subscriptions")
    with Redis.from_url(settings.redis_url) as redis:
        redis.flushdb()  # the doorbell forgets everything, its listeners included
    for system in ("stripe", "graph"):
        chain.sandbox.delivery_fault(system, "duplicate", times=200)

    booking = chain.booking(Status.HELD, patient=patient_who())
    pay(checkout.start(booking.id, now()))
    wait_for(lambda: is_confirmed(booking) and is_whole(chain, booking), "the whole chain")
    chain.sandbox.wait_quiet()
    wait_for(lambda: owed() == [], "the last copies")

    assert_nothing_is_doubled(chain, booking)
    processes = workers.tree
    assert len(workers.standing) == len(QUEUES) + 1
    assert workers.stop() == 0
    assert psutil.wait_procs(processes, timeout=10)[1] == []


def killed_in(chain: Chain, workers: Workers, call: str) -> None:
    """Kill every process while this call is on its way, and let the call come to its end without them."""
    wait_for(lambda: chain.sandbox.get("/_emu/faults")["calls"] == [], f"{call} on its way")
    workers.kill()
    system = call.split("/")[1]
    wait_for(lambda: any(one["fault"] == "slow" for one in chain.sandbox.calls(system)), f"{call} at its end")


def test_workers_that_are_killed_while_they_write_leave_one_event_and_one_appointment(
    chain: Chain, workers: Workers
) -> None:
    workers.start()
    wait_for(lambda: is_listening(chain), "subscriptions")
    chain.sandbox.fault(CREATE_EVENT, "slow", seconds=1.5)
    booking = chain.booking(patient=patient_who())
    with transaction():
        announce("booking.confirmed", booking.id, now())
    killed_in(chain, workers, CREATE_EVENT)
    assert len(chain.events(booking.reference)) == 1  # and nobody of ours knows

    chain.sandbox.fault(CREATE_APPOINTMENT, "slow", seconds=1.5)
    chain.sandbox.advance(minutes=2)  # instead of waiting until the dead worker's lease runs out
    workers.start()
    killed_in(chain, workers, CREATE_APPOINTMENT)
    assert len(chain.appointments(booking.reference)) == 1

    chain.sandbox.advance(minutes=2)
    workers.start()
    wait_for(lambda: is_whole(chain, booking), "the whole chain")
    chain.sandbox.wait_quiet()
    wait_for(lambda: owed() == [], "the rest")
    assert_nothing_is_doubled(chain, booking)


def test_a_process_that_dies_alone_is_started_again(chain: Chain, workers: Workers) -> None:
    workers.start()
    wait_for(lambda: is_listening(chain), "subscriptions")
    before = workers.standing
    assert len(before) == len(QUEUES) + 1
    for one in before:
        one.kill()
    booking = chain.booking(patient=patient_who())
    with transaction():
        announce("booking.confirmed", booking.id, now())
    wait_for(lambda: is_whole(chain, booking), "the whole chain by their successors")
    assert not {one.pid for one in before} & {one.pid for one in workers.tree}


def test_a_wrong_setting_stops_the_start_with_one_sentence(environ: dict[str, str]) -> None:
    wrong = {**os.environ, **environ, "FIELD_KEYS": "nonsense"}
    refused = subprocess.run([sys.executable, "worker.py"], cwd=PROJECT, env=wrong, capture_output=True, text=True)
    assert refused.returncode == 1
    assert refused.stderr.startswith("FIELD_KEYS must be")
    assert refused.stderr.count("\n") == 1
