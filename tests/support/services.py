"""The Postgres and Redis of one pytest run. Whoever needs them first starts them; the run's end stops them."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from portal.local.postgres import Postgres, start_postgres, stop_postgres
from portal.local.redis import Redis, start_redis, stop_redis

PREFIX = "portal-tests-"


@dataclass(frozen=True)
class Services:
    """Both servers, running. `run_dir` is gone when the run ends."""

    run_dir: Path
    postgres: Postgres
    redis: Redis


def make_run_dir() -> Path:
    """A folder for this run, named after our process, so that a later run can tell whether it is abandoned."""
    _remove_abandoned()
    return Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-")).resolve()


def start(run_dir: Path) -> Services:
    """The run's servers; the first xdist worker starts them, the others find them running."""
    with only_one(run_dir):
        return Services(run_dir, start_postgres(run_dir, durable=False), start_redis(run_dir, durable=False))


def stop(run_dir: Path) -> None:
    """Stop what runs in this folder and remove it."""
    stop_postgres(run_dir)
    stop_redis(run_dir)
    shutil.rmtree(run_dir, ignore_errors=True)


@contextmanager
def only_one(run_dir: Path) -> Iterator[None]:
    """One worker at a time in this block."""
    with (run_dir / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remove_abandoned() -> None:
    """What a run left behind that was killed hard."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        owner = re.match(rf"{PREFIX}(\d+)-", folder.name)
        if owner and folder.stat().st_uid == os.geteuid() and not psutil.pid_exists(int(owner[1])):
            stop(folder.resolve())
