"""What a change of mind costs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.bookings import policy
from portal.bookings.policy import Cost

VISIT = datetime(2026, 3, 10, 23, 0, tzinfo=UTC)
LONG_AGO = VISIT - timedelta(days=30)


def terms(price_cents: int = 11900, **changed: int) -> dict[str, Any]:
    usual = {"notice_hours": 24, "late_fee_percent": 50, "no_show_fee_percent": 100, "grace_minutes": 60}
    return {"price_cents": price_cents, "cancellation": usual | changed}


def cost(before: timedelta, *, paid: int = 11900, confirmed_at: datetime | None = LONG_AGO, **how: Any) -> Cost:
    """The cost of cancelling this long before the visit."""
    agreed = how.pop("agreed", terms())
    return policy.cancel_cost(
        agreed, paid_cents=paid, starts_at=VISIT, confirmed_at=confirmed_at, now=VISIT - before, **how
    )


HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (48 * HOUR, Cost(0, 11900, is_late=False)),
        (24 * HOUR, Cost(0, 11900, is_late=False)),  # exactly the notice is in time
        (24 * HOUR - SECOND, Cost(5950, 5950, is_late=True)),
        (timedelta(), Cost(5950, 5950, is_late=True)),
        (-HOUR, Cost(5950, 5950, is_late=True)),
    ],
)
def test_the_fee_begins_when_less_than_the_notice_is_left(before: timedelta, expected: Cost) -> None:
    assert cost(before) == expected


@pytest.mark.parametrize(
    ("since_booking", "expected"),
    [
        (timedelta(), Cost(0, 11900, is_late=True)),
        (HOUR, Cost(0, 11900, is_late=True)),
        (HOUR + SECOND, Cost(5950, 5950, is_late=True)),
    ],
)
def test_a_change_of_mind_within_the_hour_costs_nothing(since_booking: timedelta, expected: Cost) -> None:
    assert cost(5 * HOUR, confirmed_at=VISIT - 5 * HOUR - since_booking) == expected


def test_without_grace_time_a_late_change_of_mind_costs_at_once() -> None:
    agreed = terms(grace_minutes=0)
    assert cost(5 * HOUR, confirmed_at=VISIT - 5 * HOUR - SECOND, agreed=agreed).fee_cents == 5950


def test_the_clinics_own_cancellation_costs_nothing_however_late() -> None:
    assert cost(-HOUR, by_clinic=True) == Cost(0, 11900, is_late=True)


@pytest.mark.parametrize(
    ("price", "paid", "fee"),
    [
        (0, 0, 0),
        (11900, 0, 0),  # nothing was paid, so nothing can be kept
        (11900, 3000, 3000),  # the fee is never more than was paid
        (11900, 5950, 5950),
        (7901, 7901, 3951),  # half a cent is rounded up
    ],
)
def test_the_fee_is_a_share_of_the_price_and_never_more_than_was_paid(price: int, paid: int, fee: int) -> None:
    assert cost(HOUR, paid=paid, agreed=terms(price)) == Cost(fee, paid - fee, is_late=True)


@pytest.mark.parametrize(
    ("percent", "paid", "expected"),
    [
        (100, 11900, Cost(11900, 0, is_late=True)),
        (0, 11900, Cost(0, 11900, is_late=True)),
        (50, 11900, Cost(5950, 5950, is_late=True)),
        (100, 0, Cost(0, 0, is_late=True)),
    ],
)
def test_who_does_not_come_pays_the_agreed_share(percent: int, paid: int, expected: Cost) -> None:
    assert policy.no_show_cost(terms(no_show_fee_percent=percent), paid_cents=paid) == expected


@given(
    price=st.integers(0, 1_000_000),
    paid=st.integers(0, 1_000_000),
    percent=st.integers(0, 100),
    before=st.timedeltas(-48 * HOUR, 96 * HOUR),
    by_clinic=st.booleans(),
)
def test_fee_and_refund_always_make_up_what_was_paid(
    price: int, paid: int, percent: int, before: timedelta, by_clinic: bool
) -> None:
    agreed = terms(price, late_fee_percent=percent, no_show_fee_percent=percent)
    for found in (
        cost(before, paid=paid, agreed=agreed, by_clinic=by_clinic),
        policy.no_show_cost(agreed, paid_cents=paid),
    ):
        assert found.fee_cents + found.refund_cents == paid
        assert min(found.fee_cents, found.refund_cents) >= 0


@pytest.mark.parametrize(
    ("before", "since_booking", "expected"),
    [
        (24 * HOUR, 48 * HOUR, True),
        (24 * HOUR - SECOND, 48 * HOUR, False),
        (5 * HOUR, HOUR, True),
        (5 * HOUR, HOUR + SECOND, False),
        (timedelta(), timedelta(), False),  # it has begun
        (-HOUR, timedelta(), False),
    ],
)
def test_a_visit_moves_online_while_there_is_time(before: timedelta, since_booking: timedelta, expected: bool) -> None:
    at = VISIT - before
    found = policy.may_move_online(terms(), starts_at=VISIT, confirmed_at=at - since_booking, now=at)
    assert found is expected


def test_the_policy_in_words_names_the_amounts() -> None:
    assert policy.in_words(terms()) == (
        "You can change or cancel without a fee until 24 hours before your visit. "
        "After that, cancelling costs $59.50 and a missed visit $119.00. "
        "We waive the fee if you are ill or somebody else takes the time: please call us."
    )
    assert policy.in_words(terms(late_fee_percent=0, no_show_fee_percent=0)) == (
        "You can change or cancel at any time before the visit without a fee."
    )
    assert policy.in_words(terms(0)).startswith("This visit is free.")
