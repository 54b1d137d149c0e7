"""A merge and a booking of the same person at the same moment: the visit ends up with the record that stays."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from portal import clock
from portal.bookings import confirm, desk, find
from portal.bookings import merge as merging
from portal.bookings.states import Status
from portal.db import db, transaction
from portal.patients.models import Patient
from portal.staff.access import Staff
from tests.support.factories import make_booking, make_patient
from tests.support.race import Race

pytestmark = pytest.mark.usefixtures("ctx")
NORA = {"mobile": "+61491570156", "email": "nora@example.com"}
Act = Callable[[], None]


@pytest.fixture
def records() -> tuple[Patient, Patient]:
    """One that stays and one that goes."""
    return make_patient(**(NORA | {"email": "old@example.com"})), make_patient(**NORA)


@pytest.fixture
def during_a_merge(records: tuple[Patient, Patient], pia: Staff, race: Race) -> Callable[[Act], list[object]]:
    """Begin to join the two records, do something else, and only then finish the merge."""
    kept_id, gone_id = (each.id for each in records)
    is_under_way = threading.Event()

    def merge() -> None:
        with transaction():
            merging.merge(kept_id, gone_id, pia, clock.now())
            is_under_way.set()
            time.sleep(0.4)

    def afterwards(act: Act) -> Act:
        def wait_and_act() -> None:
            assert is_under_way.wait(5)
            with transaction():
                act()

        return wait_and_act

    return lambda act: race(merge, afterwards(act))


def test_who_books_while_their_record_is_joined_is_booked_for_the_one_that_stays(
    records: tuple[Patient, Patient], during_a_merge: Callable[[Act], list[object]]
) -> None:
    held = make_booking(status=Status.HELD, patient=make_patient(**NORA))
    held_id = held.id
    assert during_a_merge(lambda: confirm.confirm(find.get_locked(held_id), clock.now(), by="patient")) == [None, None]
    db.session.expire_all()
    assert held.patient_id == records[0].id


def test_a_visit_given_to_a_record_that_is_being_joined_goes_to_the_one_that_stays(
    records: tuple[Patient, Patient], pia: Staff, during_a_merge: Callable[[Act], list[object]]
) -> None:
    visit, gone_id = make_booking(), records[1].id
    visit_id = visit.id

    def give() -> None:
        desk.give_to(find.get_locked(visit_id), db.session.get_one(Patient, gone_id), pia, clock.now())

    assert during_a_merge(give) == [None, None]
    db.session.expire_all()
    assert visit.patient_id == records[0].id
