"""Weekly hours that change from a day on: what held before stays, what follows is planned."""

from __future__ import annotations

from datetime import date, time, timedelta

import pytest

from portal.db import db, transaction
from portal.scheduling import week
from portal.scheduling.models import Location, WorkingHours
from portal.scheduling.week import Hours, HoursChanged
from portal.staff.models import Practitioner
from tests.support import factories
from tests.support.factories import CALENDAR
from tests.support.race import Race

pytestmark = pytest.mark.usefixtures("ctx")
TODAY = date(2027, 1, 4)  # a Monday
PLACE, OTHER, VIDEO = 1, 2, 3


def hours(starts: int, ends: int, weekday: int = 0, place: int = PLACE) -> Hours:
    return Hours(weekday, time(starts), time(ends), place)


@pytest.fixture
def scene() -> tuple[Practitioner, Location]:
    """Mondays and Tuesdays from 9 to 5, since ever."""
    person, place = factories.make_practitioner(), factories.make_location()
    factories.make_hours(person, place, weekdays=range(2))
    return person, place


def rows(person: Practitioner) -> list[WorkingHours]:
    return week.rows_of(person.id, CALENDAR)


def replace(person: Practitioner, wanted: list[Hours], first: date, last: date | None = None) -> None:
    with transaction():
        week.replace(person.id, CALENDAR, wanted, first, last, seen=week.written(rows(person)))


def on(person: Practitioner, day: date) -> list[tuple[int, int, int]]:
    return [(each.weekday, each.starts.hour, each.ends.hour) for each in week.on(rows(person), day)]


def test_a_change_for_good_keeps_what_held_before(scene: tuple[Practitioner, Location]) -> None:
    person, place = scene
    first = TODAY + timedelta(days=28)
    replace(person, [hours(8, 12, place=place.id)], first)
    assert on(person, first - timedelta(days=1)) == [(0, 9, 17), (1, 9, 17)]
    assert on(person, first) == [(0, 8, 12)]
    assert {(row.valid_from, row.valid_until) for row in rows(person)} == {
        (None, first - timedelta(days=1)),
        (first, None),
    }


def test_a_change_for_a_while_is_followed_by_the_old_hours(scene: tuple[Practitioner, Location]) -> None:
    person, place = scene
    first, last = TODAY + timedelta(days=7), TODAY + timedelta(days=20)
    replace(person, [hours(8, 12, place=place.id)], first, last)
    assert on(person, last) == [(0, 8, 12)]
    assert on(person, last + timedelta(days=1)) == [(0, 9, 17), (1, 9, 17)]
    told = [(period.first, period.last) for period in week.periods(rows(person), TODAY)]
    assert told == [
        (TODAY, first - timedelta(days=1)),
        (first, last),
        (last + timedelta(days=1), None),
    ]


def test_what_does_not_change_keeps_its_row(scene: tuple[Practitioner, Location]) -> None:
    person, place = scene
    monday = next(row.id for row in rows(person) if row.weekday == 0)
    replace(person, [hours(9, 17, place=place.id), hours(10, 12, 1, place.id)], TODAY)
    kept = {row.id: row for row in rows(person)}[monday]
    assert (kept.valid_from, kept.valid_until) == (None, None)
    assert on(person, TODAY) == [(0, 9, 17), (1, 10, 12)]


def test_a_plan_that_never_came_true_goes_without_a_trace(scene: tuple[Practitioner, Location]) -> None:
    person, place = scene
    later = TODAY + timedelta(days=60)
    replace(person, [hours(8, 12, place=place.id)], later)
    replace(person, [hours(13, 16, place=place.id)], TODAY)
    assert on(person, later) == [(0, 13, 16)]
    assert len(rows(person)) == 3  # the two old ones, closed, and the new one


def test_several_ranges_a_day_and_none_at_all(scene: tuple[Practitioner, Location]) -> None:
    person, place = scene
    replace(person, [hours(9, 12, place=place.id), hours(13, 17, place=place.id)], TODAY)
    assert on(person, TODAY) == [(0, 9, 12), (0, 13, 17)]
    replace(person, [], TODAY)
    assert on(person, TODAY) == []
    assert on(person, TODAY - timedelta(days=1)) == [(0, 9, 17), (1, 9, 17)]


def test_who_has_not_seen_the_latest_is_told(scene: tuple[Practitioner, Location]) -> None:
    person, place = scene
    seen = week.written(rows(person))
    replace(person, [hours(8, 12, place=place.id)], TODAY)
    with pytest.raises(HoursChanged), transaction():
        week.replace(person.id, CALENDAR, [], TODAY, None, seen=seen)
    assert on(person, TODAY) == [(0, 8, 12)]
    told = week.differences(seen, rows(person), {place.id: "Rosella Clinic"})
    assert "New: Monday 08:00 to 12:00, Rosella Clinic, from Monday 4 January 2027" in told
    assert "Gone: Monday 09:00 to 17:00, Rosella Clinic" in told


@pytest.mark.parametrize("junk", ["", "{}", "[1]", '[["x"]]', "null", '[["0","a","b","c","d","e"]]', "[[[]]]"])
def test_a_text_that_is_not_ours_breaks_nothing(scene: tuple[Practitioner, Location], junk: str) -> None:
    assert isinstance(week.differences(junk, rows(scene[0]), {}), list)


def test_of_two_managers_at_once_one_wins(scene: tuple[Practitioner, Location], race: Race) -> None:
    person, place = scene
    person_id, place_id, seen = person.id, place.id, week.written(rows(person))
    db.session.rollback()

    def act(starts: int) -> None:
        with transaction():
            week.replace(person_id, CALENDAR, [hours(starts, 18, place=place_id)], TODAY, None, seen=seen)

    answers = race(*(lambda starts=starts: act(starts) for starts in (8, 9, 10, 11)))
    assert sum(answer is None for answer in answers) == 1
    assert sum(isinstance(answer, HoursChanged) for answer in answers) == 3
    db.session.rollback()
    assert len(week.on(week.rows_of(person_id, CALENDAR), TODAY)) == 1


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ([hours(9, 12), hours(12, 17)], None),
        ([hours(9, 12), hours(11, 13)], "Monday: 09:00 to 12:00 and 11:00 to 13:00 overlap."),
        ([hours(9, 12), hours(9, 12)], "Monday: 09:00 to 12:00 and 09:00 to 12:00 overlap."),
        ([hours(12, 9)], "Monday: the end, 09:00, is not after 12:00."),
        ([hours(9, 9)], "Monday: the end, 09:00, is not after 09:00."),
        (
            [hours(9, 12), hours(10, 13, place=OTHER)],
            "Monday: 09:00 to 12:00 and 10:00 to 13:00 are at two places at once.",
        ),
        ([hours(9, 12), hours(10, 13, place=VIDEO)], None),
        ([hours(9, 12), hours(10, 13, 1)], None),
    ],
)
def test_what_is_wrong_is_said_in_words(wanted: list[Hours], words: str | None) -> None:
    assert week.problems(wanted, [VIDEO]) == ({0: words} if words else {})
