"""The pure translations between MediRecords' wire and ours."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from portal.integrations.medirecords_values import (
    UnwritableTime,
    instant,
    local_text,
    minutes_in,
    national_mobile,
    quoted,
    same_name,
)

SYDNEY = ZoneInfo("Australia/Sydney")


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("15 min", 15),
        ("30 mins", 30),
        ("45 Minutes", 45),
        ("1 hr", 60),
        ("4 hrs", 240),
        ("1 hr 30 min", 90),
        ("2 hours 5 min", 125),
        ("", None),
        ("long", None),
        ("15", None),
    ],
)
def test_minutes_are_read_from_words(text: str, minutes: int | None) -> None:
    assert minutes_in(text) == minutes


@pytest.mark.parametrize(
    ("mobile", "digits"),
    [
        ("+61491570156", "0491570156"),
        ("+61 491 570 156", "0491570156"),
        ("0491 570 156", "0491570156"),
        ("+6421555012", "6421555012"),
        ("+447700900123", None),
        ("", None),
    ],
)
def test_a_mobile_becomes_digits_or_nothing(mobile: str, digits: str | None) -> None:
    assert national_mobile(mobile) == digits


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2027, 1, 5, 22, 30, tzinfo=UTC), "2027-01-06T09:30"),
        (datetime(2027, 7, 5, 22, 30, tzinfo=UTC), "2027-07-06T08:30"),
        (datetime(2027, 7, 6, 8, 30, tzinfo=SYDNEY), "2027-07-06T08:30"),
    ],
)
def test_a_moment_is_written_in_the_practices_time(moment: datetime, text: str) -> None:
    assert local_text(moment, SYDNEY) == text
    assert instant(text, SYDNEY) == moment


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2027, 4, 4, 2, 30, tzinfo=SYDNEY),  # comes twice
        datetime(2027, 10, 3, 2, 30, tzinfo=SYDNEY),  # does not exist
        datetime(2027, 3, 9, 3, 30, 15, tzinfo=UTC),
        datetime(2027, 3, 9, 3, 30),  # noqa: DTZ001 - a time without zone is what is refused
    ],
)
def test_a_moment_that_the_wire_cannot_say_is_refused(moment: datetime) -> None:
    with pytest.raises(UnwritableTime):
        local_text(moment, SYDNEY)


def test_only_the_first_sixteen_characters_of_a_time_count() -> None:
    assert instant("2027-07-06T08:30:00.000", SYDNEY) == datetime(2027, 7, 5, 22, 30, tzinfo=UTC)


def test_names_agree_in_spite_of_case_and_blanks() -> None:
    assert same_name(" van  der Berg", "Van der berg ")
    assert not same_name("Berg", "Borg")


def test_a_value_is_quoted_for_search() -> None:
    assert quoted('O\'Dea "Rex" \\') == '"O\'Dea \\"Rex\\" \\\\"'
