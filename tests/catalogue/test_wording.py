"""What a text about a health service must not say, and what it may."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from portal.catalogue.wording import finds
from tests.catalogue.seeds import packaged


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Read our patient stories.", "patient stories"),
        ("Rated 5 stars by many.", "Rated"),
        ("It cures migraine.", "cures"),
        ("Results guaranteed!", "guaranteed"),
        ("Works 100% of the time.", "100%"),
        ("See the before and after.", "before and after"),
        ("We prescribe Ozempic® by video.", "Ozempic"),
        ("Lose up to 10 kg with us.", "Lose up to 10 kg"),
        ("5 kilos in six weeks", "5 kilos in"),
        ("Only 3 places left.", "Only 3 places"),
        ("Don’t miss out.", "Don’t miss out"),
        ("The best clinic in town.", "best clinic"),
    ],
)
def test_what_the_rules_forbid_is_found_with_the_words_that_do_it(text: str, words: str) -> None:
    [find] = finds(text)
    assert find.words == words
    assert find.why.endswith(".")


@pytest.mark.parametrize(
    "text",
    [
        "We listen first, and tell you what a visit costs.",
        "Your practitioner helps you to secure a good night's sleep.",
        "Bring your results from before the visit, and after that we talk.",
        "A visit of 60 minutes about weight.",
        "The scale in the clinic weighs up to 200 kg.",
    ],
)
def test_plain_words_are_left_alone(text: str) -> None:
    assert list(finds(text)) == []


def test_one_rule_finds_a_text_once() -> None:
    assert len(list(finds("Cure after cure after cure."))) == 1


def test_the_packaged_catalogue_keeps_the_rules() -> None:
    document = packaged()
    texts = list(_texts([document["services"], document["forms"], document["pages"]]))
    assert len(texts) > 100
    assert [(text, find) for text in texts for find in finds(text)] == []


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
