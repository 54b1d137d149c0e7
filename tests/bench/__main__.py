"""`make bench`: the budgets of the design as a table. A miss is printed; with --strict it also fails."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable

from tests.bench import chain, diary, races, rates, rules
from tests.bench.load import Crowd, crowd
from tests.bench.report import Report
from tests.bench.stage import Stage, running_stage

PARTS = ("rules", "visit", "rates", "history", "race", "conflicts", "chain", "diary", "memory")


def main() -> int:
    words = argparse.ArgumentParser(prog="make bench", description=__doc__)
    words.add_argument("--strict", action="store_true", help="exit 1 when a budget is missed")
    words.add_argument("--rounds", type=int, default=7, help="how often each load takes its turn (7)")
    words.add_argument("--holds", type=int, default=races.HOLDS_EACH, help="conflicting holds of each client (500)")
    words.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=", ".join(PARTS))
    given = words.parse_args()
    report = Report()
    report.figure("processors, and how many processes wanted them before we began", f"{os.cpu_count()}, {_load()}")
    print("Starting a clinic of its own ...", flush=True)
    with running_stage() as stage, crowd() as people:
        acts = _acts(stage, people, report, given.rounds, given.holds)
        for part in PARTS:
            if part in given.only:
                acts[part]()
    print(f"\n{report.table()}")
    print(f"\n{len(report.misses)} missed." if report.misses else "\nEvery budget is met.")
    return 1 if given.strict and report.misses else 0


def _load() -> str:
    """Somebody else's load makes every absolute time here longer; the shares of hello stand it better."""
    return f"{os.getloadavg()[0]:.1f}"


def _acts(stage: Stage, people: Crowd, report: Report, rounds: int, holds: int) -> dict[str, Callable[[], None]]:
    def visit() -> None:
        rules.measure_queries(stage, report)
        rules.measure_first_visit(stage, report)

    return {
        "rules": lambda: rules.measure_open_times(report),
        "visit": visit,
        "rates": lambda: rates.measure(stage, people, report, rounds),
        "history": lambda: rates.measure_history(stage, report, rounds),
        "race": lambda: races.measure_one_time(stage, people, report),
        "conflicts": lambda: races.measure_conflicts(stage, people, report, holds),
        "chain": lambda: chain.measure(stage, report),
        "diary": lambda: diary.measure(stage, report),
        "memory": lambda: rules.measure_memory(stage, report),
    }


if __name__ == "__main__":
    sys.exit(main())
