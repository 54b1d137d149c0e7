"""Nobody may try without end; the numbers are settings."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest
from flask import Flask
from limits import parse

from portal.catalogue.models import AppointmentType
from portal.web.booking import times
from portal.web.limits import DEFAULTS, Counts, mark, network, scaled
from tests.support.factories import make_booking, make_patient
from tests.support.funnel import booking_of, free_times, let_lapse
from tests.support.outbox import owed
from tests.support.page import Page
from tests.support.visitor import Visitor

VIEWS = Path(__file__).parents[2] / "portal" / "web"


@pytest.mark.parametrize(
    ("words", "factor", "expected"),
    [
        ("30 per minute; 200 per hour", 1.0, "30 per minute; 200 per hour"),
        ("30 per minute; 200 per hour", 100.0, "3000 per minute; 20000 per hour"),
        ("5 per hour", 0.5, "2 per hour"),
        ("5 per hour", 0.01, "1 per hour"),
    ],
)
def test_all_limits_are_multiplied_by_one_factor(words: str, factor: float, expected: str) -> None:
    assert scaled(words, factor) == expected


def test_holding_times_is_limited_and_looking_is_not(
    consult: AppointmentType, client: Visitor, stranger: Visitor, limits: Callable[[str, str], None]
) -> None:
    limits("holds", "2 per minute")
    page = client.page(f"/book/{consult.slug}")
    times = free_times(page)
    assert [page.submit("Continue", slot=time).heading for time in times[:2]] == ["Your details"] * 2
    assert page.submit("Continue", slot=times[2]).status == 429
    # The address is what counts, not the browser.
    assert stranger.page(f"/book/{consult.slug}").submit("Continue", slot=times[3]).status == 429
    assert client.page(f"/book/{consult.slug}").heading == "Choose a time"


def test_looks_are_counted_for_each_network_and_anew_in_each_window() -> None:
    counts, limit = Counts(), parse("2 per second")
    began = time.monotonic()
    assert [counts.hit(limit, "page", "here") for _ in range(3)] == [True, True, False]
    assert counts.hit(limit, "page", "there")
    assert counts.hit(limit, "another page", "here")
    time.sleep(max(0.0, began + 1.01 - time.monotonic()))
    assert counts.hit(limit, "page", "here")


def test_windows_that_have_ended_are_not_kept_for_ever() -> None:
    counts, limit = Counts(most=2), parse("2 per second")
    for somebody in ("one", "two"):
        counts.hit(limit, somebody)
    time.sleep(1.01)
    counts.hit(limit, "three")
    assert len(counts) == 1


@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_every_limit_is_in_force_somewhere(name: str) -> None:
    views = "".join(path.read_text() for path in VIEWS.rglob("*.py"))
    assert f'limit("{name}")' in views or f'is_within("{name}"' in views


def test_a_household_with_addresses_without_end_is_counted_once(
    consult: AppointmentType, client: Visitor, limits: Callable[[str, str], None]
) -> None:
    limits("holds", "2 per minute")
    page = client.page(f"/book/{consult.slug}")
    slot, token = free_times(page)[0], page.value("csrf_token")

    def answer(address: str) -> int:
        return client.post(
            f"/book/{consult.slug}/holds",
            data={"csrf_token": token, "slot": slot},
            environ_overrides={"REMOTE_ADDR": address},
        ).status_code

    assert [answer(f"2001:db8:1:1::{last}") for last in ("1", "2", "3", "ffff:ffff")] == [303, 303, 429, 429]
    assert answer("2001:db8:1:2::1") == 303


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "127.0.0.1"),
        ("unix:", "unix:"),
    ],
)
def test_who_is_counted(app: Flask, address: str, counted: str) -> None:
    with app.test_request_context(environ_overrides={"REMOTE_ADDR": address}):
        assert network() == counted


def test_one_mail_address_gets_so_many_links_and_nobody_is_told_that_it_had_enough(
    ctx: None, client: Visitor, limits: Callable[[str, str], None]
) -> None:
    limits("find-visit", "100 per hour")
    limits("find-visit-mail", "2 per hour")
    make_booking(patient=make_patient(email="nora@example.com"))

    def ask(email: str) -> Page:
        return client.page("/find-my-visit").submit("Send me the link", email=email)

    answers = [ask(email) for email in ("nora@example.com", " Nora@Example.com", "NORA@example.com")]
    assert len({(answer.status, answer.url, answer.text) for answer in answers}) == 1
    assert len(owed("notices.send_personal_link")) == 2
    # Somebody else's is another count.
    make_booking(patient=make_patient(email="percy@example.com"))
    ask("percy@example.com")
    assert len(owed("notices.send_personal_link")) == 3


def test_a_mail_address_is_counted_under_a_mark_that_cannot_be_read_back(app: Flask) -> None:
    with app.app_context():
        assert mark("mail", "nora@example.com") == mark("mail", "nora@example.com")
        assert len({mark("mail", "a"), mark("network", "a"), mark("mail", "b")}) == 3
        assert "nora" not in mark("mail", "nora@example.com")


def test_people_in_one_network_hold_so_many_times_at_once(
    consult: AppointmentType, client: Visitor, app: Flask, most_held: Callable[[int], None]
) -> None:
    most_held(2)
    for _ in range(2):
        browser = cast(Visitor, app.test_client())
        page = browser.page(f"/book/{consult.slug}")
        held = page.submit("Continue", slot=free_times(page)[0])
        assert held.heading == "Your details"
    page = client.page(f"/book/{consult.slug}")
    refused = page.submit("Continue", slot=free_times(page)[0])
    assert refused.status == 422
    assert refused.errors == [times.TOO_MANY]
    # Another time instead of one's own is none more.
    other = browser.page(f"/book/{consult.slug}")
    changed = other.submit("Continue", slot=free_times(other)[3])
    assert changed.heading == "Your details"
    # Whoever lets a time go makes room, and a time that is booked is none that is held.
    let_lapse(booking_of(changed))
    assert page.submit("Continue", slot=free_times(page)[0]).heading == "Your details"


def test_where_a_time_is_held_from_is_kept_as_a_mark(consult: AppointmentType, client: Visitor) -> None:
    page = client.page(f"/book/{consult.slug}")
    booking = booking_of(page.submit("Continue", slot=free_times(page)[0]))
    assert len(booking.held_from) == 64
    assert "127.0.0.1" not in booking.held_from


@pytest.fixture
def most_held(app: Flask) -> Iterator[Callable[[int], None]]:
    before = app.config["MOST_HELD"]
    yield lambda number: app.config.__setitem__("MOST_HELD", number)
    app.config["MOST_HELD"] = before
