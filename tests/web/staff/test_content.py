"""The clinic's own pages at the desk: preview, publish, take back; and the addresses of the former site."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from portal import clock
from portal.catalogue import drafts, offer
from portal.catalogue.models import CatalogueVersion
from portal.db import db, transaction
from portal.staff.access import Role
from portal.staff.models import AuditEntry
from tests.support.page import Page
from tests.support.staff import admitted
from tests.support.visitor import Visitor

AsRole = Callable[..., Visitor]
pytestmark = pytest.mark.usefixtures("rosella")
HOME, ADDRESSES = "/staff/content", "/staff/content/addresses"
TEXT = "## Who we are\n\nA small clinic. Call {clinic_phone}."


def publish(visitor: Visitor, slug: str = "about", **fields: Any) -> Page:
    return visitor.page(f"{HOME}/{slug}").submit("Publish", **{"body": TEXT, **fields})


def stored(slug: str = "about") -> str:
    db.session.expire_all()
    found = offer.content_page(slug)
    return found.body if found else ""


@pytest.mark.parametrize("role", [Role.RECEPTION, Role.PRACTITIONER, Role.BOOKKEEPER])
@pytest.mark.parametrize("path", ["", "/about", "/addresses"])
def test_others_may_not_edit_pages(as_role: AsRole, role: Role, path: str) -> None:
    assert as_role(role).get(HOME + path).status_code == 403


def test_a_preview_shows_the_page_and_keeps_nothing(milo: Visitor) -> None:
    before = stored()
    page = milo.page(f"{HOME}/about").submit("Preview", body=TEXT)
    assert page.has("Preview: not published yet")
    assert "Who we are" in [each.get_text() for each in page.soup.select(".prose h2")]
    assert page.has("Call (02) 5550 0100.")
    assert page.value("body").strip() == TEXT
    assert stored() == before


def test_a_published_page_is_there_for_visitors_with_author_and_time(
    milo: Visitor, app: Flask, client: Visitor
) -> None:
    app.extensions["public_pages"].keep_seconds = 0
    page = publish(milo, title="About us")
    assert page.has("Published. Visitors read it from now on.")
    assert page.has("Milo Ashgrove")
    shown = client.page("/about")
    assert shown.heading == "About us"
    assert shown.has("A small clinic. Call (02) 5550 0100.")
    [entry] = db.session.scalars(select(AuditEntry).where(AuditEntry.kind == "content page"))
    assert (entry.subject, entry.part[:8]) == ("about", "version ")


def test_undo_brings_the_text_before_back(milo: Visitor) -> None:
    before = stored()
    page = publish(milo).submit("Undo: bring the text before it back")
    assert stored() == before
    assert page.has("Published.")
    assert db.session.scalars(select(CatalogueVersion.note).order_by(CatalogueVersion.id.desc())).first() != ""


def test_any_earlier_text_can_be_looked_at_and_brought_back(milo: Visitor) -> None:
    publish(milo, body="First words.")
    page = publish(milo, body="Second words.")
    publish(milo, body="Third words.")
    link = next(each for each in milo.page(f"{HOME}/about").soup.select("tbody tr a")[1:])
    old = milo.page(str(link["href"]))
    assert old.has("Second words.")
    assert not old.has("Third words.")
    page = old.submit("Bring this text back")
    assert page.value("body").strip() == "Second words."
    assert stored() == "Second words."


def test_publishing_the_same_is_no_version(milo: Visitor) -> None:
    publish(milo)
    count = db.session.scalar(select(func.count(CatalogueVersion.id)))
    assert publish(milo).has("nothing was changed")
    assert db.session.scalar(select(func.count(CatalogueVersion.id))) == count


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"title": ""}, "Enter a title."),
        ({"body": ""}, "Enter the page's text."),
        ({"body": "Call {clinic_fone}."}, "{clinic_fone} is no detail of the clinic."),
        ({"body": "x" * 40_001}, "Use 40000 letters or fewer"),
    ],
)
def test_mistakes_are_told_at_the_field(milo: Visitor, fields: dict[str, str], words: str) -> None:
    before = stored()
    page = publish(milo, **fields)
    assert page.status == 422
    assert any(words in error for error in page.errors)
    assert stored() == before


def test_words_that_may_not_advertise_need_a_second_look(milo: Visitor) -> None:
    body = "Read our testimonials: a guaranteed cure."
    page = publish(milo, body=body)
    assert page.status == 422
    for words in ("“testimonials”", "“guaranteed”", "“cure”"):
        assert page.has(words)
    assert stored() != body
    page.submit("Publish", looked=True)
    assert stored() == body


def test_markup_and_foreign_schemes_are_never_rendered(milo: Visitor) -> None:
    page = milo.page(f"{HOME}/about").submit(
        "Preview", body="<script>alert(1)</script>\n\n[x](javascript:alert(1)) ![y](https://evil.example.com/p.png)"
    )
    prose = page.soup.select_one(".prose")
    assert prose is not None
    assert not prose.select("script, img")
    assert not [link for link in prose.select("a") if "javascript" in str(link.get("href"))]


def test_the_second_to_publish_sees_what_the_first_has_changed(as_role: AsRole, milo: Visitor) -> None:
    slow = milo.page(f"{HOME}/about")
    publish(as_role(Role.OWNER), body="Theirs.")
    page = slow.submit("Publish", body="Mine.")
    assert page.status == 409
    assert page.has("Text: now Theirs. , you typed Mine.")
    assert stored() == "Theirs."
    page.submit("Publish")
    assert stored() == "Mine."


def test_a_catalogue_draft_takes_the_new_text_in(milo: Visitor) -> None:
    staff = admitted(Role.OWNER)
    with transaction():
        drafts.edit(staff.id, clock.now(), lambda found: found["services"][0].update(summary="Another summary."))
    publish(milo)
    draft = drafts.find(staff.id)
    assert draft is not None
    state = drafts.state(draft, clock.now())
    assert not state.conflicts
    assert next(page for page in state.document["pages"] if page["id"] == "about")["body"][0] == "## Who we are"


@pytest.mark.parametrize("path", ["/terms", "/terms/versions/1", "/about/versions/99999"])
def test_a_page_that_is_not_there_is_a_404(milo: Visitor, path: str) -> None:
    assert milo.get(HOME + path).status_code == 404


def test_an_old_address_leads_on_until_it_is_removed_and_undone(milo: Visitor, client: Visitor) -> None:
    page = milo.page(ADDRESSES).submit("Add", path="/our-team", leads_to="/about")
    assert page.has("/our-team leads to /about from now on.")
    assert client.get("/our-team").headers["Location"] == "/about"
    page = page.submit("Remove /our-team")
    assert page.has("/our-team leads nowhere any more.")
    assert client.get("/our-team").status_code == 404
    page.submit("Undo: let /our-team lead to /about again")
    assert client.get("/our-team").headers["Location"] == "/about"
    actions = [entry.action for entry in db.session.scalars(select(AuditEntry).where(AuditEntry.kind == "old address"))]
    assert actions == ["added", "removed", "added"]


@pytest.mark.parametrize(
    ("path", "leads_to", "field"),
    [
        ("/staff/anything", "/about", "path"),
        ("/book/anything", "/about", "path"),
        ("/services/old", "/about", "path"),
        ("/static/x.css", "/about", "path"),
        ("/about", "/contact", "path"),
        ("/round", "/round", "leads_to"),
        ("/old", "/not-here", "leads_to"),
        ("/old", "https://evil.example.com/", "leads_to"),
    ],
)
def test_an_address_that_cannot_lead_on_is_refused(milo: Visitor, path: str, leads_to: str, field: str) -> None:
    page = milo.page(ADDRESSES).submit("Add", path=path, leads_to=leads_to)
    assert page.status == 422
    assert page.error_for(field)
    assert page.value(field) == (path if field == "path" else leads_to)


def test_removing_what_is_gone_is_a_404(milo: Visitor) -> None:
    token = milo.page(ADDRESSES).value("csrf_token")
    assert milo.post(f"{ADDRESSES}/removal", data={"csrf_token": token, "path": "/never"}).status_code == 404
