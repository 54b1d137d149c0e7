"""What goes wrong: processes die, servers freeze, partners fail in every way they know, and time jumps.

A deck holds every class of fault; it is dealt in an order of its own, and shuffled anew when it is used up. What needs
a person afterwards is written down as a cause.
"""

from __future__ import annotations

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import psutil
import psycopg
import redis
import requests

from portal.config import read_environment_file
from portal.sandbox.deliveries import DELIVERY_FAULTS
from tests.torture import facts
from tests.torture.checker import Causes, Violation, overlaps
from tests.torture.town import Town

CALLS = {
    "stripe": (
        "POST /stripe/v1/checkout/sessions",
        "POST /stripe/v1/checkout/sessions/*/expire",
        "GET /stripe/v1/checkout/sessions/*",
        "POST /stripe/v1/refunds",
        "* /stripe/v1/*",
    ),
    "graph": (
        "POST /graph/v1.0/users/*/events",
        "PATCH /graph/v1.0/users/*/events/*",
        "DELETE /graph/v1.0/users/*/events/*",
        "GET /graph/v1.0/users/*",
        "POST /graph/v1.0/users/*/messages",
        "POST /graph/v1.0/users/*/messages/*/send",
        "* /graph/v1.0/subscriptions*",
        "* /graph/*",
    ),
    "medirecords": (
        "POST /medirecords/*appointments",
        "PUT /medirecords/*appointments/*",
        "POST /medirecords/*patients",
        "GET /medirecords/*",
        "* /medirecords/*",
    ),
    "entra": ("POST /*/oauth2/v2.0/token",),
}
CALL_FAULTS: tuple[tuple[str, dict[str, float]], ...] = (
    ("error", {"status": 503}),
    ("error", {"status": 500}),
    ("error_after", {"status": 504}),
    ("429", {"retry_after": 1.27}),
    ("401", {}),
    ("403", {}),
    ("slow", {"seconds": 2.0}),
    ("timeout_before_commit", {}),
    ("timeout_after_commit", {}),
)
# Each part of the clinic is let alone for a while after its death: it gives up when it keeps dying.
RECOVERY_SECONDS = 9.0
MOST_ADVANCED = timedelta(hours=5)
ADVANCES = (timedelta(minutes=2), timedelta(minutes=16), timedelta(minutes=36))

Act = Callable[[], bool | None]  # False: there was nothing to do it to


