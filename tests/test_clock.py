"""What time it is, and what a day is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from portal import clock
from portal.clock import OffsetFile

SYDNEY, LORD_HOWE, BRISBANE = map(ZoneInfo, ("Australia/Sydney", "Australia/Lord_Howe", "Australia/Brisbane"))
FALLS_BACK, SPRINGS_FORWARD = date(2026, 4, 5), date(2026, 10, 4)


@pytest.fixture
def offset(tmp_path: Path) -> Iterator[OffsetFile]:
    """The clock follows this file, and afterwards whatever it followed before."""
    before, file = clock._offset, OffsetFile(tmp_path / "clock")
    clock.follow(file)
    yield file
    clock.follow(before)


def is_about_now(instant: datetime, ahead: timedelta = timedelta()) -> bool:
    return abs(instant - datetime.now(UTC) - ahead) < timedelta(seconds=5)


def test_now_is_in_utc() -> None:
    assert clock.now().tzinfo is UTC


def test_the_local_offset_moves_it(offset: OffsetFile) -> None:
    assert is_about_now(clock.now())
    offset.seconds = 7200.5
    assert is_about_now(clock.now(), timedelta(hours=2))
    offset.seconds = -60
    assert is_about_now(clock.now(), -timedelta(minutes=1))


def test_whoever_has_the_file_sees_what_another_has_set(offset: OffsetFile, tmp_path: Path) -> None:
    OffsetFile(tmp_path / "clock").seconds = 90
    assert offset.seconds == 90
    assert OffsetFile(tmp_path / "clock").seconds == 90


@pytest.mark.parametrize("rubbish", ["", "soon", "7200.0", "7200.125", "3600.000001"])
def test_an_offset_that_cannot_be_read_is_none(tmp_path: Path, rubbish: str) -> None:
    (tmp_path / "old").write_text(rubbish)
    assert OffsetFile(tmp_path / "old").seconds == pytest.approx(0)


def test_following_nothing_is_real_time(offset: OffsetFile) -> None:
    offset.seconds = 7200
    clock.follow(None)
    assert is_about_now(clock.now())


def test_ticks_pass_evenly_and_jump_with_the_local_offset(offset: OffsetFile) -> None:
    before = clock.ticks()
    offset.seconds = 3600
    assert 3600 <= clock.ticks() - before < 3605


@pytest.mark.parametrize(
    ("day", "at", "zone", "expected"),
    [
        (date(2026, 1, 15), "09:00", SYDNEY, "2026-01-14T22:00"),
        (date(2026, 7, 15), "09:00", SYDNEY, "2026-07-14T23:00"),
        (date(2026, 1, 15), "09:00", BRISBANE, "2026-01-14T23:00"),
        (date(2026, 1, 15), "09:00", LORD_HOWE, "2026-01-14T22:00"),
        (date(2026, 7, 15), "09:00", LORD_HOWE, "2026-07-14T22:30"),
        (FALLS_BACK, "01:59", SYDNEY, "2026-04-04T14:59"),
        (FALLS_BACK, "02:00", SYDNEY, None),
        (FALLS_BACK, "02:59", SYDNEY, None),
        (FALLS_BACK, "03:00", SYDNEY, "2026-04-04T17:00"),
        (SPRINGS_FORWARD, "01:59", SYDNEY, "2026-10-03T15:59"),
        (SPRINGS_FORWARD, "02:00", SYDNEY, None),
        (SPRINGS_FORWARD, "02:59", SYDNEY, None),
        (SPRINGS_FORWARD, "03:00", SYDNEY, "2026-10-03T16:00"),
        (FALLS_BACK, "01:29", LORD_HOWE, "2026-04-04T14:29"),
        (FALLS_BACK, "01:30", LORD_HOWE, None),
        (FALLS_BACK, "02:00", LORD_HOWE, "2026-04-04T15:30"),
        (FALLS_BACK, "02:30", BRISBANE, "2026-04-04T16:30"),
    ],
)
def test_a_wall_time_that_is_skipped_or_repeated_has_no_instant(
    day: date, at: str, zone: ZoneInfo, expected: str | None
) -> None:
    found = clock.local_instant(day, time.fromisoformat(at), zone)
    assert (found and f"{found:%Y-%m-%dT%H:%M}") == expected


@pytest.mark.parametrize(
    ("day", "zone", "hours"),
    [
        (date(2026, 7, 15), SYDNEY, 24),
        (FALLS_BACK, SYDNEY, 25),
        (SPRINGS_FORWARD, SYDNEY, 23),
        (FALLS_BACK, LORD_HOWE, 24.5),
        (SPRINGS_FORWARD, LORD_HOWE, 23.5),
        (FALLS_BACK, BRISBANE, 24),
    ],
)
def test_a_day_is_as_long_as_it_is(day: date, zone: ZoneInfo, hours: float) -> None:
    start, end = clock.day_bounds(day, zone)
    assert (end - start, start.astimezone(zone).time()) == (timedelta(hours=hours), time())
    assert clock.day_bounds(day + timedelta(days=1), zone)[0] == end
