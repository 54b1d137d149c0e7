"""Redis is a doorbell: it may lose everything, it holds ids only, and nobody can make it run code."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from portal.bookings import confirm, find
from portal.bookings.states import Status
from portal.clients import TOKEN_KEY, clients
from portal.clock import now
from portal.config import Settings
from portal.db import transaction
from portal.outbox import relay, run
from portal.outbox.post import owe
from tests.support.chain import Chain
from tests.support.factories import make_booking, make_patient
from tests.support.outbox import owed, settle
from tests.support.portal_server import PortalServer
from tests.support.sandbox import RunningSandbox

pytestmark = pytest.mark.usefixtures("ctx")


@pytest.fixture
def redis(settings: Settings) -> Iterator[Redis]:
    with Redis.from_url(settings.redis_url) as connection:
        yield connection


def queue(redis: Redis, name: str = "graph") -> Queue:
    return Queue(name, connection=redis, serializer=JSONSerializer)


def owe_something() -> None:
    with transaction():
        owe("sync.outlook", make_booking(status=Status.EXPIRED).id, now=now())


def test_a_worker_who_hears_the_bell_runs_what_is_owed(redis: Redis) -> None:
    owe_something()
    worker = SimpleWorker([queue(redis)], connection=redis, serializer=JSONSerializer, log_job_description=False)
    worker.work(burst=True, logging_level="WARNING")
    assert owed() == []
    assert queue(redis).failed_job_registry.count == 0


def test_nothing_is_lost_when_redis_forgets_everything(redis: Redis) -> None:
    owe_something()
    redis.flushdb()
    assert queue(redis).count == 0

    relay.ring_due(now())

    assert queue(redis).count == 1
    run.drain("graph")
    relay.ring_due(now())
    assert (owed(), queue(redis).count) == ([], 1)


def test_the_sweep_rings_for_due_rows_that_nobody_works_on() -> None:
    at = now()
    with transaction():
        owe("sync.outlook", 1, now=at)
        owe("sync.medirecords", 1, now=at, not_before=at + timedelta(minutes=1))
    assert relay.queues_with_work(at) == ["graph"]
    assert run.take("graph", at) is not None
    assert relay.queues_with_work(at) == []
    later = at + timedelta(seconds=91)  # the lease of a worker who has died
    assert sorted(relay.queues_with_work(later)) == ["graph", "medirecords"]


def test_the_bell_names_a_function_and_a_queue_in_json_and_nothing_else(redis: Redis) -> None:
    owe_something()
    (job,) = queue(redis).jobs
    raw = redis.hget(f"rq:job:{job.id}", "data")
    assert isinstance(raw, bytes)
    assert json.loads(zlib.decompress(raw)) == ["portal.outbox.run.drain", None, ["graph"], {}]
    assert job.timeout == relay.JOB_SECONDS


def everything_in(redis: Redis) -> bytes:
    """All keys and values, unpacked where they are packed."""
    readers: dict[Any, Any] = {
        b"string": lambda key: [redis.get(key)],
        b"hash": lambda key: [part for pair in redis.hgetall(key).items() for part in pair],
        b"list": lambda key: redis.lrange(key, 0, -1),
        b"set": redis.smembers,
        b"zset": lambda key: redis.zrange(key, 0, -1),
        b"stream": lambda key: [str(redis.xrange(key)).encode()],
    }
    found = b""
    for key in redis.scan_iter():
        values = list(readers[redis.type(key)](key))
        found += b"\n".join([key, *values, *map(_unpacked, values)])
    return found


def _unpacked(value: bytes) -> bytes:
    try:
        return zlib.decompress(value)
    except zlib.error:
        return b""


def test_no_word_about_a_patient_or_a_key_of_ours_is_ever_in_redis(
    redis: Redis, sandbox: RunningSandbox, portal_server: PortalServer
) -> None:
    chain = Chain.build(sandbox)
    patient = make_patient(
        given_name="Wilhelmina", family_name="Featherstone", email="wilhelmina@example.org", mobile="+61491570157"
    )
    booking = chain.booking(Status.HELD, patient=patient)
    with transaction():
        confirm.confirm(find.get_locked(booking.id), now(), by="patient")
        owe("sync.outlook", "not-a-number", now=now())  # one that fails, with what RQ keeps of failures
    seen = everything_in(redis)
    settle(sandbox)
    seen += everything_in(redis)

    assert chain.mails("wilhelmina@example.org") != []
    assert b"rq:queue:mail" in seen
    assert TOKEN_KEY.encode() in seen
    said = seen.lower()
    for canary in ("wilhelmina", "featherstone", "491570157", booking.reference.lower(), "not-a-number"):
        assert canary.encode() not in said
    # The token itself is sealed, or whoever reads Redis could read every calendar.
    token = clients().graph._calls._tokens.bearer()
    assert token.encode() not in seen
