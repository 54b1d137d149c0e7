"""Forms as data: reading a definition, reading what a person answered, and saying it back in words.

Pure: no database, no request. A definition is JSON:

    {"sections": [{"id", "title", "intro"?, "minutes"?, "questions": [
        {"id", "kind", "label", "hint"?, "why"?, "required"?, "max_length"?, "min"?, "max"?,
         "options"?: [{"value", "label", "reveals"?: question}]}]}]}

Kinds are those of Kind below. `yes_no` brings its own options unless it is given some; `services` takes them from what
the clinic offers when the form is shown. A revealed question is asked only while its option is chosen, and reveals
nothing itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Answer = str | list[str]
Answers = dict[str, Answer]


class BadForm(ValueError):
    """The definition is wrong; the message is one sentence for the person who wrote it."""


class Kind(StrEnum):
    TEXT = "text"
    LONG_TEXT = "long_text"
    CHOICE = "choice"
    CHOICES = "choices"
    YES_NO = "yes_no"
    DATE = "date"
    NUMBER = "number"
    SERVICES = "services"


LONGEST = {Kind.TEXT: 200, Kind.LONG_TEXT: 4000}
ONE_OF = (Kind.CHOICE, Kind.YES_NO)
SEVERAL_OF = (Kind.CHOICES, Kind.SERVICES)


@dataclass(frozen=True)
class Option:
    """Something to choose, and the question that choosing it opens."""

    value: str
    label: str
    reveals: Question | None = None


@dataclass(frozen=True)
class Question:
    """One question. `why` tells why we ask; `least` and `most` are the limits of a number."""

    id: str
    kind: Kind
    label: str
    hint: str = ""
    why: str = ""
    required: bool = False
    options: tuple[Option, ...] = ()
    max_length: int = 0
    least: float | None = None
    most: float | None = None

    @property
    def takes_several(self) -> bool:
        return self.kind in SEVERAL_OF

    @property
    def takes_one(self) -> bool:
        return self.kind in ONE_OF

    def open_follow_ups(self, answer: Answer | None) -> list[Question]:
        """The questions that this answer opens."""
        chosen = [answer] if isinstance(answer, str) else answer or []
        return [each.reveals for each in self.options if each.reveals is not None and each.value in chosen]


@dataclass(frozen=True)
class Section:
    """Questions that belong together; `minutes` is how long they take."""

    id: str
    title: str
    questions: tuple[Question, ...]
    intro: str = ""
    minutes: int | None = None


@dataclass(frozen=True)
class Form:
    """A whole form, in the order in which it is asked."""

    sections: tuple[Section, ...] = field(default=())

    @property
    def questions(self) -> list[Question]:
        """The questions that everybody is asked."""
        return [question for section in self.sections for question in section.questions]

    @property
    def minutes(self) -> int:
        return sum(section.minutes or 0 for section in self.sections)

    def asked(self, answers: Mapping[str, Answer]) -> Iterator[Question]:
        """The questions that a person with these answers sees."""
        for question in self.questions:
            yield question
            yield from question.open_follow_ups(answers.get(question.id))


def parse(definition: object, service_options: Sequence[tuple[str, str]] = ()) -> Form:
    """Read a definition. `service_options` are the (slug, name) pairs offered now. Raises BadForm.

    Without any service on offer a `services` question has nothing to choose from, and is left out.
    """
    top = _object(definition, "The form", {"sections"})
    reader = _Reader(tuple(Option(slug, name) for slug, name in service_options))
    raw_sections = _filled_list(top.get("sections"), "The form", "sections")
    sections = tuple(reader.section(raw, f"Section {number}") for number, raw in enumerate(raw_sections, start=1))
    return Form(sections)


ID = re.compile(r"[a-z][a-z0-9_]{0,59}")
SECTION_KEYS = {"id", "title", "intro", "minutes", "questions"}
OPTION_KEYS = {"value", "label", "reveals"}
KEYS_OF_ALL = {"id", "kind", "label", "hint", "why", "required"}
KEYS_OF = {
    Kind.TEXT: {"max_length"},
    Kind.LONG_TEXT: {"max_length"},
    Kind.CHOICE: {"options"},
    Kind.CHOICES: {"options"},
    Kind.YES_NO: {"options"},
    Kind.DATE: set[str](),
    Kind.NUMBER: {"min", "max"},
    Kind.SERVICES: set[str](),
}
YES_OR_NO = (Option("yes", "Yes"), Option("no", "No"))


class _Reader:
    """Reads one definition; remembers the ids it has met, because answers are found by the id of their question."""

    def __init__(self, services: tuple[Option, ...]) -> None:
        self._services = services
        self._sections: set[str] = set()
        self._questions: set[str] = set()

    def section(self, raw: object, where: str) -> Section:
        given = _object(raw, where, SECTION_KEYS)
        section_id = _new_id(given, where, self._sections)
        where = f"Section {section_id!r}"
        minutes = given.get("minutes")
        if minutes is not None and (type(minutes) is not int or minutes < 1):
            raise BadForm(f"{where}: minutes must be a whole number from 1.")
        questions = tuple(
            self.question(each, f"{where}, question {number}")
            for number, each in enumerate(_filled_list(given.get("questions"), where, "questions"), start=1)
        )
        return Section(
            id=section_id,
            title=_text(given, "title", where),
            questions=tuple(each for each in questions if each.kind != Kind.SERVICES or each.options),
            intro=_text(given, "intro", where, default=""),
            minutes=minutes,
        )

    def question(self, raw: object, where: str, *, is_revealed: bool = False) -> Question:
        given = _object(raw, where)
        question_id = _new_id(given, where, self._questions)
        where = f"Question {question_id!r}"
        kind = _kind(given, where)
        _object(given, where, KEYS_OF_ALL | KEYS_OF[kind])
        least, most = _limit(given, "min", where), _limit(given, "max", where)
        if least is not None and most is not None and least > most:
            raise BadForm(f"{where}: min is more than max.")
        return Question(
            id=question_id,
            kind=kind,
            label=_text(given, "label", where),
            hint=_text(given, "hint", where, default=""),
            why=_text(given, "why", where, default=""),
            required=_flag(given, "required", where),
            options=self._options(given, kind, where, is_revealed),
            max_length=_longest(given, kind, where),
            least=least,
            most=most,
        )

    def _options(self, given: Mapping[str, Any], kind: Kind, where: str, is_revealed: bool) -> tuple[Option, ...]:
        if kind == Kind.SERVICES:
            return self._services
        if kind == Kind.YES_NO and "options" not in given:
            return YES_OR_NO
        if "options" not in KEYS_OF[kind]:
            return ()
        raw_options = _filled_list(given.get("options"), where, "options")
        options = tuple(self._option(raw, where, is_revealed) for raw in raw_options)
        values = [option.value for option in options]
        if len(set(values)) < len(values):
            raise BadForm(f"{where}: two options have the same value.")
        if kind == Kind.YES_NO and not {"yes", "no"} <= set(values):
            raise BadForm(f"{where}: the options must include yes and no.")
        return options

    def _option(self, raw: object, where: str, is_revealed: bool) -> Option:
        given = _object(raw, f"{where}, an option", OPTION_KEYS)
        value, label = _text(given, "value", where), _text(given, "label", where)
        if "reveals" not in given:
            return Option(value, label)
        if is_revealed:
            raise BadForm(f"{where}: a revealed question cannot reveal another one.")
        return Option(value, label, self.question(given["reveals"], f"{where}, option {value!r}", is_revealed=True))


def _new_id(given: Mapping[str, Any], where: str, taken: set[str]) -> str:
    found = given.get("id")
    if not isinstance(found, str) or not ID.fullmatch(found):
        raise BadForm(f"{where}: id must be small letters, digits and underscores, not {found!r}.")
    if found in taken:
        raise BadForm(f"{where}: the id {found!r} is used twice.")
    taken.add(found)
    return found


def _object(raw: object, where: str, known: set[str] | None = None) -> Mapping[str, Any]:
    if not isinstance(raw, Mapping):
        raise BadForm(f"{where} must be an object with keys and values.")
    unknown = sorted(str(key) for key in raw if known is not None and key not in known)
    if unknown:
        raise BadForm(f"{where} has a key that is not known here: {', '.join(unknown)}.")
    return raw


def _filled_list(raw: object, where: str, key: str) -> list[Any]:
    if not isinstance(raw, list) or not raw:
        raise BadForm(f"{where}: {key} must be a list with at least one entry.")
    return raw


def _text(given: Mapping[str, Any], key: str, where: str, default: str | None = None) -> str:
    value = given.get(key, default)
    if not isinstance(value, str) or (default is None and not value.strip()):
        raise BadForm(f"{where}: {key} must be a text.")
    return value


def _kind(given: Mapping[str, Any], where: str) -> Kind:
    try:
        return Kind(given.get("kind", ""))
    except ValueError:
        raise BadForm(f"{where}: kind must be one of {', '.join(Kind)}, not {given.get('kind')!r}.") from None


def _flag(given: Mapping[str, Any], key: str, where: str) -> bool:
    value = given.get(key, False)
    if not isinstance(value, bool):
        raise BadForm(f"{where}: {key} must be true or false.")
    return value


def _longest(given: Mapping[str, Any], kind: Kind, where: str) -> int:
    longest = given.get("max_length", LONGEST.get(kind, 0))
    if type(longest) is not int or (kind in LONGEST and not 1 <= longest <= LONGEST[Kind.LONG_TEXT]):
        raise BadForm(f"{where}: max_length must be a whole number from 1 to {LONGEST[Kind.LONG_TEXT]}.")
    return longest


def _limit(given: Mapping[str, Any], key: str, where: str) -> float | None:
    value = given.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise BadForm(f"{where}: {key} must be a number.")
    return value
