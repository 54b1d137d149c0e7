"""The first road in: which services there are, and what each of them offers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal import clock
from portal.catalogue.models import ServiceStatus
from portal.db import db, transaction
from portal.staff.models import Practitioner
from tests.support.factories import make_service, make_type
from tests.support.visitor import Visitor

OPEN_LATER = ("counseling", "equine")


def test_the_free_consult_comes_first_for_who_does_not_know_yet(rosella: None, client: Visitor) -> None:
    page = client.page("/")
    headings = [heading.get_text(strip=True) for heading in page.soup.select("h2")]
    assert headings[:3] == ["Not sure where to start?", "Our services", "Opening later"]
    consult = page.part(".consult").follow("Free Initial Consult")
    assert consult.heading == "Free Initial Consult"
    assert consult.follow("See times for Free initial consult").heading == "Choose a time"


def test_every_service_on_show_has_a_card_that_leads_to_its_page(rosella: None, client: Visitor) -> None:
    page = client.page("/")
    for name in ("Alternative Medicine", "GAPS", "Weight Loss Program", "Counseling Services", "Equine"):
        assert page.follow(name).heading == name


def test_a_grid_without_a_consult_says_what_is_there(ctx: None, client: Visitor) -> None:
    assert client.page("/").has("There is nothing to book online at the moment.")
    make_type(service=make_service(name="Foot care"))
    page = client.page("/")
    assert "Not sure where to start?" not in page.text
    assert page.follow("Foot care").heading == "Foot care"


def test_a_service_page_tells_each_visit_with_length_mode_and_price(rosella: None, client: Visitor) -> None:
    page = client.page("/services/alternative-medicine")
    assert page.has("First visit by video")
    assert page.has("15 minutes")
    assert page.has("$119.00")
    assert page.has("In person at the clinic")
    times = page.follow("See times for First visit at the clinic")
    assert times.heading == "Choose a time"
    assert times.has("20 minutes")


def test_a_type_without_length_and_price_is_told_and_has_no_dead_button(rosella: None, client: Visitor) -> None:
    page = client.page("/services/weight-loss")
    assert page.has("First weight consultation")
    assert page.has("Length and price will be announced.")
    assert [link for link in page.links if link.startswith("See times")] == ["See times for Weight follow-up"]
    assert page.buttons == []
    assert client.get("/book/initial-weight-tbd").status_code == 404
    assert client.get("/book/initial-weight-tbd/holds").status_code == 405


def test_an_unlisted_type_is_reached_by_its_link_only(rosella: None, client: Visitor) -> None:
    assert "/book/followup-alternative-30min" not in client.page("/services/alternative-medicine").links.values()
    assert client.page("/book/followup-alternative-30min").has("Long follow-up by video")


@pytest.mark.parametrize("slug", OPEN_LATER)
def test_a_service_that_is_not_open_says_so_and_promises_nothing(rosella: None, client: Visitor, slug: str) -> None:
    page = client.page(f"/services/{slug}")
    assert page.has("This service is not open yet")
    assert page.has("We have not set a day for its opening")
    # Its waiting list is not there yet, so nobody is asked for an address.
    assert "Leave your address" not in page.text
    assert page.soup.select("form, input, button") == []
    assert not [link for link in page.links.values() if link.startswith("/book/")]
    assert page.follow("See what you can book now").heading == "What would you like help with?"


def test_a_launch_day_is_told_while_it_lies_ahead(ctx: None, client: Visitor) -> None:
    day = clock.now().date() + timedelta(days=90)
    service = make_service(status=ServiceStatus.COMING_SOON, launch_on=day)
    page = client.page(f"/services/{service.slug}")
    assert page.has(f"We plan to open it on {day:%A} {day.day} {day:%B %Y}.")
    with transaction():
        service.launch_on = day - timedelta(days=180)
    assert client.page(f"/services/{service.slug}").has("We have not set a day for its opening")


@pytest.mark.parametrize("slug", ["counselling", "equine-therapy", "weight-loss-program"])
def test_another_spelling_leads_to_the_service(rosella: None, client: Visitor, slug: str) -> None:
    answer = client.get(f"/services/{slug}")
    assert answer.status_code == 301
    assert client.get(answer.location).status_code == 200


@pytest.mark.parametrize("slug", ["nothing-like-it", "%00", "gaps%00", "../etc", "a" * 5000, "gaps%2F..", "GAPS"])
def test_an_unknown_service_or_type_is_not_found(rosella: None, client: Visitor, slug: str) -> None:
    for path in (f"/services/{slug}", f"/book/{slug}", f"/practitioners/{slug}"):
        assert client.get(path).status_code == 404, path


def test_a_hidden_service_is_not_found(ctx: None, client: Visitor) -> None:
    hidden = next(status for status in ServiceStatus if status not in (ServiceStatus.ACTIVE, ServiceStatus.COMING_SOON))
    service = make_service(status=hidden, name="Hidden away")
    made = make_type(service=service)
    assert client.get(f"/services/{service.slug}").status_code == 404
    assert client.get(f"/book/{made.slug}").status_code == 404
    assert "Hidden away" not in client.page("/").text


def test_a_type_taken_off_sale_is_not_found(ctx: None, client: Visitor) -> None:
    made = make_type(is_active=False)
    assert client.get(f"/book/{made.slug}").status_code == 404
    assert client.post(f"/book/{made.slug}/holds").status_code in (400, 404)


def test_a_practitioner_who_has_left_has_no_page(rosella: None, client: Visitor) -> None:
    assert client.page("/practitioners/tobias-wren").heading == "Tobias Wren"
    with transaction():
        db.session.scalars(db.select(Practitioner).filter_by(slug="tobias-wren")).one().is_active = False
    assert client.get("/practitioners/tobias-wren").status_code == 404
    assert "tobias-wren" not in client.get("/sitemap.xml").text
