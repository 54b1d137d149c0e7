"""The page that says why a time cannot be booked, and where that is changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta

import pytest

from portal import clock
from portal.catalogue.models import AppointmentType
from portal.db import db, transaction
from portal.scheduling.models import ExceptionKind, Holiday, HoursException
from portal.staff.access import Role
from portal.staff.models import Practitioner
from tests.support import factories
from tests.support.factories import SYDNEY
from tests.support.page import Page
from tests.support.visitor import Visitor

SignIn = Callable[..., Visitor]
pytestmark = pytest.mark.usefixtures("ctx")


@pytest.fixture
def person() -> Practitioner:
    place = factories.make_location(is_telehealth=True)
    made = factories.make_practitioner(slug="ines", name="Ines Calloway")
    factories.make_hours(made, place)
    factories.make_type(slug="consult", start_step_minutes=30)
    return made


def day(ahead: int = 7) -> date:
    return clock.now().astimezone(SYDNEY).date() + timedelta(days=ahead)


def explain(visitor: Visitor, at: str = "10:00", *, ahead: int = 7, who: str = "ines", status: int = 200) -> Page:
    path = f"/staff/explain?type=consult&practitioner={who}&start={day(ahead)}T{at}"
    return visitor.page(path, status=status)


def test_an_open_time_is_said_to_be_open(as_role: SignIn, person: Practitioner) -> None:
    page = explain(as_role(Role.RECEPTION))
    assert page.has("This time is open: patients can book it now.")
    assert page.links["See it as patients do"] == f"/book/consult?from={day()}"


@pytest.mark.parametrize(
    ("at", "ahead", "words", "link"),
    [
        ("18:00", 7, "Outside", "Hours of Ines Calloway"),
        ("10:10", 7, "Not on the grid", "Rules of this type"),
        ("10:00", 300, "Too far ahead", "Rules of this type"),
    ],
)
def test_a_rule_is_named_with_the_way_to_it(
    as_role: SignIn, person: Practitioner, at: str, ahead: int, words: str, link: str
) -> None:
    page = explain(as_role(Role.MANAGER), at, ahead=ahead)
    assert page.has(words)
    assert page.has("Patients are told:")
    assert page.follow(link).status == 200


def test_a_closing_and_a_holiday_and_a_visit_are_told_apart(as_role: SignIn, person: Practitioner) -> None:
    browser = as_role(Role.MANAGER)
    at = datetime.combine(day(), time(10), SYDNEY)
    factories.make_booking(
        practitioner=person, starts_at=at, type=db.session.query(AppointmentType).filter_by(slug="consult").one()
    )
    page = explain(browser)
    assert page.has("Taken by the 10:00 visit")
    assert any(link.startswith("Diary of") for link in page.links)
    with transaction():
        db.session.add(HoursException(kind=ExceptionKind.CLOSED, starts_at=at, ends_at=at + timedelta(hours=1)))
        db.session.add(Holiday(day=day(8), name="Show Day", state="NSW", is_kept=True))
    assert "Closures and leave" in explain(browser).links
    page = explain(browser, ahead=8)
    assert page.has("Show Day")
    assert "Public holidays" in page.part(".panel ul").links


def test_a_time_that_has_passed_leads_to_its_day(as_role: SignIn, person: Practitioner) -> None:
    page = explain(as_role(Role.RECEPTION), ahead=-1)
    assert page.has("This time has passed.")
    assert any(link.startswith("Diary of") for link in page.links)


def test_whom_the_link_is_closed_to_does_not_see_it(as_role: SignIn, person: Practitioner) -> None:
    assert "Rules of this type" not in explain(as_role(Role.RECEPTION), "10:10").links


def test_a_type_that_is_off_sale_says_so(as_role: SignIn, person: Practitioner) -> None:
    with transaction():
        db.session.query(AppointmentType).update({"is_active": False})
    assert explain(as_role(Role.MANAGER)).has("This type cannot be booked")


def test_a_time_with_a_zone_is_that_very_instant(as_role: SignIn, person: Practitioner) -> None:
    page = as_role(Role.MANAGER).page("/staff/explain?type=consult&practitioner=&start=2031-01-01T00:00Z")
    assert page.has("Wednesday 1 January 2031, 11:00 am Sydney time")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("type=none&start=2031-01-01T00:00", "Choose what is to be booked."),
        ("type=consult&start=soon", "Enter a day and a time."),
        ("type=consult&start=0001-01-01T00:00", "Enter a day and a time."),
        ("type=consult&practitioner=x&start=2031-01-01T00:00", "Choose one of the practitioners, or anybody."),
    ],
)
def test_what_cannot_be_read_is_said(as_role: SignIn, person: Practitioner, query: str, words: str) -> None:
    assert as_role(Role.MANAGER).page(f"/staff/explain?{query}", status=422).errors == [words]
