"""The palette keeps what WCAG 2.2 AA asks, light and dark."""

from __future__ import annotations

import pytest

from tests.shots import contrast


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("front", "back", "least"), contrast.PAIRS)
def test_what_meets_on_a_page_can_be_told_apart(front: str, back: str, least: float, scheme: str) -> None:
    palette = contrast.palettes()[scheme]
    assert contrast.ratio(palette[front], palette[back]) >= least


def test_the_ratio_is_that_of_wcag() -> None:
    assert contrast.ratio("#000000", "#ffffff") == pytest.approx(21)
    assert contrast.ratio("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)
