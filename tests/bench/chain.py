"""From the payment to Outlook and MediRecords, with the sandbox at its default delays."""

from __future__ import annotations

import time
from contextlib import redirect_stdout
from io import StringIO
from statistics import median

from portal.demo.funnel import book
from portal.demo.ledgers import Ledgers
from portal.demo.steps import until
from portal.demo.visitor import Visitor
from tests.bench.rates import TYPE
from tests.bench.report import Report
from tests.bench.stage import Stage

LIMIT_SECONDS = 5.0


def measure(stage: Stage, report: Report, bookings: int = 5) -> None:
    ledgers = Ledgers(stage.clinic.sandbox_url)
    outlook, medirecords = [], []
    for place in range(bookings):
        visitor = Visitor(stage.clinic.url)
        with redirect_stdout(StringIO()):  # it tells its steps, for `make demo`
            # Each at a time of its own: MediRecords refuses a patient who is with somebody else just then.
            reference = book(visitor, TYPE, place=place)
        visitor.send("Pay ")
        paid_at = time.monotonic()
        visitor.send("Pay")
        until(lambda: ledgers.events(reference), f"{reference} never came to Outlook")  # noqa: B023 - called at once
        outlook.append(time.monotonic() - paid_at)
        until(lambda: ledgers.appointments(reference), f"{reference} never came to MediRecords")  # noqa: B023
        medirecords.append(time.monotonic() - paid_at)
    report.figure("payment to Outlook event", f"{median(outlook):.1f} s")
    note = f"slowest {max(medirecords):.1f} of {bookings}"
    report.at_most("payment to MediRecords appointment", median(medirecords), LIMIT_SECONDS, "s", note)
