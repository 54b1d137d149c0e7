"""`make demo`: books, pays and shows the trail of real bookings through every system; exit 0 only if all is there.

It starts a clinic of its own on free ports, drives it over HTTP as a browser would, and reads the ledgers of the
sandbox. A piece that is missing, or there twice, ends it with one sentence.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from portal.demo.funnel import book, pay
from portal.demo.ledgers import Ledgers, show_payment, show_trail
from portal.demo.steps import DemoFailed, say
from portal.demo.visitor import Visitor
from portal.local.clinic import Clinic, free_port


def run(portal_url: str, sandbox_url: str) -> None:
    """The three stories, against a clinic that runs. Raises DemoFailed."""
    ledgers = Ledgers(sandbox_url)
    say("A paid first visit")
    visitor = Visitor(portal_url)
    reference = book(visitor, "initial-alternative-15min")
    pay(visitor, reference)
    show_payment(ledgers, reference)
    show_trail(ledgers, reference, with_appointment=True)

    say()
    say("A free consult")
    visitor = Visitor(portal_url)
    reference = book(visitor, "initial-consult-free")
    visitor.send("Book free consult")
    if "You are booked" not in visitor.page.heading:
        raise DemoFailed(f"The free consult ended on {visitor.page.heading!r}.")
    show_trail(ledgers, reference, with_appointment=False)

    say()
    say("Declined, then paid")
    visitor = Visitor(portal_url)
    # Far from the first visit: MediRecords takes nobody who is somewhere else at that time.
    reference = book(visitor, "initial-gaps-60min", place=-1)
    pay(visitor, reference, decline_first=True)
    show_payment(ledgers, reference)
    show_trail(ledgers, reference, with_appointment=True)


@contextmanager
def own_clinic() -> Iterator[tuple[str, str]]:
    """A fresh clinic on free ports, removed at the end; -> its addresses."""
    port, sandbox_port = free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="clinic-") as folder:
        clinic = Clinic(instance_dir=Path(folder) / "instance", port=port, sandbox_port=sandbox_port)
        clinic.start()
        try:
            yield clinic.url, clinic.sandbox_url
        finally:
            clinic.stop()


def main() -> int:
    print("Starting a clinic of its own ...")
    try:
        with own_clinic() as (portal_url, sandbox_url):
            run(portal_url, sandbox_url)
    except DemoFailed as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        return 1
    print("\nEvery piece is there, once.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
