"""A nervous finger, a lost Redis, and a database that goes away: over real HTTP, with several processes."""

from __future__ import annotations

import os
import signal
from functools import partial

import pytest

from portal.local.clinic import Clinic
from tests.support.race import at_once
from tests.support.whole_clinic import HttpVisitor, Seen, heal, query, until

pytestmark = [pytest.mark.program, pytest.mark.timeout(180)]

FREE = "initial-consult-free"
DETAILS = {
    "booked_for": "self",
    "visited": "no",
    "given_name": "Nora",
    "family_name": "Castellano",
    "born-day": "9",
    "born-month": "March",
    "born-year": "1984",
    "gender": "not-said",
    "mobile": "0491 570 156",
    "email": "nora.castellano@example.com",
    "place": "qld",
}


def bookings(clinic: Clinic) -> int:
    return int(query(clinic, "select count(*) from booking")[0][0])


def to_check(visitor: HttpVisitor) -> Seen:
    page = visitor.get(f"/book/{FREE}")
    details = visitor.submit(page, "Continue", slot=page.times[-1])
    intake = visitor.submit(details, "Continue", **DETAILS)
    check = visitor.submit(intake, "Continue", reason="Sleep")
    assert check.heading == "Check your booking"
    return check


def test_a_time_chosen_six_times_at_once_is_held_once(clinic: Clinic) -> None:
    visitor = HttpVisitor(clinic.url)
    page, before = visitor.get(f"/book/{FREE}"), bookings(clinic)
    answers = at_once([lambda: visitor.submit(page, "Continue", slot=page.times[-1])] * 6)
    assert {(answer.status, answer.heading) for answer in answers} == {(200, "Your details")}
    assert len({answer.address for answer in answers}) == 1
    assert bookings(clinic) == before + 1


def test_six_different_times_at_once_are_each_held_or_refused_in_words(clinic: Clinic) -> None:
    """Whatever order they come in: nothing fails, and the browser ends up with times that are its own."""
    visitor = HttpVisitor(clinic.url)
    page = visitor.get(f"/book/{FREE}")
    answers = at_once([partial(visitor.submit, page, "Continue", slot=slot) for slot in page.times[:6]])
    assert len(answers) == 6
    assert 200 in {answer.status for answer in answers}
    for answer in answers:
        if answer.status == 200:
            assert visitor.get(answer.address).status == 200
        else:
            assert (answer.status, bool(answer.problem)) == (422, True)


def test_a_visit_booked_six_times_at_once_is_booked_once(clinic: Clinic) -> None:
    visitor = HttpVisitor(clinic.url)
    check = to_check(visitor)
    answers = at_once([lambda: visitor.submit(check, "Book free consult")] * 6)
    assert {(answer.status, answer.heading) for answer in answers} == {(200, "You are booked")}
    reference = check.address.split("/")[-2]
    told = "select count(*) from booking_event join booking b on b.id = booking_id where reference = %s and name = %s"
    assert query(clinic, told, reference, "booking.confirmed") == [(1,)]


def test_redis_is_lost_and_people_book_all_the_same(clinic: Clinic) -> None:
    visitor = HttpVisitor(clinic.url)
    clinic.kill("redis")
    try:
        booked = visitor.submit(to_check(visitor), "Book free consult")
        assert (booked.status, booked.heading) == (200, "You are booked")
        assert visitor.get("/readyz").status == 200
    finally:
        heal(clinic)
    assert visitor.get(booked.address).heading == "You are booked"


def test_the_database_goes_away_and_comes_back(clinic: Clinic) -> None:
    visitor = HttpVisitor(clinic.url)
    check = to_check(visitor)
    pid = clinic.pid("postgres")
    assert pid is not None
    os.kill(pid, signal.SIGINT)
    try:
        until(lambda: visitor.get("/readyz").status == 503, "Postgres stopping")
        for path in (check.address, f"/book/{FREE}", "/find-my-visit"):
            page = visitor.get(path)
            assert (page.status, page.heading) == (503, "We will be right back"), path
        pressed = visitor.submit(check, "Book free consult")
        assert (pressed.status, pressed.heading) == (503, "We will be right back")
        assert visitor.get("/healthz").status == 200
    finally:
        heal(clinic)
    until(lambda: visitor.get("/readyz").status == 200, "Postgres coming back")
    booked = visitor.submit(check, "Book free consult")
    assert booked.heading == "You are booked"
