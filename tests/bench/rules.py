"""What needs no load: the rules in pure Python, the number of queries, the first visit, the memory of the processes."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from datetime import time as wall_time
from zoneinfo import ZoneInfo

import psutil
from sqlalchemy import text

from portal.db import db, transaction
from portal.scheduling import books, reading, slots
from portal.scheduling.diary import Rules
from portal.scheduling.facts import Facts, HolidayKept, Hours, Offering, Place
from tests.bench.people import Person
from tests.bench.rates import TYPE
from tests.bench.report import Report
from tests.bench.stage import Stage
from tests.support.database import counted_queries

SYDNEY, PLACE, TYPE_ID = ZoneInfo("Australia/Sydney"), 1, 7
RULES = Rules(30, 5, 10, 120, 60, 15, daily_cap=500)
MONDAY = date(2026, 9, 7)  # the clock changes within these 28 days
LINKED = re.compile(r'<(?:link|script)[^>]*\s(?:href|src)="(/static/[^"]+)"')


@dataclass(frozen=True)
class Clinic:
    """An invented clinic of some size; `limit_ms` is what its open times may cost."""

    people: int
    days: int
    bookings: int
    limit_ms: float


def measure_open_times(report: Report, tries: int = 40) -> None:
    """From the texts that the database answers with to the open times, with nothing kept from before.

    The quickest of many tries: what a try takes longer is the machine's doing.
    """
    for clinic in (Clinic(3, 28, 200, 3.0), Clinic(30, 28, 5_000, 30.0)):
        arranged, visits, busy, now = _reading(clinic)
        taken: list[float] = []
        for _ in range(tries):
            began = time.thread_time()
            known = reading.parse_visits(visits), reading.parse_busy(busy)
            last = MONDAY + timedelta(days=clinic.days - 1)
            kept = books.keep(arranged, *known, MONDAY, last, type_id=TYPE_ID, needs_room=False)
            found = slots.open_slots(RULES, kept.clinic, now)
            taken.append((time.thread_time() - began) * 1000)
        what = f"open times, {clinic.people} practitioners, {clinic.days} days, {clinic.bookings} bookings"
        report.at_most(what, min(taken), clinic.limit_ms, "ms", f"{len(found)} times")


def measure_queries(stage: Stage, report: Report) -> None:
    """The times page of a type that can be booked for a week, and of the same type for a year."""
    _queries(stage, horizon_days=7)  # what a process reads once
    counts = [_queries(stage, horizon_days=days) for days in (7, 60, 365)]
    words = ", ".join(map(str, counts))
    report.holds("queries of the times page for 7, 60 and 365 days", words, "the same", len(set(counts)) == 1)


def measure_first_visit(stage: Stage, report: Report) -> None:
    """Everything a browser fetches for the grid, without compression."""
    person = Person(stage.port)
    _, headers, page = person.fetch("GET", "/")
    addresses = LINKED.findall(page.decode())
    total = len(page) + len(str(headers)) + sum(_transferred(person, address) for address in addresses)
    report.at_most("first visit to the grid", total / 1000, 100, "kB", f"{len(addresses) + 1} requests")
    for kind in ("css", "js"):
        count = sum(address.endswith(f".{kind}") for address in addresses)
        report.holds(f"{kind} files of the grid", str(count), "1", count == 1)


def measure_memory(stage: Stage, report: Report) -> None:
    """Each part with its children; memory they share is counted once."""
    for name in ("web", "worker", "sandbox", "postgres", "redis"):
        pid = stage.clinic.pid(name)
        assert pid is not None
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        words = f"{_megabytes(family):.0f} MB in {len(family)} processes"
        report.figure(f"memory of {name}", words)


def _reading(clinic: Clinic) -> tuple[Facts, str, str, int]:
    """Two shifts a day each, a holiday, caps that bind on some days, bookings of a quarter to three quarters of an hour
    on the quarter hour, and half an hour of Outlook for each ten bookings."""
    chance = random.Random(20_260_907)  # the same clinic each time
    begin = int(datetime.combine(MONDAY, wall_time(), SYDNEY).timestamp())
    halves = ((wall_time(9), wall_time(12, 30)), (wall_time(13, 30), wall_time(17)))

    def span(quarters: int) -> tuple[int, int]:
        start = begin + chance.randrange(clinic.days) * 86_400 + (36 + chance.randrange(32)) * 900
        return start, start + quarters * 900

    visits = []
    for number in range(clinic.bookings):
        starts, ends = span(chance.randrange(1, 4))
        visits.append([number % clinic.people, None, starts, ends, TYPE_ID, starts, ends, number + 1])
    busy = [[number % clinic.people, *span(2), "outlook"] for number in range(clinic.bookings // 10)]
    arranged = Facts(
        practitioners=tuple(Offering(who, f"person-{who}", f"Person {who}", 11) for who in range(clinic.people)),
        hours=tuple(
            Hours(who, PLACE, weekday, *half, None, None)
            for who in range(clinic.people)
            for weekday in range(7)
            for half in halves
        ),
        places={PLACE: Place("Rosella Clinic", SYDNEY)},
        holidays={(PLACE, MONDAY + timedelta(days=9)): HolidayKept("Founders' Day", "NSW")},
    )
    return arranged, json.dumps(visits), json.dumps(busy), begin


def _queries(stage: Stage, horizon_days: int) -> int:
    visitor = stage.app.test_client()
    with stage.app.app_context():
        with transaction():
            db.session.execute(
                text("update appointment_type set horizon_days = :days where slug = :slug"),
                {"days": horizon_days, "slug": TYPE},
            )
        engine = db.engine
    visitor.get("/find-my-visit", base_url=stage.clinic.url)
    with counted_queries(engine) as sent:
        # The first time, before anything of it is kept.
        visitor.get(f"/book/{TYPE}", base_url=stage.clinic.url)
    return len(sent)


def _transferred(person: Person, address: str) -> int:
    status, headers, body = person.fetch("GET", address)
    assert status == 200, address
    return len(str(headers)) + len(body)


def _megabytes(processes: Iterable[psutil.Process]) -> float:
    total = 0
    for each in processes:
        with suppress(psutil.NoSuchProcess):  # a job's process has ended
            total += getattr(each.memory_full_info(), "pss", each.memory_info().rss)
    return total / 1e6
