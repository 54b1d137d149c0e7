"""Requests per second as ratios to the bare app under the same load, and what a long history costs."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from sqlalchemy import insert

from portal.changes import ChangeMark
from portal.db import db
from tests.bench import fill
from tests.bench.load import WHERE_IT_LED, Crowd, Figures, Script
from tests.bench.people import Person
from tests.bench.report import Report
from tests.bench.stage import Stage

CONNECTIONS = 16  # twice as many as the server has threads
SLICE_SECONDS = 1.0
HISTORY_LOOKS = 60
WARM_SECONDS = 2.0  # each connection prepares its statements after a few uses
TYPE, SERVICE = "initial-alternative-15min", "alternative-medicine"


@dataclass
class Load:
    """Something that is asked again and again, and how it fared in each round."""

    name: str
    wanted: float
    scripts: Sequence[Script]
    statuses: tuple[int, ...]
    ratios: list[float] = field(default_factory=list)
    figures: Figures = field(default_factory=Figures)
    rates: list[float] = field(default_factory=list)


def measure(stage: Stage, crowd: Crowd, report: Report, rounds: int) -> None:
    """The loads take turns with the bare app, so that what else the machine does meets both."""
    hello = hello_load(stage)
    loads = [
        Load("grid", 0.5, looking(stage, "/"), (200,)),
        Load("service page", 0.5, looking(stage, f"/services/{SERVICE}"), (200,)),
        Load("times page", 0.2, looking(stage, f"/book/{TYPE}"), (200,)),
        Load("hold + details", 0.08, holding(stage), (200, 303)),
    ]
    for load in (hello, *loads):
        crowd.for_seconds(_port(stage, load, hello), load.scripts, WARM_SECONDS)
    before = _slice(stage, crowd, hello, hello)
    for _ in range(rounds):
        for load in loads:
            figures, after = _slice(stage, crowd, load, hello), _slice(stage, crowd, hello, hello)
            load.ratios.append(figures.rate / ((before.rate + after.rate) / 2))
            before = after
    for load in (hello, *loads):
        report.figure(f"{load.name}: requests per second, p50, p95", _figures_in_words(load))
    for load in loads:
        spread = f"{min(load.ratios):.3f} to {max(load.ratios):.3f} in {rounds} rounds"
        report.at_least(f"{load.name}, share of bare hello", median(load.ratios), load.wanted, note=spread)
        refused = load.figures.refused(*load.statuses)
        report.holds(f"{load.name}, answers of another kind", str(refused), "0", refused == 0)


def measure_history(stage: Stage, report: Report, rounds: int) -> None:
    """The times page for one visitor at a time, with some history and with ten times as much, by turns.

    Each is asked when something has just changed, so that all of it is read anew. The fastest tenth of the quietest
    turn counts: the rest tells what else the machine does.
    """
    person = Person(stage.port).arrive("/find-my-visit")
    costs: dict[int, list[float]] = {2_000: [], 20_000: []}
    bookings = []
    for _ in range(rounds):
        for visits, found in costs.items():
            bookings.append(fill.history(stage, visits))
            taken = sorted(_after_a_change(stage, person) for _ in range(HISTORY_LOOKS))
            found.append(taken[len(taken) // 10] * 1000)
    before, after = map(min, costs.values())
    growth = (after / before - 1) * 100
    words = f"{growth:+.1f} % ({before:.2f} and {after:.2f} ms, {bookings[0]} and {bookings[1]} bookings)"
    report.holds("cost of the times page with 10 x the history", words, "< +10 %", growth < 10)


def _after_a_change(stage: Stage, person: Person) -> float:
    """How many seconds the page takes that nothing kept can answer."""
    with stage.app.app_context(), db.engine.begin() as connection:
        connection.execute(insert(ChangeMark).values(about="times", mark=secrets.randbits(62)))
    began = time.perf_counter()
    status, _, _ = person.fetch("GET", f"/book/{TYPE}")
    assert status == 200, status
    return time.perf_counter() - began


def hello_load(stage: Stage) -> Load:
    return Load("bare hello", 1.0, [[Person(stage.hello_port).get("/")]] * CONNECTIONS, (200,))


def looking(stage: Stage, path: str) -> list[Script]:
    """Visitors who look at one page, each with a session that is there already."""
    visitors = [Person(stage.port).arrive("/find-my-visit") for _ in range(CONNECTIONS)]
    return [[visitor.get(path)] for visitor in visitors]


def holding(stage: Stage) -> list[Script]:
    """Visitors who hold a time and open the details page, then change their mind for their other time."""
    scripts: list[Script] = []
    for place in range(CONNECTIONS):
        person = Person(stage.port).arrive(f"/book/{TYPE}")
        own = person.times[place * 2 : place * 2 + 2]
        holds = [person.post(f"/book/{TYPE}/holds", slot=slot) for slot in own]
        scripts.append([step for hold in holds for step in (hold, person.get(WHERE_IT_LED.decode()))])
    return scripts


def _slice(stage: Stage, crowd: Crowd, load: Load, hello: Load) -> Figures:
    figures = crowd.for_seconds(_port(stage, load, hello), load.scripts, SLICE_SECONDS)
    load.figures += figures
    load.rates.append(figures.rate)
    return figures


def _port(stage: Stage, load: Load, hello: Load) -> int:
    return stage.hello_port if load is hello else stage.port


def _figures_in_words(load: Load) -> str:
    p50, p95 = (load.figures.percentile(share) * 1000 for share in (0.5, 0.95))
    return f"{median(load.rates):.0f}/s, {p50:.1f} ms, {p95:.1f} ms"
