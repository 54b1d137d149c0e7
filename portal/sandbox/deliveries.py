"""Webhooks and notifications out: sent from background threads, retried, and spoilt on request."""

from __future__ import annotations

import heapq
import itertools
import random
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import requests

# What may be done to the next deliveries of a system.
DELIVERY_FAULTS = {
    "duplicate": "send `copies` extra copies (default 1)",
    "delay": "send `seconds` later",
    "shuffle": "collect until `copies` deliveries wait, then send them in another order",
    "drop": "never send",
    "forge": "send with a wrong signature or client state",
    "old": "send with a signature that is too old",
}


@dataclass(frozen=True)
class Outgoing:
    """How the request should be made this time; the builder honours `forged` and `old` where it signs."""

    attempt: int
    forged: bool = False
    old: bool = False


# Called at the moment of sending, so that each attempt carries a fresh signature: -> (headers, body)
Builder = Callable[[Outgoing], tuple[dict[str, str], bytes]]


@dataclass
class DeliveryFault:
    system: str
    kind: str
    times: int = 1
    seconds: float = 0.0
    copies: int = 1


@dataclass(order=True)
class _Waiting:
    due: float
    order: int
    system: str = field(compare=False)
    url: str = field(compare=False)
    build: Builder = field(compare=False)
    label: str = field(compare=False)
    attempt: int = field(compare=False, default=1)
    forged: bool = field(compare=False, default=False)
    old: bool = field(compare=False, default=False)
    generation: int = field(compare=False, default=0)
    delivered: Callable[[], None] | None = field(compare=False, default=None)


class Deliveries:
    """A due-time queue served by daemon threads; a delivery that is not answered 2xx comes again, later and later."""

    RETRIES = 12

    def __init__(self, threads: int = 4) -> None:
        self._queue: list[_Waiting] = []
        self._order = itertools.count()
        self._wake = threading.Condition()
        self._generation = 0
        self._in_flight = 0
        self._held_back: list[_Waiting] = []
        self.faults: list[DeliveryFault] = []
        self.history: list[dict[str, Any]] = []
        self._threads = threads
        self._started = False

    def send(
        self,
        system: str,
        url: str,
        build: Builder,
        *,
        label: str,
        after: float = 0.0,
        delivered: Callable[[], None] | None = None,
    ) -> None:
        """Queue one delivery. `label` says what it is, for the log; `after` is a delay in seconds.

        `delivered` is called once it has been answered 2xx, before it stops counting as waiting.
        """
        with self._wake:
            self._start()
            fault = self._take_fault(system)
            item = _Waiting(
                time.monotonic() + after,
                next(self._order),
                system,
                url,
                build,
                label,
                generation=self._generation,
                delivered=delivered,
            )
            if fault is None:
                heapq.heappush(self._queue, item)
            elif fault.kind == "drop":
                self._note(item, "dropped")
            elif fault.kind == "shuffle":
                self._held_back.append(item)
                if len(self._held_back) >= max(2, fault.copies):
                    self._let_go()
            else:
                item.due += fault.seconds if fault.kind == "delay" else 0.0
                item.forged, item.old = fault.kind == "forge", fault.kind == "old"
                heapq.heappush(self._queue, item)
                for _ in range(fault.copies if fault.kind == "duplicate" else 0):
                    copy = _Waiting(item.due + 0.02, next(self._order), system, url, build, label)
                    copy.generation = self._generation
                    heapq.heappush(self._queue, copy)
            self._wake.notify_all()

    def clear(self) -> None:
        """Forget what waits, all faults and the history; what is under way is not retried."""
        with self._wake:
            self._generation += 1
            self._queue.clear()
            self._held_back.clear()
            self.faults.clear()
            self.history.clear()

    def clear_faults(self) -> None:
        """Spoil nothing more; what a shuffle still held back goes out."""
        with self._wake:
            self.faults.clear()
            self._let_go()
            self._wake.notify_all()

    def waiting(self) -> int:
        """How many deliveries are queued, held back or on their way."""
        with self._wake:
            return len(self._queue) + len(self._held_back) + self._in_flight

    def listed_faults(self) -> list[dict[str, Any]]:
        with self._wake:
            return [asdict(fault) for fault in self.faults]

    def _let_go(self) -> None:
        """Send what was held back, in another order."""
        random.shuffle(self._held_back)
        for place, waiting in enumerate(self._held_back):
            waiting.due, waiting.order = time.monotonic() + place * 0.05, next(self._order)
            heapq.heappush(self._queue, waiting)
        self._held_back.clear()

    def _take_fault(self, system: str) -> DeliveryFault | None:
        for fault in self.faults:
            if fault.system == system:
                fault.times -= 1
                if fault.times <= 0:
                    self.faults.remove(fault)
                return fault
        return None

    def _start(self) -> None:
        if not self._started:
            self._started = True
            for _ in range(self._threads):
                threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        session = requests.Session()
        session.trust_env = False
        while True:
            with self._wake:
                while not self._queue or self._queue[0].due > time.monotonic():
                    self._wake.wait(self._queue[0].due - time.monotonic() if self._queue else None)
                item = heapq.heappop(self._queue)
                self._in_flight += 1
            outcome = self._post(session, item)
            if outcome.startswith("2") and item.delivered is not None:
                item.delivered()
            with self._wake:
                self._in_flight -= 1
                if item.generation != self._generation:
                    continue
                self._note(item, outcome)
                if not outcome.startswith("2") and item.attempt < self.RETRIES:
                    item.due = time.monotonic() + min(60.0, 0.5 * 2 ** (item.attempt - 1))
                    item.attempt, item.forged, item.old = item.attempt + 1, False, False
                    heapq.heappush(self._queue, item)
                self._wake.notify_all()

    @staticmethod
    def _post(session: requests.Session, item: _Waiting) -> str:
        try:
            headers, body = item.build(Outgoing(item.attempt, item.forged, item.old))
            answer = session.post(item.url, data=body, headers=headers, timeout=10, allow_redirects=False)
            return str(answer.status_code)
        except requests.RequestException as error:
            return type(error).__name__

    def _note(self, item: _Waiting, outcome: str) -> None:
        self.history.append(
            {
                "system": item.system,
                "label": item.label,
                "url": item.url,
                "attempt": item.attempt,
                "outcome": outcome,
                "spoilt": "forged" if item.forged else "old" if item.old else "",
            }
        )
        del self.history[:-500]
