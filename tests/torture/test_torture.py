"""A short run of `make torture`, with a seed of its own, so that every change meets every class of fault."""

from __future__ import annotations

import pytest

from tests.torture.run import running_town, torture

SEED, BOOKINGS = 25, 25


@pytest.mark.program
@pytest.mark.timeout(600)
def test_nothing_is_lost_doubled_or_forgotten() -> None:
    with running_town() as town:
        report = torture(town, SEED, BOOKINGS, pause=0.3)
    assert not report.violations, "\n".join(report.lines())
    town.forget()
