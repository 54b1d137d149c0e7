"""Patients at the desk: finding them, reading their record, correcting their contact details, and who may not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import Range

from portal import clock
from portal.bookings.history import record
from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.catalogue.models import FormDefinition, FormPurpose
from portal.db import db, transaction
from portal.intake import submit
from portal.notices.models import Message
from portal.patients.models import Patient
from portal.staff.access import Role
from portal.staff.models import Action, AuditEntry
from tests.support import factories
from tests.support.factories import make_booking, make_patient, make_payment, make_practitioner, make_type
from tests.support.page import Page
from tests.support.visitor import Visitor

AsRole = Callable[..., Visitor]
pytestmark = pytest.mark.usefixtures("ctx")
HOME = "/staff/patients"
CANARY = "Zanzibar-answer-canary"


@pytest.fixture
def nora() -> Patient:
    found = make_patient(preferred_name="Norrie", email="nora@example.com")
    make_booking(patient=found, reference="BK-7F3K2Q")
    return found


def find(visitor: Visitor, asked: str) -> Page:
    return visitor.page(HOME).submit("Find", asked=asked)


def reads(patient: Patient) -> list[str]:
    wanted = select(AuditEntry).where(AuditEntry.patient_id == patient.id, AuditEntry.action == Action.READ)
    return [entry.part for entry in db.session.scalars(wanted.order_by(AuditEntry.id))]


@pytest.mark.parametrize(
    "asked",
    ["castellano", "norrie", "9/3/1984", "0491 570 156", "+61 491 570 156", "(0491) 570-156", "nora@example.com",
     "BK-7F3K2Q", "bk7f3k2q"],
)  # fmt: skip
def test_a_patient_is_found_by_whatever_they_say(pia: Visitor, nora: Patient, asked: str) -> None:
    make_booking(patient=make_patient(given_name="Ivo", family_name="Sandhurst", born_on=date(1990, 1, 2),
                                      mobile="+61491570157", email="ivo@example.org"))  # fmt: skip
    page = find(pia, asked)
    assert page.has("1 person")
    assert page.follow("Castellano, Nora").heading == "Nora Castellano"


def test_what_was_looked_for_is_in_no_address(pia: Visitor, nora: Patient, caplog: pytest.LogCaptureFixture) -> None:
    page = find(pia, "castellano")
    assert page.url == f"{HOME}/search"
    assert page.value("asked") == "castellano"
    assert "castellano" not in caplog.text.lower()
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.kind == "patient search")).one()
    assert (entry.part, entry.patient_ids) == ("1 found", [nora.id])
    assert pia.get(f"{HOME}/search?asked=castellano").status_code == 405


def test_only_records_that_were_opened_are_the_last_ones_and_seeing_them_again_is_written_down(
    pia: Visitor, nora: Patient
) -> None:
    assert find(pia, "castellano").has("1 person")
    pia.page(f"/staff/bookings/new?patient={nora.id}")
    assert not pia.page(HOME).has("Opened by you last")
    pia.page(f"{HOME}/{nora.id}")
    assert pia.page(HOME).has("Opened by you last")
    searches = select(AuditEntry).where(AuditEntry.kind == "patient search").order_by(AuditEntry.id)
    last = db.session.scalars(searches).all()[-1]
    assert (last.part, last.patient_ids) == ("opened last", [nora.id])


@pytest.mark.parametrize("asked", ["", "n", "x" * 101])
def test_too_little_or_too_much_is_told(pia: Visitor, asked: str) -> None:
    page = find(pia, asked)
    assert page.status == 422
    assert page.error_for("asked")


def test_nobody_fits(pia: Visitor, nora: Patient) -> None:
    assert find(pia, "wollombi").has("Nobody fits all of that.")


def test_a_row_that_was_joined_to_a_known_patient_is_not_found_a_second_time(pia: Visitor, nora: Patient) -> None:
    make_patient(given_name="Nora", family_name="Castellano")  # what a returning visitor typed
    assert find(pia, "castellano").has("1 person")


def test_two_hundred_people_with_long_names_fit_on_the_page(pia: Visitor) -> None:
    practitioner, kind, location = make_practitioner(), make_type(), factories.make_location()
    now = clock.now()
    with transaction():
        for number in range(205):
            person = Patient(
                given_name=f"Wilhelmina{number}", family_name="Featherstonehaugh" * 2, preferred_name="",
                born_on=date(1980, 1, 1), gender="female", email=f"w{number}@example.com", mobile="+61491570158",
                mobile_as_typed="0491 570 158", created_at=now,
            )  # fmt: skip
            db.session.add(person)
            db.session.flush()
            start = factories.ten_in_a_week(now)
            db.session.add(Booking(
                reference=f"BK-W{number:05}", appointment_type_id=kind.id, practitioner_id=practitioner.id,
                location_id=location.id, patient_id=person.id, status=Status.CANCELLED, starts_at=start,
                ends_at=start.replace(minute=30), blocked=Range(start, start.replace(minute=30)),
                held_at=now, terms={"price_cents": 0}, confirmed_at=now,
            ))  # fmt: skip
    page = find(pia, "featherstone")
    assert page.has("200 people")
    assert page.has("More than 200 people fit.")


def test_the_record_shows_what_the_desk_needs(pia: Visitor, nora: Patient) -> None:
    visit = db.session.scalars(select(Booking)).one()
    make_payment(visit)
    with transaction():
        record(visit, "booking.confirmed", clock.now(), by="patient")
        db.session.add(Message(booking_id=visit.id, kind="confirmation", cause="1", message_id="<1@example.com>",
                               created_at=clock.now(), sent_at=clock.now()))  # fmt: skip
    page = pia.page(f"{HOME}/{nora.id}")
    assert page.heading == "Nora Castellano"
    for words in ("9 March 1984", "0491 570 156", "nora@example.com", "BK-7F3K2Q", "Confirmed", "$119.00", "Paid",
                  "Confirmation", "Booked", "The patient"):  # fmt: skip
        assert page.has(words), words


def test_every_look_at_a_record_is_written_down(pia: Visitor, nora: Patient) -> None:
    pia.page(f"{HOME}/{nora.id}")
    pia.page(f"{HOME}/{nora.id}/contact")
    assert reads(nora) == ["record", "contact"]
    assert pia.page(HOME).has("Castellano, Nora")  # opened last


def answered(visit: Booking) -> None:
    with transaction():
        form = FormDefinition(slug="history", version=1, purpose=FormPurpose.INTAKE, title="Medical history",
                              definition={"sections": []})  # fmt: skip
        db.session.add(form)
        db.session.flush()
        submit.save(visit, form, {"allergies": CANARY}, clock.now(), is_complete=True)


@pytest.mark.parametrize("role", [Role.RECEPTION, Role.MANAGER, Role.OWNER])
def test_the_desk_sees_that_a_form_is_done_and_not_what_it_says(as_role: AsRole, nora: Patient, role: Role) -> None:
    answered(db.session.scalars(select(Booking)).one())
    page = as_role(role).page(f"{HOME}/{nora.id}")
    assert page.has("Medical history")
    assert page.part("section[aria-labelledby=forms]").has("Done")
    assert CANARY not in page.text
    assert "Read the answers" not in page.text


def test_a_practitioner_finds_and_opens_own_patients_only(as_role: AsRole, nora: Patient) -> None:
    visit = db.session.scalars(select(Booking)).one()
    other = make_booking(patient=make_patient(given_name="Ivo", family_name="Sandhurst"))
    mine = as_role(Role.PRACTITIONER, practitioner=visit.practitioner)
    assert find(mine, "castellano").has("1 person")
    assert find(mine, "sandhurst").has("Nobody fits")
    assert find(mine, other.reference).has("Nobody fits")
    page = mine.page(f"{HOME}/{nora.id}")
    assert page.has("BK-7F3K2Q")
    assert not page.soup.select("#payments")
    assert "Correct contact details" not in page.links
    assert mine.get(f"{HOME}/{other.patient_id}").status_code == 404
    assert mine.get(f"{HOME}/{nora.id}/contact").status_code == 403
    assert reads(other.patient) == []  # type: ignore[arg-type]


def test_a_practitioner_sees_only_their_own_visits_of_a_shared_patient(as_role: AsRole, nora: Patient) -> None:
    visit = db.session.scalars(select(Booking)).one()
    elsewhere = make_booking(patient=nora)
    page = as_role(Role.PRACTITIONER, practitioner=visit.practitioner).page(f"{HOME}/{nora.id}")
    assert page.has("BK-7F3K2Q")
    assert not page.has(elsewhere.reference)


@pytest.mark.parametrize("path", ["", "/1", "/1/contact"])
def test_the_bookkeeper_has_no_patients(as_role: AsRole, nora: Patient, path: str) -> None:
    assert as_role(Role.BOOKKEEPER).get(HOME + path).status_code == 403


@pytest.mark.parametrize("number", ["99", str(2**63), "9" * 30, "x"])
def test_a_patient_who_is_not_there_is_a_404(pia: Visitor, number: str) -> None:
    assert pia.get(f"{HOME}/{number}").status_code == 404


def test_contact_details_are_corrected_and_the_parts_written_down(pia: Visitor, nora: Patient) -> None:
    page = pia.page(f"{HOME}/{nora.id}/contact").submit(
        "Save", family_name="Castellano-Reyes", mobile="0491 570 157", email="nora.reyes@example.org"
    )
    assert page.heading == "Nora Castellano-Reyes"
    assert page.has("Saved.")
    db.session.expire_all()
    assert (nora.mobile, nora.mobile_as_typed) == ("+61491570157", "0491 570 157")
    changed = db.session.scalars(select(AuditEntry).where(AuditEntry.action == Action.CHANGED)).all()
    assert {entry.part for entry in changed} == {"name", "phone", "e-mail"}
    assert {entry.patient_id for entry in changed} == {nora.id}


@pytest.mark.parametrize(
    ("field", "typed", "words"),
    [
        ("given_name", "", "Enter the given name."),
        ("mobile", "12", "Enter a mobile number"),
        ("email", "nora at home", "Enter an e-mail address in the form"),
        ("born-year", "3000", "must be in the past"),
        ("family_name", "x" * 41, "no more than 40"),
    ],
)
def test_mistakes_are_told_as_on_the_public_page(
    pia: Visitor, nora: Patient, field: str, typed: str, words: str
) -> None:
    page = pia.page(f"{HOME}/{nora.id}/contact").submit("Save", **{field: typed})
    assert page.status == 422
    assert any(words in error for error in page.errors)
    assert page.value(field) == typed


def test_the_second_to_save_sees_what_the_first_has_changed(as_role: AsRole, pia: Visitor, nora: Patient) -> None:
    slow = pia.page(f"{HOME}/{nora.id}/contact")
    as_role(Role.MANAGER).page(f"{HOME}/{nora.id}/contact").submit("Save", email="new@example.org")
    page = slow.submit("Save", mobile="0491 570 158")
    assert page.status == 409
    assert page.has("E-mail address: now new@example.org , you typed nora@example.com")
    db.session.expire_all()
    assert nora.mobile_as_typed == "0491 570 156"
    page.submit("Save", email="new@example.org")
    db.session.expire_all()
    assert (nora.email, nora.mobile_as_typed) == ("new@example.org", "0491 570 158")


def test_a_name_is_text_and_never_markup(pia: Visitor) -> None:
    person = make_patient(given_name="<b>Bo", family_name="\"O'Neill")
    make_booking(patient=person)
    assert "<b>Bo" not in pia.get(f"{HOME}/{person.id}").get_data(as_text=True)
