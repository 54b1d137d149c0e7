"""Which other times come closest to a visit that cannot be kept."""

from __future__ import annotations

from datetime import datetime

import pytest

from portal.bookings import alternatives
from portal.scheduling.slots import OpenSlot
from tests.support.factories import SYDNEY

VISIT = "2026-12-01 10:00"  # a Tuesday
OWN, OTHER = 1, 2


def at(local: str) -> datetime:
    return datetime.fromisoformat(local).replace(tzinfo=SYDNEY)


def slot(local: str, practitioner_id: int = OWN) -> OpenSlot:
    return OpenSlot(int(at(local).timestamp()), practitioner_id, 7, None)


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (slot("2026-12-15 10:00"), slot("2026-12-01 11:00", OTHER)),  # the same person, although later
        (slot("2026-12-08 11:30"), slot("2026-12-02 10:00")),  # the same weekday and part of the day
        (slot("2026-12-08 11:30"), slot("2026-12-08 12:00")),
        (slot("2026-12-03 14:00"), slot("2026-12-04 10:00")),  # else the nearest
        (slot("2026-12-08 09:45"), slot("2026-12-08 10:30")),
        (slot("2026-11-30 17:00"), slot("2026-12-03 08:00")),  # also an earlier one
    ],
)
def test_one_time_comes_before_another(better: OpenSlot, worse: OpenSlot) -> None:
    assert alternatives.ranked([worse, better], OWN, at(VISIT), SYDNEY)[0] == better


def test_a_day_gives_its_best_time_only() -> None:
    slots = [slot(f"2026-12-08 {clock}") for clock in ("09:00", "10:00", "16:00")] + [slot("2026-12-09 10:00")]
    assert alternatives.ranked(slots, OWN, at(VISIT), SYDNEY) == [slots[1], slots[3]]


def test_the_day_is_one_of_the_clinics_zone() -> None:
    # 9 am and 10:30 am in Sydney lie on two days in UTC.
    slots = [slot("2026-12-08 09:00"), slot("2026-12-08 11:30")]
    assert len(alternatives.ranked(slots, OWN, at(VISIT), SYDNEY)) == 1
