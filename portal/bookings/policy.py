"""What a cancellation, a missed visit or a move costs: pure, from the terms agreed when the time was held.

The clinic's standard (product-reference 15): 24 hours' notice, half the price when later, nothing for free visits.
Every amount is in cents, every instant in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from portal import money


@dataclass(frozen=True)
class Cost:
    """What the clinic keeps of what was paid, and what goes back."""

    fee_cents: int
    refund_cents: int
    is_late: bool


def cancel_cost(
    terms: Mapping[str, Any],
    *,
    paid_cents: int,
    starts_at: datetime,
    confirmed_at: datetime | None,
    now: datetime,
    by_clinic: bool = False,
) -> Cost:
    """The cost of cancelling at `now`. The clinic's own cancellations, and changes of mind within the grace time
    right after booking, cost nothing; the fee is never more than was paid."""
    late = is_late(terms, starts_at=starts_at, now=now)
    if by_clinic or not late or _in_grace(terms, confirmed_at, now):
        return Cost(0, paid_cents, is_late=late)
    fee = min(paid_cents, money.share(int(terms["price_cents"]), int(terms["cancellation"]["late_fee_percent"])))
    return Cost(fee, paid_cents - fee, is_late=True)


def no_show_cost(terms: Mapping[str, Any], *, paid_cents: int) -> Cost:
    """The cost of not coming at all."""
    fee = min(paid_cents, money.share(int(terms["price_cents"]), int(terms["cancellation"]["no_show_fee_percent"])))
    return Cost(fee, paid_cents - fee, is_late=True)


def may_move_online(
    terms: Mapping[str, Any], *, starts_at: datetime, confirmed_at: datetime | None, now: datetime
) -> bool:
    """A move costs nothing while there is time, and in the grace time after booking; later it is for the desk."""
    if starts_at <= now:
        return False
    return not is_late(terms, starts_at=starts_at, now=now) or _in_grace(terms, confirmed_at, now)


def is_late(terms: Mapping[str, Any], *, starts_at: datetime, now: datetime) -> bool:
    """Whether less than the agreed notice is left. Exactly the notice is still in time."""
    return starts_at - now < timedelta(hours=int(terms["cancellation"]["notice_hours"]))


def in_words(terms: Mapping[str, Any]) -> str:
    """The policy as one or two sentences, for pages and mails."""
    price, agreed = int(terms["price_cents"]), terms["cancellation"]
    if price == 0:
        return "This visit is free. If you cannot come, please cancel so that somebody else can have the time."
    hours, late = int(agreed["notice_hours"]), money.share(price, int(agreed["late_fee_percent"]))
    missed = money.share(price, int(agreed["no_show_fee_percent"]))
    if late == 0 and missed == 0:
        return "You can change or cancel at any time before the visit without a fee."
    return (
        f"You can change or cancel without a fee until {hours} hours before your visit. "
        f"After that, cancelling costs {money.in_words(late)} and a missed visit {money.in_words(missed)}. "
        "We waive the fee if you are ill or somebody else takes the time: please call us."
    )


def _in_grace(terms: Mapping[str, Any], confirmed_at: datetime | None, now: datetime) -> bool:
    grace = timedelta(minutes=int(terms["cancellation"]["grace_minutes"]))
    return confirmed_at is not None and now - confirmed_at <= grace
