"""What every emulated system stands on: state that survives a restart, a movable clock, a call log, faults."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
import sqlite3
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from portal.sandbox.deliveries import Deliveries

Json = dict[str, Any]

SCHEMA = """
create table if not exists object (
    seq integer primary key autoincrement,
    system text not null, kind text not null, id text not null, value text not null,
    unique (system, kind, id));
create table if not exists call (
    seq integer primary key autoincrement,
    at text not null, system text not null, method text not null, path text not null,
    status integer not null, body_hash text not null, fault text, duration_ms real not null);
"""


class Store:
    """JSON documents by (system, kind, id) in one SQLite file, in the order they were first put."""

    def __init__(self, path: Path | None) -> None:
        self.lock = threading.RLock()
        self._db = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = off")
        self._db.executescript(SCHEMA)

    def put(self, system: str, kind: str, id: str, value: Json) -> Json:
        """Insert or replace one document; a replaced one keeps its place in the order."""
        with self.lock:
            self._db.execute(
                "insert into object (system, kind, id, value) values (?, ?, ?, ?)"
                " on conflict (system, kind, id) do update set value = excluded.value",
                (system, kind, id, json.dumps(value)),
            )
        return value

    def get(self, system: str, kind: str, id: str) -> Json | None:
        """A fresh copy of one document, or None. Change it, then put it back."""
        with self.lock:
            row = self._db.execute(
                "select value from object where system = ? and kind = ? and id = ?", (system, kind, id)
            ).fetchone()
        return json.loads(row[0]) if row else None

    def all(self, system: str, kind: str) -> list[Json]:
        """Fresh copies of all documents of a kind, oldest first."""
        with self.lock:
            rows = self._db.execute(
                "select value from object where system = ? and kind = ? order by seq", (system, kind)
            ).fetchall()
        return [json.loads(row[0]) for row in rows]

    def delete(self, system: str, kind: str, id: str) -> bool:
        with self.lock:
            cursor = self._db.execute("delete from object where system = ? and kind = ? and id = ?", (system, kind, id))
        return cursor.rowcount > 0

    def clear(self) -> None:
        with self.lock:
            self._db.execute("delete from object")
            self._db.execute("delete from call")

    def log_call(self, entry: Json) -> None:
        with self.lock:
            self._db.execute(
                "insert into call (at, system, method, path, status, body_hash, fault, duration_ms)"
                " values (:at, :system, :method, :path, :status, :body_hash, :fault, :duration_ms)",
                entry,
            )

    def calls(self, system: str | None = None, limit: int = 500) -> list[Json]:
        """The newest calls first."""
        with self.lock:
            cursor = self._db.execute(
                "select seq, at, system, method, path, status, body_hash, fault, duration_ms from call"
                " where ? is null or system = ? order by seq desc limit ?",
                (system, system, limit),
            )
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


# What a call fault may do. "before" = the system has not acted; "after" = it has acted, and the answer is spoilt.
CALL_FAULTS = {
    "error": "answer `status` (default 500) before acting",
    "error_after": "act, then answer `status` (default 504)",
    "429": "answer 429 with Retry-After `retry_after` before acting",
    "401": "answer 401 before acting",
    "403": "answer 403 before acting",
    "slow": "wait `seconds`, then act and answer",
    "timeout_before_commit": "close the connection without acting",
    "timeout_after_commit": "act, then close the connection without an answer",
}


@dataclass
class Fault:
    """One rule: the next `times` calls whose "METHOD /path" fits `match` go wrong in the way of `kind`."""

    match: str
    kind: str
    times: int = 1
    status: int | None = None
    retry_after: float | None = None
    seconds: float = 0.0
    skip: int = 0  # let this many fitting calls pass first

    def fits(self, method: str, path: str) -> bool:
        """`match` is "POST /medirecords/v1/*", with or without the system's prefix; `*` for the method is any."""
        wanted_method, _, wanted_path = self.match.partition(" ")
        tail = "/" + path.split("/", 2)[2] if path.count("/") > 1 else path
        return wanted_method in ("*", method) and any(
            fnmatch.fnmatch(candidate, wanted_path) for candidate in (path, tail)
        )


