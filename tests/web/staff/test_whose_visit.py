"""“Wrong patient?”: asked only where the desk may say whose visit it is, and answers never go to somebody else."""

from __future__ import annotations

import pytest
from werkzeug.datastructures import MultiDict

from portal import clock
from portal.bookings.models import Booking
from portal.catalogue.models import AppointmentType
from portal.db import db, transaction
from portal.intake import submit
from portal.patients.models import Patient
from tests.support import factories
from tests.support.funnel import DETAILS, booking_of, hold
from tests.support.page import Page
from tests.support.visitor import Visitor

pytestmark = pytest.mark.usefixtures("ctx")


def panel(visitor: Visitor, visit: Booking) -> Page:
    return visitor.page(f"/staff/bookings/{visit.reference}")


def holders() -> list[int | None]:
    db.session.rollback()
    return [visit.patient_id for visit in db.session.query(Booking).order_by(Booking.id)]


def send(visitor: Visitor, visit: Booking, patient: Patient) -> Page:
    """Choose this patient, whatever the pages offer."""
    page = panel(visitor, visit)
    data = {"csrf_token": page.value("csrf_token"), "seen": "9" * 12, "patient": str(patient.id)}
    return visitor.send("post", f"/staff/bookings/{visit.reference}/patients", MultiDict(data))


def test_nobody_is_put_into_a_booking_that_a_visitor_is_making(
    pia: Visitor, client: Visitor, consult: AppointmentType
) -> None:
    details = hold(client, consult.slug)
    details.submit("Continue", **DETAILS)
    visit, known = booking_of(details), factories.make_patient(given_name="Percy", family_name="Lilly")
    before = visit.patient_id
    assert "Wrong patient?" not in panel(pia, visit).links
    refused = send(pia, visit, known)
    assert refused.status == 422
    assert refused.has("the visit is in another state by now")
    assert holders() == [before]
    shown = client.get(details.url).text
    assert "Nora" in shown
    assert "Percy" not in shown


@pytest.fixture
def answered() -> Booking:
    form = factories.make_form("short")
    booking = factories.make_booking(type=factories.make_type(intake_form="short"))
    with transaction():
        submit.save(booking, form, {"reason": "Hay fever"}, clock.now(), is_complete=False)
    return booking


def test_a_visit_with_answers_stays_whose_it_is(pia: Visitor, answered: Booking) -> None:
    before, other = answered.patient_id, factories.make_patient()
    page = panel(pia, answered).follow("Wrong patient?")
    assert page.has("what somebody answered stays theirs")
    assert not page.soup.select("[role=search]")
    refused = send(pia, answered, other)
    assert refused.status == 422
    assert refused.has("join the records under “Doubtful matches”")
    assert holders() == [before]


def test_a_new_patient_does_not_get_them_either(pia: Visitor, answered: Booking) -> None:
    before = answered.patient_id
    other = factories.make_booking()
    form = panel(pia, other).follow("Wrong patient?")
    fields = form.part("details form")
    address = f"/staff/bookings/{answered.reference}/new-patients"
    data = {"csrf_token": fields.value("csrf_token"), "seen": "9" * 12, "is_new": "yes", "booked_for": "self",
            "given_name": "Ivo", "family_name": "Sandhurst", "born-day": "2", "born-month": "1", "born-year": "1990",
            "gender": "male", "mobile": "0491 570 157", "email": "ivo@example.org"}  # fmt: skip
    assert pia.send("post", address, MultiDict(data)).status == 422
    assert holders()[0] == before
    assert not db.session.query(Patient).filter_by(given_name="Ivo").count()
