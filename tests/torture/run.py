"""One run: a town, its patients, the nemesis, then quiet, and the checker."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg

from portal.local.processes import PROJECT
from tests.support.sandbox import Controls
from tests.torture import facts, patients
from tests.torture.checker import Violation, violations
from tests.torture.facts import Facts, Row
from tests.torture.nemesis import Nemesis
from tests.torture.patients import Patient
from tests.torture.town import Town

ZONE = ZoneInfo("Australia/Sydney")
AT_ONCE = 6
RACERS = 4
QUIET_SECONDS = 150.0
KNOBS = {"SEARCH_LAG_SECONDS": 0, "CONFLICT_STATUS": 409}
Say = Callable[[str], None]


@dataclass
class Report:
    """How a run went."""

    seed: int
    violations: list[Violation]
    facts: Facts
    endings: Counter[str]
    mishaps: Counter[str]
    dealt: Counter[str]
    parked: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """For a person: what happened, and every violation with the history of its booking."""
        statuses = Counter(visit["status"] for visit in self.facts.visits)
        yield f"bookings: {_counted(statuses)}"
        yield f"patients: {_counted(self.endings)}"
        yield f"bad answers they got: {_counted(self.mishaps)}"
        missing = sorted(name for name, count in self.dealt.items() if not count)
        yield f"faults: {sum(self.dealt.values())} of {len(self.dealt)} classes; nothing to do for {missing or 'none'}"
        yield f"staff tasks: {_counted(Counter(task['kind'] for task in self.facts.tasks))}"
        yield f"given up and tried again by an operator: {len(self.parked)}"
        yield from (f"  {line}" for line in self.parked)
        yield from told(self.violations, self.facts)
        yield f"{len(self.violations)} violations with SEED={self.seed}"


@contextmanager
def running_town() -> Iterator[Town]:
    """A town on the Monday after next at six in the morning, clinic time: the run has a whole week before it."""
    town = Town()
    try:
        town.start(offset_seconds=(_monday() - datetime.now(UTC)).total_seconds())
        yield town
    finally:
        town.stop()


def torture(town: Town, seed: int, bookings: int, *, pause: float = 0.7, say: Say = lambda line: None) -> Report:
    """Let `bookings` patients book while the nemesis is about, then wait for quiet and check everything.

    Every class of fault is dealt at least once; people keep coming until then.
    """
    rng = random.Random(seed)
    town.sandbox.knob("medirecords", "GENDER_ORDER", rng.choice(["mf", "fm"]))
    Patient.not_before = datetime.fromisoformat(town.sandbox.get("/_emu/clock")["now"]) + patients.NOT_BEFORE
    nemesis = Nemesis(town, random.Random(rng.random()))
    haunting = threading.Thread(target=nemesis.haunt, args=(pause,), name="nemesis")
    haunting.start()
    endings, mishaps = Counter[str](), Counter[str]()
    try:
        coming = bookings
        while coming:
            for ending, bad in _crowd(town, rng, coming, came=endings.total()):
                endings[ending] += 1
                mishaps.update(bad)
                if endings.total() % 25 == 0:
                    say(f"{endings.total()} patients, {sum(nemesis.dealt.values())} faults")
            coming = AT_ONCE if haunting.is_alive() and not nemesis.has_dealt_all.is_set() else 0
    finally:
        nemesis.over.set()
        haunting.join()
    if nemesis.error is not None:
        raise nemesis.error
    say("waiting for quiet")
    parked = quieten(town)
    found = facts.read(town.database_url, town.sandbox)
    wrong = [*dict.fromkeys(nemesis.violations), *violations(found, nemesis.causes)]
    # What is away for a moment is told as 503; anything else is a fault of our own.
    wrong += [Violation("page", f"{bad} ({count} times)") for bad, count in mishaps.items() if bad.startswith("500 ")]
    if endings["done"] * 4 < endings.total():
        wrong.append(Violation("patients", f"only {endings['done']} of {endings.total()} got where they wanted"))
    return Report(seed, wrong, found, endings, mishaps, nemesis.dealt, parked)


def quieten(town: Town) -> list[str]:
    """End all faults, let the clinic come to rest, and do what an operator would. -> what was tried again

    Time is moved over leases, waits and the fifteen minutes of reconciling.
    """
    sandbox = town.sandbox
    sandbox.delete("/_emu/faults")
    for name, value in KNOBS.items():
        sandbox.knob("medirecords", name, value)
    sandbox.knob("stripe", "refunds_stay_pending", False)
    _settle_money(sandbox)
    rest(town)
    parked = _try_again(town)
    # Twice: what the first reconciling orders is compared by the second.
    for _ in range(2):
        sandbox.advance(minutes=16)
        rest(town)
    # Calendars are checked every hour; what was checked amid the faults looks different now.
    sandbox.advance(minutes=61)
    rest(town)
    return parked


def rest(town: Town, every: float = 0.7) -> None:
    """Wait until nothing is owed and nothing is on its way; bounded, and then the checker tells what is left.

    Meanwhile time flies, over leases, waits and deadlines.
    """
    until, calm, before = time.monotonic() + QUIET_SECONDS, 0, 0
    while calm < 3 and time.monotonic() < until:
        town.check()
        time.sleep(every)
        busy = _owed(town) + int(town.sandbox.get("/_emu/deliveries")["waiting"])
        calm = calm + 1 if busy == 0 else 0
        if busy and busy == before:  # nobody is getting on with it: a lease, a wait or a deadline
            town.sandbox.advance(seconds=50)
        before = busy


def _owed(town: Town) -> int:
    """Jobs that are not done, and bookings whose deadline has passed."""
    query = """select (select count(*) from outbox where done_at is null and parked_at is null)
        + (select count(*) from booking where status in ('held', 'awaiting_payment', 'paid_unplaced'))"""
    try:
        with psycopg.connect(town.database_url, connect_timeout=2) as connection:
            row = connection.execute(query).fetchone()
            assert row is not None
            return int(row[0])
    except psycopg.OperationalError:
        return 1


def _try_again(town: Town) -> list[str]:
    """What an operator does about given-up jobs, with the operator's own command."""
    tried: list[str] = []
    while (parked := [row for row in _outbox(town) if row["parked_at"]]) and len(tried) < 100:
        row = parked[0]
        # One command may settle several rows: those of the same job for the same thing.
        command = ["-m", "flask", "--app", "wsgi", "outbox", "retry", str(row["id"])]
        done = subprocess.run(
            [sys.executable, *command], cwd=PROJECT, env=town.clinic.environ, capture_output=True, text=True
        )
        if done.returncode != 0:
            raise RuntimeError(f"`flask outbox retry {row['id']}` failed: {done.stderr.strip()[-300:]}")
        tried.append(f"{row['job']}{row['args']}: {row['last_error']}")
    if tried:
        rest(town)
    return tried


