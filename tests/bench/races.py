"""Many people who want the same times at the same moment, over HTTP."""

from __future__ import annotations

import random
import re

from sqlalchemy import text

from portal.db import db
from tests.bench.load import Crowd, Script
from tests.bench.people import Person
from tests.bench.rates import TYPE
from tests.bench.report import Report
from tests.bench.stage import Stage

RACERS, RACE_SECONDS = 200, 1.0
CLIENTS, HOLDS_EACH, WANTED_TIMES, P99_MS = 24, 500, 30, 200.0
PATH = f"/book/{TYPE}/holds"
WITH_ONE = f"/book/{TYPE}?practitioner=tobias-wren"  # of whom there is one, whoever else is free
DEADLOCK = re.compile(rb"DeadlockDetected|LockNotAvailable")

_OVERLAPS = text(
    """
    select count(*) from booking one join booking other on one.id < other.id and one.blocked && other.blocked
        and (one.practitioner_id = other.practitioner_id or one.room_id = other.room_id)
    where one.status in ('held', 'awaiting_payment', 'confirmed') and other.status in
        ('held', 'awaiting_payment', 'confirmed') and not one.overlap_allowed and not other.overlap_allowed
    """
)


def measure_one_time(stage: Stage, crowd: Crowd, report: Report) -> None:
    """All racers have the page open and press the button for its last time together."""
    racers = [Person(stage.port).arrive(WITH_ONE) for _ in range(RACERS)]
    wanted = racers[0].times[-1]
    figures = crowd.once(stage.port, [[racer.post(PATH, slot=wanted)] for racer in racers])
    starts, who = wanted.split("/")
    with stage.app.app_context():
        booked = db.session.scalar(
            text(
                "select count(*) from booking where starts_at = :starts and practitioner_id = :who and status = 'held'"
            ),
            {"starts": starts, "who": int(who)},
        )
    report.holds(f"{RACERS} racers for one time, bookings", str(booked), "1", booked == 1)
    answers = figures.statuses
    words = f"{answers[303]} held, {answers[422]} told the nearest times"
    is_right = answers[303] == 1 and figures.refused(303, 422) == 0
    report.holds("their answers", words, f"1 held, {RACERS - 1} told, no other", is_right)
    loser = Person(stage.port).arrive(WITH_ONE)
    _, _, told = loser.fetch("POST", PATH, {"slot": wanted})
    report.holds("the losers' page", _nearest_in(told), "the nearest free times", b"The nearest free times" in told)
    report.at_most(
        "the slowest answer", max(figures.latencies), RACE_SECONDS, "s", f"p50 {figures.percentile(0.5):.2f}"
    )


def measure_conflicts(stage: Stage, crowd: Crowd, report: Report, holds_each: int = HOLDS_EACH) -> None:
    """Each client holds one of a few times after the other, always letting the one before go."""
    clients = [Person(stage.port).arrive(WITH_ONE) for _ in range(CLIENTS)]
    wanted = clients[0].times[:WANTED_TIMES]
    scripts = [_wishes(client, wanted, holds_each, number) for number, client in enumerate(clients)]
    figures = crowd.once(stage.port, scripts)
    with stage.app.app_context():
        overlaps = db.session.scalar(_OVERLAPS)
    held, told = figures.statuses[303], figures.statuses[422]
    what = f"{CLIENTS} clients x {holds_each} conflicting holds"
    report.holds(f"{what}, overlaps", str(overlaps), "0", overlaps == 0)
    failed = figures.refused(303, 422)
    report.holds("answers that are neither held nor taken", str(failed), "0", failed == 0)
    deadlocks = len(DEADLOCK.findall(stage.clinic.log("web").read_bytes()))
    report.figure("deadlocks and lock waits given up, seen by nobody", str(deadlocks))
    note = f"p50 {figures.percentile(0.5) * 1000:.0f} ms, {held} held, {told} taken, {figures.rate:.0f}/s"
    report.at_most("p99 of a hold", figures.percentile(0.99) * 1000, P99_MS, "ms", note)


def _wishes(client: Person, wanted: list[str], count: int, number: int) -> Script:
    chance = random.Random(number)  # the same wishes each time
    ready = {slot: client.post(PATH, slot=slot) for slot in wanted}
    return [ready[chance.choice(wanted)] for _ in range(count)]


def _nearest_in(page: bytes) -> str:
    return f"{page.count(b'slot-near-') // 2 + 1} named" if b"The nearest free times" in page else "none"
