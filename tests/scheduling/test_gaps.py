"""How much time is still open: each minute once."""

from __future__ import annotations

import pytest

from portal.scheduling.gaps import covered


@pytest.mark.parametrize(
    ("spans", "seconds"),
    [
        ([], 0),
        ([(0, 60)], 60),
        ([(0, 60), (60, 120)], 120),
        ([(0, 60), (30, 90)], 90),
        ([(30, 40), (0, 60)], 60),
        ([(100, 200), (0, 10), (150, 250)], 160),
    ],
)
def test_what_two_visits_could_fill_counts_once(spans: list[tuple[int, int]], seconds: int) -> None:
    assert covered(spans) == seconds
