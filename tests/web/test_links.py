"""The road back: the personal link of a mail, and "Find my visit" for who has lost it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from portal import clock
from portal.bookings import links
from portal.bookings.models import Booking, BookingEvent, LinkToken
from portal.bookings.states import Status
from portal.catalogue.models import AppointmentType
from portal.db import db, transaction
from portal.outbox.models import OutboxMessage
from tests.support.factories import make_booking, make_patient
from tests.support.funnel import book_free, booking_of, free_times
from tests.support.page import Page
from tests.support.visitor import Visitor

SENT = "Look into your e-mail"


def link_to(booking: Booking, made_for: str = "confirmation:1") -> str:
    with transaction():
        token = links.make(booking.id, made_for, clock.now(), expires_at=links.expiry_of(booking))
    return f"/b/{token}"


@pytest.fixture
def booked(consult: AppointmentType, client: Visitor) -> Page:
    return book_free(client, consult.slug)


def test_a_link_opens_the_visit_at_an_address_without_it(booked: Page, stranger: Visitor) -> None:
    link = link_to(booking_of(booked))
    answer = stranger.get(link)
    assert answer.status_code == 303
    assert answer.location == booked.url
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert stranger.page(link).heading == "You are booked"
    assert link.removeprefix("/b/") not in stranger.page(booked.url).response.text


@pytest.mark.parametrize(("act", "heading"), [("/move", "Change the time"), ("/cancel", "Cancel this visit?")])
def test_a_link_leads_straight_to_an_act(booked: Page, stranger: Visitor, act: str, heading: str) -> None:
    assert stranger.page(link_to(booking_of(booked)) + act).heading == heading


def test_a_link_shows_logistics_and_never_an_answer(booked: Page, stranger: Visitor) -> None:
    assert stranger.page(link_to(booking_of(booked))).has(booking_of(booked).reference)
    for page in ("", "/move", "/cancel"):
        text = stranger.get(booked.url + page).text
        for private in ("Nora", "Castellano", "0491", "nora.castellano"):
            assert private not in text
    for step in ("details", "intake", "check", "return"):
        assert stranger.get(f"{booked.url}/{step}").status_code == 404


@pytest.mark.parametrize("method", ["get", "head"])
def test_opening_a_link_changes_nothing(booked: Page, stranger: Visitor, method: str) -> None:
    booking = booking_of(booked)
    link = link_to(booking)

    def state() -> tuple[object, ...]:
        db.session.expire_all()
        token = db.session.scalars(select(LinkToken)).one()
        events = db.session.scalar(select(func.count()).select_from(BookingEvent))
        owed = db.session.scalar(select(func.count()).select_from(OutboxMessage))
        return booking.status, booking.version, token.revoked_at, token.expires_at, events, owed

    before = state()
    for path in (link, f"{link}/cancel", f"{link}/move"):
        assert getattr(stranger, method)(path).status_code == 303
    assert state() == before
    # As often as anybody likes, in any browser.
    assert stranger.page(link).heading == "You are booked"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: "unknown",
        lambda token: token[:-1],
        lambda token: token.swapcase(),
        lambda token: token + "%00",
        lambda token: "%00",
        lambda token: "x" * 5000,
        lambda token: token + "/details",
        lambda token: token + "/cancellation",
    ],
)
def test_an_unknown_link_is_not_found(booked: Page, stranger: Visitor, spoil: Callable[[str], str]) -> None:
    token = link_to(booking_of(booked)).removeprefix("/b/")
    assert stranger.get("/b/" + spoil(token)).status_code == 404
    assert stranger.get(booked.url).status_code == 404


def test_a_revoked_or_old_link_is_not_found(booked: Page, stranger: Visitor) -> None:
    booking = booking_of(booked)
    revoked, old = link_to(booking), link_to(booking, "moved:1")
    with transaction():
        links.revoke_all([booking.id], clock.now())
    assert stranger.get(revoked).status_code == stranger.get(old).status_code == 404
    late = link_to(booking, "link:1")
    with transaction():
        for token in db.session.scalars(select(LinkToken)):
            token.expires_at = clock.now() - timedelta(seconds=1)
    assert stranger.get(late).status_code == 404


def test_a_link_can_only_be_read(booked: Page, stranger: Visitor) -> None:
    link = link_to(booking_of(booked))
    for method in ("post", "put", "delete", "patch"):
        assert getattr(stranger, method)(link).status_code in (400, 405)


def test_an_old_link_shows_the_truth_after_a_move_and_after_cancelling(
    booked: Page, client: Visitor, stranger: Visitor
) -> None:
    link = link_to(booking_of(booked))
    page = booked.follow("Change the time")
    page.submit("Move my visit", slot=free_times(page)[0])
    assert stranger.page(link).heading == "Your visit has a new time"
    # The link is enough to cancel, and tells what became of it.
    stranger.page(f"{link}/cancel").submit("Cancel this visit")
    assert booking_of(booked).status == Status.CANCELLED
    for path in (link, f"{link}/move", f"{link}/cancel"):
        assert stranger.page(path).heading == "This visit is cancelled"
    assert stranger.page(link).follow("Book another visit").status == 200


def test_a_link_opens_one_visit_and_no_other(booked: Page, stranger: Visitor) -> None:
    other = make_booking()
    stranger.page(link_to(other))
    assert stranger.get(booked.url).status_code == 404
    assert stranger.page(f"/bookings/{other.reference}").has(other.reference)


# --- Find my visit


def mails_owed() -> list[int]:
    rows = db.session.scalars(select(OutboxMessage).where(OutboxMessage.job == "notices.send_personal_link"))
    return [row.args[0] for row in rows]


def ask(visitor: Visitor, **fields: str) -> Page:
    return visitor.page("/find-my-visit").submit("Send me the link", **fields)


def test_the_answer_is_the_same_for_an_unknown_address_and_only_a_known_one_gets_mail(
    ctx: None, client: Visitor
) -> None:
    booking = make_booking(patient=make_patient(email="Nora@Example.com"))
    known, unknown = ask(client, email="nora@example.com"), ask(client, email="nobody@example.com")
    assert known.heading == unknown.heading == SENT
    assert (known.url, known.text) == (unknown.url, unknown.text)
    assert set(known.response.headers.keys()) == set(unknown.response.headers.keys())
    assert mails_owed() == [booking.id]


@pytest.mark.parametrize("status", [Status.HELD, Status.CANCELLED, Status.EXPIRED, Status.COMPLETED])
def test_only_a_coming_visit_is_found(ctx: None, client: Visitor, status: Status) -> None:
    make_booking(patient=make_patient(email="nora@example.com"), status=status)
    make_booking(patient=make_patient(email="nora@example.com"), starts_at=clock.now() - timedelta(days=1))
    assert ask(client, email="nora@example.com").heading == SENT
    assert mails_owed() == []


def test_a_reference_narrows_it_and_never_opens_somebody_elses(ctx: None, client: Visitor) -> None:
    nora, ottilie = make_patient(email="nora@example.com"), make_patient(email="ottilie@example.com")
    mine, also_mine, hers = make_booking(patient=nora), make_booking(patient=nora), make_booking(patient=ottilie)
    ask(client, email="nora@example.com", reference=f" {also_mine.reference.lower()} ")
    assert mails_owed() == [also_mine.id]
    ask(client, email="nora@example.com", reference=hers.reference)
    assert mails_owed() == [also_mine.id]
    assert mine.id not in mails_owed()


def test_at_most_three_mails_go_out_for_one_question(ctx: None, client: Visitor) -> None:
    nora = make_patient(email="nora@example.com")
    start = clock.now() + timedelta(days=9)
    made = [make_booking(patient=nora, starts_at=start + timedelta(days=n)).id for n in range(5)]
    ask(client, email="nora@example.com")
    assert mails_owed() == made[:3]


@pytest.mark.parametrize(
    "typed", ["", "nora", "x" * 5000 + "@example.com", "nora@example.com\0", "nora@example.com\u202e"]
)
def test_what_is_no_address_is_told_and_kept(ctx: None, client: Visitor, typed: str) -> None:
    page = ask(client, email=typed)
    assert page.status == 422
    assert page.errors == ["Enter the e-mail address you booked with, such as name@example.com."]
    assert page.value("email") == typed
    assert page.title.startswith("Error: ")


@pytest.mark.parametrize("typed", ["\0", "BK-\x1b[2J"])
def test_what_is_no_reference_is_told(ctx: None, client: Visitor, typed: str) -> None:
    page = ask(client, email="nora@example.com", reference=typed)
    assert page.errors == ["Enter the reference as it stands in your confirmation, such as BK-7F3K2Q."]


@pytest.mark.parametrize("typed", ["nora@example.com' or 1=1 --", "%@example.com", "_ora@example.com", "*@example.com"])
def test_no_pattern_finds_anybody(ctx: None, client: Visitor, typed: str) -> None:
    make_booking(patient=make_patient(email="nora@example.com"))
    assert ask(client, email=typed).heading == SENT
    assert mails_owed() == []


def test_asking_too_often_is_stopped(ctx: None, client: Visitor, limits: Callable[[str, str], None]) -> None:
    limits("find-visit", "2 per hour")
    assert [ask(client, email="nora@example.com").heading for _ in range(2)] == [SENT, SENT]
    stopped = ask(client, email="nora@example.com")
    assert stopped.status == 429
    assert stopped.heading == "That was a lot of tries"
    assert client.page("/find-my-visit").status == 200
