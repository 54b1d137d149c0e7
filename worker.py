"""The workers: one RQ process per queue, and one clock process with all periodic work, which stands on this page.

`python worker.py` runs them all and restarts those that die; any number of copies may run. A queue has a process of
its own because a worker that listens to several loses the job it has just taken when it is killed (design D4).
"""

from __future__ import annotations

import ctypes
import math
import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any

import structlog
from flask import Flask
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, Worker
from rq.serializers import JSONSerializer
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from portal import changes, config, create_app, logs
from portal.bookings import hold, offers
from portal.clock import now, ticks
from portal.db import LockKind, db, transaction
from portal.notices import jobs as notices
from portal.outbox import relay
from portal.payments import jobs as payments
from portal.reactions import QUEUES
from portal.scheduling import holidays
from portal.sessions import forget_old
from portal.sync import jobs as sync

log = structlog.get_logger("worker")

# What time alone brings due: (every, what). Each looks into the database for what is due, so a missed or a doubled
# tick does no harm; an advisory lock lets one clock among several tick at a time.
PERIODIC: list[tuple[timedelta, Callable[[datetime], Any]]] = [
    (timedelta(seconds=5), relay.ring_due),
    (timedelta(seconds=5), changes.forget_old),
    (timedelta(seconds=15), hold.expire_lapsed_holds),
    (timedelta(seconds=15), offers.sweep),
    (timedelta(seconds=30), payments.sweep),
    (timedelta(seconds=30), sync.sweep),
    (timedelta(seconds=30), sync.owe_busy_reads),
    (timedelta(minutes=5), notices.sweep),
    (timedelta(minutes=15), payments.owe_reconciliation),
    (timedelta(minutes=15), sync.owe_reconciliation),
    (timedelta(hours=1), holidays.look_ahead),
    (timedelta(hours=1), sync.owe_busy_checks),
    (timedelta(hours=6), forget_old),
]


class JobWorker(Worker):
    """An RQ worker whose forked jobs find the app ready."""

    app: Flask

    def perform_job(self, *args: Any, **kwargs: Any) -> bool:
        with self.app.app_context():
            return bool(super().perform_job(*args, **kwargs))


def work(queue: str) -> None:
    """Serve one queue until SIGTERM; the job under way is finished first."""
    app = create_app(pool_size=None)
    while True:
        connection = Redis.from_url(app.config["PORTAL"].redis_url, socket_connect_timeout=5)
        try:
            worker = JobWorker(
                [Queue(queue, connection=connection, serializer=JSONSerializer)],
                connection=connection,
                serializer=JSONSerializer,
                log_job_description=False,
                default_worker_ttl=60,
            )
            worker.app = app
            worker.work(logging_level="WARNING")
            return
        except RedisError as error:
            log.warning("worker.redis_away", queue=queue, error=type(error).__name__)
            time.sleep(1)


def tick() -> None:
    """The clock: run what is due, again and again. When local time is moved, what that brings due runs at once."""
    app = create_app(pool_size=None)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    ran_at = [-math.inf] * len(PERIODIC)
    with app.app_context():
        while True:
            for place, (every, act) in enumerate(PERIODIC):
                if not 0 <= ticks() - ran_at[place] < every.total_seconds():
                    ran_at[place] = ticks()
                    run_alone(place, act)
            time.sleep(0.5)


def run_alone(place: int, act: Callable[[datetime], Any]) -> None:
    """Run one periodic act unless another clock is at it. Its failure must not stop the others."""
    try:
        with transaction():
            if db.session.scalar(
                text("select pg_try_advisory_xact_lock(:kind, :id)"), {"kind": LockKind.CLOCK, "id": place}
            ):
                act(now())
    except (SQLAlchemyError, RedisError) as error:
        log.warning("clock.failed", kind=str(place), error=type(error).__name__)
    except Exception:
        log.exception("clock.failed", kind=str(place))


def as_child(parent: int, act: Callable[..., None], *args: str) -> None:
    """Run one of the processes. On Linux it gets SIGTERM when its parent is killed, so that no worker is left over."""
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    if os.getppid() == parent:
        act(*args)


def main() -> None:
    """Start a process per queue and the clock; restart those that end; stop all on SIGTERM or Ctrl-C."""
    try:
        logs.configure(config.load().log_level)
    except config.BadSetting as error:
        sys.exit(str(error))
    # Forked while we hold no connection and no thread: what was imported once serves all of them.
    fork = get_context("fork")
    jobs: dict[str, tuple[Callable[..., None], tuple[str, ...]]] = {queue: (work, (queue,)) for queue in QUEUES}
    jobs["clock"] = (tick, ())
    stopping = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    processes: dict[str, BaseProcess] = {}
    while not stopping:
        for name, (target, args) in jobs.items():
            process = processes.get(name)
            if process is None or not process.is_alive():
                if process is not None:
                    log.warning("worker.restarted", queue=name)
                processes[name] = fork.Process(target=as_child, args=(os.getpid(), target, *args), name=name)
                processes[name].start()
        time.sleep(0.5)
    for process in processes.values():
        if process.pid is not None and process.is_alive():
            os.kill(process.pid, signal.SIGTERM)
    for process in processes.values():
        process.join(30)


if __name__ == "__main__":
    main()
