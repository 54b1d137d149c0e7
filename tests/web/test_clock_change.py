"""The line about clocks that change, on the days around it and nowhere else."""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest

from portal.catalogue.models import AppointmentType
from portal.web.booking import clock_change
from tests.support.factories import SYDNEY, today
from tests.support.funnel import make_offer
from tests.support.visitor import Visitor

BRISBANE, LORD_HOWE = ZoneInfo("Australia/Brisbane"), ZoneInfo("Australia/Lord_Howe")
FORWARD = "Clocks in Sydney went forward an hour on Sunday 4 October 2026. All times here are the new time."
WILL_BE_BACK = "Clocks in Sydney go back an hour on Sunday 4 April 2027. Each time is as clocks show it on its day."


@pytest.mark.parametrize(
    ("on", "first", "last", "said"),
    [
        ("2026-10-03", "2026-10-03", "2026-10-03", None),
        ("2026-10-04", "2026-10-04", "2026-10-10", FORWARD),
        ("2026-10-11", "2026-10-12", "2026-10-19", FORWARD),
        ("2026-10-12", "2026-10-12", "2026-10-19", None),
        ("2027-03-20", "2027-03-22", "2027-03-30", None),
        ("2027-03-20", "2027-03-30", "2027-04-05", WILL_BE_BACK),
        ("2027-03-20", "2027-04-11", "2027-04-18", WILL_BE_BACK),
        ("2027-03-20", "2027-04-12", "2027-04-19", None),
    ],
)
def test_it_is_said_for_a_week_and_where_the_days_span_it(on: str, first: str, last: str, said: str | None) -> None:
    days = [date.fromisoformat(day) for day in (on, first, last)]
    assert clock_change.reminder(SYDNEY, "Sydney", *days) == said


def test_a_zone_without_summer_time_never_says_it() -> None:
    first = date(2026, 1, 1)
    assert clock_change.reminder(BRISBANE, "Brisbane", first, first, date(2027, 12, 31)) is None


def test_half_an_hour_is_said_as_such() -> None:
    day = date(2026, 10, 5)
    said = clock_change.reminder(LORD_HOWE, "Lord Howe Island", day, day, day)
    assert said is not None
    assert "went forward 30 minutes on Sunday 4 October 2026" in said


def test_the_page_says_it_among_the_days_around_the_change(ctx: None, client: Visitor) -> None:
    made: AppointmentType = make_offer(horizon_days=250)
    change = next_change()
    assert client.page(f"/book/{made.slug}?from={change - timedelta(days=2)}").has(f"{change.day} {change:%B %Y}. Each")
    assert not client.page(f"/book/{made.slug}?from={change + timedelta(days=8)}").has("Clocks in Sydney")


def next_change() -> date:
    """The first day from the day after tomorrow on whose clocks change in Sydney."""
    ahead = (today() + timedelta(days=n) for n in range(2, 240))
    return next(day for day in ahead if clock_change.reminder(SYDNEY, "Sydney", day, day, day) and is_sunday(day))


def is_sunday(day: date) -> bool:
    return day.weekday() == 6
