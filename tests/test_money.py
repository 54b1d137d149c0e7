"""Cents, in words and in shares."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal import money

CENT = Decimal(1)
cents = st.integers(0, 10_000_000)


@pytest.mark.parametrize(
    ("amount", "expected"),
    [(0, "Free"), (1, "$0.01"), (50, "$0.50"), (11900, "$119.00"), (123456, "$1,234.56"), (100000000, "$1,000,000.00")],
)
def test_an_amount_in_words(amount: int, expected: str) -> None:
    assert money.in_words(amount) == expected


@pytest.mark.parametrize(
    ("total", "expected"),
    [(0, 0), (11900, 1082), (1100, 100), (5, 0), (6, 1), (16, 1), (17, 2), (7900, 718)],
)
def test_the_gst_inside_a_total_is_one_eleventh(total: int, expected: int) -> None:
    assert money.gst_inside(total) == expected


@given(cents)
def test_gst_is_rounded_half_up_like_by_hand(total: int) -> None:
    assert money.gst_inside(total) == int((Decimal(total) / 11).quantize(CENT, ROUND_HALF_UP))


@given(cents, st.integers(0, 100))
def test_a_share_is_rounded_half_up_like_by_hand(total: int, percent: int) -> None:
    found = money.share(total, percent)
    assert found == int((Decimal(total) * percent / 100).quantize(CENT, ROUND_HALF_UP))
    assert 0 <= found <= total
