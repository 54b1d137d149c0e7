"""The week of a practitioner as managers edit it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, time, timedelta

import pytest
from sqlalchemy import select

from portal import clock
from portal.db import db
from portal.scheduling import week
from portal.scheduling.models import Location, WorkingHours
from portal.staff.access import Role
from portal.staff.models import AuditEntry, Practitioner
from tests.support import factories
from tests.support.factories import CALENDAR, SYDNEY, today
from tests.support.visitor import Visitor

SignIn = Callable[..., Visitor]
pytestmark = pytest.mark.usefixtures("ctx")
ADDRESS = "/staff/practitioners/ines/hours?calendar=" + CALENDAR


@pytest.fixture
def place() -> Location:
    return factories.make_location(is_telehealth=True)


@pytest.fixture
def person(place: Location) -> Practitioner:
    """Works each day from 9 to 11."""
    made = factories.make_practitioner(slug="ines", name="Ines Calloway")
    factories.make_hours(made, place, starts=time(9), ends=time(11))
    factories.make_type(name="Consult", start_step_minutes=30)
    return made


def holding(person: Practitioner, day: date) -> set[tuple[int, str, str]]:
    rows = week.rows_of(person.id, CALENDAR)
    return {(each.weekday, f"{each.starts:%H:%M}", f"{each.ends:%H:%M}") for each in week.on(rows, day)}


def test_a_week_is_changed_from_a_day_on(as_role: SignIn, person: Practitioner) -> None:
    first = today() + timedelta(days=30)
    page = as_role(Role.MANAGER).page(ADDRESS)
    page = page.submit("Save hours", **{"first": first.isoformat(), "0-0-starts": "10:00", "0-0-ends": "12:30"})
    assert page.has("The hours are saved.")
    assert (0, "10:00", "12:30") in holding(person, first)
    assert (0, "09:00", "11:00") in holding(person, first - timedelta(days=1))
    assert "Now, until" in " ".join(page.links)
    [entry] = db.session.scalars(select(AuditEntry).where(AuditEntry.kind == "hours"))
    assert entry.subject == f"ines/{CALENDAR}"


def test_a_second_range_goes_into_the_empty_line_and_more_can_be_had(as_role: SignIn, person: Practitioner) -> None:
    page = as_role(Role.MANAGER).page(ADDRESS).submit("Add a line to each day", **{"2-0-starts": "08:15"})
    assert page.value("2-0-starts") == "08:15"
    page = page.submit("Save hours", **{"2-1-starts": "13:00", "2-1-ends": "00:00", "2-2-starts": "", "2-2-ends": ""})
    assert {(2, "08:15", "11:00"), (2, "13:00", "23:59")} <= holding(person, today())


def test_emptying_both_times_takes_a_range_away(as_role: SignIn, person: Practitioner) -> None:
    as_role(Role.MANAGER).page(ADDRESS).submit("Save hours", **{"6-0-starts": "", "6-0-ends": ""})
    assert {day for day, _, _ in holding(person, today())} == set(range(6))


def test_looking_first_shows_what_patients_would_see_and_saves_nothing(as_role: SignIn, person: Practitioner) -> None:
    browser = as_role(Role.MANAGER)
    page, first = browser.page(ADDRESS), (today() + timedelta(days=1)).isoformat()
    empty = {f"{day}-0-{end}": "" for day in range(7) for end in ("starts", "ends")}
    monday = {"0-0-starts": "09:00", "0-0-ends": "10:00"}
    page = page.submit("See what patients would see", first=first, **(empty | monday))
    strip = page.part(".hours-strip")
    assert strip.heading == ""
    assert strip.has("What patients would see")
    assert strip.has("2 times 9:00 am to 9:30 am")
    assert strip.text.count("none") == 6
    assert page.value("0-0-ends") == "10:00"
    assert (1, "09:00", "11:00") in holding(person, today() + timedelta(days=1))
    assert len(db.session.scalars(select(WorkingHours)).all()) == 7
    page = page.submit("Save hours")
    assert holding(person, today() + timedelta(days=1)) == {(0, "09:00", "10:00")}


def test_visits_outside_the_new_hours_are_named(as_role: SignIn, person: Practitioner, place: Location) -> None:
    kind = factories.make_type()
    inside = factories.make_booking(
        type=kind, practitioner=person, location=place, starts_at=factories.ten_in_a_week(clock.now())
    )
    page = as_role(Role.MANAGER).page(ADDRESS)
    assert not page.has(inside.reference)
    weekday = inside.starts_at.astimezone(SYDNEY).weekday()
    typed = {f"{weekday}-0-starts": "09:00", f"{weekday}-0-ends": "10:15"}
    page = page.submit("See what patients would see", **typed)
    assert page.has("1 visit stands outside these hours and stays booked")
    assert page.has(inside.reference)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"0-0-ends": "08:00"}, "Monday: the end, 08:00, is not after 09:00."),
        ({"0-1-starts": "10:00", "0-1-ends": "12:00"}, "Monday: 09:00 to 11:00 and 10:00 to 12:00 overlap."),
        ({"3-1-starts": "13:00"}, "Thursday: enter both a start and an end."),
        ({"4-0-starts": "25:99"}, "Friday: “25:99” is not a time. Enter one such as 09:30."),
        ({"first": "2020-01-01"}, "Hours of past days stay as they were. Choose today or later."),
        ({"first": "soon"}, "Enter the day from which these hours hold."),
        ({"last": "2020-01-01"}, "The last day is before the first."),
        ({"last": "never"}, "Enter a date, such as 27/03/2027, or leave it empty."),
    ],
)
def test_what_is_wrong_is_said_and_nothing_typed_is_lost(
    as_role: SignIn, person: Practitioner, typed: dict[str, str], words: str
) -> None:
    page = as_role(Role.MANAGER).page(ADDRESS).submit("Save hours", **typed)
    assert page.status == 422
    assert page.errors == [words]
    assert page.title.startswith("Error:")
    for name, value in typed.items():
        assert page.value(name) == value
    assert len(db.session.scalars(select(WorkingHours)).all()) == 7


def test_the_second_of_two_managers_sees_what_the_first_changed(as_role: SignIn, person: Practitioner) -> None:
    mine, theirs = as_role(Role.MANAGER).page(ADDRESS), as_role(Role.OWNER).page(ADDRESS)
    theirs.submit("Save hours", **{"0-0-starts": "08:00"})
    page = mine.submit("Save hours", **{"1-0-ends": "15:00"})
    assert page.status == 422
    [error] = page.errors
    assert "Odette" in error
    assert "Nothing of yours is saved yet." in error
    assert page.has("New: Monday 08:00 to 11:00, Telehealth")
    assert page.has("Gone: Monday 09:00 to 11:00, Telehealth")
    assert page.value("1-0-ends") == "15:00"
    assert (0, "08:00", "11:00") in holding(person, today())
    page.submit("Save hours")
    assert (1, "09:00", "15:00") in holding(person, today())
    assert (0, "09:00", "11:00") in holding(person, today())


def test_junk_is_no_error_of_ours(as_role: SignIn, person: Practitioner) -> None:
    browser = as_role(Role.MANAGER)
    token = browser.page(ADDRESS).part("#save").value("csrf_token")
    junk = {
        "csrf_token": token,
        "calendar": CALENDAR,
        "first": "9999-99-99",
        "0-0-starts": "\x00",
        "0-0-place": "9" * 50,
    }
    for more in ({}, {"seen": "]]"}, {"0-0-ends": "10:00"}, {"0-0-starts": "09:00", "0-0-ends": "10:00"}):
        answer = browser.post(
            "/staff/practitioners/ines/hours", data=junk | more, headers={"Origin": browser.portal_url}
        )
        assert answer.status_code == 422
    wrong = browser.post(
        "/staff/practitioners/ines/hours", data=junk | {"calendar": "none"}, headers={"Origin": browser.portal_url}
    )
    assert wrong.status_code == 404