@dataclass
class Nemesis:
    """`haunt` in a thread of its own until `over` is set."""

    town: Town
    rng: random.Random
    causes: Causes = field(default_factory=Causes)
    dealt: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    has_dealt_all: threading.Event = field(default_factory=threading.Event)
    error: BaseException | None = None
    _died_at: dict[str, float] = field(default_factory=dict)
    _advanced: timedelta = timedelta()

    def haunt(self, pause: float) -> None:
        """Deal one act after the other, about so many seconds apart."""
        try:
            while not self.over.is_set():
                deck = list(self.acts().items())
                self.rng.shuffle(deck)
                for name, act in deck:
                    self.town.check()
                    if self.over.wait(self.rng.uniform(0.4, 1.6) * pause):
                        return
                    with suppress(requests.RequestException, psycopg.OperationalError, redis.RedisError):
                        self.dealt[name] += act() is not False
                    self._look()
                self.has_dealt_all.set()
        except BaseException as error:
            self.error = error
        finally:
            self.has_dealt_all.set()

    def acts(self) -> dict[str, Act]:
        """Every class of fault by its name."""
        acts: dict[str, Act] = {
            "web killed": lambda: self._kill("web"),
            "web worker killed": lambda: self._kill_child("web"),
            "worker killed": lambda: self._kill("worker"),
            "worker child killed": lambda: self._kill_child("worker"),
            "redis killed": lambda: self._kill("redis"),
            "redis stopped": self._stop_redis,
            "redis flushed": self._flush_redis,
            "redis frozen": self._freeze_redis,
            "postgres restarted": lambda: self._kill("postgres", signal.SIGINT),
            "postgres killed": lambda: self._kill("postgres"),
            "event deleted": lambda: self._staff_event("delete"),
            "event moved": lambda: self._staff_event("move"),
            "appointment cancelled": self._cancel_appointment,
            "refund failed": self._fail_refund,
            "refunds pend": self._let_refunds_pend,
            "search lag": lambda: self._knob("medirecords", "SEARCH_LAG_SECONDS", self.rng.choice([0, 4, 12])),
            "conflict status": lambda: self._knob("medirecords", "CONFLICT_STATUS", self.rng.choice([400, 409])),
            "delta expired": lambda: self.town.sandbox.post("/_emu/graph/expire-delta"),
        }
        for what in ("missed", "reauthorizationRequired", "subscriptionRemoved"):
            acts[f"graph {what}"] = lambda what=what: self._lifecycle(what)  # type: ignore[misc]
        for step in ADVANCES:
            acts[f"clock +{step}"] = lambda step=step: self._advance(step)  # type: ignore[misc]
        for system in CALLS:
            for kind, how in CALL_FAULTS:
                name = f"{system} {kind}{how.get('status', '')}"
                acts[name] = lambda system=system, kind=kind, how=how: self._fault(system, kind, how)  # type: ignore[misc]
        for system in ("stripe", "graph"):
            for kind in DELIVERY_FAULTS:
                acts[f"{system} delivery {kind}"] = lambda system=system, kind=kind: self._spoil(system, kind)  # type: ignore[misc]
        return acts

    # Processes and servers

    def _kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> bool:
        process = self._process(name)
        if process is None or not self._may_die(name):
            return False
        process.send_signal(number)
        return True

    def _kill_child(self, name: str) -> bool:
        with suppress(psutil.NoSuchProcess):
            process = self._process(name)
            children = process.children(recursive=True) if process else []
            if children:
                self.rng.choice(children).kill()
                return True
        return False

    def _process(self, name: str) -> psutil.Process | None:
        """A part that runs. Numbers are given out again, so the process must also say that it works for this clinic."""
        pid, folder = self.town.clinic.pid(name), self.town.clinic.instance_dir
        with suppress(psutil.Error):
            process = psutil.Process(pid or -1)
            told = process.environ().get("INSTANCE_DIR") == str(folder)
            if told or folder in (Path(process.cwd()), *Path(process.cwd()).parents):
                return process
        return None

    def _may_die(self, name: str) -> bool:
        if time.monotonic() - self._died_at.get(name, -RECOVERY_SECONDS) < RECOVERY_SECONDS:
            return False
        self._died_at[name] = time.monotonic()
        return True

    def _stop_redis(self) -> bool:
        with self.town.unattended():
            return self._kill("redis") and not self.over.wait(4)

    def _flush_redis(self) -> None:
        settings = read_environment_file(self.town.clinic.instance_dir / "environment")
        with redis.Redis.from_url(settings["REDIS_URL"], socket_timeout=2) as client:
            client.flushall()

    def _freeze_redis(self) -> bool:
        process = self._process("redis")
        if process is None:
            return False
        with suppress(psutil.NoSuchProcess):
            process.suspend()
            try:
                self.over.wait(5)
            finally:
                process.resume()
        return True

    # Partners

    def _fault(self, system: str, kind: str, how: dict[str, float]) -> None:
        # A refused token is fetched anew once; refused twice, a job is given up, and an operator tries it again.
        times = self.rng.choice([1, 2, 4])
        if kind in ("401", "403"):
            self.causes.refused.add("graph" if system == "entra" else system)
        self.town.sandbox.fault(self.rng.choice(CALLS[system]), kind, times=times, **how)

    def _spoil(self, system: str, kind: str) -> None:
        count = self.rng.choice([2, 3, 4])
        ways: dict[str, dict[str, float]] = {
            "duplicate": {"copies": 2},
            "delay": {"seconds": 4.0},
            "shuffle": {"copies": count},
        }
        how = ways.get(kind, {})
        self.town.sandbox.delivery_fault(system, kind, times=count, **how)

    def _knob(self, system: str, name: str, value: object) -> None:
        self.town.sandbox.knob(system, name, value)

    def _lifecycle(self, what: str) -> bool:
        known = self.town.sandbox.get("/_emu/graph/subscriptions")
        if known:
            one = self.rng.choice(known)["id"]
            self.town.sandbox.post("/_emu/graph/lifecycle", {"event": what, "subscription": one})
        return bool(known)

    def _advance(self, step: timedelta) -> bool:
        if self._advanced + step > MOST_ADVANCED:
            return False
        self._advanced += step
        self.town.sandbox.advance(seconds=step.total_seconds())
        return True

    # People who work with the partners' own screens

    def _staff_event(self, action: str) -> bool:
        """Somebody deletes or moves one of our entries in Outlook."""
        ours = [one for one in self.town.sandbox.get("/_emu/graph/events") if one["metadata"]]
        if not ours:
            return False
        event = self.rng.choice(ours)
        sent = {"user": event["user_id"], "action": action, "id": event["id"]}
        if action == "move":
            for edge in ("start", "end"):
                later = datetime.fromisoformat(event[edge]) + timedelta(minutes=25)
                sent[edge] = later.strftime("%Y-%m-%dT%H:%M:%SZ")
        touched = self.causes.event_deleted if action == "delete" else self.causes.event_moved
        touched.add(event["metadata"]["b"])
        self.town.sandbox.post("/_emu/graph/staff-event", sent)
        return True

    def _cancel_appointment(self) -> bool:
        """The desk cancels one of our appointments in MediRecords."""
        live = [
            row
            for row in self.town.sandbox.get("/_emu/medirecords/appointments")
            if "[ref:" in (row["notes"] or "") and row["appointmentStatus"] != 8
        ]
        if live:
            row = self.rng.choice(live)
            self.causes.appointment_cancelled.add(row["notes"].partition("[ref:")[2].partition("]")[0])
            self.town.sandbox.post("/_emu/medirecords/staff-edit", {"appointment": row["id"], "cancel": True})
        return bool(live)

    def _let_refunds_pend(self) -> None:
        """Refunds stay pending; `settle_refunds` ends it."""
        self.town.sandbox.knob("stripe", "refunds_stay_pending", True)

    def _fail_refund(self) -> bool:
        references = self._references()
        for refund in facts.stripe_list(self.town.sandbox, "refunds"):
            if refund["status"] == "succeeded" and refund["payment_intent"] in references:
                self.causes.refund_failed.add(references[refund["payment_intent"]])
                self.town.sandbox.post("/_emu/stripe/fail_refund", {"refund": refund["id"]})
                return True
        return False

    def _references(self) -> dict[str, str]:
        sessions = facts.stripe_list(self.town.sandbox, "checkout/sessions")
        return {one["payment_intent"]: one["metadata"]["booking"] for one in sessions if one["payment_intent"]}

    def _look(self) -> None:
        """No overlap, not even for a moment."""
        with suppress(psycopg.OperationalError):
            self.violations += overlaps(facts.visits(self.town.database_url))
