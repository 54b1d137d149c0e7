"""The next time that can be booked, as cards tell it: true, kept for a minute, and cheap."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import time, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask

from portal import words
from portal.catalogue.models import AppointmentType, Kind, WhoMayBook
from portal.clock import now
from portal.db import db, transaction
from portal.scheduling.models import ExceptionKind, HoursException
from portal.staff.models import Practitioner
from portal.web.booking.slot_list import read_value
from portal.web.public_pages import KEEP_SECONDS, Pages
from tests.support.database import counted_queries
from tests.support.factories import make_hours, make_location, make_practitioner, make_service, make_type
from tests.support.funnel import free_times, hold, make_offer
from tests.support.visitor import Visitor

SYDNEY = ZoneInfo("Australia/Sydney")


def first_words(client: Visitor, times_path: str) -> str:
    """What a card should say about the first time of this list."""
    chosen = read_value(free_times(client.page(times_path))[0])
    assert chosen is not None
    return f"Next available: {words.soon(chosen[0], SYDNEY)}"


def close_for(practitioner: Practitioner | None, *, days: int) -> None:
    begins = now() - timedelta(days=1)
    with transaction():
        db.session.add(
            HoursException(
                kind=ExceptionKind.CLOSED,
                practitioner_id=practitioner.id if practitioner else None,
                starts_at=begins,
                ends_at=begins + timedelta(days=days + 1),
            )
        )


def practitioner_of(made: AppointmentType, **columns: str) -> Practitioner:
    """Another one who offers the type, in the afternoon."""
    found = make_practitioner(**columns)
    place = make_location(is_telehealth=True)
    make_hours(found, place, calendar_slug=made.calendar_slug, starts=time(13), ends=time(16))
    return found


def test_the_cards_say_the_first_time_of_the_list_they_lead_to(consult: AppointmentType, client: Visitor) -> None:
    wanted = first_words(client, f"/book/{consult.slug}")
    assert re.fullmatch(r"Next available: \w+day \d+ \w+, \d+:\d\d [ap]m Sydney time", wanted)
    assert client.page("/").part(".cards").has(wanted)
    with transaction():
        consult.kind = Kind.CONSULT
    assert client.page("/").part(".consult").has(wanted)
    assert client.page(f"/services/{consult.service.slug}").has(wanted)
    [who] = db.session.scalars(db.select(Practitioner.slug))
    assert client.page(f"/practitioners/{who}").has(wanted)


def test_every_card_of_the_clinic_is_true(rosella: None, client: Visitor) -> None:
    for service in ("alternative-medicine", "gaps", "weight-loss"):
        page = client.page(f"/services/{service}")
        cards = page.soup.select(".type:has(a)")
        assert cards, service
        for card in cards:
            path = card.select_one("a")["href"]  # type: ignore[index]
            assert first_words(client, str(path)) in card.get_text(" ", strip=True)


def test_a_services_card_speaks_to_those_who_come_for_the_first_time(ctx: None, client: Visitor) -> None:
    first_visit = make_offer()
    service = first_visit.service
    follow_up = make_type(service=service, who_may_book=WhoMayBook.RETURNING, calendar_slug="every-night")
    make_hours(
        make_practitioner(), make_location(is_telehealth=True), calendar_slug="every-night",
        starts=time(0), ends=time(23, 59),
    )  # fmt: skip
    wanted, earlier = (first_words(client, f"/book/{each.slug}") for each in (first_visit, follow_up))
    card = client.page("/").part(".cards")
    assert card.has(wanted)
    assert earlier == wanted or not card.has(earlier)
    with transaction():
        first_visit.length_minutes = None  # to be announced
    assert client.page("/").part(".cards").has(earlier)


def test_a_practitioners_page_tells_and_leads_to_their_own_times(ctx: None, client: Visitor) -> None:
    made = make_offer()
    other = practitioner_of(made, name="Lindy Marsh")
    page = client.page(f"/practitioners/{other.slug}")
    wanted = first_words(client, f"/book/{made.slug}?practitioner={other.slug}")
    assert page.text.count(wanted) == 2  # at the top, and at the visit
    times = page.follow(f"See times for {made.name}")
    assert times.url.startswith(f"/book/{made.slug}?practitioner={other.slug}")
    assert {read_value(value)[1] for value in free_times(times)} == {other.id}  # type: ignore[index]


def test_a_practitioner_who_offers_nothing_has_no_times_and_no_dead_end(ctx: None, client: Visitor) -> None:
    page = client.page(f"/practitioners/{make_practitioner().slug}")
    assert "available" not in page.text
    assert page.follow("Book a visit").heading == "What would you like help with?"


def test_whoever_is_away_for_weeks_is_told_with_the_day_they_are_back(ctx: None, client: Visitor) -> None:
    made = make_offer()
    away = practitioner_of(made)
    close_for(away, days=30)
    page = client.page(f"/practitioners/{away.slug}")
    assert page.has(first_words(client, f"/book/{made.slug}?practitioner={away.slug}"))
    assert page.has("Next available: ")


def test_no_free_time_is_said_kindly_and_leaves_the_way_open(consult: AppointmentType, client: Visitor) -> None:
    close_for(None, days=90)
    service = f"/services/{consult.service.slug}"
    [who] = db.session.scalars(db.select(Practitioner.slug))
    for path in ("/", service, f"/practitioners/{who}"):
        assert client.page(path).has("No free time in the next 60 days"), path
    assert client.page(service).follow(f"See times for {consult.name}").heading == "Choose a time"


def test_a_type_that_cannot_be_booked_promises_nothing(ctx: None, client: Visitor) -> None:
    made = make_type(price_cents=None)
    make_hours(make_practitioner(), make_location(is_telehealth=True), calendar_slug=made.calendar_slug)
    for path in ("/", f"/services/{made.service.slug}"):
        assert "available" not in client.page(path).text
        assert "No free time" not in client.page(path).text


# --- kept


@pytest.fixture
def pages(app: Flask) -> Iterator[Pages]:
    """This app keeps pages and next times, as in production."""
    before = {name: app.extensions.pop(name, None) for name in ("public_pages", "known_times")}
    app.extensions["public_pages"] = Pages()
    yield app.extensions["public_pages"]
    app.extensions.pop("known_times", None)
    app.extensions |= {name: value for name, value in before.items() if value is not None}


def test_a_time_that_is_taken_leaves_the_cards_within_minutes(
    consult: AppointmentType, client: Visitor, stranger: Visitor, pages: Pages
) -> None:
    card = client.get("/")
    told = first_words(client, f"/book/{consult.slug}")
    assert told in card.text
    hold(stranger, consult.slug, place=0)
    assert told in client.get("/").text
    pages.kept.clear()  # the page's minute is over
    pages.keep_seconds = 1e-9  # and that of what is known
    assert told not in client.get("/").text
    assert first_words(client, f"/book/{consult.slug}") in client.get("/").text
    # Kept by us for one after the other, then by the browser: never wrong by more than 5 minutes.
    browser = int(re.fullmatch(r"public, max-age=(\d+)", card.headers["Cache-Control"])[1])  # type: ignore[index]
    assert 2 * KEEP_SECONDS + browser < 5 * 60


def test_what_is_known_is_not_looked_up_for_another_page(client: Visitor, ctx: None, pages: Pages) -> None:
    service = make_service()
    for _ in range(3):
        make_type(service=service)
    who = practitioner_of(make_type(service=service))
    with counted_queries() as first:
        client.get("/")
    costs = []
    for types in (0, 5):
        for _ in range(types):
            make_type(service=service)
        client.get("/")
        pages.kept.clear()
        client.get("/")  # another version of the page: what each type has next is known
        pages.kept.clear()
        for path in ("/", f"/services/{service.slug}", f"/practitioners/{who.slug}"):
            with counted_queries() as seen:
                assert client.get(path).status_code == 200
            costs.append(len(seen))
    assert costs[:3] == costs[3:]
    assert sum("working_hours" in statement for statement in first) <= 2 * 4
