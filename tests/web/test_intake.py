"""The intake page: what was typed is kept and saved, whatever else is missing."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from portal.bookings.models import Booking
from portal.catalogue.models import AppointmentType
from portal.db import db
from portal.intake import submit
from tests.support.funnel import DETAILS, booking_of, hold
from tests.support.page import Page
from tests.support.visitor import Visitor

REASON = "What would you like help with?"


@pytest.fixture
def intake(rosella: None, client: Visitor) -> Page:
    details = hold(client, "initial-consult-free").submit("Continue", **DETAILS, place="Queensland")
    assert details.heading == "Before your visit"
    return details


def saved(booking: Booking) -> dict[str, object]:
    form = submit.intake_form(booking)
    assert form is not None
    return dict(submit.answers(booking, form))


def test_it_says_how_long_it_takes_and_why_we_ask(intake: Page) -> None:
    assert intake.has("This takes about 3 minutes.")
    assert intake.has("Why we ask, and who sees it")
    assert intake.has("Step 3 of 4")


def test_what_was_typed_is_kept_and_saved_although_something_is_missing(intake: Page, client: Visitor) -> None:
    answer = intake.submit(
        "Continue",
        since="More than a year",
        safety=["pregnant"],
        medicines="Yes",
        medicines_which="Two <i>herbs</i>\nand one more",
    )
    assert answer.status == 422
    assert answer.errors == [f"Answer “{REASON}”."]
    assert answer.error_for("reason") == answer.errors[0]
    assert answer.title.startswith("Error: ")
    assert (answer.value("since"), answer.value("safety")) == ("years", ["pregnant"])
    assert answer.value("medicines_which") == "Two <i>herbs</i>\nand one more"
    # Also for somebody who leaves now and comes back later.
    assert client.page(answer.url).value("medicines_which") == "Two <i>herbs</i>\nand one more"
    # And the check page is not reached around it.
    assert client.page(answer.url.replace("/intake", "/check")).heading == "Before your visit"


def test_complete_answers_lead_to_the_check_page(intake: Page) -> None:
    check = intake.submit("Continue", reason="Sleep", interests=["GAPS", "Equine"])
    assert check.heading == "Check your booking"
    assert check.has("Sleep")
    assert check.has("GAPS, Equine")
    assert check.has("Not answered")
    assert saved(booking_of(check)) == {"reason": "Sleep", "interests": ["gaps", "equine"]}


def test_the_services_to_choose_from_are_those_on_show(intake: Page) -> None:
    assert list(intake.choices("interests")) == [
        "initial-consult",
        "alternative-medicine",
        "gaps",
        "weight-loss",
        "counseling",
        "equine",
    ]


def test_an_answer_to_a_question_that_is_not_asked_is_dropped(intake: Page) -> None:
    check = intake.submit("Continue", reason="Sleep", medicines="No", medicines_which="Secret herbs")
    assert "Secret herbs" not in check.text
    assert "medicines_which" not in saved(booking_of(check))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"reason": " \n "}, f"Answer “{REASON}”."),
        ({"reason": "x" * 1001}, f"Use 1000 characters or fewer for “{REASON}”; there are 1001 now."),
        ({"reason": "Sleep\0"}, "Remove the characters that cannot be printed."),
        ({"reason": "Sleep\x1b[2J"}, "Remove the characters that cannot be printed."),
    ],
)
def test_a_wrong_answer_is_told_and_still_there(intake: Page, fields: dict[str, str], sentence: str) -> None:
    answer = intake.submit("Continue", **({"other_care": "Yes", "other_care_who": "Dr Lee"} | fields))
    assert answer.status == 422
    assert answer.errors == [sentence]
    assert answer.value("reason").strip() == fields["reason"].strip()
    assert answer.value("other_care_who") == "Dr Lee"


@pytest.mark.parametrize("field", ["since", "other_care", "safety", "interests"])
@pytest.mark.parametrize("junk", ["surely", "<b>", "\0"])
def test_a_choice_that_is_not_there_is_refused(intake: Page, client: Visitor, field: str, junk: str) -> None:
    data = {"csrf_token": intake.part(".main-column > form").value("csrf_token"), "reason": "Sleep", field: junk}
    answer = Page(client, client.post(intake.url, data=data, headers={"Origin": client.portal_url}))
    assert answer.status == 422
    assert len(answer.errors) == 1
    assert answer.value("reason") == "Sleep"


def test_markup_in_an_answer_is_shown_as_text(intake: Page) -> None:
    check = intake.submit("Continue", reason="<script>alert(1)</script> & <b>pain</b>")
    assert check.has("<script>alert(1)</script> & <b>pain</b>")
    assert "<script>alert" not in check.response.text


def test_answers_are_sealed_in_the_database(intake: Page) -> None:
    intake.submit("Continue", reason="Quokka dreams")
    rows = [row for (row,) in db.session.execute(text("select sealed from intake_answer"))]
    assert rows
    assert not any("Quokka" in row for row in rows)


def test_answering_again_replaces_what_was_said(intake: Page) -> None:
    check = intake.submit("Continue", reason="Sleep", since="More than a year")
    again = check.follow(f"Change {REASON}")
    assert again.value("reason") == "Sleep"
    check = again.submit("Continue", reason="Sleep and food", since=None)
    assert check.has("Sleep and food")
    assert saved(booking_of(check))["reason"] == "Sleep and food"


def test_a_type_without_a_form_has_no_intake_page(consult: AppointmentType, client: Visitor) -> None:
    details = hold(client, consult.slug)
    path = details.url.replace("/details", "/intake")
    assert client.get(path).status_code == 302
    token = details.part(".main-column > form").value("csrf_token")
    posted = client.post(path, data={"csrf_token": token, "reason": "x"}, headers={"Origin": client.portal_url})
    assert posted.status_code == 404


def test_the_long_form_of_a_follow_up_is_answered_the_same_way(rosella: None, client: Visitor) -> None:
    details = hold(client, "followup-alternative-10min")
    form = details.submit("Continue", **(DETAILS | {"visited": "Yes"}), place="Queensland")
    assert form.heading == "Medical history"
    answer = form.submit("Continue", changes="Better", sleep_hours="a lot")
    assert "Write a number for “About how many hours do you sleep at night?”, such as 7 or 7.5." in answer.errors
    assert answer.value("sleep_hours") == "a lot"
    check = answer.submit("Continue", sleep_hours="7.5", medicines="No", allergies="No")
    assert check.heading == "Check your booking", check.errors
    assert check.has("7.5")