def _outbox(town: Town) -> list[Row]:
    return facts.read(town.database_url, town.sandbox).outbox


def _settle_money(sandbox: Controls) -> None:
    """What is pending at Stripe comes to its end there."""
    for refund in facts.stripe_list(sandbox, "refunds"):
        if refund["status"] == "pending":
            sandbox.post("/_emu/stripe/settle_refund", {"refund": refund["id"]})
    for session in facts.stripe_list(sandbox, "checkout/sessions"):
        if session["status"] == "complete" and session["payment_status"] == "unpaid":
            with suppress(AssertionError):  # it has failed already
                sandbox.post("/_emu/stripe/settle_delayed", {"session": session["id"], "outcome": "paid"})


def _crowd(town: Town, rng: random.Random, bookings: int, *, came: int) -> Iterator[tuple[str, list[str]]]:
    """Patients, a few at a time, after those who `came` before. -> how each ended, and the bad answers they got"""
    plans = _plans(rng, bookings)

    def live(number: int) -> tuple[str, list[str]]:
        town.check()
        patient = Patient(came + number, random.Random(rng_seeds[number]), town.clinic.url, town.sandbox)
        story = plans[number]
        ending = patient.run(story)
        return f"{ending}", patient.browser.mishaps

    rng_seeds = [rng.random() for _ in plans]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(live, range(len(plans)))


def _plans(rng: random.Random, bookings: int) -> list[Callable[[Patient], None]]:
    """A story for each patient; now and then a few in a row want the same time."""
    plans: list[Callable[[Patient], None]] = []
    stories, weights = list(patients.STORIES), list(patients.STORIES.values())
    while len(plans) < bookings:
        if rng.random() < 0.04:
            plans += [patients.Race(rng.choice(patients.PAID_TYPES), RACERS)] * RACERS
        else:
            plans += rng.choices(stories, weights)
    return plans[:bookings]


def _monday() -> datetime:
    today = datetime.now(ZONE)
    day = today.date() + timedelta(days=7 - today.weekday())
    return datetime(day.year, day.month, day.day, 6, tzinfo=ZONE).astimezone(UTC)


def told(wrong: Iterable[Violation], found: Facts) -> Iterator[str]:
    """Each violation with the history of its booking."""
    for violation in wrong:
        yield f"VIOLATION {violation}"
        yield from (f"    {line}" for line in found.history.get(violation.reference or "", []))


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counter.most_common()) or "none"
