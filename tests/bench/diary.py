"""The desk's diary of a full day: how long its page takes, and how many queries."""

from __future__ import annotations

import time
from datetime import date, timedelta
from statistics import median

from portal import clock
from portal.staff.access import Role
from tests.bench.report import Report
from tests.bench.stage import Stage
from tests.support import busy_day
from tests.support.database import counted_queries
from tests.support.factories import SYDNEY
from tests.support.staff import signed_in
from tests.support.visitor import Visitor

PEOPLE, QUIET, FULL = 8, 10, 120
LIMIT_SECONDS = 0.25


def measure(stage: Stage, report: Report, tries: int = 15) -> None:
    """The app answers without a server before it, as a worker of gunicorn would."""
    stage.app.test_client_class = Visitor
    with stage.app.app_context():
        quiet = clock.now().astimezone(SYDNEY).date() + timedelta(days=35)
        full = quiet + timedelta(days=1)
        for day, visits in ((quiet, QUIET), (full, FULL)):
            busy_day.fill(day, people=PEOPLE, visits=visits, weekdays=range(day.weekday(), day.weekday() + 1))
        desk = signed_in(stage.app, Role.RECEPTION)
        counts = [_queries(desk, day) for day in (quiet, full)]
        taken = [_seconds(desk, full) for _ in range(tries)]
        shown = desk.get(f"/staff/diary?date={full}").text.count('class="diary-who"')
    assert shown == FULL, shown
    what = f"diary of a day, {PEOPLE} practitioners, {FULL} visits"
    report.at_most(what, median(taken), LIMIT_SECONDS, "s", f"slowest {max(taken):.3f}")
    words = ", ".join(map(str, counts))
    report.holds(f"queries of the diary for {QUIET} and {FULL} visits", words, "the same", len(set(counts)) == 1)


def _seconds(desk: Visitor, day: date) -> float:
    began = time.perf_counter()
    answer = desk.get(f"/staff/diary?date={day}")
    taken = time.perf_counter() - began
    assert answer.status_code == 200
    return taken


def _queries(desk: Visitor, day: date) -> int:
    _seconds(desk, day)
    with counted_queries() as sent:
        _seconds(desk, day)
    return len(sent)
