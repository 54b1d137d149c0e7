"""Booking by phone: the time is held while somebody says who they are; nobody is taken for somebody else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from portal import clock
from portal.bookings import find
from portal.bookings.models import BookedFor, Booking, BookingEvent
from portal.bookings.states import Status
from portal.catalogue.models import AppointmentType
from portal.db import db, transaction
from portal.patients.models import Patient
from portal.payments.models import Method, Payment
from portal.staff.access import Role
from portal.staff.models import Action, AuditEntry, Practitioner
from tests.support import factories
from tests.support.funnel import free_times, make_offer
from tests.support.outbox import jobs_owed
from tests.support.page import Page
from tests.support.visitor import Visitor

SignIn = Callable[..., Visitor]
pytestmark = pytest.mark.usefixtures("ctx")
PERCY: dict[str, Any] = {
    "given_name": "Percy",
    "family_name": "Lilly",
    "born-day": "24",
    "born-month": "12",
    "born-year": "1961",
    "gender": "Man or boy",
    "mobile": "0491 570 157",
    "email": "percy.lilly@example.org",
}


@pytest.fixture
def offered(ctx: None) -> AppointmentType:
    return make_offer()


@pytest.fixture
def nora() -> Patient:
    return factories.make_patient(email="nora@example.com")


def type_link(page: Page, offered: AppointmentType) -> str:
    return next(words for words in page.links if words.startswith(offered.name))


def hold(visitor: Visitor, offered: AppointmentType, start: str = "/staff/bookings/new") -> Page:
    """Pick the type and its last time. -> the page that follows"""
    page = visitor.page(start)
    times = page.follow(type_link(page, offered))
    assert times.part("#times-heading").has("The first free day is")
    return times.submit("Hold this time", slot=list(times.choices("slot"))[-1])


def booking_of(page: Page) -> Booking:
    db.session.rollback()
    return find.by_reference(page.url.split("/bookings/")[1].split("/")[0].split("?")[0])


def test_a_known_patient_is_found_and_booked(as_role: SignIn, offered: AppointmentType, nora: Patient) -> None:
    who = hold(as_role(Role.RECEPTION), offered)
    assert who.heading == "Who is it for?"
    assert booking_of(who).status == Status.HELD
    held = who.submit("Find", q="castellano 9/3/1984").submit("Choose Nora Castellano, born 09/03/1984")
    assert held.has("Not booked yet")
    done = held.submit("Book for Nora Castellano")
    booking = booking_of(done)
    assert done.has("Booked. The confirmation is on its way.")
    assert (booking.status, booking.patient_id, booking.source) == (Status.CONFIRMED, nora.id, "desk")
    assert done.has("Still to pay $119.00")
    assert {"notices.send_confirmation", "sync.outlook"} <= set(jobs_owed())
    assert db.session.scalar(select(func.count(Patient.id))) == 1
    by = set(db.session.scalars(select(BookingEvent.by).where(BookingEvent.booking_id == booking.id)))
    assert by == {next(iter(by))}
    assert next(iter(by)).startswith("staff:")


def test_from_a_patients_record_nobody_is_asked_for_again(
    as_role: SignIn, offered: AppointmentType, nora: Patient
) -> None:
    held = hold(as_role(Role.RECEPTION), offered, f"/staff/bookings/new?patient={nora.id}")
    assert held.heading == "Nora Castellano"
    assert booking_of(held.submit("Book for Nora Castellano", paid="now")).is_confirmed
    (payment,) = db.session.scalars(select(Payment)).all()
    assert (payment.method, payment.amount_cents, payment.settles_booking) == (Method.CLINIC, 11900, True)


def test_a_gap_of_the_diary_is_one_click_from_being_held(as_role: SignIn, offered: AppointmentType) -> None:
    person = db.session.scalars(select(Practitioner)).one()
    day = factories.ten_in_a_week(clock.now()).astimezone(factories.SYDNEY).date()
    page = as_role(Role.RECEPTION).page(f"/staff/bookings/new?date={day}&time=10:00&practitioner={person.slug}")
    times = page.follow(type_link(page, offered))
    assert times.has(f"10:00 am Sydney time (AEDT) with {person.name}")
    held = times.part("main > .panel").submit("Hold this time")
    assert booking_of(held).starts_at == factories.ten_in_a_week(clock.now())


def test_a_gap_that_the_type_does_not_fit_says_why(as_role: SignIn, offered: AppointmentType) -> None:
    person = db.session.scalars(select(Practitioner)).one()
    day = factories.ten_in_a_week(clock.now()).astimezone(factories.SYDNEY).date()
    page = as_role(Role.RECEPTION).page(f"/staff/bookings/new?date={day}&time=11:45&practitioner={person.slug}")
    assert page.follow(type_link(page, offered)).has("This type does not fit there: outside hours.")


def test_somebody_new_is_added_by_the_rules_of_the_public_form(as_role: SignIn, offered: AppointmentType) -> None:
    who = hold(as_role(Role.RECEPTION), offered).submit("Find", q="lilly")
    assert who.has("Nobody fits “lilly”.")
    wrong = who.submit("Add this patient", **(PERCY | {"mobile": "12", "email": "percy", "born-year": "2961"}))
    assert wrong.status == 422
    assert len(wrong.errors) == 3
    assert wrong.value("given_name") == "Percy"
    held = wrong.submit("Add this patient", **PERCY)
    assert held.heading == "Percy Lilly"
    patient = db.session.scalars(select(Patient)).one()
    assert (patient.born_on, patient.mobile) == (date(1961, 12, 24), "+61491570157")
    assert db.session.scalars(select(AuditEntry.patient_id).where(AuditEntry.kind == "patient")).all()[-1] == patient.id


def test_who_may_be_known_already_is_shown_and_a_person_decides(
    as_role: SignIn, offered: AppointmentType, nora: Patient
) -> None:
    who = hold(as_role(Role.RECEPTION), offered)
    again = PERCY | {"given_name": "Nora", "family_name": "Castelano", "email": "nora@example.com"}
    asked = who.submit("Add this patient", **again)
    assert asked.status == 422
    assert asked.has("We may know this person")
    assert db.session.scalar(select(func.count(Patient.id))) == 1
    chosen = asked.submit("Choose Nora Castellano, born 09/03/1984")
    assert booking_of(chosen).patient_id == nora.id
    page = (
        chosen.follow("Choose another patient")
        .submit("Add this patient", **again)
        .submit("Add this patient", is_new=True)
    )
    assert page.heading == "Nora Castelano"
    assert db.session.scalar(select(func.count(Patient.id))) == 2


def test_a_parent_who_books_for_a_child_gets_the_mails(as_role: SignIn, offered: AppointmentType) -> None:
    who = hold(as_role(Role.RECEPTION), offered)
    child = PERCY | {"booked_for": "A parent, for their child", "booked_by": "Rosa Lilly"}
    page = who.submit("Add this patient", **child)
    booking = booking_of(page)
    assert (booking.booked_for, booking.booked_by) == (BookedFor.CHILD, "Rosa Lilly")
    assert page.has("Rosa Lilly, for their child")


def test_a_time_that_is_taken_while_they_talk_stays_theirs(
    as_role: SignIn, offered: AppointmentType, client: Visitor
) -> None:
    who = hold(as_role(Role.RECEPTION), offered)
    taken = f"{booking_of(who).starts_at:%Y-%m-%dT%H:%MZ}"
    values = free_times(client.page(f"/book/{offered.slug}"))
    assert values
    assert not any(value.startswith(taken) for value in values)


def test_the_desk_and_a_patient_reach_for_one_time_and_one_gets_it(
    as_role: SignIn, offered: AppointmentType, client: Visitor
) -> None:
    page = as_role(Role.RECEPTION).page(f"/staff/bookings/new/{offered.slug}")
    online = client.page(f"/book/{offered.slug}")
    slot = list(page.choices("slot"))[-1]
    assert online.submit("Continue", slot=slot).heading == "Your details"
    refused = page.submit("Hold this time", slot=slot)
    assert refused.status == 422
    assert "That time is not open: taken" in refused.errors[0]
    assert db.session.scalar(select(func.count(Booking.id))) == 1


def test_a_lapsed_hold_is_chosen_again_with_the_patient_kept(
    as_role: SignIn, offered: AppointmentType, nora: Patient
) -> None:
    held = hold(as_role(Role.RECEPTION), offered, f"/staff/bookings/new?patient={nora.id}")
    booking = booking_of(held)
    with transaction():
        booking.hold_expires_at = clock.now() - timedelta(minutes=1)
    late = held.submit("Book for Nora Castellano")
    assert late.status == 422
    assert late.has("The time was not held any longer.")
    assert late.follow("Choose a time").has("For Nora Castellano")


def test_a_held_time_is_kept_longer_or_let_go(as_role: SignIn, offered: AppointmentType, nora: Patient) -> None:
    held = hold(as_role(Role.RECEPTION), offered, f"/staff/bookings/new?patient={nora.id}")
    assert held.submit("Hold it longer").has("Held for longer.")
    gone = held.visitor.page(held.url.split("?")[0]).submit("Let this time go")
    assert gone.part(".desk-badges").has("Let go")
    assert booking_of(gone).is_cancelled


def test_a_time_against_the_rules_needs_a_reason(as_role: SignIn, offered: AppointmentType, nora: Patient) -> None:
    person = db.session.scalars(select(Practitioner)).one()
    page = as_role(Role.RECEPTION).page(f"/staff/bookings/new/{offered.slug}/{nora.id}")
    day = factories.ten_in_a_week(clock.now()).astimezone(factories.SYDNEY).date()
    refused = page.submit("Hold that time", day=day, clock="19:00", with_whom=person.slug)
    assert refused.status == 422
    assert "outside hours" in (refused.error_for("reason") or "")
    held = refused.submit("Hold that time", reason="Flies in from Perth")
    booked = held.submit("Book for Nora Castellano")
    assert booked.has("Against the rules: Flies in from Perth")
    assert booking_of(booked).is_confirmed


@pytest.mark.parametrize("typed", [{"day": ""}, {"clock": "25:00"}, {"clock": ""}, {"with_whom": None}])
def test_half_a_time_says_what_is_missing(as_role: SignIn, offered: AppointmentType, typed: dict[str, Any]) -> None:
    page = as_role(Role.RECEPTION).page(f"/staff/bookings/new/{offered.slug}")
    known = {"day": "2026-12-01", "clock": "10:00"}
    refused = page.submit("Hold that time", **(known | typed))
    assert refused.status == 422
    assert len(refused.errors) == 1


def test_nobody_finishes_what_a_patient_is_booking_online(
    as_role: SignIn, offered: AppointmentType, client: Visitor
) -> None:
    online = client.page(f"/book/{offered.slug}")
    reference = online.submit("Continue", slot=list(online.choices("slot"))[-1]).url.split("/")[2]
    visitor = as_role(Role.RECEPTION)
    page = visitor.page(f"/staff/bookings/{reference}")
    assert page.has("Somebody is booking this online")
    assert not {"Let this time go", "Hold it longer"} & set(page.buttons)
    for path in ("confirmation", "release", "extension"):
        answer = visitor.post(
            f"/staff/bookings/{reference}/{path}",
            data={"csrf_token": page.value("csrf_token"), "seen": "999999"},
            headers={"Origin": visitor.portal_url},
        )
        assert answer.status_code == 422, path


@pytest.mark.parametrize("role", [Role.PRACTITIONER, Role.BOOKKEEPER])
def test_only_the_desk_books(as_role: SignIn, offered: AppointmentType, role: Role) -> None:
    visitor = as_role(role)
    for path in ("new", f"new/{offered.slug}"):
        assert visitor.get(f"/staff/bookings/{path}").status_code == 403


def look_for(visitor: Visitor, asked: str) -> Page:
    return visitor.page("/staff/bookings").submit("Find", q=asked)


def test_visits_are_found_by_what_people_say(as_role: SignIn, nora: Patient) -> None:
    coming = factories.make_booking(patient=nora)
    factories.make_booking()
    visitor = as_role(Role.RECEPTION)
    page = look_for(visitor, "nora@example")
    assert page.part("tbody th").has("Nora Castellano")
    assert len(page.soup.select("tbody tr")) == 1
    assert look_for(visitor, coming.reference.lower()).heading == "Nora Castellano"
    assert look_for(visitor, "nobody").has("No visit fits “nobody”.")


def test_a_practitioner_finds_their_own_visits_only(as_role: SignIn, nora: Patient) -> None:
    factories.make_booking(patient=nora)
    page = look_for(as_role(Role.PRACTITIONER, practitioner=factories.make_practitioner()), "castellano")
    assert page.has("No visit fits")


def test_what_was_looked_for_is_in_no_address(
    as_role: SignIn, offered: AppointmentType, nora: Patient, caplog: pytest.LogCaptureFixture
) -> None:
    factories.make_booking(patient=nora)
    visitor = as_role(Role.RECEPTION)
    for page in (look_for(visitor, "castellano"), hold(visitor, offered).submit("Find", q="castellano")):
        assert page.part("tbody th").has("Nora Castellano")
        assert page.value("q") == "castellano"
        assert "castellano" not in page.url
        assert page.response.headers["Cache-Control"] == "no-store"
    assert "castellano" not in caplog.text.lower()
    assert not visitor.page("/staff/bookings?q=castellano").has("Nora Castellano")


# --- what the audit keeps of looking


def reads() -> list[tuple[str, str, list[int | None]]]:
    wanted = select(AuditEntry).where(AuditEntry.action == Action.READ).order_by(AuditEntry.id)
    found: list[tuple[str, str, list[int | None]]] = []
    for each in db.session.scalars(wanted):
        found.append((each.kind, each.part, [*each.patient_ids] if each.patient_ids else [each.patient_id]))
    return found


def test_a_search_is_one_entry_that_names_all_it_showed(as_role: SignIn, nora: Patient) -> None:
    other = factories.make_patient(given_name="Ada", family_name="Castellano", email="ada@example.com")
    for patient in (nora, nora, other):
        factories.make_booking(patient=patient)
    visitor = as_role(Role.RECEPTION)
    look_for(visitor, "castellano")
    assert reads() == [("patient search", "3 visits found", sorted([nora.id, other.id]))]
    look_for(visitor, "nobody at all")
    assert reads()[1:] == [("patient search", "0 visits found", [None])]


def test_whoever_may_be_somebody_known_is_written_down_when_shown(
    as_role: SignIn, offered: AppointmentType, nora: Patient
) -> None:
    who = hold(as_role(Role.RECEPTION), offered)
    again = PERCY | {"given_name": "Nora", "family_name": "Castelano", "email": "nora@example.com"}
    assert who.submit("Add this patient", **again).has("We may know this person")
    assert ("patient search", "1 alike", [nora.id]) in reads()


def test_a_page_for_a_new_visit_that_says_a_name_is_written_down(
    as_role: SignIn, offered: AppointmentType, nora: Patient
) -> None:
    visitor = as_role(Role.RECEPTION)
    for path in ("new", f"new/{offered.slug}"):
        assert not visitor.page(f"/staff/bookings/{path}").has("Nora")
    assert reads() == []
    for path in (f"new?patient={nora.id}", f"new/{offered.slug}/{nora.id}"):
        assert visitor.page(f"/staff/bookings/{path}").has("Nora Castellano")
    assert reads() == [("patient", "new visit", [nora.id])] * 2
    part_of_it = visitor.get(f"/staff/bookings/new/{offered.slug}/{nora.id}", headers={"HX-Request": "true"})
    assert "Nora" not in part_of_it.text
    assert len(reads()) == 2
