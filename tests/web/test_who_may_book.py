"""Types for new or for returning patients: said to everybody, asked politely, told to the desk, refused to nobody."""

from __future__ import annotations

import pytest
from flask import Flask

from portal.catalogue.models import Service, WhoMayBook
from portal.staff.access import Role
from tests.support.factories import make_service
from tests.support.funnel import hold, make_offer, reach_check, reference_of
from tests.support.staff import signed_in
from tests.support.visitor import Visitor

MEANT = {
    WhoMayBook.NEW: "For a first visit with us",
    WhoMayBook.RETURNING: "For people who have visited us before",
}
HINT = "This visit is meant for people who have been here before."
NEW, KNOWN = "No, this is the first visit", "Yes"

pytestmark = pytest.mark.usefixtures("ctx")


@pytest.fixture
def service(ctx: None) -> Service:
    return make_service(slug="herbs")


@pytest.mark.parametrize("who", WhoMayBook)
def test_whom_a_visit_is_for_stands_beside_it(client: Visitor, service: Service, who: WhoMayBook) -> None:
    slug = make_offer(service=service, who_may_book=who).slug
    for path in ("/services/herbs", f"/book/{slug}"):
        page = client.page(path)
        assert [words for words in MEANT.values() if page.has(words)] == ([MEANT[who]] if who in MEANT else []), path


@pytest.mark.parametrize("who", WhoMayBook)
def test_who_is_new_is_asked_politely_where_others_are_meant(client: Visitor, who: WhoMayBook) -> None:
    details = hold(client, make_offer(who_may_book=who).slug)
    assert details.has(HINT) == (who == WhoMayBook.RETURNING)


@pytest.mark.parametrize(
    ("who", "answer", "told"),
    [
        (WhoMayBook.RETURNING, NEW, "is meant for returning patients"),
        (WhoMayBook.NEW, KNOWN, "is meant for new patients"),
        (WhoMayBook.RETURNING, KNOWN, None),
        (WhoMayBook.NEW, NEW, None),
        (WhoMayBook.ANYONE, NEW, None),
    ],
)
def test_an_answer_that_does_not_fit_is_told_to_the_desk_and_refused_to_nobody(
    app: Flask, client: Visitor, who: WhoMayBook, answer: str, told: str | None
) -> None:
    check = reach_check(client, make_offer(who_may_book=who, price_cents=0).slug, visited=answer)
    booked = check.submit("Book this free visit")
    assert booked.heading == "You are booked"

    panel = signed_in(app, Role.RECEPTION).page(f"/staff/bookings/{reference_of(booked)}")
    assert panel.has("as they say")
    assert panel.has("please check that it is the right visit") == (told is not None)
    assert told is None or panel.has(told)
