"""The times page is rendered once for many: never an old one, and never with anything of one visitor in it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from portal import create_app
from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.catalogue.models import AppointmentType
from portal.config import Settings
from portal.db import db
from portal.staff.models import Practitioner
from portal.web.booking import kept_page
from tests.support.factories import make_booking, make_practitioner
from tests.support.funnel import free_times
from tests.support.page import Page
from tests.support.visitor import Visitor


def change(statement: str) -> None:
    """Somebody else changes and commits."""
    with db.engine.begin() as connection:
        assert connection.execute(text(statement)).rowcount > 0


@pytest.mark.parametrize(
    ("statement", "before", "after"),
    [
        ("update price set amount_cents = 12300", "Free", "$123"),
        ("update appointment_type set name = 'First talk'", "Choose a time", "First talk"),
        ("update appointment_type set length_minutes = 45", "30 minutes", "45 minutes"),
        ("update service set name = 'Listening'", "Choose a time", "Listening"),
        ("update practitioner set name = 'Dr Ines Marlow'", "with Dr Ines Moreau", "with Dr Ines Marlow"),
        (
            "update setting set value = jsonb_set(value, '{name}', '\"Lorikeet Clinic\"')",
            "Rosella Clinic",
            "Lorikeet Clinic",
        ),
    ],
)
def test_what_the_clinic_changes_shows_at_once(
    rosella: None, consult: AppointmentType, client: Visitor, statement: str, before: str, after: str
) -> None:
    page = client.page(f"/book/{consult.slug}")
    assert page.has(before)
    assert not page.has(after)
    change(statement)
    assert client.page(f"/book/{consult.slug}").has(after)


@pytest.mark.parametrize(
    "statement",
    [
        "update appointment_type set is_active = false",
        "update appointment_type set length_minutes = null",
        "update service set status = 'retired'",
        "delete from price",
    ],
)
def test_a_type_that_is_taken_off_is_gone_at_once(consult: AppointmentType, client: Visitor, statement: str) -> None:
    client.page(f"/book/{consult.slug}")
    change(statement)
    assert client.get(f"/book/{consult.slug}").status_code == 404


def test_a_taken_time_is_gone_and_a_cancelled_one_is_back_at_once(consult: AppointmentType, client: Visitor) -> None:
    before = free_times(client.page(f"/book/{consult.slug}"))
    start, who = before[-1].split("/")
    booked = make_booking(
        type=consult, starts_at=datetime.fromisoformat(start), practitioner=db.session.get(Practitioner, int(who))
    )
    assert before[-1] not in free_times(client.page(f"/book/{consult.slug}"))
    change(f"update booking set status = 'cancelled' where id = {booked.id}")
    assert free_times(client.page(f"/book/{consult.slug}")) == before


def test_a_hold_that_lapses_by_time_alone_is_back_at_once(consult: AppointmentType, client: Visitor) -> None:
    before = free_times(client.page(f"/book/{consult.slug}"))
    start, who = before[-1].split("/")
    held = make_booking(
        type=consult,
        status=Status.HELD,
        starts_at=datetime.fromisoformat(start),
        practitioner=db.session.get(Practitioner, int(who)),
    )
    assert before[-1] not in free_times(client.page(f"/book/{consult.slug}"))
    held = db.session.get_one(Booking, held.id)
    held.hold_expires_at = held.held_at - timedelta(seconds=1)
    db.session.commit()
    assert free_times(client.page(f"/book/{consult.slug}")) == before


def test_each_visitor_has_a_token_of_their_own_that_works(
    consult: AppointmentType, client: Visitor, stranger: Visitor
) -> None:
    pages = [visitor.page(f"/book/{consult.slug}") for visitor in (client, stranger, client)]
    assert not any(kept_page.TOKEN_PLACE in page.text for page in pages)
    tokens = [page.value("csrf_token") for page in pages]
    assert all(tokens)
    assert tokens[0] != tokens[1]
    for page in pages[1:]:
        assert page.submit("Continue", slot=free_times(page)[-1]).status in (200, 422)


def test_htmx_and_other_filters_get_what_they_asked_for(consult: AppointmentType, client: Visitor) -> None:
    make_practitioner()
    path = f"/book/{consult.slug}"
    whole, part = client.get(path), client.get(path, headers={"HX-Request": "true"})
    assert "<html" in whole.text
    assert "<html" not in part.text
    assert "<html" in client.get(path).text
    assert free_times(client.page(f"{path}?part=evening")) == []
    assert free_times(client.page(path)) != []


def test_one_connection_is_enough_for_a_visitor_with_a_session(settings: Settings, consult: AppointmentType) -> None:
    lonely = create_app(settings, pool_size=1)
    lonely.test_client_class = Visitor
    visitor = lonely.test_client()
    assert isinstance(visitor, Visitor)
    visitor.page("/find-my-visit")
    assert isinstance(visitor.page(f"/book/{consult.slug}"), Page)
    with lonely.app_context():
        db.engine.dispose()
