"""Puts load on a server: processes of our own that keep connections alive and send requests written beforehand.

They compose and parse as little as possible, because they share the machine with what they measure.
"""

from __future__ import annotations

import multiprocessing
import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.pool import Pool

PROCESSES = 2
BETWEEN_CONNECTIONS = 0.005  # seconds
FRONT_PAGE = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n"
HEAD_END = b"\r\n\r\n"
LENGTH, LOCATION = b"\r\nContent-Length: ", b"\r\nLocation: "
WHERE_IT_LED = b"{where it led}"  # in a request: the address that the answer before sent the visitor to


@dataclass
class Figures:
    """What a load came to. `latencies` are seconds, one per answer."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0

    def refused(self, *expected: int) -> int:
        """How many answers had another status than these; 0 is a connection that broke."""
        return sum(count for status, count in self.statuses.items() if status not in expected)

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            max(self.seconds, other.seconds), self.latencies + other.latencies, self.statuses + other.statuses
        )


Script = Sequence[bytes]  # the requests of one connection, in order


class Crowd:
    """The load's processes, kept from one measurement to the next."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def for_seconds(self, port: int, scripts: Sequence[Script], seconds: float) -> Figures:
        """Each connection repeats its script until the time is up."""
        return self._drive(port, scripts, seconds, once=False)

    def once(self, port: int, scripts: Sequence[Script], seconds: float = 600.0) -> Figures:
        """Each connection sends its script once; all begin at the same moment."""
        return self._drive(port, scripts, seconds, once=True)

    def _drive(self, port: int, scripts: Sequence[Script], seconds: float, *, once: bool) -> Figures:
        shares = [list(scripts[place::PROCESSES]) for place in range(PROCESSES)]
        start_at = time.monotonic() + 0.2 + (BETWEEN_CONNECTIONS + 0.001) * len(scripts)
        act = partial(drive, port, start_at=start_at, seconds=seconds, once=once)
        return sum(self._pool.map(act, [share for share in shares if share], chunksize=1), Figures())


@contextmanager
def crowd() -> Iterator[Crowd]:
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        yield Crowd(pool)


def drive(port: int, scripts: Sequence[Script], *, start_at: float, seconds: float, once: bool) -> Figures:
    """One process's share of the load."""
    figures = Figures()
    with selectors.DefaultSelector() as waiting:
        lines = _arrive(port, scripts, waiting, once=once)
        time.sleep(max(0.0, start_at - time.monotonic()))
        began = time.monotonic()
        for line in lines:
            line.ask()
        while waiting.get_map() and time.monotonic() < began + seconds:
            for line in _ready(waiting):
                if line.receive(figures) and not line.ask():
                    waiting.unregister(line.connection)
        figures.seconds = time.monotonic() - began
        for line in lines:
            line.connection.close()
    return figures


def _arrive(port: int, scripts: Sequence[Script], waiting: selectors.BaseSelector, *, once: bool) -> list[Line]:
    """Connect one after the other, while those who are there keep looking at the front page.

    Of processes that have nothing to do, the server's first one takes every connection.
    """
    lines: list[Line] = []
    unseen, front = Figures(), FRONT_PAGE % port
    for script in scripts:
        lines.append(Line(port, script, once))
        waiting.register(lines[-1].connection, selectors.EVENT_READ, lines[-1])
        lines[-1].send(front)
        next_at = time.monotonic() + BETWEEN_CONNECTIONS
        while time.monotonic() < next_at:
            for line in _ready(waiting, next_at - time.monotonic()):
                if line.receive(unseen):
                    line.send(front)
    looking = set(lines)
    while looking:
        looking -= {line for line in _ready(waiting) if line.receive(unseen)}
    return lines


def _ready(waiting: selectors.BaseSelector, seconds: float = 1.0) -> list[Line]:
    return [key.data for key, _ in waiting.select(timeout=max(0.0, seconds))]


class Line:
    """One connection: a request is out, or its answer is being read."""

    def __init__(self, port: int, script: Script, once: bool) -> None:
        self.connection = socket.create_connection(("127.0.0.1", port))
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.script, self.once, self.place = script, once, 0
        self.asked_at, self.wanted = 0.0, -1
        self.received = bytearray()
        self.led_to = b"/"

    def ask(self) -> bool:
        """Send the next request; False when the script has ended."""
        if self.once and self.place == len(self.script):
            return False
        self.send(self.script[self.place % len(self.script)].replace(WHERE_IT_LED, self.led_to))
        self.place += 1
        return True

    def send(self, request: bytes) -> None:
        """Send one request, of the script or another."""
        self.asked_at, self.wanted = time.monotonic(), -1
        self.received.clear()
        self.connection.sendall(request)

    def receive(self, figures: Figures) -> bool:
        """Read what has come; True when the answer is whole. A closed connection counts as status 0."""
        piece = self.connection.recv(262_144)
        self.received += piece
        if self.wanted < 0 and HEAD_END in self.received:
            self.wanted = whole_length(self.received)
            self.led_to = header(self.received, LOCATION) or self.led_to
        if piece and (self.wanted < 0 or len(self.received) < self.wanted):
            return False
        figures.latencies.append(time.monotonic() - self.asked_at)
        figures.statuses[int(self.received[9:12]) if piece else 0] += 1
        if not piece:
            self.place = len(self.script)
            self.once = True
        return True


def whole_length(answer: bytes | bytearray) -> int:
    """How many bytes an answer has, head and body, as its Content-Length says."""
    return answer.index(HEAD_END) + len(HEAD_END) + int(header(answer, LENGTH) or 0)


def header(answer: bytes | bytearray, name: bytes) -> bytes | None:
    """The value of a header; gunicorn writes their names as the app does."""
    found = answer.find(name, 0, answer.index(HEAD_END))
    start = found + len(name)
    return bytes(answer[start : answer.index(b"\r\n", start)]) if found >= 0 else None
