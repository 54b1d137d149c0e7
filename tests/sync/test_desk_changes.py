"""What the desk takes back or corrects is right outside as well: one event and one appointment, of the right person."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal.bookings import desk, find
from portal.clock import now
from portal.db import db, transaction
from portal.patients.models import Patient
from portal.scheduling import claims
from portal.staff.access import Role, Staff
from tests.support.chain import CANCELLED, Chain, patient_who
from tests.support.outbox import settle
from tests.support.staff import admitted
from tests.sync.tales import listen, medirecords_link, starts, written


@pytest.fixture
def pia(chain: Chain) -> Staff:
    listen(chain)
    return admitted(Role.RECEPTION)


def test_a_cancellation_that_is_undone_leaves_the_visit_in_both_calendars(chain: Chain, pia: Staff) -> None:
    booking = written(chain, patient=patient_who())
    (before,) = chain.appointments(booking.reference)
    with transaction():
        desk.cancel(find.get_locked(booking.id), pia, now(), wished_by="patient")
    settle(chain.sandbox)
    assert chain.appointments(booking.reference) == []
    assert chain.events(booking.reference) == []

    claims.claim(lambda: desk.take_back(find.get_locked(booking.id), pia, now()))
    settle(chain.sandbox)

    (after,) = chain.appointments(booking.reference)
    assert (after["id"], after["scheduleTime"]) == (before["id"], before["scheduleTime"])
    assert after["appointmentStatus"] != CANCELLED
    assert medirecords_link(booking).is_live
    assert len(chain.events(booking.reference)) == 1


def test_a_move_that_is_undone_moves_both_back(chain: Chain, pia: Staff) -> None:
    booking = written(chain, patient=patient_who())
    first = booking.starts_at
    claims.claim(lambda: desk.move(find.get_locked(booking.id), first + timedelta(hours=2), pia, now()))
    settle(chain.sandbox)
    claims.claim(lambda: desk.take_back(find.get_locked(booking.id), pia, now()))
    settle(chain.sandbox)

    (event,) = chain.events(booking.reference)
    assert starts(event) == first
    assert len(chain.appointments(booking.reference)) == 1


def test_a_visit_that_was_somebody_elses_is_written_anew_for_the_right_person(chain: Chain, pia: Staff) -> None:
    booking = written(chain, patient=patient_who())
    (wrong,) = chain.appointments(booking.reference)
    right = patient_who(given_name="Percy", family_name="Lilly", email="percy.lilly@example.com")
    give(booking.id, right, pia)
    settle(chain.sandbox)

    (appointment,) = chain.appointments(booking.reference)
    assert appointment["id"] != wrong["id"]
    assert appointment["patient"]["firstName"] == "Percy"
    assert len(chain.appointments(booking.reference, live=False)) == 2


def test_a_second_record_of_the_same_person_changes_nothing_there(chain: Chain, pia: Staff) -> None:
    booking = written(chain, patient=patient_who())
    (before,) = chain.appointments(booking.reference)
    known = db.session.get_one(Patient, booking.patient_id).medirecords_id
    assert known is not None
    give(booking.id, patient_who(medirecords_id=known), pia)
    settle(chain.sandbox)

    (after,) = chain.appointments(booking.reference, live=False)
    assert after["id"] == before["id"]


def give(booking_id: int, patient: Patient, staff: Staff) -> None:
    patient_id = patient.id
    with transaction():
        desk.give_to(find.get_locked(booking_id), db.session.get_one(Patient, patient_id), staff, now())
