"""A month beside the list: links to days with times, and words on the others that say why they have none."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from portal import clock
from portal.catalogue.models import AppointmentType
from portal.db import db, transaction
from portal.scheduling.models import ExceptionKind, Holiday, HoursException
from tests.support.factories import today
from tests.support.funnel import make_offer
from tests.support.page import Page
from tests.support.visitor import Visitor
from tests.web.test_times import SYDNEY, starts


@pytest.fixture
def daily(ctx: None) -> AppointmentType:
    """Every day from 9 to 12, for two months."""
    return make_offer(horizon_days=60)


def month_of(client: Visitor, made: AppointmentType, day: date, **also: str) -> Page:
    query = "".join(f"&{name}={value}" for name, value in also.items())
    return client.page(f"/book/{made.slug}?month={day:%Y-%m}{query}")


def cell(page: Page, day: date) -> str:
    """What the grid says of a day."""
    cells = [" ".join(td.stripped_strings) for td in page.soup.select(".month td")]
    return next(words for words in cells if words.startswith(f"{day.day} "))


def day_in_a_month() -> date:
    """Near the middle of next month, so that its neighbours are in it too."""
    return (today().replace(day=1) + timedelta(days=32)).replace(day=15)


def close(day: date) -> None:
    begin, end = clock.day_bounds(day, SYDNEY)
    with transaction():
        db.session.add(HoursException(kind=ExceptionKind.CLOSED, starts_at=begin, ends_at=end))


def test_a_month_is_opened_walked_and_closed_by_links(daily: AppointmentType, client: Visitor) -> None:
    page = client.page(f"/book/{daily.slug}").follow("See a whole month")
    assert page.soup.find(id="month") is not None
    later = page.follow(f"{day_in_a_month():%B}")
    assert later.part("#month").text == f"{day_in_a_month():%B %Y}"
    assert later.follow(f"{today():%B}").part("#month").text == f"{today():%B %Y}"
    assert later.follow("Close the month").soup.find(id="month") is None


def test_weeks_begin_on_monday_and_days_stand_below_their_names(daily: AppointmentType, client: Visitor) -> None:
    page = month_of(client, daily, day_in_a_month())
    heads = [" ".join(th.stripped_strings) for th in page.soup.select(".month th")]
    assert (heads[0], heads[-1]) == ("Mo Monday", "Su Sunday")
    first = page.soup.select(".month tbody tr")[0].find_all("td")
    assert [bool(td.text.strip()) for td in first].index(True) == day_in_a_month().replace(day=1).weekday()


def test_a_chosen_day_opens_with_its_times(daily: AppointmentType, client: Visitor) -> None:
    day = day_in_a_month()
    page = month_of(client, daily, day)
    chosen = page.follow(f"{day.day} {day:%B}, 11 free times 11")
    assert {start.date() for start in starts(chosen)} == {day + timedelta(days=n) for n in range(7)}
    assert chosen.has(f"11 free times on {day:%A} {day.day} {day:%B %Y}")
    assert chosen.links["Choose a different date"] == "#month"


def test_a_day_without_times_says_why(daily: AppointmentType, client: Visitor) -> None:
    closed, holiday = day_in_a_month(), day_in_a_month() + timedelta(days=1)
    close(closed)
    with transaction():
        db.session.add(Holiday(day=holiday, name="Show Day", state="NSW"))
    page = month_of(client, daily, closed)
    assert "The clinic is closed on this day. Closed" in cell(page, closed)
    assert "The clinic is closed for Show Day. Holiday" in cell(page, holiday)
    asked = client.page(f"/book/{daily.slug}?from={closed}")
    assert asked.has(f"{closed:%A} {closed.day} {closed:%B %Y}: The clinic is closed on this day.")
    following = holiday + timedelta(days=1)
    assert asked.has(f"The next free day is {following:%A} {following.day} {following:%B %Y}.")


def test_days_that_have_passed_or_are_too_far_ahead_say_so(daily: AppointmentType, client: Visitor) -> None:
    last = today() + timedelta(days=60)
    too_far = last + timedelta(days=1)
    asked = client.page(f"/book/{daily.slug}?from={too_far}")
    assert asked.has(f"Times can be booked until {last:%A} {last.day} {last:%B %Y}.")
    passed = client.page(f"/book/{daily.slug}?from={today() - timedelta(days=1)}")
    assert passed.has("This day has passed.")


def test_the_grid_counts_only_what_fits(daily: AppointmentType, client: Visitor) -> None:
    day = day_in_a_month()
    page = month_of(client, daily, day, weekday=f"{day:%A}".lower())
    assert "11 free times" in cell(page, day)
    assert "none that fits your choices. None fit" in cell(page, day + timedelta(days=1))
    asked = client.page(f"/book/{daily.slug}?from={day + timedelta(days=1)}&weekday={f'{day:%A}'.lower()}")
    assert asked.has("There are times on this day, but none that fits your choices.")


@pytest.mark.parametrize("junk", ["2026", "2026-13", "soon", "0001-01", "9999-12", "%00", "2026-1"])
def test_an_unreadable_month_breaks_nothing(daily: AppointmentType, client: Visitor, junk: str) -> None:
    assert client.page(f"/book/{daily.slug}?month={junk}").status == 200


def test_the_month_stays_open_when_the_list_is_narrowed(daily: AppointmentType, client: Visitor) -> None:
    page = month_of(client, daily, day_in_a_month()).submit("Show", part="Morning, before 12")
    assert page.part("#month").text == f"{day_in_a_month():%B %Y}"
