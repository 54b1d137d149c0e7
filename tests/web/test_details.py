"""The details page: each wrong answer is told beside its field, and nothing typed is lost."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from portal import clock
from portal.bookings.models import BookedFor
from portal.catalogue.models import AppointmentType
from portal.db import db, transaction
from portal.patients.models import Gender, Patient
from tests.support.funnel import DETAILS, booking_of, hold, reach_check
from tests.support.page import Page
from tests.support.visitor import Visitor

SYDNEY = ZoneInfo("Australia/Sydney")


@pytest.fixture
def details(consult: AppointmentType, client: Visitor) -> Page:
    return hold(client, consult.slug)


def date_parts(day: date) -> dict[str, str]:
    return {"born-day": str(day.day), "born-month": str(day.month), "born-year": str(day.year)}


NOT_A_NAME = "Use letters, spaces, hyphens and apostrophes."
TOO_LONG = "Enter no more than 40 letters."
NOT_A_MOBILE = "Enter a mobile number, such as 0491 570 006, or with its country code."
NOT_AN_EMAIL = "Enter an e-mail address in the form name@example.com."
NOT_A_DATE = "Enter a real date of birth, such as 27 3 1985."


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("given_name", "", "Enter the given name."),
        ("given_name", "  \t ", "Enter the given name."),
        ("given_name", "x" * 41, TOO_LONG),
        ("given_name", "Nora\0", NOT_A_NAME),
        ("given_name", "Nora\x1b[31m", NOT_A_NAME),
        ("given_name", "<b>Nora</b>", NOT_A_NAME),
        ("family_name", "", "Enter the family name."),
        ("family_name", "Castellano\u202e", NOT_A_NAME),
        ("family_name", "x" * 50_000, TOO_LONG),
        ("preferred_name", "x" * 41, TOO_LONG),
        ("preferred_name", '"><script>alert(1)</script>', NOT_A_NAME),
        ("mobile", "", "Enter a mobile number, such as 0491 570 006."),
        ("mobile", "call me", NOT_A_MOBILE),
        ("mobile", "12345", NOT_A_MOBILE),
        ("mobile", "0491 570 156 7777 77", NOT_A_MOBILE),
        ("mobile", "0491 570 156\0", NOT_A_MOBILE),
        ("mobile", "0491 570 156" + " " * 5 + "<script>", NOT_A_MOBILE),
        ("mobile", "0" * 5_000, NOT_A_MOBILE),
        ("email", "", "Enter an e-mail address, such as name@example.com."),
        ("email", "nora", NOT_AN_EMAIL),
        ("email", "nora@", NOT_AN_EMAIL),
        ("email", "nora@example.com, eve@example.org", NOT_AN_EMAIL),
        ("email", "nora@example.com\0", NOT_AN_EMAIL),
        ("email", "<nora@example.com>", NOT_AN_EMAIL),
        ("email", "x" * 60 + "@" + "y" * 60 + ".example.com", "Enter an e-mail address of no more than 100 letters."),
    ],
)
def test_a_wrong_answer_is_told_beside_its_field(details: Page, field: str, typed: str, sentence: str) -> None:
    answer = details.submit("Continue", **(DETAILS | {field: typed}))
    assert answer.status == 422
    assert answer.errors == [sentence]
    assert answer.error_for(field) == sentence
    assert answer.links[sentence] == f"#{field}"
    assert answer.title.startswith("Error: ")
    assert "<script>alert" not in answer.response.text
    # What was typed is still there: the wrong answer and all the right ones.
    assert answer.value(field) == " ".join(typed.split())
    for other in ("given_name", "family_name", "born-day", "born-month", "mobile", "email"):
        if other != field:
            assert answer.value(other) == DETAILS[other]
    assert answer.value("gender") == "not-said"
    assert db.session.scalar(select(func.count()).select_from(Patient)) == 0
    assert answer.submit("Continue", **{field: DETAILS.get(field, "")}).heading == "Check your booking"


@pytest.mark.parametrize(
    ("born", "sentence"),
    [
        (("", "", ""), "Enter the date of birth."),
        (("31", "2", "1984"), NOT_A_DATE),
        (("9", "", "1984"), NOT_A_DATE),
        (("9", "Brumaire", "1984"), NOT_A_DATE),
        (("9", "3", "84"), "Enter a date of birth in the last 120 years."),
        (("9", "3", "99999999999999999999"), NOT_A_DATE),
        (("9" * 9_000, "9" * 9_000, "9" * 9_000), NOT_A_DATE),
        (("-9", "3", "1984"), NOT_A_DATE),
        (("9\0", "3\0", "1984\0"), NOT_A_DATE),
        (("<b>", "<i>", "<u>"), NOT_A_DATE),
        (("9", "3", "1884"), "Enter a date of birth in the last 120 years."),
    ],
)
def test_a_wrong_birth_date_is_one_message_for_its_three_boxes(
    details: Page, born: tuple[str, str, str], sentence: str
) -> None:
    typed = dict(zip(("born-day", "born-month", "born-year"), born, strict=True))
    answer = details.submit("Continue", **(DETAILS | typed))
    assert answer.status == 422
    assert answer.errors == [sentence]
    assert answer.error_for("born") == sentence
    assert answer.soup.find(id="born") is not None
    assert [answer.value(name) for name in typed] == list(born)


def test_a_birth_date_in_the_future_is_refused_and_today_in_sydney_is_not(details: Page) -> None:
    today = clock.now().astimezone(SYDNEY).date()
    tomorrow = details.submit("Continue", **(DETAILS | date_parts(today + timedelta(days=1))))
    assert tomorrow.errors == ["The date of birth must be in the past."]
    assert tomorrow.submit("Continue", **date_parts(today)).heading == "Check your booking"


@pytest.mark.parametrize("month", ["3", "03", "March", "march", "MAR", "mar.", " Mar "])
def test_a_month_may_be_a_name(details: Page, month: str) -> None:
    assert details.submit("Continue", **(DETAILS | {"born-month": month})).has("9 March 1984")


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("0491 570 156", "+61491570156"),
        ("(0491) 570-156", "+61491570156"),
        ("+61 491 570 156", "+61491570156"),
        ("+49 1512 3456789", "+4915123456789"),
        ("+64 21 123 456", "+6421123456"),
    ],
)
def test_a_mobile_number_is_kept_as_typed_and_stored_for_machines(details: Page, typed: str, stored: str) -> None:
    check = details.submit("Continue", **(DETAILS | {"mobile": typed}))
    assert check.has(typed)
    patient = booking_of(check).patient
    assert patient is not None
    assert (patient.mobile, patient.mobile_as_typed) == (stored, typed)


@pytest.mark.parametrize("name", ["Zoë", "O'Brien-Ngũgĩ", "Nguyễn", "李", "Á" * 40, "D’Arcy"])
def test_a_name_is_taken_as_people_write_it(details: Page, name: str) -> None:
    check = details.submit("Continue", **(DETAILS | {"given_name": f"  {name} "}))
    assert check.has(name)


def test_an_empty_form_tells_everything_at_once_in_the_order_of_the_page(details: Page) -> None:
    answer = details.submit("Continue", mobile="", email="")
    assert answer.status == 422
    assert answer.errors == [
        "Choose who the visit is for.",
        "Choose whether this person has visited us before.",
        "Enter the given name.",
        "Enter the family name.",
        "Enter the date of birth.",
        "Choose a gender, or “Prefer not to say”.",
        "Enter a mobile number, such as 0491 570 006.",
        "Enter an e-mail address, such as name@example.com.",
    ]
    targets = [answer.links[error].removeprefix("#") for error in answer.errors]
    assert all(answer.soup.find(id=target) is not None for target in targets)


@pytest.mark.parametrize("field", ["booked_for", "visited", "gender"])
@pytest.mark.parametrize("junk", ["", "somebody", "\0", "<b>"])
def test_a_choice_that_is_not_there_is_no_choice(
    consult: AppointmentType, client: Visitor, field: str, junk: str
) -> None:
    page = hold(client, consult.slug)
    data = {name: value for name, value in raw(page).items() if name != field} | {field: junk}
    answer = client.post(page.url, data=data, headers={"Origin": client.portal_url})
    assert answer.status_code == 422
    assert "Choose " in Page(client, answer).errors[0]


def raw(page: Page) -> dict[str, Any]:
    """The details as the fields of a request."""
    chosen = {"booked_for": "self", "visited": "no", "gender": "not-said"}
    return DETAILS | chosen | {"csrf_token": page.part(".main-column > form").value("csrf_token")}


def test_unknown_and_repeated_fields_change_nothing(consult: AppointmentType, client: Visitor) -> None:
    page = hold(client, consult.slug)
    reference = booking_of(page).reference
    extra = {"medirecords_id": "x", "patient_id": "1", "status": "confirmed", "booked_for": ["self", "child"]}
    answer = client.post(page.url, data=raw(page) | extra, headers={"Origin": client.portal_url})
    assert answer.status_code == 303
    assert answer.location == f"/bookings/{reference}/check"
    booking = booking_of(page)
    assert (booking.status, booking.booked_for) == ("held", BookedFor.SELF)
    assert booking.patient is not None
    assert booking.patient.medirecords_id is None


def test_who_books_for_somebody_else_gives_their_own_name(details: Page) -> None:
    answer = details.submit("Continue", **(DETAILS | {"booked_for": "My child"}))
    assert answer.errors == ["Enter your own name, so that we know who booked."]
    check = answer.submit("Continue", booked_by="Ottilie Castellano")
    assert check.has("Booked by Ottilie Castellano")
    assert booking_of(check).booked_for == BookedFor.CHILD
    # A name typed and then not needed is not kept.
    again = check.follow("Change Name").submit("Continue", booked_for="Me")
    assert "Booked by" not in again.text
    assert booking_of(again).booked_by == ""


def test_coming_back_shows_what_was_filled_in_and_a_change_is_kept(consult: AppointmentType, client: Visitor) -> None:
    check = reach_check(client, consult.slug)
    details = check.follow("Change Mobile")
    assert {name: details.value(name) for name in ("given_name", "mobile", "email")} == {
        name: DETAILS[name] for name in ("given_name", "mobile", "email")
    }
    assert (details.value("born-day"), details.value("born-month"), details.value("born-year")) == ("9", "3", "1984")
    changed = details.submit("Continue", mobile="0491 570 157", gender="Woman or girl")
    assert changed.has("0491 570 157")
    patient = booking_of(changed).patient
    assert patient is not None
    assert patient.gender == Gender.FEMALE
    assert db.session.scalar(select(func.count()).select_from(Patient)) == 1


def test_continue_keeps_the_time_longer(consult: AppointmentType, client: Visitor) -> None:
    details = hold(client, consult.slug)
    booking = booking_of(details)
    with transaction():
        booking.hold_expires_at = clock.now() + timedelta(minutes=2)
    details.submit("Continue", **DETAILS)
    db.session.expire_all()
    assert booking.hold_expires_at is not None
    assert booking.hold_expires_at > clock.now() + timedelta(minutes=14)


def test_the_questions_of_the_type_are_asked_and_told_beside_their_field(rosella: None, client: Visitor) -> None:
    place = "Where will you be during the call?"
    details = hold(client, "initial-consult-free")
    answer = details.submit("Continue", **DETAILS, adjustments="Yes", adjustments_which="An <b>interpreter</b>, please")
    assert answer.status == 422
    assert answer.errors == [f"Choose an answer to “{place}”."]
    assert answer.error_for("place") == answer.errors[0]
    assert answer.links[answer.errors[0]] == "#place"
    # What was typed elsewhere is kept, as text and not as markup.
    assert answer.value("given_name") == "Nora"
    assert answer.value("adjustments_which") == "An <b>interpreter</b>, please"
    assert "<b>interpreter" not in answer.response.text
    intake = answer.submit("Continue", place="Queensland")
    assert intake.heading == "Before your visit"
    again = intake.follow("Back to your details")
    assert (again.value("place"), again.value("adjustments_which")) == ("qld", "An <b>interpreter</b>, please")
    both = again.submit("Continue", place="Queensland", given_name="")
    assert both.errors == ["Enter the given name."]


def test_wrong_answers_to_both_kinds_of_questions_are_told_together(rosella: None, client: Visitor) -> None:
    answer = hold(client, "initial-consult-free").submit("Continue", **(DETAILS | {"email": "nora"}))
    assert answer.errors == [NOT_AN_EMAIL, "Choose an answer to “Where will you be during the call?”."]
