"""Nobody may try without end; the numbers are settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from portal.catalogue.models import AppointmentType
from portal.web.limits import DEFAULTS, scaled
from tests.support.funnel import free_times
from tests.support.visitor import Visitor

VIEWS = Path(__file__).parents[2] / "portal" / "web"


@pytest.mark.parametrize(
    ("words", "factor", "expected"),
    [
        ("30 per minute; 200 per hour", 1.0, "30 per minute; 200 per hour"),
        ("30 per minute; 200 per hour", 100.0, "3000 per minute; 20000 per hour"),
        ("5 per hour", 0.5, "2 per hour"),
        ("5 per hour", 0.01, "1 per hour"),
    ],
)
def test_all_limits_are_multiplied_by_one_factor(words: str, factor: float, expected: str) -> None:
    assert scaled(words, factor) == expected


def test_holding_times_is_limited_and_looking_is_not(
    consult: AppointmentType, client: Visitor, stranger: Visitor, limits: Callable[[str, str], None]
) -> None:
    limits("holds", "2 per minute")
    page = client.page(f"/book/{consult.slug}")
    times = free_times(page)
    assert [page.submit("Continue", slot=time).heading for time in times[:2]] == ["Your details"] * 2
    assert page.submit("Continue", slot=times[2]).status == 429
    # The address is what counts, not the browser.
    assert stranger.page(f"/book/{consult.slug}").submit("Continue", slot=times[3]).status == 429
    assert client.page(f"/book/{consult.slug}").heading == "Choose a time"


@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_every_limit_is_in_force_somewhere(name: str) -> None:
    views = "".join(path.read_text() for path in VIEWS.rglob("*.py"))
    assert f'limit("{name}")' in views
