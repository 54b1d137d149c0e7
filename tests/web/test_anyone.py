"""Several people offer a visit: each time stands once, and who takes it is fixed and told when it is held."""

from __future__ import annotations

from datetime import time

import pytest

from portal.bookings.states import Status
from portal.catalogue.models import AppointmentType
from portal.db import transaction
from portal.staff.models import Practitioner
from tests.support.factories import make_booking, make_hours, make_location, make_practitioner, make_type
from tests.support.funnel import DETAILS, booking_of, free_times
from tests.support.page import Page
from tests.support.visitor import Visitor

LONG_NAME = "Dr Anneliese-Wilhelmina van Oosterhout-Featherstonehaugh-Lee"


@pytest.fixture
def people(ctx: None) -> tuple[Practitioner, Practitioner]:
    place = make_location(is_telehealth=True)
    lark, owl = make_practitioner(name="Early Lark", position=1), make_practitioner(name=LONG_NAME, position=2)
    make_hours(lark, place, starts=time(8), ends=time(13))
    make_hours(owl, place, starts=time(11), ends=time(19))
    return lark, owl


@pytest.fixture
def offered(people: tuple[Practitioner, Practitioner]) -> AppointmentType:
    return make_type(price_cents=0)


def at(page: Page, clock: str) -> tuple[str, str]:
    """The last time of the page that begins then: value and label."""
    return [(value, label) for value, label in page.choices("slot").items() if f", {clock} Sydney" in label][-1]


def test_each_time_stands_once_and_names_who_could_take_it(offered: AppointmentType, client: Visitor) -> None:
    page = client.page(f"/book/{offered.slug}")
    values = free_times(page)
    assert len(values) == len({value.split("/")[0] for value in values})
    assert all(value.endswith("/any") for value in values)
    assert at(page, "9:00 am")[1].endswith("with Early Lark")
    assert at(page, "11:30 am")[1].endswith(f"with Early Lark or {LONG_NAME}")
    assert page.has("Where no name stands, more than one of us is free.")


def test_the_one_who_takes_it_is_told_with_the_reason_before_it_is_booked(
    offered: AppointmentType, client: Visitor
) -> None:
    page = client.page(f"/book/{offered.slug}")
    details = page.submit("Continue", slot=at(page, "11:30 am")[0])
    booking = booking_of(details)
    assert booking.chosen_because
    check = details.submit("Continue", **DETAILS)
    for each in (details, check):
        assert each.has(booking.practitioner.name)
        assert each.has(booking.chosen_because)


def test_a_link_to_one_practitioner_shows_theirs_alone(
    offered: AppointmentType, people: tuple[Practitioner, Practitioner], client: Visitor
) -> None:
    _, owl = people
    page = client.page(f"/book/{offered.slug}?practitioner={owl.slug}")
    assert page.value("practitioner") == owl.slug
    assert all(value.endswith(f"/{owl.id}") for value in free_times(page))
    assert page.has(f"Only with {LONG_NAME}.")
    details = page.submit("Continue", slot=free_times(page)[-1])
    assert booking_of(details).chosen_because == ""


def test_a_second_click_on_a_time_with_anyone_keeps_the_first(offered: AppointmentType, client: Visitor) -> None:
    page = client.page(f"/book/{offered.slug}")
    chosen = at(page, "11:30 am")[0]
    assert page.submit("Continue", slot=chosen).url == page.submit("Continue", slot=chosen).url


def test_two_people_take_the_same_time_with_one_practitioner_each(
    offered: AppointmentType, client: Visitor, stranger: Visitor
) -> None:
    mine, theirs = client.page(f"/book/{offered.slug}"), stranger.page(f"/book/{offered.slug}")
    chosen = at(mine, "11:30 am")[0]
    held = [booking_of(page.submit("Continue", slot=chosen)) for page in (mine, theirs)]
    assert held[0].practitioner_id != held[1].practitioner_id


def test_the_nearest_times_are_those_of_the_same_practitioner_first(
    offered: AppointmentType, people: tuple[Practitioner, Practitioner], client: Visitor
) -> None:
    lark, _ = people
    page = client.page(f"/book/{offered.slug}?practitioner={lark.slug}")
    details = page.submit("Continue", slot=at(page, "12:30 pm")[0])
    booking = booking_of(details)
    with transaction():
        booking.status = Status.EXPIRED
    make_booking(type=offered, starts_at=booking.starts_at, practitioner=lark)
    labels = client.page(details.url).choices("slot").values()
    assert labels
    # 12:30 with the other one would be nearer.
    assert all(label.endswith("with Early Lark") for label in labels)


def test_a_visit_that_moves_shows_the_times_of_its_practitioner_until_anyone_is_wanted(
    offered: AppointmentType, people: tuple[Practitioner, Practitioner], client: Visitor
) -> None:
    lark, _ = people
    page = client.page(f"/book/{offered.slug}?practitioner={lark.slug}")
    details = page.submit("Continue", slot=at(page, "9:00 am")[0])
    booked = details.submit("Continue", **DETAILS).submit("Book this free visit")
    move = booked.follow("Change the time")
    assert move.value("practitioner") == lark.slug
    anyone = move.submit("Show", practitioner="Anyone")
    assert {value.split("/")[1] for value in free_times(anyone)} == {"any"}
    # And it stays so on other days.
    assert {value.split("/")[1] for value in free_times(anyone.follow("More days"))} == {"any"}
    assert anyone.submit("Move my visit", slot=at(anyone, "5:00 pm")[0]).has(LONG_NAME)
