"""Whose visit it is: the desk may say so, hands nobody's details to a browser, and closes the doors behind it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal.bookings import desk, find, links, offers
from portal.bookings import merge as merging
from portal.bookings.correction import correct
from portal.bookings.models import Booking
from portal.bookings.states import Status, WrongState
from portal.clock import now
from portal.db import db, transaction
from portal.patients import contact
from portal.patients.contact import Contact
from portal.patients.models import Patient, PatientMerge
from portal.scheduling import claims
from portal.staff.access import Staff
from tests.support.factories import make_booking, make_patient

pytestmark = pytest.mark.usefixtures("ctx")


def give(booking: Booking, patient: Patient, staff: Staff) -> None:
    with transaction():
        desk.give_to(find.get_locked(booking.id), patient, staff, now())


def link_to(booking: Booking, made_for: str = "confirmation:1") -> str:
    with transaction():
        return links.make(booking.id, made_for, now(), expires_at=links.expiry_of(booking))


def changed(patient: Patient, **values: str) -> Contact:
    return Contact(**(vars(contact.of(patient)) | values))


@pytest.mark.parametrize("source", ["web", "offer"])
def test_what_is_held_for_somebody_elses_browser_is_given_to_nobody(pia: Staff, source: str) -> None:
    typed, known = make_patient(given_name="Somebody"), make_patient()
    held = make_booking(status=Status.HELD, source=source, patient=typed)
    with pytest.raises(WrongState):
        give(held, known, pia)
    db.session.expire_all()
    assert held.patient_id == typed.id


@pytest.mark.parametrize("status", [Status.AWAITING_PAYMENT, Status.PAID_UNPLACED, Status.CANCELLED, Status.COMPLETED])
def test_a_visit_that_is_not_to_come_is_given_to_nobody(pia: Staff, status: Status) -> None:
    with pytest.raises(WrongState):
        give(make_booking(status=status), make_patient(), pia)


def test_the_desks_own_hold_is_for_whom_the_desk_says(pia: Staff) -> None:
    held, known = make_booking(status=Status.HELD, source="desk"), make_patient()
    give(held, known, pia)
    assert held.patient_id == known.id


def test_a_visit_given_to_somebody_else_is_open_to_nobody_who_knew_it(visit: Booking, pia: Staff) -> None:
    at, before = now(), visit.grant
    link = link_to(visit)
    offer = claims.claim(lambda: offers.make(visit.id, at, at + timedelta(hours=48)))
    assert offer is not None
    with transaction():
        offered = offers.make_token(offer)
    assert offers.by_token(offered, now()) is not None
    give(visit, make_patient(), pia)
    assert links.find(link, now()) is None
    assert offers.by_token(offered, now()) is None
    assert find.get(visit.id).grant != before
    assert links.find(link_to(visit, "confirmation:2"), now()) is not None


def test_another_booking_stays_open(visit: Booking, pia: Staff) -> None:
    other = make_booking()
    link = link_to(other)
    give(visit, make_patient(), pia)
    assert links.find(link, now()) is not None
    assert find.get(other.id).grant == other.reference


def test_a_mended_address_closes_what_went_to_the_wrong_one(visit: Booking, pia: Staff) -> None:
    patient = visit.patient
    assert patient is not None
    over = make_booking(patient=patient, starts_at=now() - timedelta(days=3), status=Status.COMPLETED)
    tokens = [link_to(visit), link_to(over)]
    with transaction():
        correct(patient, changed(patient, email="nora.right@example.com"), pia, now())
    assert [links.find(token, now()) for token in tokens] == [None, None]


def test_another_phone_number_closes_nothing(visit: Booking, pia: Staff) -> None:
    patient, link = visit.patient, link_to(visit)
    assert patient is not None
    with transaction():
        correct(patient, changed(patient, mobile="+61491570157", mobile_as_typed="0491 570 157"), pia, now())
    assert links.find(link, now()) is not None


def test_a_mended_address_does_not_throw_anybody_out_of_a_booking_they_are_making(pia: Staff) -> None:
    patient = make_patient()
    held = make_booking(status=Status.HELD, patient=patient)
    with transaction():
        correct(patient, changed(patient, email="nora.right@example.com"), pia, now())
    assert find.get(held.id).grant == held.reference


@pytest.mark.parametrize(("email", "is_closed"), [("new@example.com", True), ("Old@example.com", False)])
def test_joined_and_parted_visits_are_closed_where_their_mails_go_elsewhere(
    visit: Booking, pia: Staff, email: str, is_closed: bool
) -> None:
    kept, gone = make_patient(email="old@example.com"), visit.patient
    assert gone is not None
    with transaction():
        gone.email = email
    own = make_booking(patient=kept)
    first, kept_link, kept_id, gone_id = link_to(visit), link_to(own), kept.id, gone.id
    with transaction():
        made_id = merging.merge(kept_id, gone_id, pia, now()).id
    assert (links.find(first, now()) is None) == is_closed
    second = link_to(visit, "confirmation:2")
    with transaction():
        merging.undo(db.session.get_one(PatientMerge, made_id), pia, now())
    assert (links.find(second, now()) is None) == is_closed
    assert links.find(kept_link, now()) is not None
