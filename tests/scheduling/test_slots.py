"""Which times are open, case by case: pure, no database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from portal.scheduling.diary import Clinic, Diary, Range, RoomDiary, Rules, Shift
from portal.scheduling.slots import open_slots

SYDNEY, LORD_HOWE, BRISBANE = map(ZoneInfo, ("Australia/Sydney", "Australia/Lord_Howe", "Australia/Brisbane"))
HERE, THERE = 1, 2
WREN, LARK = 7, 8
TUESDAY = date(2026, 3, 10)
FALLS_BACK, SPRINGS_FORWARD = date(2026, 4, 5), date(2026, 10, 4)
LONG_BEFORE = datetime(2026, 1, 1, tzinfo=UTC)


def rules(**changed: int) -> Rules:
    """Half an hour on the half hour, without buffers or notice."""
    usual: dict[str, Any] = {
        "length": 30,
        "buffer_before": 0,
        "buffer_after": 0,
        "minimum_notice": 0,
        "horizon_days": 365,
        "start_step": 30,
    }
    return Rules(**(usual | changed))


def at(day: date, clock: str, zone: ZoneInfo = SYDNEY, *, fold: int = 0) -> int:
    """Epoch seconds of a wall time."""
    return int(datetime.combine(day, time.fromisoformat(clock), zone).replace(fold=fold).timestamp())


def between(day: date, starts: str, ends: str, zone: ZoneInfo = SYDNEY) -> Range:
    return at(day, starts, zone), at(day, ends, zone)


def shift(starts: str, ends: str, day: date = TUESDAY, location: int = HERE) -> Shift:
    return Shift(day, time.fromisoformat(starts), time.fromisoformat(ends), location)


def starts(
    how: Rules,
    shifts: Sequence[Shift],
    taken: Sequence[Range] = (),
    *,
    now: datetime = LONG_BEFORE,
    zone: ZoneInfo = SYDNEY,
) -> list[str]:
    """The open starts of one practitioner, as clocks show them."""
    found = open_slots(how, Clinic([Diary(WREN, shifts, taken)], None, {HERE: zone, THERE: zone}), int(now.timestamp()))
    return [f"{datetime.fromtimestamp(slot.start, zone):%H:%M}" for slot in found]


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "step", "length", "expected"),
    [
        ("09:00", "10:30", 30, 30, ["09:00", "09:30", "10:00"]),
        ("09:00", "10:29", 30, 30, ["09:00", "09:30"]),  # the last visit would end a minute late
        ("09:10", "10:30", 30, 30, ["09:30", "10:00"]),  # the grid counts from midnight, not from the shift
        ("09:00", "10:00", 20, 15, ["09:00", "09:20", "09:40"]),
        ("09:00", "10:00", 45, 30, ["09:00"]),  # 9:00 is the twelfth step of the day, 9:45 would end too late
        ("09:00", "09:20", 30, 30, []),
        ("09:00", "09:30", 30, 30, ["09:00"]),
        ("23:00", "23:59", 30, 30, ["23:00", "23:30"]),  # 23:59 stands for midnight
        ("00:00", "01:00", 30, 30, ["00:00", "00:30"]),
    ],
)
def test_a_visit_fits_into_the_shift_and_starts_on_the_grid(
    starts_at: str, ends_at: str, step: int, length: int, expected: list[str]
) -> None:
    assert starts(rules(start_step=step, length=length), [shift(starts_at, ends_at)]) == expected


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        (("09:30", "10:00"), ["09:00", "10:00", "10:30"]),
        (("09:00", "09:01"), ["09:30", "10:00", "10:30"]),
        (("09:59", "10:00"), ["09:00", "10:00", "10:30"]),
        (("08:00", "09:00"), ["09:00", "09:30", "10:00", "10:30"]),  # half open: touching is not overlapping
        (("11:00", "12:00"), ["09:00", "09:30", "10:00", "10:30"]),
        (("08:00", "12:00"), []),
    ],
)
def test_what_is_taken_is_not_offered(taken: tuple[str, str], expected: list[str]) -> None:
    assert starts(rules(), [shift("09:00", "11:00")], [between(TUESDAY, *taken)]) == expected


def test_a_visit_inside_a_long_absence_is_not_offered_after_a_short_one_has_ended() -> None:
    absences = [between(TUESDAY, "09:00", "11:00"), between(TUESDAY, "09:10", "09:20")]
    assert starts(rules(), [shift("09:00", "12:00")], absences) == ["11:00", "11:30"]


def test_buffers_of_neighbours_add_up() -> None:
    # A neighbour from 10:00 to 10:30 that blocks 10 minutes more; ours needs 15 before and 5 after.
    neighbour = between(TUESDAY, "09:50", "10:40")
    how = rules(buffer_before=15, buffer_after=5, start_step=5)
    found = starts(how, [shift("09:00", "11:30")], [neighbour])

    assert found[:5] == ["09:00", "09:05", "09:10", "09:15", "10:55"]  # 9:15 + 30 + 5 = 9:50, and 10:40 + 15 = 10:55


def test_buffers_may_reach_over_the_edges_of_a_shift() -> None:
    assert starts(rules(buffer_before=15, buffer_after=15), [shift("09:00", "10:00")]) == ["09:00", "09:30"]


@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        ("08:00:00", ["09:00", "09:30"]),
        ("08:00:01", ["09:30"]),
        ("08:30:00", ["09:30"]),
        ("08:30:01", []),
    ],
)
def test_exactly_the_notice_is_enough(clock: str, expected: list[str]) -> None:
    now = datetime.combine(TUESDAY, time.fromisoformat(clock), SYDNEY)
    assert starts(rules(minimum_notice=60), [shift("09:00", "10:00")], now=now) == expected


def test_a_start_that_has_passed_is_not_offered_even_without_notice() -> None:
    now = datetime.combine(TUESDAY, time(9, 0, 1), SYDNEY)
    assert starts(rules(), [shift("09:00", "10:00")], now=now) == ["09:30"]


@pytest.mark.parametrize(
    ("now", "is_open"),
    [
        ("2026-03-03 00:00", True),  # a week before, by the clinic's days
        ("2026-03-02 23:59", False),
        ("2026-03-10 08:59", True),
    ],
)
def test_the_horizon_counts_local_days(now: str, is_open: bool) -> None:
    instant = datetime.fromisoformat(now).replace(tzinfo=SYDNEY)
    assert bool(starts(rules(horizon_days=7), [shift("09:00", "10:00")], now=instant)) == is_open


def test_overlapping_shifts_offer_a_time_once() -> None:
    assert starts(rules(), [shift("09:00", "10:00"), shift("09:30", "10:30")]) == ["09:00", "09:30", "10:00"]


def test_slots_come_by_start_and_then_by_practitioner() -> None:
    diaries = [Diary(LARK, [shift("09:00", "10:00")], ()), Diary(WREN, [shift("09:00", "10:00")], ())]
    found = open_slots(rules(), Clinic(diaries, None, {HERE: SYDNEY}), int(LONG_BEFORE.timestamp()))
    assert [(slot.start, slot.practitioner_id) for slot in found] == sorted(
        (at(TUESDAY, clock), who) for clock in ("09:00", "09:30") for who in (WREN, LARK)
    )


def rooms_at_nine(*rooms: RoomDiary) -> list[int | None]:
    diary = Diary(WREN, [shift("09:00", "09:30")], ())
    found = open_slots(rules(), Clinic([diary], rooms, {HERE: SYDNEY, THERE: SYDNEY}), int(LONG_BEFORE.timestamp()))
    return [slot.room_id for slot in found]


def test_a_visit_that_needs_a_room_takes_the_first_free_one_of_its_location() -> None:
    busy = [between(TUESDAY, "08:00", "09:01")]
    assert rooms_at_nine(RoomDiary(1, HERE, ()), RoomDiary(2, HERE, ())) == [1]
    assert rooms_at_nine(RoomDiary(1, HERE, busy), RoomDiary(2, HERE, ())) == [2]
    assert rooms_at_nine(RoomDiary(1, HERE, busy), RoomDiary(2, THERE, ())) == []
    assert rooms_at_nine() == []


def test_the_buffers_count_for_the_room_as_well() -> None:
    room = RoomDiary(1, HERE, [between(TUESDAY, "08:00", "09:10")])
    diary = Diary(WREN, [shift("09:00", "10:00")], ())
    how = rules(buffer_before=10, start_step=10)
    found = open_slots(how, Clinic([diary], [room], {HERE: SYDNEY}), int(LONG_BEFORE.timestamp()))
    assert [slot.start for slot in found] == [at(TUESDAY, "09:20"), at(TUESDAY, "09:30")]


# Sydney: on 5 April 2026 the clock goes from 3:00 back to 2:00, on 4 October from 2:00 on to 3:00. Lord Howe's changes
# are half an hour wide. Brisbane never changes.
@pytest.mark.parametrize(
    ("zone", "day", "expected"),
    [
        (SYDNEY, FALLS_BACK, ["01:00", "03:00", "03:30"]),
        (SYDNEY, SPRINGS_FORWARD, ["01:00", "03:00", "03:30"]),
        (LORD_HOWE, FALLS_BACK, ["02:00", "02:30", "03:00", "03:30"]),
        (LORD_HOWE, SPRINGS_FORWARD, ["01:00", "02:30", "03:00", "03:30"]),
        (BRISBANE, FALLS_BACK, ["01:00", "01:30", "02:00", "02:30", "03:00", "03:30"]),
        (BRISBANE, SPRINGS_FORWARD, ["01:00", "01:30", "02:00", "02:30", "03:00", "03:30"]),
    ],
)
def test_no_visit_touches_a_wall_time_that_a_clock_change_skips_or_repeats(
    zone: ZoneInfo, day: date, expected: list[str]
) -> None:
    assert starts(rules(), [shift("01:00", "04:00", day)], zone=zone) == expected


@pytest.mark.parametrize("day", [FALLS_BACK, SPRINGS_FORWARD])
def test_a_visit_on_the_day_of_a_change_keeps_its_wall_time_and_its_length(day: date) -> None:
    found = open_slots(
        rules(length=60, start_step=60),
        Clinic([Diary(WREN, [shift("09:00", "11:00", day)], ())], None, {HERE: SYDNEY}),
        int(LONG_BEFORE.timestamp()),
    )
    assert [slot.start for slot in found] == [at(day, "09:00"), at(day, "10:00")]


def test_a_visit_is_as_long_as_it_says_on_the_longest_night_too() -> None:
    # From 11 pm to midnight there is no change, though the day has 25 hours.
    assert starts(rules(length=60, start_step=60), [shift("22:00", "23:59", FALLS_BACK)]) == ["22:00", "23:00"]
    assert timedelta(hours=25) == datetime.combine(FALLS_BACK + timedelta(1), time(), SYDNEY).astimezone(
        UTC
    ) - datetime.combine(FALLS_BACK, time(), SYDNEY).astimezone(UTC)
