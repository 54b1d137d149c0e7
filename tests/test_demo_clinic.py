"""The invented clinic hangs together: everything on sale can be booked with somebody."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import select

from portal import clinic, demo_clinic
from portal.catalogue import offer
from portal.catalogue.load import load, packaged_document
from portal.catalogue.models import AppointmentType
from portal.db import db, transaction
from portal.scheduling.models import Location, Room, WorkingHours
from portal.staff.models import Practitioner

NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)


@pytest.fixture
def built(ctx: None) -> list[str]:
    with transaction():
        load(packaged_document(), NOW, "tests")
        return demo_clinic.build()


@pytest.mark.usefixtures("built")
def test_everything_on_sale_has_somebody_with_hours_in_the_right_kind_of_place() -> None:
    hours = db.session.execute(
        select(WorkingHours.calendar_slug, Location.is_telehealth).join(
            Location, Location.id == WorkingHours.location_id
        )
    ).all()
    places = {(calendar, is_telehealth) for calendar, is_telehealth in hours}

    on_sale = [each for each in db.session.scalars(select(AppointmentType)) if offer.is_bookable(each, NOW)]
    assert {each.is_telehealth for each in on_sale} == {True, False}
    for each in on_sale:
        assert (each.calendar_slug, each.is_telehealth) in places


@pytest.mark.usefixtures("built")
def test_visits_in_person_have_a_room_at_an_address_in_sydney() -> None:
    room = db.session.scalars(select(Room)).one()

    assert not room.location.is_telehealth
    assert room.location.address == "Level 1, 100 Example Street, Sydney NSW 2000"
    assert room.location.zone == "Australia/Sydney"


@pytest.mark.usefixtures("built")
def test_practitioners_work_in_several_calendars_and_places() -> None:
    rows = db.session.execute(
        select(Practitioner.slug, WorkingHours.calendar_slug).join(
            WorkingHours, WorkingHours.practitioner_id == Practitioner.id
        )
    ).all()
    calendars: dict[str, set[str]] = {}
    for slug, calendar in rows:
        calendars.setdefault(slug, set()).add(calendar)

    assert calendars["maeve-larkspur"] == {"consultant"}
    assert calendars["ines-calloway"] == {"gaps", "weight-loss"}
    assert len(calendars) == 4


def test_nothing_is_added_the_second_time(built: list[str]) -> None:
    assert len(built) == 9
    with transaction():
        assert demo_clinic.build() == []


@pytest.mark.usefixtures("built")
def test_what_staff_changed_stays_changed() -> None:
    tobias = db.session.scalars(select(Practitioner).where(Practitioner.slug == "tobias-wren")).one()
    tobias.name = "Toby Wren"
    clinic.store(clinic.Clinic(name="Another name"))
    db.session.commit()

    with transaction():
        demo_clinic.build()

    assert tobias.name == "Toby Wren"
    assert clinic.details().name == "Another name"


@pytest.mark.usefixtures("built")
def test_the_sandbox_hears_of_the_same_people() -> None:
    told = demo_clinic.people()

    known = {each.slug: each for each in db.session.scalars(select(Practitioner))}
    assert len(told["practitioners"]) == len(known)
    for person in told["practitioners"]:
        row = known[person["id"]]
        assert (person["graph_user_id"], person["medirecords_provider_id"], person["email"]) == (
            row.graph_user_id,
            row.medirecords_provider_id,
            row.email,
        )


def test_there_is_somebody_for_each_role_at_the_desk() -> None:
    roles = {role for person in demo_clinic.people()["staff"] for role in person["roles"]}

    assert roles == {"owner", "manager", "reception", "practitioner", "bookkeeper"}


def test_a_practitioner_signs_in_as_the_owner_of_the_mailbox() -> None:
    told = demo_clinic.people()
    mailboxes = {person["email"]: person["graph_user_id"] for person in told["practitioners"]}
    oids = {person["email"]: person["oid"] for person in told["staff"] if person["roles"] == ["practitioner"]}

    assert oids == mailboxes


def test_the_sender_is_the_address_that_mails_leave_from() -> None:
    sender = demo_clinic.people("Desk <desk@rosella-clinic.example.com>")["sender"]

    assert (sender["name"], sender["email"]) == ("Desk", "desk@rosella-clinic.example.com")
    assert UUID(sender["graph_user_id"])


def test_the_business_number_passes_the_registers_check() -> None:
    digits = [int(digit) for digit in demo_clinic.ROSELLA.abn.replace(" ", "")]
    weights = [10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]

    assert len(digits) == 11
    assert sum(weight * digit for weight, digit in zip(weights, [digits[0] - 1, *digits[1:]], strict=True)) % 89 == 0
