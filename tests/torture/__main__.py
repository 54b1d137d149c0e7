"""`make torture`: python -m tests.torture [--seed N] [--bookings N]; exit 1 when something that must hold does not."""

from __future__ import annotations

import argparse
import random
import sys
import time

from tests.torture.run import running_town, torture


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="repeats a run's plan")
    parser.add_argument("--bookings", type=int, default=300)
    parser.add_argument("--keep", action="store_true", help="keep the instance and its logs")
    options = parser.parse_args()
    started = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - started:6.1f} s  {line}", flush=True)

    say(f"SEED={options.seed} BOOKINGS={options.bookings}")
    with running_town() as town:
        say(f"the clinic runs in {town.clinic.instance_dir}")
        report = torture(town, options.seed, options.bookings, say=say)
    for line in report.lines():
        print(line)
    if not report.violations and not options.keep:
        town.forget()
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
