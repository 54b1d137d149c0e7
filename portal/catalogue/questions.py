"""Edits a form's questions, one at a time. Pure: what these change is a draft's own copy.

A question keeps its id for life and a choice its value, because answers are found by them; only what people read
changes. What the editor does not show, such as the limits of a number, stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from portal.catalogue.entries import slug_of
from portal.db import Json

LIMITS_OF = {"text": ("max_length",), "long_text": ("max_length",), "number": ("min", "max")}


@dataclass(frozen=True)
class Wanted:
    """A question as somebody has typed it; `choices` are what people read."""

    label: str
    kind: str
    required: bool
    hint: str
    why: str
    choices: tuple[str, ...]


def every(definition: Json) -> Iterator[Json]:
    """All questions in the order they are asked, follow-ups after the question that opens them."""
    for section in definition["sections"]:
        for question in section["questions"]:
            yield question
            yield from (option["reveals"] for option in question.get("options", []) if "reveals" in option)


def find(definition: Json, id: str) -> Json | None:
    return next((each for each in every(definition) if each["id"] == id), None)


def new_form(wanted: Wanted, title: str) -> Json:
    """A definition with its first question."""
    return {"sections": [{"id": "questions", "title": title, "questions": [_written(None, wanted, set())]}]}


def add(definition: Json, wanted: Wanted, opened_by: tuple[str, str] | None = None) -> str:
    """A question more, at the end; or one that a choice opens, named by its question and value. Answers its id."""
    made = _written(None, wanted, {each["id"] for each in every(definition)})
    if opened_by is None:
        definition["sections"][-1]["questions"].append(made)
    else:
        _option(definition, opened_by)["reveals"] = made
    return str(made["id"])


def change(definition: Json, id: str, wanted: Wanted) -> None:
    """The same question in other words, or of another kind."""
    question = find(definition, id)
    assert question is not None
    written = _written(question, wanted, set())
    question.clear()
    question.update(written)


def remove(definition: Json, id: str) -> None:
    """A section cannot be without questions, so the last one of it stays."""
    for section in definition["sections"]:
        left = [each for each in section["questions"] if each["id"] != id]
        if left:
            section["questions"] = left
        for question in section["questions"]:
            for option in question.get("options", []):
                if option.get("reveals", {}).get("id") == id:
                    del option["reveals"]


def move(definition: Json, id: str, by: int) -> None:
    """One place up or down in its section."""
    for section in definition["sections"]:
        found = section["questions"]
        at = next((place for place, each in enumerate(found) if each["id"] == id), None)
        if at is not None and 0 <= at + by < len(found):
            found[at], found[at + by] = found[at + by], found[at]


def openings(definition: Json) -> list[tuple[str, str, str]]:
    """Choices that could open a question and do not: question id, value, and both in words."""
    return [
        (question["id"], option["value"], f"Only who answers “{option['label']}” to “{question['label']}”")
        for section in definition["sections"]
        for question in section["questions"]
        for option in _options(question)
        if "reveals" not in option
    ]


def _options(question: Json) -> list[Json]:
    """A yes-or-no question that says nothing else offers just these."""
    usual = [{"value": "yes", "label": "Yes"}, {"value": "no", "label": "No"}] if question["kind"] == "yes_no" else []
    return list(question.get("options", usual))


def _option(definition: Json, opened_by: tuple[str, str]) -> Json:
    question = find(definition, opened_by[0])
    assert question is not None
    question["options"] = _options(question)
    return next(each for each in question["options"] if each["value"] == opened_by[1])


def _written(known: Json | None, wanted: Wanted, taken: set[str]) -> Json:
    made: Json = {"id": known["id"] if known else _new_id(wanted.label, taken), "kind": wanted.kind}
    made["label"] = wanted.label
    if wanted.hint:
        made["hint"] = wanted.hint
    if wanted.why:
        made["why"] = wanted.why
    if wanted.required:
        made["required"] = True
    is_same_kind = known is not None and known["kind"] == wanted.kind
    for limit in LIMITS_OF.get(wanted.kind, ()):
        if known is not None and is_same_kind and limit in known:
            made[limit] = known[limit]
    options = known.get("options", []) if known is not None else []
    if wanted.kind in ("choice", "choices"):
        made["options"] = _choices(options, wanted.choices)
    elif wanted.kind == "yes_no" and is_same_kind and options:
        made["options"] = options
    return made


def _choices(known: list[Json], labels: tuple[str, ...]) -> list[Json]:
    """A choice is known by its words; where as many stand there as before, also by its place."""
    by_label = {each["label"]: each for each in known}
    found: list[Json] = []
    for place, label in enumerate(labels):
        old = by_label.get(label)
        if old is None and len(labels) == len(known) and known[place]["label"] not in labels:
            old = known[place]
        taken = {each["value"] for each in [*known, *found]}
        found.append(
            {**old, "label": label} if old else {"value": _free(slug_of(label) or "choice", taken), "label": label}
        )
    return found


def _new_id(label: str, taken: set[str]) -> str:
    """Small letters, digits and underscores, beginning with a letter."""
    plain = slug_of(label).replace("-", "_")[:50].strip("_")
    return _free(plain if plain[:1].isalpha() else f"q_{plain}".rstrip("_"), taken, "_")


def _free(wanted: str, taken: set[str], joint: str = "-") -> str:
    found, number = wanted, 2
    while found in taken:
        found, number = f"{wanted}{joint}{number}", number + 1
    return found
