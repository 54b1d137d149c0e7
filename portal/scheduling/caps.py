"""How many visits a day may have: of one practitioner, and of one type. A day is one of the place of the visit."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from portal.scheduling.diary import Clinic, Diary, Range, Rules, Shift
from portal.scheduling.grid import Days


def is_person_full(diary: Diary, shift: Shift, days: Days) -> bool:
    """Whether the practitioner has as many visits, of any type, as they give on the shift's day."""
    return diary.daily_cap is not None and _count(diary.visits, shift, days) >= diary.daily_cap


def is_type_full(rules: Rules, clinic: Clinic, shift: Shift, days: Days) -> bool:
    """Whether the shift's day has as many visits of the type as the clinic gives, whoever gives them."""
    return rules.daily_cap is not None and _count(clinic.visits_of_type, shift, days) >= rules.daily_cap


def count_between(visits: Sequence[int], span: Range) -> int:
    """How many of the ascending starts lie in the range."""
    return bisect_left(visits, span[1]) - bisect_left(visits, span[0])


def _count(visits: Sequence[int], shift: Shift, days: Days) -> int:
    return count_between(visits, days.bounds(shift.location_id, shift.day))
