"""The panel: everything about one booking on one page, for those whose work it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from portal import clock
from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.db import db, transaction
from portal.intake import submit
from portal.staff.access import Role
from portal.staff.models import Action, AuditEntry
from tests.support import factories
from tests.support.page import Page
from tests.support.visitor import Visitor

SignIn = Callable[..., Visitor]
pytestmark = pytest.mark.usefixtures("ctx")
SECRET = "Itching since the flood"


@pytest.fixture
def visit() -> Booking:
    form = factories.make_form("short")
    person = factories.make_practitioner(name="Ines Calloway")
    booking = factories.make_booking(type=factories.make_type(intake_form="short"), practitioner=person)
    with transaction():
        submit.save(booking, form, {"reason": SECRET}, clock.now(), is_complete=True)
    return booking


def panel(visitor: Visitor, visit: Booking) -> Page:
    return visitor.page(f"/staff/bookings/{visit.reference}")


def audited() -> list[tuple[str, str, str, str]]:
    rows = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id))
    return [(row.action, row.kind, row.subject, row.part) for row in rows if row.action == Action.READ]


@pytest.mark.parametrize("role", [Role.OWNER, Role.MANAGER, Role.RECEPTION])
def test_the_desk_sees_who_when_and_how_to_reach_them(as_role: SignIn, visit: Booking, role: Role) -> None:
    page = panel(as_role(role), visit)
    assert page.heading == "Nora Castellano"
    for words in ("09/03/1984", "0491 570 156", "Ines Calloway", "Confirmed", visit.reference, "$119.00"):
        assert page.has(words), words
    assert audited() == [("read", "booking", visit.reference, "")]


@pytest.mark.parametrize("role", [Role.OWNER, Role.MANAGER, Role.RECEPTION])
def test_the_desk_sees_how_far_a_form_is_and_never_what_it_says(as_role: SignIn, visit: Booking, role: Role) -> None:
    visitor = as_role(role)
    page = panel(visitor, visit)
    assert page.has("Before we meet Completed")
    assert SECRET not in page.response.text
    assert visitor.get(f"/staff/bookings/{visit.reference}/answers").status_code == 403


def test_a_practitioner_reads_the_answers_of_their_own_visit_which_is_written_down(
    as_role: SignIn, visit: Booking
) -> None:
    answers = panel(as_role(Role.PRACTITIONER, practitioner=visit.practitioner), visit).follow("Read the answers")
    assert answers.has(SECRET)
    assert audited()[-1] == ("read", "answers", visit.reference, "forms")


def test_a_practitioner_cannot_open_anothers_patient_by_guessing_an_address(as_role: SignIn, visit: Booking) -> None:
    other = as_role(Role.PRACTITIONER, practitioner=factories.make_practitioner(name="Ravi Fernside"))
    missing = other.get("/staff/bookings/BK-AAAAAA")
    for path in ("", "/answers", "/no-show"):
        foreign = other.get(f"/staff/bookings/{visit.reference}{path}")
        assert foreign.status_code == missing.status_code == 404, path
        assert "Castellano" not in foreign.text
    assert audited() == []


def test_a_manager_who_is_a_practitioner_too_reads_only_their_own_answers(as_role: SignIn, visit: Booking) -> None:
    other = factories.make_practitioner(name="Ravi Fernside")
    both = as_role(Role.PRACTITIONER, Role.MANAGER, practitioner=other)
    assert panel(both, visit).has("Before we meet")
    assert both.get(f"/staff/bookings/{visit.reference}/answers").status_code == 404


def test_the_bookkeeper_sees_the_money_and_nothing_of_the_visit(as_role: SignIn, visit: Booking) -> None:
    factories.make_payment(visit)
    page = panel(as_role(Role.BOOKKEEPER), visit)
    assert page.heading == visit.reference
    assert page.has("$119.00 by card online")
    for words in ("0491 570 156", "09/03/1984", visit.terms["type_name"], "Before we meet", SECRET, "Notes"):
        assert words not in page.response.text, words
    assert audited() == [("read", "booking", visit.reference, "money")]


def test_a_practitioner_who_keeps_the_books_sees_only_the_money_of_others_visits(
    as_role: SignIn, visit: Booking
) -> None:
    factories.make_payment(visit)
    both = as_role(Role.PRACTITIONER, Role.BOOKKEEPER, practitioner=factories.make_practitioner(name="Ravi Fernside"))
    page = panel(both, visit)
    assert page.heading == visit.reference
    assert page.has("$119.00 by card online")
    for words in ("0491 570 156", "09/03/1984", visit.terms["type_name"], "Before we meet", "Notes"):
        assert words not in page.response.text, words
    note = {"csrf_token": page.value("csrf_token"), "note": "Guessed the address."}
    assert both.post(f"/staff/bookings/{visit.reference}/notes", data=note).status_code == 404
    assert audited() == [("read", "booking", visit.reference, "money")]


def test_a_practitioner_who_keeps_the_books_sees_all_of_their_own_visit(as_role: SignIn, visit: Booking) -> None:
    both = as_role(Role.PRACTITIONER, Role.BOOKKEEPER, practitioner=visit.practitioner)
    page = panel(both, visit)
    assert page.heading == "Nora Castellano"
    assert page.submit("$119.00 was paid to the desk").has("The payment is written down.")


def test_notes_are_kept_sealed_removed_and_put_back(as_role: SignIn, visit: Booking) -> None:
    page = panel(as_role(Role.RECEPTION), visit).submit("Keep the note", note="Brings her sister.\nNeeds the lift.")
    assert page.has("Brings her sister.")
    assert "sister" not in str(db.session.execute(db.text("select sealed from booking_note")).all())
    label = next(words for words in page.buttons if words.startswith("Remove the note"))
    gone = page.submit(label)
    assert not gone.has("Brings her sister.")
    back = gone.submit("Undo: put the note back")
    assert back.has("Brings her sister.")
    assert back.has("Pia Wattle")


def test_an_empty_note_says_so(as_role: SignIn, visit: Booking) -> None:
    page = panel(as_role(Role.RECEPTION), visit).submit("Keep the note", note="  ")
    assert page.status == 422
    assert page.has("Write something in the note first.")


def test_a_day_at_the_desk_goes_forward_and_back(as_role: SignIn) -> None:
    visit = factories.make_booking(starts_at=clock.now() - timedelta(minutes=5))
    visitor = as_role(Role.PRACTITIONER, practitioner=visit.practitioner)
    page = panel(visitor, visit)
    for button, state in (("Arrived", "Arrived"), ("Session begins", "In session"), ("Completed", "Completed")):
        page = page.submit(button)
        assert page.part(".desk-badges").has(state)
    page = page.submit("Undo: back to the state before")
    assert page.part(".desk-badges").has("In session")
    assert page.has("Set back to “In session”")


def test_a_step_that_does_not_fit_is_refused_in_words(as_role: SignIn) -> None:
    visit = factories.make_booking(starts_at=clock.now() - timedelta(minutes=5))
    visitor = as_role(Role.RECEPTION)
    page = panel(visitor, visit)
    with transaction():
        visit.status = Status.COMPLETED
    refused = page.submit("Arrived")
    assert refused.status == 422
    assert refused.has("the visit is in another state by now")


def test_nobody_arrives_days_ahead(as_role: SignIn, visit: Booking) -> None:
    assert "Arrived" not in panel(as_role(Role.RECEPTION), visit).buttons


def test_what_was_paid_and_given_back_stands_in_order(as_role: SignIn, visit: Booking) -> None:
    factories.make_payment(visit)
    page = panel(as_role(Role.RECEPTION), visit).follow("Cancel").submit("Cancel this visit")
    assert page.has("$119.00 by card online")
    assert page.has("Cancelled")
