"""Editing questions so that answers that were given are still found."""

from __future__ import annotations

from portal.catalogue import questions
from portal.catalogue.questions import Wanted
from portal.db import Json


def asked(label: str, kind: str = "text", *choices: str) -> Wanted:
    return Wanted(label=label, kind=kind, required=False, hint="", why="", choices=choices)


def form() -> Json:
    definition = questions.new_form(asked("What do you ride?", "choice", "A horse", "A pony"), "Riding")
    questions.add(definition, asked("How often?", "number"))
    return definition


def test_ids_are_made_from_the_words_and_never_twice() -> None:
    definition = form()
    again = questions.add(definition, asked("How often?"))
    odd = questions.add(definition, asked("1 or 2?"))
    assert [again, odd] == ["how_often_2", "q_1_or_2"]


def test_other_words_leave_ids_values_limits_and_follow_ups_alone() -> None:
    definition = form()
    follow_up = questions.add(definition, asked("Its name?"), ("what_do_you_ride", "a-pony"))
    number = questions.find(definition, "how_often")
    assert number is not None
    number["max"] = 7

    questions.change(definition, "what_do_you_ride", asked("What is your ride?", "choice", "A mare", "A pony"))
    questions.change(definition, "how_often", asked("How often a week?", "number"))

    ride = questions.find(definition, "what_do_you_ride")
    assert ride is not None
    assert [(each["value"], each["label"]) for each in ride["options"]] == [("a-horse", "A mare"), ("a-pony", "A pony")]
    assert [each["id"] for each in questions.every(definition)] == ["what_do_you_ride", follow_up, "how_often"]
    assert number["max"] == 7


def test_a_choice_more_gets_a_value_of_its_own() -> None:
    definition = form()
    questions.change(definition, "what_do_you_ride", asked("Ride?", "choice", "A horse", "A donkey", "A pony"))
    ride = questions.find(definition, "what_do_you_ride")
    assert ride is not None
    assert [each["value"] for each in ride["options"]] == ["a-horse", "a-donkey", "a-pony"]


def test_another_kind_takes_along_what_it_can_use_only() -> None:
    definition = form()
    questions.change(definition, "what_do_you_ride", asked("What do you ride?", "text"))
    assert questions.find(definition, "what_do_you_ride") == {
        "id": "what_do_you_ride",
        "kind": "text",
        "label": "What do you ride?",
    }


def test_a_yes_may_open_a_question() -> None:
    definition = questions.new_form(asked("Allergies?", "yes_no"), "You")
    openings = [(id, value) for id, value, _ in questions.openings(definition)]
    assert openings == [("allergies", "yes"), ("allergies", "no")]
    questions.add(definition, asked("Which?"), openings[0])
    assert [each["id"] for each in questions.every(definition)] == ["allergies", "which"]
    assert [each[1] for each in questions.openings(definition)] == ["no"]


def test_looking_for_openings_changes_nothing() -> None:
    definition = questions.new_form(asked("Allergies?", "yes_no"), "You")
    questions.openings(definition)
    assert "options" not in definition["sections"][0]["questions"][0]


def test_the_last_question_of_a_form_stays() -> None:
    definition = form()
    for id in ("how_often", "what_do_you_ride"):
        questions.remove(definition, id)
    assert [each["id"] for each in questions.every(definition)] == ["what_do_you_ride"]


def test_questions_move_one_place_and_stop_at_the_ends() -> None:
    definition = form()
    questions.move(definition, "how_often", -1)
    questions.move(definition, "how_often", -1)
    assert [each["id"] for each in questions.every(definition)] == ["how_often", "what_do_you_ride"]
