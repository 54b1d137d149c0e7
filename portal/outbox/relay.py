"""Rings the bell: tells RQ that a queue has work. A bell that is lost is rung again by the sweep (design D4)."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache

import structlog
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.serializers import JSONSerializer
from sqlalchemy import or_, select

from portal.db import db
from portal.outbox.models import OutboxMessage

log = structlog.get_logger(__name__)

JOB_SECONDS = 120  # above what one drain may take, HTTP budgets included
FAILURE_SECONDS = int(timedelta(days=7).total_seconds())

_redis_url = ""


def use_redis(url: str) -> None:
    """Set where the bell hangs; called once by create_app."""
    global _redis_url
    _redis_url = url
    connection.cache_clear()


@cache
def connection() -> Redis:
    """The process's Redis connection pool. Short timeouts: a dead Redis must not hold up a web request."""
    return Redis.from_url(_redis_url, socket_connect_timeout=1, socket_timeout=2)


def ring(queue: str) -> None:
    """Ask a worker to drain this queue. Without Redis nothing is lost; the sweep rings again."""
    try:
        Queue(queue, connection=connection(), serializer=JSONSerializer).enqueue(
            "portal.outbox.run.drain",
            queue,
            job_timeout=JOB_SECONDS,
            result_ttl=0,
            failure_ttl=FAILURE_SECONDS,
        )
    except RedisError as error:
        log.warning("outbox.bell_unheard", queue=queue, error=type(error).__name__)


def ring_due(now: datetime) -> None:
    """The sweep: ring for every queue that holds a due row which nobody works on."""
    for queue in queues_with_work(now):
        ring(queue)


def queues_with_work(now: datetime) -> list[str]:
    """The queues that hold a due row which nobody works on."""
    due = (
        select(OutboxMessage.queue)
        .where(
            OutboxMessage.done_at.is_(None),
            OutboxMessage.parked_at.is_(None),
            OutboxMessage.not_before <= now,
            or_(OutboxMessage.lease_until.is_(None), OutboxMessage.lease_until < now),
        )
        .distinct()
    )
    return list(db.session.scalars(due))
