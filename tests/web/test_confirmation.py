"""The page of a booked visit and its calendar entry, in the browser that booked it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from icalendar import Calendar

from portal.bookings.states import Status
from portal.catalogue.models import AppointmentType
from portal.db import transaction
from tests.support.funnel import book_free, booking_of, hold, make_offer, reach_check
from tests.support.visitor import Visitor


def test_it_says_when_where_with_whom_and_what_next(ctx: None, client: Visitor) -> None:
    made = make_offer(price_cents=0, confirmation_message="Have your **phone** at hand.")
    page = book_free(client, made.slug)
    booking = booking_of(page)
    assert page.has(booking.reference)
    assert page.has("Sydney time (AE")
    assert page.has("Dr Ines Moreau")
    assert page.has("Telehealth, by video or phone")
    assert page.has("Have your phone at hand.")
    assert page.has("This visit is free.")
    assert not page.has("1 Example")


def test_it_can_be_visited_again_here_and_nowhere_else(
    consult: AppointmentType, client: Visitor, stranger: Visitor
) -> None:
    page = book_free(client, consult.slug)
    assert client.page(page.url).heading == "You are booked"
    stranger.page("/find-my-visit")
    assert stranger.get(page.url).status_code == 404
    assert "Nora" not in stranger.get(page.url).text


@pytest.mark.parametrize("step", ["details", "intake", "check"])
def test_the_steps_of_a_booked_visit_lead_to_its_page(consult: AppointmentType, client: Visitor, step: str) -> None:
    page = book_free(client, consult.slug)
    assert client.page(f"{page.url}/{step}").url == page.url


def test_the_page_of_a_held_visit_leads_back_into_the_funnel(consult: AppointmentType, client: Visitor) -> None:
    held = hold(client, consult.slug)
    assert client.page(held.url.removesuffix("/details")).heading == "Your details"


def test_a_visit_that_is_over_says_so_and_offers_no_change(consult: AppointmentType, client: Visitor) -> None:
    page = book_free(client, consult.slug)
    booking = booking_of(page)
    with transaction():
        week = timedelta(days=30)
        booking.starts_at, booking.ends_at = booking.starts_at - week, booking.ends_at - week
        booking.blocked = type(booking.blocked)(booking.starts_at, booking.ends_at)
        booking.status = Status.COMPLETED
    past = client.page(page.url)
    assert past.heading == "This visit has passed"
    assert not {"Change the time", "Cancel this visit", "Add to calendar"} & set(past.links)
    assert client.page(f"{page.url}/cancel").url == page.url
    assert client.page(f"{page.url}/move").url == page.url
    assert past.follow("Book another visit").status == 200


def test_the_calendar_entry_names_the_clinic_and_not_the_service(rosella: None, client: Visitor) -> None:
    made = make_offer(price_cents=0, name="Secret treatment")
    page = book_free(client, made.slug)
    answer = client.get(page.links["Add to calendar"])
    booking = booking_of(page)
    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="appointment-{booking.reference}.ics"'
    assert answer.headers["Cache-Control"] == "no-store"
    [event] = Calendar.from_ical(answer.data).walk("VEVENT")
    assert event["SUMMARY"] == "Appointment at Rosella Clinic"
    assert event.decoded("DTSTART") == booking.starts_at
    assert event["SEQUENCE"] == 0
    assert b"Secret" not in answer.data
    assert made.service.name.encode() not in answer.data


def test_a_visit_that_is_not_booked_has_no_calendar_entry(consult: AppointmentType, client: Visitor) -> None:
    check = reach_check(client, consult.slug)
    assert client.get(check.url.replace("/check", "/calendar.ics")).status_code == 404


def test_a_cancelled_visit_takes_its_entry_back(consult: AppointmentType, client: Visitor) -> None:
    page = book_free(client, consult.slug)
    page.follow("Cancel this visit").submit("Cancel this visit")
    entry = Calendar.from_ical(client.get(f"{page.url}/calendar.ics").data)
    assert entry["METHOD"] == "CANCEL"
    assert entry.walk("VEVENT")[0]["STATUS"] == "CANCELLED"


def test_it_keeps_its_address_to_itself(consult: AppointmentType, client: Visitor) -> None:
    page = book_free(client, consult.slug)
    for path in (page.url, f"{page.url}/move", f"{page.url}/cancel", f"{page.url}/calendar.ics"):
        answer = client.get(path)
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Cache-Control"] == "no-store"
    assert page.soup.select_one("body[hx-history=false]") is not None
    assert page.soup.select_one("meta[name=robots][content=noindex]") is not None
