"""The diary as the desk sees it: days, weeks, the agenda, filters, and who may look."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

import pytest
from sqlalchemy import select

from portal import clock
from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.db import db, transaction
from portal.payments.models import Refund, RefundState
from portal.scheduling import holidays
from portal.staff.access import Role
from portal.staff.models import AuditEntry
from tests.support import busy_day, factories
from tests.support.busy_day import at
from tests.support.database import counted_queries
from tests.support.factories import SYDNEY
from tests.support.page import Page
from tests.support.visitor import Visitor

AsRole = Callable[..., Visitor]


@pytest.fixture
def day() -> date:
    """A Tuesday some weeks ahead."""
    today = clock.now().astimezone(SYDNEY).date()
    return today + timedelta(days=22 - today.weekday())


@pytest.fixture
def desk(as_role: AsRole) -> Visitor:
    return as_role(Role.RECEPTION)


def open_day(visitor: Visitor, day: date, **narrowed: str) -> Page:
    query = "".join(f"&{name}={value}" for name, value in narrowed.items())
    return visitor.page(f"/staff/diary?date={day}{query}")


def headings(page: Page) -> list[str]:
    return texts(page, "h2")


def texts(page: Page, selector: str) -> list[str]:
    """The words of each element that fits."""
    return [" ".join(found.get_text(" ").split()) for found in page.soup.select(selector)]


def names(page: Page) -> list[str]:
    """Who comes, in the order of reading."""
    return texts(page, ".diary-who")


# --- a day


def test_a_day_has_a_column_for_each_practitioner_who_works(desk: Visitor, day: date) -> None:
    busy_day.fill(day, people=3, visits=9)
    factories.make_practitioner(name="Rests Today")
    page = open_day(desk, day)
    assert headings(page) == list(busy_day.NAMES[:3])
    assert page.has("9:00 am to 5:30 pm, Video")
    assert page.has("No hours and no visits: Rests Today.")
    assert len(names(page)) == 9


def test_a_visit_says_who_comes_and_how_it_stands(desk: Visitor, day: date, ctx: None) -> None:
    patient = factories.make_patient(given_name="Freya", family_name="Hollis")
    made = factories.make_type(name="Herbal follow-up", length_minutes=45, price_cents=7900)
    factories.make_booking(status=Status.ARRIVED, starts_at=at(day, 14, 15), type=made, patient=patient)
    card = open_day(desk, day).part(".diary-visit")
    for words in ("2:15 pm", "Freya Hollis", "Arrived", "45 min", "Herbal follow-up", "First visit", "To pay $79.00"):
        assert card.has(words), words
    assert card.soup.select(".diary-state svg")


def test_what_is_paid_answered_or_in_trouble_has_a_badge(desk: Visitor, day: date) -> None:
    [who] = busy_day.fill(day, people=1, visits=12)
    busy_day.disturb(day, who, factories.make_location())
    page = open_day(desk, day)
    for words in ("Paid", "To pay $119.00", "Forms done", "Forms begun", "Forms to do", "Overlap", "Check MediRecords"):
        assert page.has(words), words


def test_a_refund_is_told_as_far_as_it_went(desk: Visitor, day: date, ctx: None) -> None:

    for hour, cents, state in (
        (9, 11900, RefundState.DONE),
        (10, 5950, RefundState.SENT),
        (11, 100, RefundState.FAILED),
    ):
        paid = factories.make_payment(factories.make_booking(starts_at=at(day, hour)))
        with transaction():
            db.session.add(
                Refund(payment_id=paid.id, cause="test", amount_cents=cents, state=state, created_at=clock.now())
            )
    found = texts(open_day(desk, day), ".badge")
    assert [words for words in found if words != "First visit"] == ["Refunded", "Part refunded", "Paid"]


def test_what_is_around_visits_is_told_in_words_and_never_its_subject(desk: Visitor, day: date, ctx: None) -> None:
    place, who = factories.make_location(), factories.make_practitioner(name="Jo Li")
    factories.make_hours(who, place, starts=time(18), ends=time(22))
    busy_day.disturb(day, who, place)
    page = open_day(desk, day)
    assert page.has("Busy in Outlook 6:30 pm to 7:00 pm")
    assert page.has("Closed 7:00 pm to 7:30 pm School concert")
    assert page.has("Somebody is booking")
    assert page.has("Being booked")
    assert "kept until" in page.part(".diary-held").text
    assert page.soup.select(".diary-buffer")


def test_visits_that_overlap_stand_side_by_side(desk: Visitor, day: date, ctx: None) -> None:
    place, who = factories.make_location(), factories.make_practitioner()
    busy_day.disturb(day, who, place)
    lanes = [
        [name for name in item["class"] if name.startswith(("lane", "wide"))]
        for item in open_day(desk, day).soup.select(".diary-visit")
    ]
    assert lanes == [["lane-1", "wide-6"], ["lane-7", "wide-6"]]


def test_gaps_say_from_when_to_when_somebody_is_free(desk: Visitor, day: date, ctx: None) -> None:
    place, who = factories.make_location(), factories.make_practitioner()
    factories.make_hours(who, place, ends=time(12))
    factories.make_booking(starts_at=at(day, 10), practitioner=who, type=factories.make_type(buffer_after_minutes=10))
    free = texts(open_day(desk, day), ".diary-free .diary-time")
    assert free == ["9:00 am to 10:00 am", "10:40 am to 12:00 pm"]


def test_room_to_book_stands_around_what_is_over_and_not_beside_it(desk: Visitor, day: date, ctx: None) -> None:
    who = factories.make_practitioner()
    factories.make_hours(who, factories.make_location(), ends=time(12))
    factories.make_booking(status=Status.CANCELLED, starts_at=at(day, 10), practitioner=who)
    page = open_day(desk, day, state="all")
    assert texts(page, ".diary-free .diary-time") == ["9:00 am to 10:00 am", "10:30 am to 12:00 pm"]
    items = page.soup.select(".diary-item")
    assert items
    assert all("wide-12" in item["class"] for item in items)


def test_the_line_of_now_stands_on_today_only(desk: Visitor, ctx: None) -> None:
    today = clock.now().astimezone(SYDNEY).date()
    who = factories.make_practitioner()
    factories.make_hours(who, factories.make_location(), starts=time(0), ends=time(23, 59))
    assert open_day(desk, today).soup.select(".diary-now")
    assert open_day(desk, today).has("It is ")
    assert not open_day(desk, today + timedelta(days=1)).soup.select(".diary-now")


def test_no_place_is_told_by_an_inline_style(desk: Visitor, day: date) -> None:
    busy_day.fill(day, people=2, visits=10)
    for view in ("day", "week", "agenda"):
        assert not open_day(desk, day, view=view).soup.select("[style]")


# --- when there is little to see


def test_a_day_on_which_nobody_works_says_so(desk: Visitor, day: date, ctx: None) -> None:
    factories.make_practitioner()
    page = open_day(desk, day)
    assert page.has("Nobody works on ")
    assert page.follow("Go to the next day").url.endswith(f"date={day + timedelta(days=1)}")


def test_a_holiday_is_called_by_its_name(desk: Visitor, day: date, ctx: None) -> None:
    factories.make_hours(factories.make_practitioner(), factories.make_location())
    with transaction():
        holidays.add_holiday(day, "Wattle Day", clock.now(), state="NSW")
    page = open_day(desk, day)
    assert page.has("Closed for Wattle Day.")
    assert open_day(desk, day, view="week").has("Closed for Wattle Day")


def test_a_day_whose_visits_were_all_cancelled_offers_to_show_them(desk: Visitor, day: date, ctx: None) -> None:
    place, who = factories.make_location(), factories.make_practitioner()
    factories.make_hours(who, place)
    for hour in (9, 11):
        factories.make_booking(status=Status.CANCELLED, starts_at=at(day, hour), practitioner=who)
    page = open_day(desk, day)
    assert page.has("Everything was cancelled: 2 visits.")
    assert names(page) == []
    shown = page.follow("Show them")
    assert len(names(shown)) == 2
    assert shown.part(".diary-item.h0.m0.diary-over").has("Cancelled")


# --- filters


def test_filters_stand_in_the_address_and_go_along(desk: Visitor, day: date) -> None:
    people = busy_day.fill(day, people=2, visits=16)
    page = open_day(desk, day).submit("Show", practitioner=people[0].slug, state="Confirmed")
    assert headings(page) == [people[0].name]
    confirmed = page.soup.select(".diary-visit")
    assert 0 < len(confirmed) < 8
    assert all("Confirmed" in item.text for item in confirmed)
    after = page.follow("Next day")
    for kept in (f"practitioner={people[0].slug}", "state=confirmed", f"date={day + timedelta(days=1)}"):
        assert kept in after.url, kept
    assert page.has("Not shown: ")
    assert len(names(page.follow("Show everything"))) == 8


def test_a_place_narrows_hours_and_visits(desk: Visitor, day: date, ctx: None) -> None:
    who, here, there = factories.make_practitioner(), factories.make_location(), factories.make_location(name="Annexe")
    factories.make_hours(who, here, ends=time(12))
    factories.make_hours(who, there, starts=time(13))
    factories.make_booking(starts_at=at(day, 10), practitioner=who, location=here)
    page = open_day(desk, day, location=there.slug)
    assert page.has("1:00 pm to 5:00 pm, Annexe")
    assert not page.has("9:00 am to 12:00 pm")
    assert names(page) == []


def test_what_cannot_be_read_in_the_address_is_today(desk: Visitor, ctx: None) -> None:
    today = clock.now().astimezone(SYDNEY).date()
    for query in ("", "?date=yesterday", "?date=0001-01-01", "?date=9999-12-31", "?view=moon", "?state=odd&page=-1"):
        page = desk.page(f"/staff/diary{query}")
        assert page.value("date") == today.isoformat(), query


# --- week and agenda


def test_everybodys_week_is_a_table_of_days(desk: Visitor, day: date) -> None:
    people = busy_day.fill(day, people=2, visits=6, weekdays=range(5))
    page = open_day(desk, day, view="week")
    columns = texts(page, "thead th")
    assert [words.split()[0] for words in columns] == ["Practitioner", "Mon", "Tue", "Wed", "Thu", "Fri"]
    assert len(page.soup.select("tbody tr")) == 2
    own = page.follow(people[0].name)
    assert len(headings(own)) == 5
    assert len(names(own)) == 3


def test_a_weekend_is_shown_when_somebody_works_on_it(desk: Visitor, day: date) -> None:
    busy_day.fill(day, people=2, visits=2, weekdays=range(6))
    assert len(open_day(desk, day, view="week").soup.select("thead th")) == 7


def test_the_agenda_is_a_list_in_order_and_has_pages(desk: Visitor, day: date, ctx: None) -> None:
    made, who, place = factories.make_type(length_minutes=5), factories.make_practitioner(), factories.make_location()
    patient = factories.make_patient()
    for number in range(203):
        start = at(day, 8) + timedelta(minutes=5 * number)
        factories.make_booking(starts_at=start, type=made, practitioner=who, location=place, patient=patient)
    page = open_day(desk, day, view="agenda")
    assert len(names(page)) == 200
    assert page.has("1 to 200 of 203")
    assert names(page)[0] == "8:00 am Nora Castellano"
    last = page.follow("Next")
    assert len(names(last)) == 3
    assert last.has("with Dr Ines Moreau")


def test_an_empty_agenda_says_from_when_to_when(desk: Visitor, day: date, ctx: None) -> None:
    factories.make_practitioner()
    assert open_day(desk, day, view="agenda").has("No visits from ")


# --- a night with a clock change


def test_the_night_when_clocks_go_back_has_two_hours_of_two(desk: Visitor, ctx: None) -> None:
    night, who = date(2027, 4, 4), factories.make_practitioner()
    first = datetime(2027, 4, 3, 15, 30, tzinfo=UTC)  # 2:30 am the first time
    for start in (first, first + timedelta(hours=1)):
        factories.make_booking(starts_at=start, practitioner=who)
    page = open_day(desk, night)
    assert [words.split(" Nora")[0] for words in names(page)] == ["2:30 am AEDT", "2:30 am AEST"]
    rows = [item["class"][2:4] for item in page.soup.select(".diary-visit")]
    assert rows == [["h0", "m6"], ["h1", "m6"]]
    lanes = [
        item["class"][6]
        for item in open_day(desk, night, view="week", practitioner=who.slug).soup.select(".diary-visit")
    ]
    assert lanes == ["lane-1", "lane-7"]


# --- who may look, and what is written down


def test_a_practitioner_sees_their_own_diary_and_no_other(as_role: AsRole, day: date) -> None:
    own, other = busy_day.fill(day, people=2, visits=8)
    me = as_role(Role.PRACTITIONER, practitioner=own)
    page = open_day(me, day)
    assert headings(page) == [own.name]
    assert len(names(page)) == 4
    assert not page.has(other.name)
    for view in ("day", "week", "agenda"):
        for slug in (other.slug, "nobody"):
            assert me.get(f"/staff/diary?date={day}&view={view}&practitioner={slug}").status_code == 404
        assert not open_day(me, day, view=view).has(other.name)


def test_a_practitioner_without_a_mailbox_is_told_why_there_is_nothing(as_role: AsRole, day: date) -> None:
    busy_day.fill(day, people=2, visits=8)
    page = open_day(as_role(Role.PRACTITIONER), day)
    assert page.has("There is no diary for you to see.")
    assert names(page) == []


def test_the_bookkeeper_has_no_diary(as_role: AsRole) -> None:
    keeper = as_role(Role.BOOKKEEPER)
    assert keeper.get("/staff/diary").status_code == 403
    assert "Diary" not in keeper.page("/staff").links


def test_a_look_at_names_is_one_entry(desk: Visitor, day: date) -> None:
    people = busy_day.fill(day, people=2, visits=8)
    open_day(desk, day)
    wanted = select(AuditEntry).where(AuditEntry.kind == "diary")
    [entry] = db.session.scalars(wanted)
    assert (entry.subject, entry.part) == (day.isoformat(), ", ".join(who.slug for who in people))
    assert entry.patient_ids == db.session.scalars(select(Booking.patient_id).order_by(Booking.patient_id)).all()
    open_day(desk, day + timedelta(days=1))
    assert len(db.session.scalars(wanted).all()) == 1, "there was no name to read"


# --- cost


def test_a_full_day_asks_no_more_than_a_quiet_one(desk: Visitor, day: date) -> None:
    quiet, full = day, day + timedelta(days=1)
    busy_day.fill(quiet, people=8, visits=10)
    counts = []
    for each, visits in ((quiet, 10), (full, 120)):
        if each == full:
            busy_day.fill(full, people=8, visits=120)
        open_day(desk, each)
        with counted_queries() as sent:
            page = open_day(desk, each)
        assert len(names(page)) == visits
        counts.append(len(sent))
    assert counts[0] == counts[1]
    assert counts[1] <= 25
