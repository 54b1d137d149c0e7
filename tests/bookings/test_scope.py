"""Which bookings and patients are somebody's work."""

from __future__ import annotations

import pytest

from portal.bookings import scope
from portal.bookings.states import Status
from portal.db import db
from portal.staff.access import Role, Staff
from tests.support import factories

pytestmark = pytest.mark.usefixtures("ctx")


def staff(*roles: Role, practitioner_id: int | None = None) -> Staff:
    return Staff(1, "Somebody", frozenset(roles), practitioner_id)


@pytest.fixture
def visits(ctx: None) -> tuple[int, int]:
    """A booking with each of two practitioners, for two patients."""
    first = factories.make_booking(patient=factories.make_patient(given_name="Nora"))
    second = factories.make_booking(patient=factories.make_patient(given_name="Ada"))
    return first.practitioner_id, second.practitioner_id


def counts(who: Staff) -> tuple[int, int]:
    bookings, patients = db.session.scalars(scope.bookings_of(who)), db.session.scalars(scope.patients_of(who))
    return len(bookings.all()), len(patients.all())


def payable(who: Staff) -> int:
    return len(db.session.scalars(scope.payable_by(who)).all())


@pytest.mark.parametrize("role", [Role.OWNER, Role.MANAGER, Role.RECEPTION])
@pytest.mark.usefixtures("visits")
def test_the_desk_works_with_everything(role: Role) -> None:
    assert counts(staff(role)) == (2, 2)


def test_a_practitioner_works_with_their_own_diary_and_patients(visits: tuple[int, int]) -> None:
    who = staff(Role.PRACTITIONER, practitioner_id=visits[0])
    assert [each.practitioner_id for each in db.session.scalars(scope.bookings_of(who))] == [visits[0]]
    assert [each.given_name for each in db.session.scalars(scope.patients_of(who))] == ["Nora"]


@pytest.mark.parametrize("status", [Status.HELD, Status.AWAITING_PAYMENT, Status.EXPIRED, Status.CANCELLED])
def test_who_only_began_to_book_is_no_practitioners_patient(status: Status) -> None:
    begun = factories.make_booking(status=status, patient=factories.make_patient(), confirmed_at=None)
    who = staff(Role.PRACTITIONER, practitioner_id=begun.practitioner_id)
    assert counts(who) == (1, 0)
    factories.make_booking(status=Status.CANCELLED, practitioner=begun.practitioner, patient=begun.patient)
    assert counts(who) == (2, 1)  # it was a visit once


@pytest.mark.usefixtures("visits")
def test_a_practitioner_without_a_diary_works_with_nothing() -> None:
    assert counts(staff(Role.PRACTITIONER)) == (0, 0)


@pytest.mark.usefixtures("visits")
def test_the_bookkeeper_works_with_the_money_of_all_bookings_and_with_no_visit_or_patient() -> None:
    assert counts(staff(Role.BOOKKEEPER)) == (0, 0)
    assert payable(staff(Role.BOOKKEEPER)) == 2


def test_a_diary_without_the_role_is_nobodys(visits: tuple[int, int]) -> None:
    assert counts(staff(Role.BOOKKEEPER, practitioner_id=visits[0])) == (0, 0)


def test_others_see_the_money_of_the_visits_that_are_theirs(visits: tuple[int, int]) -> None:
    assert payable(staff(Role.RECEPTION)) == 2
    assert payable(staff(Role.PRACTITIONER, practitioner_id=visits[0])) == 1


def test_two_roles_are_worth_both(visits: tuple[int, int]) -> None:
    assert counts(staff(Role.PRACTITIONER, Role.MANAGER, practitioner_id=visits[0])) == (2, 2)


def test_keeping_the_books_opens_no_more_visits_to_a_practitioner(visits: tuple[int, int]) -> None:
    both = staff(Role.PRACTITIONER, Role.BOOKKEEPER, practitioner_id=visits[0])
    assert counts(both) == (1, 1)
    assert payable(both) == 2


def test_whose_diary_is_whose(visits: tuple[int, int]) -> None:
    own, other = visits
    assert scope.is_own_diary(staff(Role.PRACTITIONER, practitioner_id=own), own)
    assert not scope.is_own_diary(staff(Role.PRACTITIONER, practitioner_id=own), other)
    assert not scope.is_own_diary(staff(Role.BOOKKEEPER, practitioner_id=own), own)
    assert scope.is_own_diary(staff(Role.RECEPTION), other)
