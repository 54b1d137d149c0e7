"""A visit in person is told in the zone of its place, as its mails tell it, also where that is not the clinic's."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from portal import words
from portal.catalogue.models import AppointmentType, Mode
from portal.clock import now
from portal.db import db, transaction
from tests.support.database import counted_queries
from tests.support.factories import (
    SYDNEY,
    make_hours,
    make_location,
    make_practitioner,
    make_type,
)
from tests.support.funnel import DETAILS, book_free, booking_of, free_times, hold, let_lapse
from tests.support.page import Page
from tests.support.visitor import Visitor

PERTH = ZoneInfo("Australia/Perth")
MORNING: dict[str, Any] = {"starts": time(9), "ends": time(12)}
NIGHT: dict[str, Any] = {"starts": time(22), "ends": time(23)}  # the next day in Sydney


def offer_at(*zones: ZoneInfo, hours: dict[str, Any] | None = None, **columns: Any) -> AppointmentType:
    """A free visit in person, each day in a place of each of these zones, with one practitioner in each."""
    made = make_type(price_cents=0, mode=Mode.IN_PERSON, **columns)
    for zone in zones:
        place = make_location(name=f"Rosella {words.place(zone)}", zone=zone.key)
        make_hours(make_practitioner(name=f"Dr {words.place(zone)}"), place, **(hours or MORNING))
    return made


@pytest.fixture
def in_perth(ctx: None) -> AppointmentType:
    """Visited in Perth only."""
    return offer_at(PERTH)


def started(value: str) -> datetime:
    """When a time begins that a page offers."""
    return datetime.fromisoformat(value.split("/")[0])


def headings(page: Page) -> list[str]:
    return [found.get_text(strip=True) for found in page.soup.select(".day h3")]


# --- one place


def test_the_list_of_a_place_is_in_its_zone(in_perth: AppointmentType, client: Visitor) -> None:
    page = client.page(f"/book/{in_perth.slug}")
    assert page.has("All times are Perth time (AWST).")
    assert "Sydney time" not in page.text
    for value, label in page.choices("slot").items():
        assert words.when(started(value), PERTH) in label
    assert any("9:00 am Perth time (AWST), 30 minutes" in label for label in page.choices("slot").values())


def test_its_days_and_parts_are_those_of_the_place(ctx: None, client: Visitor) -> None:
    made = offer_at(PERTH, hours=NIGHT | {"weekdays": range(1)}, horizon_days=60)
    page = client.page(f"/book/{made.slug}")
    assert {heading.split()[0] for heading in headings(page)} == {"Monday"}
    assert {found.get_text(strip=True) for found in page.soup.select(".day-counts")} == {"Evening 3times"}
    assert free_times(client.page(f"/book/{made.slug}?part=evening&weekday=monday")) == free_times(page)
    assert not free_times(client.page(f"/book/{made.slug}?weekday=tuesday"))


def test_the_month_counts_days_of_the_place_and_says_why_others_are_empty(ctx: None, client: Visitor) -> None:
    made = offer_at(PERTH, hours=NIGHT | {"weekdays": range(1)}, horizon_days=60)
    middle = (now().astimezone(PERTH).date().replace(day=1) + timedelta(days=32)).replace(day=15)
    monday = middle - timedelta(days=middle.weekday())
    page = client.page(f"/book/{made.slug}?month={middle:%Y-%m}")
    assert "3 free times" in cell(page, monday)
    assert "There are no appointments on this day." in cell(page, monday + timedelta(days=1))
    asked = client.page(f"/book/{made.slug}?from={monday + timedelta(days=1)}")
    assert asked.has(f"{words.day(monday + timedelta(days=1))}: There are no appointments on this day.")


def cell(page: Page, day: date) -> str:
    cells = [" ".join(td.stripped_strings) for td in page.soup.select(".month td")]
    return next(told for told in cells if told.startswith(f"{day.day} "))


def test_every_step_tells_the_time_of_the_place(in_perth: AppointmentType, client: Visitor) -> None:
    details = hold(client, in_perth.slug)
    there = words.when(booking_of(details).starts_at, PERTH)
    check = details.submit("Continue", **DETAILS)
    booked = check.submit("Book this free visit")
    pages = [details, check, booked, booked.follow("Change the time"), booked.follow("Cancel this visit")]
    assert [(page.has(there), "Sydney time" in page.text) for page in pages] == [(True, False)] * 5


def test_the_nearest_times_after_a_lapse_are_in_the_places_zone(in_perth: AppointmentType, client: Visitor) -> None:
    details = hold(client, in_perth.slug)
    let_lapse(booking_of(details))
    nearest = client.page(details.url).choices("slot")
    assert len(nearest) == 3
    assert all(label.startswith(words.when(started(value), PERTH)) for value, label in nearest.items())


def test_the_nearest_times_after_a_loss_are_in_the_lists_zone(
    in_perth: AppointmentType, client: Visitor, stranger: Visitor
) -> None:
    page = client.page(f"/book/{in_perth.slug}")
    lost = free_times(page)[-1]
    assert stranger.page(page.url).submit("Continue", slot=lost).heading == "Your details"
    refused = page.submit("Continue", slot=lost).part(".nearest")
    assert refused.text.count("Perth time (AWST)") == 3
    assert "Sydney time" not in refused.text


def test_cards_tell_the_next_time_as_the_place_does(in_perth: AppointmentType, client: Visitor) -> None:
    first = started(free_times(client.page(f"/book/{in_perth.slug}"))[0])
    wanted = f"Next available: {words.soon(first, PERTH)}"
    assert client.page("/").has(wanted)
    assert client.page(f"/services/{in_perth.service.slug}").has(wanted)


# --- places with different clocks


def test_a_list_of_several_zones_stays_in_the_clinics_and_names_the_others(ctx: None, client: Visitor) -> None:
    made = offer_at(SYDNEY, PERTH)
    page = client.page(f"/book/{made.slug}")
    assert page.has("All times are Sydney time")
    assert page.has("Where a visit takes place in Perth time, that is told below it.")
    labels = page.choices("slot")
    assert all(words.when(started(value), SYDNEY) in label for value, label in labels.items())
    here = {value: label for value, label in labels.items() if "Dr Perth" not in label}
    assert here
    assert "Perth time" not in " ".join(here.values())
    there = {value: label for value, label in labels.items() if value not in here}
    assert there
    for value, label in there.items():
        assert f", {words.clock(started(value), PERTH)} Perth time, 30 minutes" in label


def test_another_day_there_is_named(ctx: None, client: Visitor) -> None:
    made = offer_at(SYDNEY, PERTH, hours=NIGHT)
    labels = [label for label in client.page(f"/book/{made.slug}").choices("slot").values() if "Dr Perth" in label]
    assert labels
    assert all("day, Perth time" in label for label in labels)


def test_a_page_without_a_time_elsewhere_says_nothing_of_it(ctx: None, client: Visitor) -> None:
    made = offer_at(SYDNEY, PERTH)
    page = client.page(f"/book/{made.slug}").submit("Show", practitioner="Dr Sydney")
    assert free_times(page)
    assert "Perth time" not in page.text


def test_a_place_that_this_type_is_not_visited_in_changes_nothing(ctx: None, client: Visitor) -> None:
    made = offer_at(SYDNEY)
    before = client.page(f"/book/{made.slug}").part("#times").text
    make_location(zone=PERTH.key)
    assert client.page(f"/book/{made.slug}").part("#times").text == before


def test_the_card_of_several_places_tells_the_clock_of_the_next_one(ctx: None, client: Visitor) -> None:
    made = offer_at(SYDNEY, PERTH)
    values = client.page(f"/book/{made.slug}").choices("slot")
    for who, zone in (("Dr Sydney", SYDNEY), ("Dr Perth", PERTH)):
        first = next(started(value) for value, label in values.items() if who in label)
        slug = db.session.scalar(db.text("select slug from practitioner where name = :who"), {"who": who})
        assert client.page(f"/practitioners/{slug}").has(f"Next available: {words.soon(first, zone)}")


def test_a_place_that_moves_to_another_clock_is_told_so_at_once(in_perth: AppointmentType, client: Visitor) -> None:
    path = f"/book/{in_perth.slug}"
    assert client.page(path).has("All times are Perth time (AWST).")
    with transaction():
        db.session.execute(db.text("update location set zone = 'Australia/Brisbane' where name = 'Rosella Perth'"))
    moved = client.page(path)
    assert moved.has("All times are Brisbane time (AEST).")
    assert all("9:00 am Perth" not in label for label in moved.choices("slot").values())


# --- as before


def test_telehealth_stays_in_the_clinics_zone(ctx: None, client: Visitor) -> None:
    made = make_type(price_cents=0)
    make_hours(make_practitioner(), make_location(is_telehealth=True, zone=PERTH.key), **MORNING)
    page = client.page(f"/book/{made.slug}")
    first = started(free_times(page)[0])
    assert page.has("All times are Sydney time")
    assert "Perth time" not in page.text
    assert client.page("/").has(f"Next available: {words.soon(first, SYDNEY)}")
    booked = book_free(client, made.slug)
    assert booked.has(words.when(booking_of(booked).starts_at, SYDNEY))


def test_a_visit_in_person_asks_the_database_no_more_than_telehealth(ctx: None, client: Visitor) -> None:
    telehealth, in_person = (make_type(price_cents=0, mode=mode) for mode in (Mode.TELEHEALTH, Mode.IN_PERSON))
    make_hours(make_practitioner(), make_location(is_telehealth=True), **MORNING)
    make_hours(make_practitioner(), make_location(), **MORNING)
    assert cost(client, telehealth) == cost(client, in_person)


def cost(client: Visitor, made: AppointmentType) -> list[int]:
    """How often its pages ask the database, when what they ask of the catalogue is known and the times are not."""
    counts = []
    for path in (f"/services/{made.service.slug}", f"/book/{made.slug}"):
        client.get(path)
        make_location()
        with counted_queries() as sent:
            assert client.get(path).status_code == 200
        counts.append(len(sent))
    return counts
