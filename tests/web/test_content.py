"""The clinic's own pages, what machines read, and the addresses of the former site."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from portal import clinic
from portal.catalogue.load import packaged_document
from portal.catalogue.models import ContentPage
from portal.db import db, transaction
from portal.staff.models import Practitioner
from tests.support.visitor import Visitor

NAMESPACE = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


@pytest.mark.parametrize(
    ("path", "heading", "words"),
    [
        ("/about", "About us", "Rosella Clinic brings together practitioners"),
        ("/contact", "Contact us", "(02) 5550 0100"),
        ("/privacy", "", ""),
        ("/practitioners/tobias-wren", "Tobias Wren", "Example Register of Naturopaths, no. 00001"),
    ],
)
def test_a_content_page_is_there(rosella: None, client: Visitor, path: str, heading: str, words: str) -> None:
    page = client.page(path)
    assert page.heading.startswith(heading)
    assert page.has(words)
    assert "{clinic_" not in page.text


def test_a_detail_that_the_clinic_has_not_given_leaves_no_gap(rosella: None, client: Visitor) -> None:
    with transaction():
        clinic.store(clinic.Clinic(name="Rosella Clinic"))
    for path in ("/about", "/contact", "/privacy", "/"):
        text = client.page(path).text
        assert "{clinic_" not in text
        assert "Phone:" not in text


def test_what_staff_write_cannot_run_in_the_browser(rosella: None, client: Visitor) -> None:
    body = "<script>alert(1)</script> [x](javascript:alert(2)) ![y](https://tracker.example.com/p.png) **bold**"
    with transaction():
        db.session.merge(ContentPage(slug="about", title="<b>About</b>", body=body))
        db.session.scalars(db.select(Practitioner).filter_by(slug="tobias-wren")).one().profile = body
    for path in ("/about", "/practitioners/tobias-wren"):
        html = client.get(path).text
        assert "<script>alert" not in html
        assert 'href="javascript' not in html
        assert "<img" not in html
        assert "<strong>bold</strong>" in html
    assert client.page("/about").heading == "<b>About</b>"


@pytest.mark.parametrize("path", sorted(entry.slug for entry in packaged_document().old_addresses))
def test_an_address_of_the_former_site_leads_to_a_page(rosella: None, client: Visitor, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 301
    # The list of people who wait opens with a later release; until then that address says so as any unknown one.
    assert client.get(answer.location).status_code == (404 if path.startswith("/waitlist/") else 200)


@pytest.mark.parametrize("path", ["/home/", "/our-services/", "/services/"])
def test_a_slash_at_the_end_makes_no_difference(rosella: None, client: Visitor, path: str) -> None:
    assert client.get(path).status_code == 301


def test_the_sitemap_lists_pages_that_are_there_and_nothing_personal(rosella: None, client: Visitor) -> None:
    answer = client.get("/sitemap.xml")
    assert answer.headers["Content-Type"] == "application/xml; charset=utf-8"
    addresses = [str(place.text) for place in ElementTree.fromstring(answer.text).iter(f"{NAMESPACE}loc")]  # noqa: S314
    assert len(addresses) == len(set(addresses)) > 10
    for address in addresses:
        assert address.startswith(client.portal_url)
        path = address.removeprefix(client.portal_url)
        assert not path.startswith(("/book", "/b/", "/find"))
        assert client.get(path).status_code == 200, path


def test_robots_are_kept_from_what_is_personal(rosella: None, client: Visitor) -> None:
    answer = client.get("/robots.txt")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    lines = answer.text.splitlines()
    assert {"Disallow: /bookings/", "Disallow: /b/", "Disallow: /book/"} <= set(lines)
    assert lines[-1] == f"Sitemap: {client.portal_url}/sitemap.xml"


def test_help_stands_at_the_same_place_on_every_page(rosella: None, client: Visitor) -> None:
    for path in ("/", "/services/gaps", "/book/initial-consult-free", "/find-my-visit", "/about"):
        page = client.page(path)
        footer = page.part("footer")
        assert footer.has("In an emergency call 000"), path
        assert {"Contact", "Privacy", "Find my visit"} <= set(footer.links)
        assert page.part("header").links["Find my visit"] == "/find-my-visit"