@dataclass
class Faults:
    """The call faults in force, oldest first."""

    rules: list[Fault] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, fault: Fault) -> None:
        with self.lock:
            self.rules.append(fault)

    def take(self, method: str, path: str) -> Fault | None:
        """The fault to apply to this call, used up once."""
        with self.lock:
            for fault in self.rules:
                if not fault.fits(method, path):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                if fault.times <= 0:
                    self.rules.remove(fault)
                return fault
        return None

    def clear(self) -> None:
        with self.lock:
            self.rules.clear()

    def listed(self) -> list[Json]:
        with self.lock:
            return [asdict(fault) for fault in self.rules]


class Clock:
    """Real time plus an offset in seconds, kept in the file that the portal's own clock looks at as well."""

    _number = struct.Struct("<d")

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._offset = 0.0

    @property
    def offset_seconds(self) -> float:
        if self._path is None:
            return self._offset
        try:
            offset: float = self._number.unpack(self._path.read_bytes())[0]
        except (OSError, struct.error):
            return 0.0
        return offset

    def set_offset(self, seconds: float) -> None:
        self._offset = seconds
        if self._path is None:
            return
        # Written over and never cut: the portal has it in memory.
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            os.pwrite(descriptor, self._number.pack(seconds), 0)
            os.ftruncate(descriptor, self._number.size)
        finally:
            os.close(descriptor)

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.offset_seconds)


@dataclass(frozen=True)
class SandboxSettings:
    """What the emulators must agree on with their caller. The values are local ones and open nothing real."""

    own_url: str  # as a browser sees the sandbox, e.g. http://localhost:8765
    stripe_secret_key: str
    stripe_webhook_url: str
    stripe_webhook_secret: str
    entra_tenant_id: str
    entra_client_id: str
    entra_client_secret: str
    entra_staff_client_id: str
    entra_staff_client_secret: str
    entra_redirect_uris: tuple[str, ...]
    medirecords_practice_id: str
    medirecords_rest_token: str
    medirecords_fhir_token: str
    practice_zone: str = "Australia/Sydney"


@dataclass
class Panel:
    """One part of the start page: a heading, and a template of the sandbox with what it shows."""

    title: str
    template: str
    context: Callable[[], Json]


@dataclass
class System:
    """What an emulated system tells the control plane about itself.

    `seed(people)` takes the document described in control.py; `knobs` are named switches with their default,
    changed by POST /_emu/knobs and read with `sandbox.knob(system, name)`.
    """

    name: str
    seed: Callable[[Json], None]
    panels: list[Panel] = field(default_factory=list)
    knobs: Json = field(default_factory=dict)
    reset: Callable[[], None] = lambda: None


class Sandbox:
    """The shared ground handed to each system's `register(sandbox)`."""

    def __init__(self, settings: SandboxSettings, state_dir: Path | None) -> None:
        self.settings = settings
        self.store = Store(state_dir / "sandbox.sqlite" if state_dir else None)
        self.clock = Clock(state_dir / "clock" if state_dir else None)
        self.faults = Faults()
        self.deliveries = Deliveries()
        self.systems: dict[str, System] = {}
        self._knobs: dict[tuple[str, str], Any] = {}

    def add(self, system: System) -> None:
        self.systems[system.name] = system

    def now(self) -> datetime:
        return self.clock.now()

    def knob(self, system: str, name: str) -> Any:
        return self._knobs.get((system, name), self.systems[system].knobs[name])

    def set_knob(self, system: str, name: str, value: Any) -> None:
        if name not in self.systems[system].knobs:
            raise KeyError(f"{system} has no knob {name!r}")
        self._knobs[(system, name)] = value

    def reset(self) -> None:
        """Back to an empty sandbox: no objects, calls, faults, knobs or waiting deliveries; the clock is real."""
        self.deliveries.clear()
        self.faults.clear()
        self._knobs.clear()
        self.store.clear()
        self.clock.set_offset(0)
        for system in self.systems.values():
            system.reset()

    @contextmanager
    def logged(self, system: str, method: str, path: str, body: bytes) -> Iterator[Json]:
        """Log one call; the block fills in `status` (and `fault`)."""
        entry: Json = {
            "at": self.now().isoformat(),
            "system": system,
            "method": method,
            "path": path,
            "status": 0,
            "body_hash": hashlib.sha256(body).hexdigest()[:16] if body else "",
            "fault": None,
            "duration_ms": 0.0,
        }
        started = time.monotonic()
        try:
            yield entry
        finally:
            entry["duration_ms"] = round((time.monotonic() - started) * 1000, 1)
            self.store.log_call(entry)
