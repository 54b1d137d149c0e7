"""Dates, times and lengths as people read them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from portal import words

SYDNEY, PERTH = ZoneInfo("Australia/Sydney"), ZoneInfo("Australia/Perth")
SUMMER, WINTER = datetime(2026, 11, 30, 23, 0, tzinfo=UTC), datetime(2026, 6, 30, 14, 5, tzinfo=UTC)


def test_a_day_is_the_one_where_the_clinic_is() -> None:
    assert words.day(SUMMER, SYDNEY) == "Tuesday 1 December 2026"
    assert words.day(SUMMER, ZoneInfo("Europe/Lisbon")) == "Monday 30 November 2026"
    assert words.day(date(2026, 3, 9)) == "Monday 9 March 2026"


@pytest.mark.parametrize(
    ("hour", "minute", "expected"),
    [(0, 0, "12:00 am"), (9, 5, "9:05 am"), (11, 59, "11:59 am"), (12, 0, "12:00 pm"), (13, 30, "1:30 pm")],
)
def test_a_time_of_day(hour: int, minute: int, expected: str) -> None:
    instant = datetime(2026, 6, 30, hour, minute, tzinfo=SYDNEY)
    assert words.clock(instant.astimezone(UTC), SYDNEY) == expected


def test_a_time_says_which_time_it_is() -> None:
    assert words.clock_in_zone(SUMMER, SYDNEY) == "10:00 am Sydney time (AEDT)"
    assert words.clock_in_zone(WINTER, SYDNEY) == "12:05 am Sydney time (AEST)"
    assert words.clock_in_zone(SUMMER, PERTH) == "7:00 am Perth time (AWST)"
    assert words.zone_name(SUMMER, ZoneInfo("Australia/Lord_Howe")) == "Lord Howe time (+11)"


def test_both_together() -> None:
    assert words.when(SUMMER, SYDNEY) == "Tuesday 1 December 2026, 10:00 am Sydney time (AEDT)"


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        (1, "1 minute"),
        (15, "15 minutes"),
        (60, "1 hour"),
        (61, "1 hour 1 minute"),
        (90, "1 hour 30 minutes"),
        (120, "2 hours"),
        (0, "0 minutes"),
    ],
)
def test_a_length(minutes: int, expected: str) -> None:
    assert words.length(minutes) == expected


def test_a_time_in_the_months_ahead_needs_no_year() -> None:
    assert words.soon(SUMMER, SYDNEY) == "Tuesday 1 December, 10:00 am Sydney time"
    assert words.soon(WINTER, ZoneInfo("Australia/Lord_Howe")) == "Wednesday 1 July, 12:35 am Lord Howe time"
