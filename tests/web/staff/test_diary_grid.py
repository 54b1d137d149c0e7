"""Where things stand on the diary's grid: rows, lanes, and hours on days with a clock change. No database."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest

from portal.bookings.diary import Column
from portal.bookings.diary_ground import Person, Span, Work
from portal.clock import day_bounds
from portal.web.staff.diary_grid import Axis, axis_of, side_by_side
from tests.support.factories import SYDNEY

DAY = date(2027, 6, 15)
WHO = Person(1, "jo-li", "Jo Li", True)


def column_of(day: date = DAY, *hours: tuple[int, int]) -> Column:
    work = [Work(span_of(day, first, last), 1) for first, last in hours]
    return Column(
        who=WHO,
        day=day,
        whole=Span(*day_bounds(day, SYDNEY)),
        work=work,
        closures=[],
        busy=[],
        visits=[],
        free=[],
        holiday="",
        is_unknown=False,
        hidden=0,
        cancelled=0,
    )


def span_of(day: date, first: int, last: int) -> Span:
    """Wall hours of a day."""
    begin, end = (datetime.combine(day, time(hour), SYDNEY).astimezone(UTC) for hour in (first, last))
    return Span(begin, end)


def minutes(first: int, last: int) -> Span:
    """Minutes after 9 am on the day."""
    nine = datetime.combine(DAY, time(9), SYDNEY).astimezone(UTC)
    return Span(nine + timedelta(minutes=first), nine + timedelta(minutes=last))


AXIS = Axis(SYDNEY, 9 * 60, 17 * 60)


def test_the_axis_has_whole_hours_from_the_first_to_the_last() -> None:
    columns = [column_of(DAY, (10, 12)), column_of(DAY, (9, 11), (14, 18))]
    axis = axis_of(columns, SYDNEY)
    assert axis is not None
    assert (axis.first, axis.last, axis.rows) == (9 * 60, 18 * 60, 108)
    assert [words for _, words in axis.labels(columns[0])][:4] == ["9 am", "10 am", "11 am", "12 pm"]
    assert axis_of([column_of()], SYDNEY) is None


@pytest.mark.parametrize(
    ("first", "last", "place"),
    [
        (0, 30, "h0 m0 lh0 lm6"),
        (65, 75, "h1 m1 lh0 lm2"),
        (60, 150, "h1 m0 lh1 lm6"),
        (2, 12, "h0 m0 lh0 lm2"),  # to the nearest five minutes
        (31, 32, "h0 m6 lh0 lm1"),  # never without height
        (-120, 30, "h0 m0 lh0 lm6"),  # what began before is cut
        (450, 900, "h7 m6 lh0 lm6"),
    ],
)
def test_a_place_is_told_in_hours_and_fives_of_minutes(first: int, last: int, place: str) -> None:
    assert AXIS.place(minutes(first, last), column_of()) == place


def test_what_lies_beyond_the_axis_is_not_shown() -> None:
    assert not AXIS.shows(minutes(-60, 0), column_of())
    assert not AXIS.shows(minutes(480, 540), column_of())
    assert AXIS.shows(minutes(-60, 10), column_of())


LANES = {
    "one alone": ([(0, 30)], ["lane-1 wide-12"]),
    "one after the other": ([(0, 30), (30, 60)], ["lane-1 wide-12", "lane-1 wide-12"]),
    "two at once": ([(0, 30), (10, 40)], ["lane-1 wide-6", "lane-7 wide-6"]),
    "a third takes the lane that is free again": (
        [(0, 30), (10, 60), (30, 50)],
        ["lane-1 wide-6", "lane-7 wide-6", "lane-1 wide-6"],
    ),
    "three at once": ([(0, 30), (0, 30), (0, 30)], ["lane-1 wide-4", "lane-5 wide-4", "lane-9 wide-4"]),
    "the next ones are wide again": (
        [(0, 30), (10, 40), (40, 60)],
        ["lane-1 wide-6", "lane-7 wide-6", "lane-1 wide-12"],
    ),
    "a rounding is no overlap": ([(0, 12), (12, 30)], ["lane-1 wide-12", "lane-1 wide-12"]),
}


@pytest.mark.parametrize("case", LANES)
def test_what_overlaps_gets_lanes(case: str) -> None:
    pairs, wanted = LANES[case]
    placed = side_by_side([(minutes(*pair), pair) for pair in pairs], AXIS, column_of())
    assert [" ".join(each.place.split()[4:]) for each in placed] == wanted


def test_a_night_with_25_hours_counts_all_of_them() -> None:
    night = column_of(date(2027, 4, 4), (0, 6))
    axis = axis_of([night], SYDNEY)
    assert axis is not None
    assert axis.rows == 7 * 12
    assert [words for _, words in axis.labels(night)][1:5] == ["1 am AEDT", "2 am AEDT", "2 am AEST", "3 am AEST"]


def test_a_week_goes_by_the_clock_on_the_wall() -> None:
    """Nine in the morning stands in one row, also after a night of 23 hours."""
    short, other = column_of(date(2027, 10, 3), (9, 10)), column_of(date(2027, 10, 4), (8, 12))
    axis = axis_of([short, other], SYDNEY, by_wall=True)
    assert axis is not None
    assert axis.place(short.work[0].span, short) == "h1 m0 lh1 lm0"
    assert axis.labels(short)[0][1] == "8 am"
