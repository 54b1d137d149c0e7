"""Any clinic one can think of: the answers are those of an oracle that looks at every minute."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from portal.scheduling import explain, slots
from tests.scheduling.clinics import ZONES, Invented, clinics, plain
from tests.scheduling.oracle import open_minutes

BACK, ON = date(2026, 4, 5), date(2026, 10, 4)
# In the short profile, which of the minutes that are not open are looked at is left to chance.
EVERY = 1 if settings.default and settings.default.max_examples >= 500 else 5


# A clinic for each zone: 2,000 of them in `make test-full`, and no test longer than its timeout.
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.timeout(600)
def test_the_open_times_are_those_that_a_look_at_every_minute_finds(zone: str) -> None:
    @given(clinics(zone))
    @example(plain(60, BACK, zone))
    @example(plain(60, ON, zone))
    @example(plain(20, BACK, zone))
    @example(plain(20, ON, zone))
    def compare(clinic: Invented) -> None:
        found = slots.open_slots(clinic.rules, clinic.books.clinic, clinic.now)

        assert [tuple(slot) for slot in found] == sorted(open_minutes(clinic), key=lambda each: each[:3])

    compare()


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.timeout(600)
def test_every_minute_that_is_not_open_has_a_reason_and_no_other_has(zone: str) -> None:
    @given(clinics(zone), st.integers(0, EVERY - 1))
    @example(plain(20, BACK, zone), 0)
    @example(plain(20, ON, zone), 0)
    def compare(clinic: Invented, offset: int) -> None:
        found, books = open_minutes(clinic), clinic.books
        for who in (*(each.id for each in clinic.facts.practitioners), None):
            open_starts = {start for start, whose, *_ in found if who in (None, whose)}
            for start in {*open_starts, *_minutes(clinic)[offset::EVERY]}:
                reason = explain.of_time(clinic.rules, books, who, start, clinic.now)
                assert (reason is None) == (start in open_starts), (reason, who, start)

    compare()


def _minutes(clinic: Invented) -> range:
    """Every minute of the clinic's days, in whatever zone."""
    zone = clinic.facts.places[7].zone
    begin = datetime.combine(clinic.first, time(), zone).timestamp()
    end = datetime.combine(clinic.last + timedelta(days=1), time(), zone).timestamp()
    return range(int(begin), int(end), 60)
