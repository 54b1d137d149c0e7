"""The words of each rule that keeps a time from being booked, for staff and for patients. Pure, no database."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from portal.scheduling import books, explain
from portal.scheduling.blocks import Rule
from portal.scheduling.diary import Rules
from portal.scheduling.explain import Reason
from portal.scheduling.facts import Busy, Closed, Extra, Facts, HolidayKept, Hours, Offering, Place, RoomAt, Visit

SYDNEY = ZoneInfo("Australia/Sydney")
WREN, LARK = Offering(1, "willa-wren", "Willa Wren", daily_cap=6), Offering(2, "lena-lark", "Lena Lark")
HERE, TYPE = 7, 70
TUESDAY = date(2026, 5, 5)
USUAL = Rules(30, 10, 5, 0, 365, 15)


def at(clock: str, day: date = TUESDAY) -> int:
    return int(datetime.combine(day, time.fromisoformat(clock), SYDNEY).timestamp())


def between(starts: str, ends: str, day: date = TUESDAY, until: date | None = None) -> tuple[int, int]:
    return at(starts, day), at(ends, until or day)


def hours(who: Offering = WREN, starts: time = time(9), ends: time = time(17)) -> tuple[Hours, ...]:
    return tuple(Hours(who.id, HERE, weekday, starts, ends, None, None) for weekday in range(7))


def visit(starts: str, ends: str, *, before: int = 0, after: int = 0, type_id: int = TYPE, who: int = 1) -> Visit:
    begin, end = between(starts, ends)
    return Visit(who, None, (begin - before * 60, end + after * 60), type_id, begin, end)


def why(
    start: int | float,
    *,
    rules: Rules = USUAL,
    visits: tuple[Visit, ...] = (),
    busy: tuple[Busy, ...] = (),
    now: int | None = None,
    who: int | None = WREN.id,
    needs_room: bool = False,
    **arranged: Any,
) -> Reason | None:
    known: dict[str, Any] = {
        "practitioners": (WREN,),
        "hours": hours(),
        "places": {HERE: Place("Rosella Clinic", SYDNEY)},
    }
    facts = Facts(**(known | arranged))
    first, last = TUESDAY - timedelta(days=1), TUESDAY + timedelta(days=1)
    kept = books.keep(facts, visits, busy, first, last, type_id=TYPE, needs_room=needs_room)
    return explain.of_time(rules, kept, who, start, at("00:00", date(2026, 5, 1)) if now is None else now)


def told(start: int | float, **how: Any) -> tuple[Rule, str]:
    reason = why(start, **how)
    assert reason is not None
    return reason.rule, reason.words


def test_an_open_time_has_no_reason() -> None:
    assert why(at("10:00")) is None


@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        # The visit of 11:00 to 11:30 blocks 10:55 to 11:40; ours needs 10 minutes before and 5 after.
        ("10:15", None),
        ("10:30", (Rule.BUFFER, "buffer before the 11:00 visit")),
        ("10:45", (Rule.TAKEN, "taken by the 11:00 visit")),
        ("11:15", (Rule.TAKEN, "taken by the 11:00 visit")),
        ("11:30", (Rule.BUFFER, "buffer after the 11:00 visit")),
        ("11:45", (Rule.BUFFER, "too little time after the 11:00 visit for the buffers of both")),
        ("12:00", None),
    ],
)
def test_a_visit_and_its_buffers_stand_in_the_way(clock: str, expected: tuple[Rule, str] | None) -> None:
    reason = why(at(clock), visits=(visit("11:00", "11:30", before=5, after=10),))
    assert (reason and (reason.rule, reason.words)) == expected
    assert reason is None or reason.for_patients == "That time has just been taken."


def test_two_buffers_meet_before_a_visit_as_well() -> None:
    late = (visit("11:00", "11:30", before=10),)
    assert told(at("10:15"), rules=replace(USUAL, buffer_after=10), visits=late) == (
        Rule.BUFFER,
        "too little time before the 11:00 visit for the buffers of both",
    )


def test_a_visit_is_told_rather_than_the_buffer_of_another() -> None:
    others = visit("10:00", "10:30", after=20), visit("10:45", "11:15")
    assert told(at("10:45"), visits=others) == (Rule.TAKEN, "taken by the 10:45 visit")


@pytest.mark.parametrize(
    ("source", "span", "expected"),
    [
        ("outlook", ("13:00", "14:00"), "Outlook busy 13:00-14:00"),
        ("medirecords", ("13:00", "14:00"), "MediRecords busy 13:00-14:00"),
        ("calendly", ("13:30", "14:00"), "Calendly busy 13:30-14:00, too close for the buffer"),
    ],
)
def test_busy_time_outside_stands_in_the_way_of_the_visit_and_of_its_buffers(
    source: str, span: tuple[str, str], expected: str
) -> None:
    assert told(at("13:00"), busy=(Busy(1, between(*span), source),)) == (Rule.BUSY, expected)


def test_a_whole_day_of_busy_time_is_told_as_a_day() -> None:
    away = Busy(1, between("00:00", "00:00", TUESDAY, TUESDAY + timedelta(days=2)), "outlook")
    assert told(at("13:00"), busy=(away,)) == (Rule.BUSY, "Outlook busy 5-6 May")


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (between("00:00", "00:00", date(2026, 5, 4), date(2026, 5, 9)), "leave 4-8 May"),
        (between("00:00", "23:59"), "leave 5 May"),
        (between("00:00", "23:59", date(2026, 4, 30)), None),
        (between("00:00", "00:00", date(2026, 4, 27), date(2026, 5, 9)), "leave 27 April to 8 May"),
        (between("12:00", "14:00"), "leave 12:00-14:00"),
        (between("12:00", "09:00", TUESDAY, date(2026, 5, 7)), "leave 5 May 12:00 to 7 May 09:00"),
    ],
)
def test_leave_is_told_by_its_days_or_hours_and_not_by_its_reason(span: tuple[int, int], expected: str | None) -> None:
    reason = why(at("13:00"), closed=(Closed(WREN.id, span, "an operation"),))
    assert (reason and (reason.rule, reason.words)) == (expected and (Rule.LEAVE, expected))
    assert reason is None or reason.for_patients == "That time is not free any more."


def test_a_closed_clinic_says_why_to_staff() -> None:
    reason = why(at("13:00"), closed=(Closed(None, between("12:00", "14:00"), "fire drill"),))
    assert reason == Reason(Rule.CLOSED, "clinic closed 12:00-14:00: fire drill", "The clinic is closed then.")


def test_a_holiday_takes_the_weekly_hours_and_leaves_the_extra_ones() -> None:
    kept = {(HERE, TUESDAY): HolidayKept("Australia Day", "NSW")}
    reason = why(at("10:00"), holidays=kept)
    assert reason == Reason(
        Rule.HOLIDAY, "public holiday NSW: Australia Day", "The clinic is closed for Australia Day."
    )
    assert told(at("18:00"), holidays=kept) == (Rule.OUTSIDE_HOURS, "outside hours")
    extra = (Extra(WREN.id, HERE, between("09:30", "12:00")),)
    assert why(at("10:00"), holidays=kept, extra=extra) is None
    assert told(at("09:00"), holidays=kept, extra=extra)[0] == Rule.HOLIDAY


def test_a_holiday_of_one_place_names_the_place() -> None:
    kept = {(HERE, TUESDAY): HolidayKept("Show Day", None)}
    assert told(at("10:00"), holidays=kept)[1] == "public holiday at Rosella Clinic: Show Day"


@pytest.mark.parametrize("clock", ["08:45", "17:00", "16:45"])
def test_outside_the_hours_means_that_the_whole_visit_does_not_fit(clock: str) -> None:
    assert told(at(clock)) == (Rule.OUTSIDE_HOURS, "outside hours")


def test_a_buffer_may_reach_outside_the_hours() -> None:
    assert why(at("09:00")) is None
    assert why(at("16:30")) is None


def test_off_the_grid_says_where_starts_are() -> None:
    assert told(at("10:10")) == (Rule.OFF_GRID, "not on the grid: starts every 15 minutes")
    assert told(at("10:00") + 1)[0] == told(at("10:00") + 0.5)[0] == Rule.OFF_GRID
    from_hours = replace(USUAL, counts_from_hours=True)
    assert told(at("10:00"), rules=from_hours, hours=hours(starts=time(9, 10))) == (
        Rule.OFF_GRID,
        "not on the grid: starts every 15 minutes from 09:10",
    )
    assert why(at("09:25"), rules=from_hours, hours=hours(starts=time(9, 10))) is None


@pytest.mark.parametrize(
    ("notice", "words", "for_patients"),
    [
        (24 * 60, "minimum notice 24 h", "That time needs 24 hours' notice."),
        (60, "minimum notice 1 h", "That time needs 1 hour's notice."),
        (90, "minimum notice 1 h 30 min", "That time needs 1 hour 30 minutes' notice."),
        (20, "minimum notice 20 min", "That time needs 20 minutes' notice."),
    ],
)
def test_a_start_that_crosses_the_notice_by_a_second_says_so(notice: int, words: str, for_patients: str) -> None:
    rules, start = replace(USUAL, minimum_notice=notice), at("10:00")
    assert why(start, rules=rules, now=start - notice * 60) is None
    assert why(start, rules=rules, now=start - notice * 60 + 1) == Reason(Rule.TOO_SOON, words, for_patients)


def test_a_time_that_has_passed_says_so() -> None:
    assert why(at("10:00"), now=at("10:01")) == Reason(Rule.TOO_SOON, "in the past", "That time has passed.")


def test_too_far_ahead_says_until_when() -> None:
    rules = replace(USUAL, horizon_days=3)
    assert why(at("10:00"), rules=rules) == Reason(
        Rule.TOO_FAR,
        "too far ahead: bookable until Monday 4 May 2026",
        "Times can be booked until Monday 4 May 2026.",
    )


def test_a_full_day_says_whose_cap_it_is() -> None:
    many = tuple(visit(f"{hour}:00", f"{hour}:15") for hour in range(10, 16))
    reason = why(at("09:15"), visits=many)
    assert reason == Reason(Rule.DAILY_CAP, "daily cap of 6 visits reached", "That day is fully booked.")
    one = (visit("10:00", "10:15", who=LARK.id),)
    assert told(at("09:15"), rules=replace(USUAL, daily_cap=1), visits=one) == (
        Rule.TYPE_CAP,
        "daily cap of 1 visit of this type reached",
    )
    of_another = (visit("10:00", "10:15", type_id=71),)
    assert why(at("09:15"), rules=replace(USUAL, daily_cap=1), visits=of_another) is None
    assert why(at("09:15", TUESDAY + timedelta(days=1)), visits=many) is None


def in_room(room: int) -> Visit:
    return visit("10:00", "10:30", who=9)._replace(room_id=room)


def test_rooms_that_are_taken_are_named() -> None:
    one, two = RoomAt(1, HERE, "Room 1"), RoomAt(2, HERE, "Room 2")
    both = in_room(1), in_room(2)
    assert told(at("10:00"), needs_room=True, rooms=(one,), visits=both) == (Rule.NO_ROOM, "Room 1 taken")
    assert told(at("10:00"), needs_room=True, rooms=(one, two), visits=both)[1] == "all 2 rooms taken"
    assert told(at("10:00"), needs_room=True)[1] == "no room at Rosella Clinic"
    assert why(at("10:00"), needs_room=True, rooms=(one, two), visits=both[:1]) is None


def test_a_calendar_that_cannot_be_read_keeps_its_practitioner_from_being_offered() -> None:
    failing = {WREN.id: at("08:30", date(2026, 5, 4))}
    assert told(at("10:00"), unknown=failing) == (Rule.UNKNOWN, "Outlook calendar unreadable since 4 May 08:30")
    assert told(at("10:00"), unknown={WREN.id: None})[1] == "Outlook calendar has never been read"


def test_somebody_who_does_not_offer_the_type_is_not_asked_further() -> None:
    assert told(at("10:00"), who=LARK.id) == (Rule.NOT_OFFERED, "does not offer this type")
    assert told(at("10:00"), who=None, practitioners=()) == (Rule.NOT_OFFERED, "nobody offers this type")


def test_of_several_people_the_one_who_came_closest_has_the_reason() -> None:
    both: dict[str, Any] = {
        "practitioners": (WREN, LARK),
        "hours": hours() + hours(LARK, time(13), time(14)),
        "who": None,
    }
    taken = (visit("10:00", "10:30"),)
    assert told(at("10:00"), visits=taken, **both)[1] == "taken by the 10:00 visit"
    assert told(at("10:00"), unknown={WREN.id: None}, **both)[0] == Rule.OUTSIDE_HOURS
    assert why(at("13:00"), unknown={WREN.id: None}, **both) is None


def test_a_night_visit_over_a_clock_change_says_so() -> None:
    night = date(2026, 10, 4)
    facts = Facts(
        practitioners=(WREN,), hours=hours(starts=time(0), ends=time(6)), places={HERE: Place("Clinic", SYDNEY)}
    )
    kept = books.keep(facts, (), (), night, night, type_id=TYPE, needs_room=False)
    reasons = [explain.of_time(USUAL, kept, WREN.id, at(clock, night), at("12:00")) for clock in ("01:15", "01:45")]
    assert [reason and reason.words for reason in reasons] == [None, "the clock changes then"]


def test_staff_and_patients_read_nobodys_name() -> None:
    taken = (visit("10:00", "10:30"),)
    for reason in (why(at("10:00"), visits=taken), why(at("10:00"), unknown={1: None}), why(at("08:00"))):
        assert reason is not None
        assert "Wren" not in reason.words + reason.for_patients
