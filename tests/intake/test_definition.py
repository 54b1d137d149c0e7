"""What a form definition may say."""

from __future__ import annotations

from typing import Any

import pytest

from portal.intake.definition import BadForm, parse


def form_of(*questions: dict[str, Any]) -> dict[str, Any]:
    return {"sections": [{"id": "about", "title": "About you", "questions": list(questions)}]}


REASON = {"id": "reason", "kind": "long_text", "label": "What brings you here?"}
MEDICINES = {
    "id": "takes_medicines",
    "kind": "yes_no",
    "label": "Do you take medicines?",
    "options": [
        {"value": "yes", "label": "Yes", "reveals": {"id": "medicines", "kind": "text", "label": "Which?"}},
        {"value": "no", "label": "No"},
        {"value": "unsure", "label": "I do not know"},
    ],
}


def test_sections_and_questions_keep_their_order_and_words() -> None:
    form = parse(
        {
            "sections": [
                {"id": "a", "title": "First", "minutes": 2, "intro": "Hello.", "questions": [REASON]},
                {"id": "b", "title": "Second", "minutes": 3, "questions": [MEDICINES]},
            ]
        }
    )

    assert [section.title for section in form.sections] == ["First", "Second"]
    assert [question.id for question in form.questions] == ["reason", "takes_medicines"]
    assert form.minutes == 5
    assert form.sections[0].intro == "Hello."


def test_a_yes_no_question_brings_its_own_options() -> None:
    question = parse(form_of({"id": "smokes", "kind": "yes_no", "label": "Do you smoke?"})).questions[0]

    assert [(option.value, option.label) for option in question.options] == [("yes", "Yes"), ("no", "No")]


def test_a_services_question_offers_what_the_clinic_offers_now() -> None:
    definition = form_of(REASON, {"id": "interests", "kind": "services", "label": "What else interests you?"})

    asked = parse(definition, [("gaps", "GAPS"), ("equine", "Equine")]).questions[1]

    assert [(option.value, option.label) for option in asked.options] == [("gaps", "GAPS"), ("equine", "Equine")]


def test_a_services_question_is_left_out_when_nothing_is_on_offer() -> None:
    definition = form_of(REASON, {"id": "interests", "kind": "services", "label": "What else interests you?"})

    assert [question.id for question in parse(definition).questions] == ["reason"]


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        ([], "The form must be an object with keys and values."),
        ({}, "The form: sections must be a list with at least one entry."),
        ({"sections": [], "x": 1}, "The form has a key that is not known here: x."),
        ({"sections": [{"id": "a", "title": "A", "questions": []}]}, "questions must be a list with at least one"),
        (form_of({"id": "Q 1", "kind": "text", "label": "L"}), "id must be small letters, digits and underscores"),
        (form_of(REASON, REASON), "the id 'reason' is used twice."),
        (form_of({"id": "q", "kind": "colour", "label": "L"}), "kind must be one of text, long_text, choice"),
        (form_of({"id": "q", "kind": "text"}), "Question 'q': label must be a text."),
        (form_of({"id": "q", "kind": "text", "label": "L", "required": "yes"}), "required must be true or false."),
        (form_of({"id": "q", "kind": "text", "label": "L", "options": []}), "not known here: options."),
        (form_of({"id": "q", "kind": "choice", "label": "L"}), "options must be a list with at least one entry."),
        (form_of({"id": "q", "kind": "text", "label": "L", "max_length": 0}), "whole number from 1 to 4000."),
        (form_of({"id": "q", "kind": "number", "label": "L", "min": 3, "max": 2}), "min is more than max."),
        (form_of({"id": "q", "kind": "number", "label": "L", "min": "a"}), "min must be a number."),
        (
            form_of({"id": "q", "kind": "choice", "label": "L", "options": [{"value": "a", "label": "A"}] * 2}),
            "two options have the same value.",
        ),
        (
            form_of({"id": "q", "kind": "yes_no", "label": "L", "options": [{"value": "yes", "label": "Yes"}]}),
            "the options must include yes and no.",
        ),
    ],
)
def test_a_wrong_definition_is_refused_in_one_sentence(definition: object, words: str) -> None:
    with pytest.raises(BadForm) as caught:
        parse(definition)

    assert words in str(caught.value)


def test_a_revealed_question_reveals_nothing_itself() -> None:
    deeper = {"value": "yes", "label": "Yes", "reveals": {**MEDICINES, "id": "inner"}}
    definition = form_of({**MEDICINES, "options": [deeper, {"value": "no", "label": "No"}]})

    with pytest.raises(BadForm, match="a revealed question cannot reveal another one"):
        parse(definition)


def test_a_revealed_question_needs_an_id_of_its_own() -> None:
    clash = {"value": "yes", "label": "Yes", "reveals": REASON}
    definition = form_of(REASON, {**MEDICINES, "options": [clash, {"value": "no", "label": "No"}]})

    with pytest.raises(BadForm, match="the id 'reason' is used twice"):
        parse(definition)
