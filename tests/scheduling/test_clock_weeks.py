"""The weeks in which the clocks change, in any year: hours, notice and horizon. Pure, no database."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from portal.scheduling import books, slots
from portal.scheduling.diary import Rules
from portal.scheduling.facts import Facts, Hours, Offering, Place

SYDNEY, BRISBANE, LORD_HOWE = map(ZoneInfo, ("Australia/Sydney", "Australia/Brisbane", "Australia/Lord_Howe"))
WREN = Offering(1, "willa-wren", "Willa Wren")
HERE, NORTH = 7, 8
HOURLY = Rules(60, 0, 0, 0, 365, 60)


def first_sunday(year: int, month: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=6 - first.weekday())


CHANGES = [first_sunday(year, month) for year in range(2024, 2034) for month in (4, 10)]
by_change = pytest.mark.parametrize("sunday", CHANGES, ids=str)


def open_starts(
    first: date,
    last: date,
    now: datetime,
    rules: Rules = HOURLY,
    *,
    hours: tuple[time, time] = (time(9), time(17)),
    places: dict[int, ZoneInfo] | None = None,
) -> list[datetime]:
    """The starts of somebody who works these hours every day at each of the places, as they are in UTC."""
    zones = places or {HERE: SYDNEY}
    facts = Facts(
        practitioners=(WREN,),
        hours=tuple(Hours(1, place, weekday, *hours, None, None) for place in zones for weekday in range(7)),
        places={place: Place("Rosella Clinic", zone) for place, zone in zones.items()},
    )
    clinic = books.keep(facts, (), (), first, last, type_id=1, needs_room=False).clinic
    return [slot.starts_at for slot in slots.open_slots(rules, clinic, int(now.timestamp()))]


def at(day: date, clock: str, zone: ZoneInfo = SYDNEY) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), zone)


def test_the_weeks_of_4_october_and_of_5_april_2026_are_among_them() -> None:
    assert {date(2026, 4, 5), date(2026, 10, 4)} < set(CHANGES)


@by_change
def test_the_hours_of_every_day_of_the_week_are_those_on_the_wall(sunday: date) -> None:
    monday, before = sunday - timedelta(days=6), at(sunday - timedelta(days=20), "12:00")
    found = [start.astimezone(SYDNEY) for start in open_starts(monday, sunday + timedelta(days=7), before)]
    days = [monday + timedelta(days=n) for n in range(14)]
    assert [(start.date(), start.time()) for start in found] == [
        (day, time(hour)) for day in days for hour in range(9, 17)
    ]


@by_change
def test_a_days_notice_is_24_hours_and_lands_an_hour_off_on_the_wall(sunday: date) -> None:
    saturday, notice = sunday - timedelta(days=1), Rules(60, 0, 0, 24 * 60, 365, 60)
    first = open_starts(sunday, sunday, at(saturday, "12:00"), notice)[0]
    assert first - at(saturday, "12:00").astimezone(UTC) == timedelta(hours=24)
    assert first.astimezone(SYDNEY).time() == (time(13) if sunday.month == 10 else time(11))


@by_change
def test_the_horizon_ends_with_the_local_day_whatever_the_clocks_do(sunday: date) -> None:
    tomorrow = Rules(60, 0, 0, 0, 1, 60)
    late = open_starts(
        sunday, sunday + timedelta(days=1), at(sunday, "00:30"), tomorrow, hours=(time(22), time(23, 59))
    )
    assert [start.astimezone(SYDNEY).strftime("%A %H") for start in late] == [
        "Sunday 22",
        "Sunday 23",
        "Monday 22",
        "Monday 23",
    ]


@by_change
def test_a_visit_never_begins_or_ends_in_an_hour_that_is_skipped_or_happens_twice(sunday: date) -> None:
    night = Rules(30, 0, 0, 0, 365, 30)
    found = open_starts(sunday, sunday, at(sunday, "00:00"), night, hours=(time(0), time(5)))
    walls = [f"{start.astimezone(SYDNEY):%H:%M}" for start in found]
    assert walls == ["00:00", "00:30", "01:00", "03:00", "03:30", "04:00", "04:30"]


@by_change
def test_a_brisbane_place_beside_a_sydney_one_keeps_its_own_clock(sunday: date) -> None:
    both = {HERE: SYDNEY, NORTH: BRISBANE}
    for day in (sunday - timedelta(days=1), sunday):
        found = open_starts(day, day, at(day, "00:00"), hours=(time(9), time(10)), places=both)
        # Brisbane is an hour behind while Sydney has summer time, and with it in winter.
        assert found == sorted(at(day, "09:00", zone).astimezone(UTC) for zone in both.values())
        assert (found[0] == found[1]) == (at(day, "09:00").utcoffset() == timedelta(hours=10))


def test_lord_howe_changes_by_half_an_hour() -> None:
    sunday, night = date(2026, 10, 4), Rules(30, 0, 0, 0, 365, 30)
    found = open_starts(sunday, sunday, at(sunday, "00:00"), night, hours=(time(1), time(4)), places={HERE: LORD_HOWE})
    walls = [f"{start.astimezone(LORD_HOWE):%H:%M}" for start in found]
    assert walls == ["01:00", "02:30", "03:00", "03:30"]
