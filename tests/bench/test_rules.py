"""The bench speaks of the same readings as the portal, so that `make bench` does not break unseen."""

from __future__ import annotations

from tests.bench import rules
from tests.bench.report import Report


def test_open_times_are_found_for_a_small_and_for_a_large_clinic() -> None:
    report = Report()
    rules.measure_open_times(report, tries=1)
    notes = [row.measured for row in report.rows]
    assert len(notes) == 2
    assert not any("(0 times)" in note for note in notes)
