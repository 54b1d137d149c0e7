"""Choosing a time: days, filters, more days, and the part that htmx takes."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from portal.catalogue.models import AppointmentType
from portal.db import db
from portal.staff.models import Practitioner
from tests.support.database import counted_queries
from tests.support.factories import make_booking, make_hours, make_location, make_practitioner, make_type, today
from tests.support.funnel import free_times, make_offer
from tests.support.page import Page
from tests.support.visitor import Visitor

SYDNEY = ZoneInfo("Australia/Sydney")
HTMX = {"HX-Request": "true"}


def starts(page: Page) -> list[datetime]:
    """When the times of a page begin, in Sydney."""
    return [datetime.fromisoformat(value.split("/")[0]).astimezone(SYDNEY) for value in free_times(page)]


def test_the_page_opens_on_the_first_free_day_and_says_which(consult: AppointmentType, client: Visitor) -> None:
    page = client.page(f"/book/{consult.slug}")
    first = starts(page)[0]
    assert page.has(f"The first free day is {first:%A} {first.day} {first:%B %Y}.")
    assert page.has("All times are Sydney time")
    assert page.has("Step 1 of 3")


def test_a_time_says_day_zone_length_and_practitioner_to_a_screen_reader(
    consult: AppointmentType, client: Visitor
) -> None:
    label = next(iter(client.page(f"/book/{consult.slug}").choices("slot").values()))
    assert label.endswith(", 30 minutes with Dr Ines Moreau")
    assert "Sydney time (AE" in label


def test_seven_days_are_shown_and_more_days_follow_without_a_gap(consult: AppointmentType, client: Visitor) -> None:
    seen: list[date] = []
    page = client.page(f"/book/{consult.slug}")
    for _ in range(20):
        days = sorted({start.date() for start in starts(page)})
        assert len(days) <= 7
        seen += days
        if "More days" not in page.links:
            break
        page = page.follow("More days")
    assert seen == [seen[0] + timedelta(days=n) for n in range(len(seen))]
    assert seen[-1] == today() + timedelta(days=consult.horizon_days)
    assert page.follow("Back to the first days").has("The first free day is")


def test_the_part_of_the_day_and_the_practitioner_narrow_the_list(ctx: None, client: Visitor) -> None:
    made = make_type()
    place = make_location(is_telehealth=True)
    early, late = make_practitioner(name="Early Lark"), make_practitioner(name="Late Owl")
    make_hours(early, place, starts=time(8), ends=time(13))
    make_hours(late, place, starts=time(11), ends=time(19))
    page = client.page(f"/book/{made.slug}")

    evening = page.submit("Show", part="Evening, after 5")
    assert {start.hour for start in starts(evening)} == {17, 18}
    assert evening.value("part") == "evening"
    hers = page.submit("Show", practitioner="Early Lark", part="Afternoon, 12 to 5")
    assert {start.hour for start in starts(hers)} == {12}
    assert all(value.endswith(f"/{early.id}") for value in free_times(hers))
    none = page.submit("Show", practitioner="Early Lark", part="Evening, after 5")
    assert none.has("Nothing fits these choices.")
    assert free_times(none.follow("Look at all times")) == free_times(page)
    # The filters go along to other days.
    later = hers.follow("More days")
    assert {start.hour for start in starts(later)} == {12}


@pytest.mark.parametrize(
    "query",
    [
        "from=yesterday",
        "from=2026-02-30",
        "from=0001-01-01",
        "from=%00",
        "from=" + "9" * 5000,
        "part=midnight",
        "practitioner=nobody",
        "practitioner=%00%ff",
        "part[]=morning&part=",
        "from=&from=&unknown=1",
    ],
)
def test_an_unreadable_filter_is_as_good_as_none(consult: AppointmentType, client: Visitor, query: str) -> None:
    assert free_times(client.page(f"/book/{consult.slug}?{query}")) == free_times(client.page(f"/book/{consult.slug}"))


def test_a_day_in_the_past_opens_on_today_and_one_too_far_away_on_the_last(
    consult: AppointmentType, client: Visitor
) -> None:
    page = client.page(f"/book/{consult.slug}")
    assert free_times(client.page(f"/book/{consult.slug}?from=2019-05-05")) == free_times(page)
    far = client.page(f"/book/{consult.slug}?from=9999-12-31")
    assert {start.date() for start in starts(far)} == {today() + timedelta(days=consult.horizon_days)}
    assert "More days" not in far.links


def test_without_any_time_the_page_says_until_when_and_whom_to_call(rosella: None, client: Visitor) -> None:
    nobody = make_type()
    page = client.page(f"/book/{nobody.slug}")
    assert page.has("We found no free time")
    last = today() + timedelta(days=nobody.horizon_days)
    assert page.has(f"There is no free time up to {last:%A} {last.day} {last:%B %Y}.")
    assert page.has("(02) 5550 0100")
    assert "Continue" not in page.buttons


def test_a_taken_time_is_not_shown(consult: AppointmentType, client: Visitor) -> None:
    value = free_times(client.page(f"/book/{consult.slug}"))[-1]
    start, who = value.split("/")
    make_booking(type=consult, starts_at=datetime.fromisoformat(start), practitioner=db.session.get(Practitioner, who))
    assert value not in free_times(client.page(f"/book/{consult.slug}"))


def test_htmx_gets_the_part_and_a_restored_page_the_whole(consult: AppointmentType, client: Visitor) -> None:
    path = f"/book/{consult.slug}"
    part = client.get(path, headers=HTMX)
    assert part.text.lstrip().startswith('<div id="times"')
    assert "<html" not in part.text
    whole = client.get(path, headers=HTMX | {"HX-History-Restore-Request": "true"})
    assert "<html" in whole.text
    for answer in (part, whole, client.get(path)):
        assert answer.headers["Cache-Control"] == "no-store"
        assert "HX-Request" in answer.headers["Vary"]


def test_the_number_of_queries_does_not_grow_with_the_days(consult: AppointmentType, client: Visitor) -> None:
    def count(path: str) -> int:
        with counted_queries() as sent:
            client.page(path)
        return len(sent)

    near = make_offer(horizon_days=3, calendar_slug="near")
    far = make_offer(horizon_days=300, calendar_slug="far")
    client.page("/find-my-visit")  # a session is there already, and the clinic's name is known
    assert count(f"/book/{near.slug}") == count(f"/book/{far.slug}") <= 20
