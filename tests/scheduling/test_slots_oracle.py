"""Any clinic one can think of: the answer is the one of an oracle that looks at every minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import example, given
from hypothesis import strategies as st

from portal.scheduling.diary import Clinic, Diary, RoomDiary, Rules, Shift
from portal.scheduling.slots import open_slots
from tests.scheduling.oracle import open_minutes

DAYS = (
    date(2026, 4, 4),
    date(2026, 4, 5),  # New South Wales and Lord Howe put their clocks back
    date(2026, 4, 6),
    date(2026, 7, 15),
    date(2026, 10, 4),  # and on
    date(2026, 12, 31),
)
ZONES = ("Australia/Sydney", "Australia/Lord_Howe", "Australia/Brisbane")

minutes = st.integers(0, 287).map(lambda fives: fives * 5)
rules = st.builds(
    Rules,
    length=st.sampled_from((5, 10, 15, 20, 30, 45, 60, 90)),
    buffer_before=st.sampled_from((0, 5, 15)),
    buffer_after=st.sampled_from((0, 5, 10, 30)),
    minimum_notice=st.sampled_from((0, 1, 60, 120, 1440)),
    horizon_days=st.integers(0, 3),
    start_step=st.sampled_from((5, 7, 10, 15, 20, 30, 45, 60)),
)


def wall(minute: int) -> time:
    return time(minute // 60, minute % 60) if minute < 24 * 60 else time(23, 59)


@st.composite
def shifts(draw: st.DrawFn, day: date) -> Shift:
    first, last = sorted(draw(st.lists(minutes | st.just(24 * 60), min_size=2, max_size=2, unique=True)))
    # The hours around a clock change are where mistakes live.
    if draw(st.booleans()):
        first, last = 0, draw(st.sampled_from((150, 180, 240, 300)))
    return Shift(day, wall(first), wall(last), draw(st.sampled_from((1, 2))))


@st.composite
def taken(draw: st.DrawFn, day: date) -> list[tuple[int, int]]:
    midnight = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) - 12 * 3600
    begins = draw(st.lists(st.integers(0, 36 * 12), max_size=5))
    return [(midnight + begin * 300, midnight + (begin + draw(st.integers(1, 40))) * 300) for begin in begins]


@st.composite
def clinics(draw: st.DrawFn) -> tuple[Rules, list[Diary], list[RoomDiary] | None, dict[int, ZoneInfo], int]:
    day = draw(st.sampled_from(DAYS))
    zone = draw(st.sampled_from(ZONES))
    zones = {1: ZoneInfo(zone), 2: ZoneInfo(draw(st.sampled_from((zone, "Australia/Sydney"))))}
    diaries = [
        Diary(who, draw(st.lists(shifts(day), min_size=1, max_size=2)), draw(taken(day)))
        for who in range(1, draw(st.integers(1, 2)) + 1)
    ]
    rooms = [
        RoomDiary(number, draw(st.sampled_from((1, 2))), draw(taken(day)))
        for number in range(1, draw(st.integers(0, 2)) + 1)
    ]
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=draw(st.integers(0, 4)))
    now = int(begin.timestamp()) + draw(st.integers(0, 24 * 3600))
    return draw(rules), diaries, draw(st.sampled_from((None, rooms))), zones, now


def plain(length: int, day: date, zone: str) -> tuple[Rules, list[Diary], None, dict[int, ZoneInfo], int]:
    """A whole night of one practitioner, on every fifth minute."""
    how = Rules(length, 0, 0, 0, 9, 5)
    diary = Diary(1, [Shift(day, time(0), time(5), 1)], [])
    now = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=2)
    return how, [diary], None, {1: ZoneInfo(zone)}, int(now.timestamp())


@given(clinics())
@example(plain(60, date(2026, 4, 5), "Australia/Sydney"))
@example(plain(60, date(2026, 10, 4), "Australia/Sydney"))
@example(plain(20, date(2026, 4, 5), "Australia/Lord_Howe"))
@example(plain(20, date(2026, 10, 4), "Australia/Lord_Howe"))
def test_the_open_times_are_those_that_a_look_at_every_minute_finds(
    clinic: tuple[Rules, list[Diary], list[RoomDiary] | None, dict[int, ZoneInfo], int],
) -> None:
    how, diaries, rooms, zones, now = clinic
    found = open_slots(how, Clinic(diaries, rooms, zones), now)

    assert [(slot.start, slot.practitioner_id, slot.location_id, slot.room_id) for slot in found] == sorted(
        open_minutes(how, diaries, rooms, zones, now), key=lambda each: each[:3]
    )
