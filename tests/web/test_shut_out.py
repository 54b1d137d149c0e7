"""Browsers that knew a visit before its links were closed: they see it no more, until a newer link lets them in."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask

from portal import clock
from portal.bookings import desk, find, links, offers
from portal.bookings.models import Booking
from portal.catalogue.models import AppointmentType
from portal.db import db, transaction
from portal.patients.models import Patient
from portal.scheduling import claims
from portal.staff.access import Role
from tests.support.factories import make_patient
from tests.support.funnel import book_free, booking_of, hold
from tests.support.page import Page
from tests.support.staff import admitted, signed_in
from tests.support.visitor import Visitor

PATHS = ("", "/move", "/cancel", "/calendar.ics", "/offer")


def link_to(booking: Booking, made_for: str = "confirmation:1") -> str:
    with transaction():
        token = links.make(booking.id, made_for, clock.now(), expires_at=links.expiry_of(booking))
    return f"/b/{token}"


def give_away(booking: Booking) -> None:
    pia, patient_id, booking_id = admitted(Role.RECEPTION), make_patient(given_name="Percy").id, booking.id
    with transaction():
        patient = db.session.get_one(Patient, patient_id)
        desk.give_to(find.get_locked(booking_id), patient, pia, clock.now())


@pytest.fixture
def booked(consult: AppointmentType, client: Visitor) -> Page:
    return book_free(client, consult.slug)


def answers(visitor: Visitor, booked: Page) -> set[int]:
    return {visitor.get(booked.url + path).status_code for path in PATHS}


def test_the_browser_that_booked_is_shut_out_with_the_links(booked: Page, client: Visitor) -> None:
    assert client.get(booked.url).status_code == 200
    give_away(booking_of(booked))
    assert answers(client, booked) == {404}
    assert client.get(f"{booked.url}/details").status_code == 404


def test_so_is_a_browser_that_opened_a_link(booked: Page, stranger: Visitor) -> None:
    stranger.page(link_to(booking_of(booked)))
    give_away(booking_of(booked))
    assert answers(stranger, booked) == {404}


def test_nothing_is_changed_from_there_either(booked: Page, client: Visitor) -> None:
    page = booked.follow("Cancel this visit")
    give_away(booking_of(booked))
    assert page.submit("Cancel this visit").status == 404
    assert booking_of(booked).is_confirmed


def test_the_link_of_an_offer_is_closed_too(booked: Page, stranger: Visitor) -> None:
    booking_id, now = booking_of(booked).id, clock.now()
    made = claims.claim(lambda: offers.make(booking_id, now, now + timedelta(hours=48)))
    assert made is not None
    with transaction():
        address = f"/offers/{offers.make_token(made)}"
    give_away(find.get(booking_id))
    assert stranger.get(address).status_code == 404


def test_a_newer_link_lets_a_browser_in_again(booked: Page, client: Visitor, stranger: Visitor) -> None:
    give_away(booking_of(booked))
    link = link_to(booking_of(booked), "confirmation:2")
    assert client.page(link).heading == stranger.page(link).heading == "You are booked"
    assert client.get(f"{booked.url}/details").status_code == 404  # it did not book this for Percy
    give_away(booking_of(booked))
    assert answers(client, booked) == answers(stranger, booked) == {404}


def test_other_bookings_of_the_same_browser_stay_open(booked: Page, client: Visitor, consult: AppointmentType) -> None:
    other = hold(client, consult.slug, place=0)
    give_away(booking_of(booked))
    assert client.get(other.url).status_code == 200


def test_a_mended_address_shuts_out_whoever_got_the_mail_by_mistake(
    app: Flask, booked: Page, stranger: Visitor
) -> None:
    booking = booking_of(booked)
    link = link_to(booking)
    stranger.page(link)
    contact = signed_in(app, Role.RECEPTION).page(f"/staff/patients/{booking.patient_id}/contact")
    assert contact.submit("Save", email="nora.right@example.com").has("Saved.")
    assert answers(stranger, booked) == {404}
    assert stranger.get(link).status_code == 404
