"""Owing a job: once while it waits, never lost, and heard by the workers after the commit only."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer
from sqlalchemy import select

from portal.bookings.models import Booking
from portal.clock import now
from portal.config import Settings
from portal.db import db, transaction
from portal.outbox import relay, run
from portal.outbox.models import OutboxMessage
from portal.outbox.post import announce, owe, remind
from tests.support.factories import make_booking
from tests.support.outbox import all_rows, jobs_owed, owed
from tests.support.race import Race

pytestmark = pytest.mark.usefixtures("ctx")
JOB = "sync.outlook"


def owe_now(*args: int, job: str = JOB) -> None:
    with transaction():
        owe(job, *(args or (1,)), now=now())


def rings(settings: Settings, queue: str = "graph") -> int:
    with Redis.from_url(settings.redis_url) as redis:
        return Queue(queue, connection=redis, serializer=JSONSerializer).count


def test_an_announced_event_owes_every_job_that_reacts_to_it() -> None:
    with transaction():
        announce("booking.cancelled", 7, now())
    assert sorted(jobs_owed()) == [
        "notices.send_cancelled",
        "payments.refund_if_due",
        "sync.medirecords",
        "sync.outlook",
    ]
    assert {tuple(row.args) for row in owed()} == {(7,)}


def test_an_event_that_nobody_reacts_to_owes_nothing_and_an_unknown_one_is_a_mistake() -> None:
    announce("booking.held", 7, now())
    assert owed() == []
    with pytest.raises(KeyError):
        announce("booking.invented", 7, now())
    with pytest.raises(KeyError):
        owe("sync.invented", 7, now=now())


def test_the_same_job_for_the_same_thing_waits_once() -> None:
    for _ in range(3):
        owe_now()
    with transaction():
        owe(JOB, 1, now=now())
        owe(JOB, 1, now=now())
    assert jobs_owed() == [JOB]


def test_the_same_job_for_another_thing_waits_beside_it() -> None:
    owe_now(1)
    owe_now(2)
    owe_now(1, job="sync.medirecords")
    assert jobs_owed() == [JOB, JOB, "sync.medirecords"]


def test_a_second_order_brings_a_waiting_job_forward_and_never_back() -> None:
    at = now()
    for minutes, expected in ((10, 10), (5, 5), (20, 5)):
        with transaction():
            owe(JOB, 1, now=at, not_before=at + timedelta(minutes=minutes))
        (row,) = owed()
        assert row.not_before == at + timedelta(minutes=expected)


def test_a_second_order_leaves_a_job_that_was_tried_the_time_its_partner_wished_for() -> None:
    owe_now()
    (row,) = owed()
    at = now()
    with transaction():
        row.attempts, row.not_before = 1, at + timedelta(seconds=41)
    owe_now()
    assert [(row.attempts, row.not_before) for row in owed()] == [(1, at + timedelta(seconds=41))]


def test_a_job_that_is_ordered_while_it_runs_runs_once_more() -> None:
    owe_now()
    running = run.take("graph", now())
    assert running is not None
    owe_now()
    owe_now()

    assert [row.lease_token is None for row in owed()] == [False, True]
    second = run.take("graph", now())
    assert second is not None
    assert second.id != running.id


def test_a_job_that_was_done_or_given_up_can_be_ordered_again() -> None:
    owe_now()
    for ending in ("done_at", "parked_at"):
        with transaction():
            setattr(owed()[-1], ending, now())
        owe_now()
        assert len(owed()) == 1
    assert len(all_rows(JOB)) == 3


def test_nobody_takes_a_waiting_job_before_the_change_that_ordered_it_again_can_be_seen(race: Race) -> None:
    booking = make_booking()
    booking_id = booking.id
    owe_now(booking_id)

    def take() -> tuple[int, int] | None:
        """What a worker takes, and the booking as it would see it."""
        row = run.take("graph", now())
        return (row.id, db.session.get_one(Booking, row.args[0]).version) if row else None

    with transaction():
        booking.version = 5
        owe(JOB, booking_id, now=now())
        assert race(take) == [None]  # without the lock a worker would finish it now, with the old version
    ((taken, version),) = race(take)
    assert (taken, version) == (owed()[0].id, 5)


def test_an_order_waits_for_a_worker_who_is_just_taking_the_row(race: Race) -> None:
    owe_now()
    # A worker that has leased the row and not committed yet.
    row = db.session.scalars(select(OutboxMessage).with_for_update()).one()
    row.lease_token, row.lease_until = "a worker", now() + timedelta(seconds=90)
    db.session.flush()

    def order() -> int:
        with transaction():
            owe(JOB, 1, now=now())
        return len(owed())

    outcomes: list[object] = []
    ordering = threading.Thread(target=lambda: outcomes.extend(race(order)))
    ordering.start()
    time.sleep(0.2)
    assert outcomes == []  # it waits to see whether the row is still one that waits
    db.session.commit()
    ordering.join()
    assert outcomes == [2]


def test_twenty_who_order_one_job_at_once_order_it_once(race: Race) -> None:
    def order() -> str:
        with transaction():
            owe(JOB, 1, now=now())
        return "ordered"

    assert race.of(20, order) == ["ordered"] * 20
    assert jobs_owed() == [JOB]


def test_a_commit_rings_once_for_each_queue_it_gave_work(settings: Settings) -> None:
    with transaction():
        for number in range(3):
            owe(JOB, number, now=now())
        owe("sync.medirecords", 1, now=now())
        assert rings(settings) == 0
    assert (rings(settings), rings(settings, "medirecords"), rings(settings, "mail")) == (1, 1, 0)


def test_a_job_for_later_rings_nobody_now(settings: Settings) -> None:
    with transaction():
        owe(JOB, 1, now=now(), not_before=now() + timedelta(minutes=1))
    assert rings(settings) == 0


def test_what_is_rolled_back_rings_nobody_also_not_with_the_next_commit(settings: Settings) -> None:
    with pytest.raises(ZeroDivisionError), transaction():
        owe(JOB, 1, now=now())
        raise ZeroDivisionError
    with transaction():
        make_booking()
    assert (owed(), rings(settings)) == ([], 0)


def test_a_savepoint_that_is_rolled_back_does_not_silence_the_rest(settings: Settings) -> None:
    with transaction():
        owe(JOB, 1, now=now())
        with pytest.raises(ZeroDivisionError), db.session.begin_nested():
            raise ZeroDivisionError
    assert (jobs_owed(), rings(settings)) == ([JOB], 1)


def test_an_order_stands_when_redis_is_away(settings: Settings) -> None:
    relay.use_redis("unix:///nowhere/redis.sock")
    try:
        owe_now()
    finally:
        relay.use_redis(settings.redis_url)
    assert jobs_owed() == [JOB]


def remind_of(job: str = JOB) -> None:
    with transaction():
        remind(job, 1, now=now())


def test_a_reminder_owes_a_job_that_is_not_owed_yet() -> None:
    remind_of()
    remind_of()
    assert jobs_owed() == [JOB]


def test_a_reminder_leaves_a_waiting_job_its_time() -> None:
    at = now()
    with transaction():
        owe(JOB, 1, now=at, not_before=at + timedelta(minutes=5))
    remind_of()
    assert [row.not_before for row in owed()] == [at + timedelta(minutes=5)]


def test_a_reminder_does_not_double_a_job_that_runs() -> None:
    owe_now()
    run.take("graph", now())
    remind_of()
    assert len(owed()) == 1


@pytest.mark.parametrize(("minutes_ago", "expected"), [(0, 0), (59, 0), (61, 1)])
def test_a_reminder_leaves_a_job_alone_for_an_hour_after_it_was_given_up(minutes_ago: int, expected: int) -> None:
    owe_now()
    with transaction():
        owed()[0].parked_at = now() - timedelta(minutes=minutes_ago)
    remind_of()
    assert len(owed()) == expected
