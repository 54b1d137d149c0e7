"""Reading what a person submitted, and saying it back."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.intake.answers import read_answers, read_date, say
from portal.intake.definition import parse

ASK = "What brings you here?"
DEFINITION: dict[str, Any] = {
    "sections": [
        {
            "id": "about",
            "title": "About you",
            "questions": [
                {"id": "reason", "kind": "long_text", "label": ASK, "required": True, "max_length": 20},
                {"id": "job", "kind": "text", "label": "What is your work?"},
                {
                    "id": "takes_medicines",
                    "kind": "yes_no",
                    "label": "Do you take medicines?",
                    "options": [
                        {
                            "value": "yes",
                            "label": "Yes",
                            "reveals": {"id": "medicines", "kind": "text", "label": "Which?", "required": True},
                        },
                        {"value": "no", "label": "No"},
                        {"value": "unsure", "label": "I do not know"},
                    ],
                },
                {
                    "id": "worse_at",
                    "kind": "choices",
                    "label": "When is it worse?",
                    "options": [
                        {"value": "morning", "label": "In the morning"},
                        {"value": "night", "label": "At night"},
                        {"value": "private", "label": "Prefer not to say"},
                    ],
                },
                {"id": "since", "kind": "date", "label": "Since when?"},
                {"id": "hours", "kind": "number", "label": "Hours of sleep", "min": 0, "max": 24},
                {"id": "interests", "kind": "services", "label": "What else interests you?"},
            ],
        }
    ]
}
FORM = parse(DEFINITION, [("gaps", "GAPS"), ("equine", "Equine")])


def read(**submitted: str | list[str]) -> tuple[dict[str, Any], dict[str, str]]:
    fields = {"reason": ["Tired"]} | {
        k.replace("__", "-"): [v] if isinstance(v, str) else v for k, v in submitted.items()
    }
    return read_answers(FORM, fields)


def test_what_was_typed_is_kept_without_the_space_around_it() -> None:
    answers, errors = read(reason="  Tired \r\n since May ", job=" a \n baker ")

    assert errors == {}
    assert answers == {"reason": "Tired \n since May", "job": "a baker"}


def test_a_required_question_needs_an_answer() -> None:
    assert read(reason="  ")[1] == {"reason": f"Answer “{ASK}”."}


def test_unanswered_optional_questions_are_no_error() -> None:
    assert read() == ({"reason": "Tired"}, {})


def test_a_long_answer_is_refused_with_the_count() -> None:
    errors = read(reason="x" * 21)[1]

    assert errors == {"reason": f"Use 20 characters or fewer for “{ASK}”; there are 21 now."}


@pytest.mark.parametrize("typed", ["a\x00b", "a\x1bb", "a\ud800b"])
def test_unprintable_characters_are_refused(typed: str) -> None:
    assert read(reason=typed)[1] == {"reason": "Remove the characters that cannot be printed."}


def test_an_option_that_was_not_offered_is_refused() -> None:
    errors = read(takes_medicines="perhaps", worse_at=["night", "noon"], interests=["gaps", "surgery"])[1]

    assert set(errors) == {"takes_medicines", "worse_at", "interests"}


def test_i_do_not_know_and_prefer_not_to_say_are_answers() -> None:
    answers, errors = read(takes_medicines="unsure", worse_at=["private"])

    assert errors == {}
    assert (answers["takes_medicines"], answers["worse_at"]) == ("unsure", ["private"])


def test_several_choices_come_in_the_order_of_the_form_and_once() -> None:
    assert read(worse_at=["night", "morning", "night"])[0]["worse_at"] == ["morning", "night"]


def test_a_revealed_question_is_asked_when_its_option_is_chosen() -> None:
    assert read(takes_medicines="yes")[1] == {"medicines": "Answer “Which?”."}
    assert read(takes_medicines="yes", medicines="Iron")[0]["medicines"] == "Iron"


def test_an_answer_to_a_hidden_question_is_dropped() -> None:
    answers, errors = read(takes_medicines="no", medicines="Iron\x00")

    assert errors == {}
    assert "medicines" not in answers


@pytest.mark.parametrize(
    ("day", "month", "year"),
    [("1", "12", "2025"), ("01", "Dec", "2025"), ("1", "december", "2025"), ("1", "dec.", "2025")],
)
def test_a_date_may_name_its_month(day: str, month: str, year: str) -> None:
    assert read(since__day=day, since__month=month, since__year=year)[0]["since"] == "2025-12-01"


@pytest.mark.parametrize(
    "boxes",
    [
        ("30", "2", "2025"),
        ("1", "", "2025"),
        ("1", "Ju", "2025"),
        ("", "5", "2025"),
        ("1", "5", "85"),
        ("x", "5", "2025"),
    ],
)
def test_a_date_that_does_not_exist_is_refused(boxes: tuple[str, str, str]) -> None:
    errors = read(since__day=boxes[0], since__month=boxes[1], since__year=boxes[2])[1]

    assert errors == {"since": "Write a real date for “Since when?”, such as 27 3 1985."}


def test_a_kept_date_can_be_sent_back_whole() -> None:
    assert read(since="2025-12-01")[0]["since"] == "2025-12-01"
    assert "since" in read(since="yesterday")[1]


def test_two_letters_of_a_month_are_not_enough() -> None:
    assert read_date("3", "jun", "2025") == date(2025, 6, 3)
    with pytest.raises(ValueError, match="month"):
        read_date("3", "ju", "2025")


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("a few", "Write a number for “Hours of sleep”, such as 7 or 7.5."),
        ("nan", "Write a number for “Hours of sleep”, such as 7 or 7.5."),
        ("-1", "“Hours of sleep” must be 0 or more."),
        ("24.5", "“Hours of sleep” must be 24 or less."),
    ],
)
def test_a_number_has_limits(typed: str, words: str) -> None:
    assert read(hours=typed)[1] == {"hours": words}


def test_a_number_is_kept_as_written() -> None:
    assert read(hours="7.50")[0]["hours"] == "7.50"


def test_answers_are_said_in_words_and_in_order() -> None:
    answers, _ = read(
        takes_medicines="yes", medicines="Iron", worse_at=["morning", "night"], since="2025-12-01", interests=["equine"]
    )

    assert say(FORM, answers) == [
        (ASK, "Tired"),
        ("What is your work?", "Not answered"),
        ("Do you take medicines?", "Yes"),
        ("Which?", "Iron"),
        ("When is it worse?", "In the morning, At night"),
        ("Since when?", "1 December 2025"),
        ("Hours of sleep", "Not answered"),
        ("What else interests you?", "Equine"),
    ]


def test_an_interest_that_is_no_longer_offered_is_still_told() -> None:
    form = parse(DEFINITION, [("gaps", "GAPS")])

    assert say(form, {"interests": ["equine"]})[-1] == ("What else interests you?", "equine")


FIELDS = [*(question.id for question in FORM.questions), "medicines", "since-day", "since-month", "since-year", "other"]
PLAUSIBLE = st.sampled_from(["yes", "no", "morning", "gaps", "2025-02-30", "31", "feb", "2025", "7", "1e9", "-", ""])
JUNK = st.dictionaries(st.sampled_from(FIELDS), st.lists(PLAUSIBLE | st.text(st.characters()), max_size=4))


@given(JUNK)
def test_junk_is_answered_never_raised(submitted: dict[str, list[str]]) -> None:
    answers, errors = read_answers(FORM, submitted)

    assert not set(answers) & set(errors)
    assert all(answers.values())
    assert all(error.endswith(".") for error in errors.values())


@given(JUNK)
def test_answers_once_taken_are_taken_again_unchanged(submitted: dict[str, list[str]]) -> None:
    answers, _ = read_answers(FORM, submitted)
    sent_again = {key: value if isinstance(value, list) else [value] for key, value in answers.items()}

    assert read_answers(FORM, sent_again)[0] == answers
    assert len(say(FORM, answers)) >= len(FORM.questions)
