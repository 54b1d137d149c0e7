"""What a person answered: reading it from the submitted fields, and saying it back in words. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date

from portal.intake.definition import Answer, Answers, Form, Kind, Question

Submitted = Mapping[str, Sequence[str]]  # field name -> the values sent, as Werkzeug's getlist gives them
Errors = dict[str, str]  # question id -> what is wrong, in one sentence


class NotAnAnswer(ValueError):
    """What was typed cannot be taken; the message is one sentence for the person."""


def read_answers(form: Form, submitted: Submitted) -> tuple[Answers, Errors]:
    """The answers by question id, and what is wrong with the others.

    A field has its question's id as its name; a date may come as `id-day`, `id-month` and `id-year`. Dates are kept
    as YYYY-MM-DD, numbers as written. Answers to questions that the other answers hide are dropped. Never raises.
    """
    answers: Answers = {}
    errors: Errors = {}
    for question in form.questions:
        _take(question, submitted, answers, errors)
        for follow_up in question.open_follow_ups(answers.get(question.id)):
            _take(follow_up, submitted, answers, errors)
    return answers, errors


def say(form: Form, answers: Mapping[str, Answer]) -> list[tuple[str, str]]:
    """Each question that was asked with its answer in words, in order."""
    return [(question.label, _in_words(question, answers.get(question.id))) for question in form.asked(answers)]


def _take(question: Question, submitted: Submitted, answers: Answers, errors: Errors) -> None:
    try:
        answer = _read(question, submitted)
    except NotAnAnswer as error:
        errors[question.id] = str(error)
        return
    if answer:
        answers[question.id] = answer
    elif question.required:
        errors[question.id] = _please(question)


def _please(question: Question) -> str:
    if question.takes_several:
        return f"Choose at least one answer to “{question.label}”."
    if question.takes_one:
        return f"Choose an answer to “{question.label}”."
    return f"Answer “{question.label}”."


def _read(question: Question, submitted: Submitted) -> Answer:
    if question.takes_several:
        return _several(question, submitted)
    if question.takes_one:
        return _one(question, submitted)
    if question.kind == Kind.DATE:
        return _date(question, submitted)
    if question.kind == Kind.NUMBER:
        return _number(question, submitted)
    return _text(question, submitted)


def _first(submitted: Submitted, name: str) -> str:
    values = submitted.get(name) or [""]
    return clean(values[0])


def clean(typed: str) -> str:
    """A typed text with plain line ends, without space around it. Raises NotAnAnswer for unprintable characters."""
    text = unicodedata.normalize("NFC", typed.replace("\r\n", "\n").replace("\r", "\n")).strip()
    # Cc are control characters such as NUL, Cs halves of a broken character that cannot be stored.
    if any(unicodedata.category(each) in ("Cc", "Cs") and each not in "\n\t" for each in text):
        raise NotAnAnswer("Remove the characters that cannot be printed.")
    return text


def _text(question: Question, submitted: Submitted) -> str:
    text = _first(submitted, question.id)
    if question.kind == Kind.TEXT:
        text = " ".join(text.split())
    if len(text) > question.max_length:
        raise NotAnAnswer(
            f"Use {question.max_length} characters or fewer for “{question.label}”; there are {len(text)} now."
        )
    return text


def _one(question: Question, submitted: Submitted) -> str:
    value = _first(submitted, question.id)
    if value and value not in [option.value for option in question.options]:
        raise NotAnAnswer(f"Choose one of the answers to “{question.label}”.")
    return value


def _several(question: Question, submitted: Submitted) -> list[str]:
    chosen = {clean(value) for value in submitted.get(question.id) or []} - {""}
    known = [option.value for option in question.options]
    if not chosen <= set(known):
        raise NotAnAnswer(f"Choose from the answers to “{question.label}”.")
    return [value for value in known if value in chosen]


NUMBER = re.compile(r"-?\d{1,9}(\.\d{1,6})?", re.ASCII)


def _number(question: Question, submitted: Submitted) -> str:
    typed = _first(submitted, question.id)
    if not typed:
        return ""
    if not NUMBER.fullmatch(typed):
        raise NotAnAnswer(f"Write a number for “{question.label}”, such as 7 or 7.5.")
    number = float(typed)
    if question.least is not None and number < question.least:
        raise NotAnAnswer(f"“{question.label}” must be {question.least:g} or more.")
    if question.most is not None and number > question.most:
        raise NotAnAnswer(f"“{question.label}” must be {question.most:g} or less.")
    return typed


def _date(question: Question, submitted: Submitted) -> str:
    whole = _first(submitted, question.id)
    boxes = [_first(submitted, f"{question.id}-{part}") for part in ("day", "month", "year")]
    if not whole and not any(boxes):
        return ""
    try:
        day = read_date(*(reversed(whole.split("-", 2)) if whole else boxes))
    except (TypeError, ValueError):
        raise NotAnAnswer(f"Write a real date for “{question.label}”, such as 27 3 1985.") from None
    return day.isoformat()


MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)


def read_date(day: str, month: str, year: str) -> date:
    """A date from three boxes; the month may be a number, a name or its first letters. Raises ValueError."""
    month = month.strip().rstrip(".").lower()
    fits = [number for number, name in enumerate(MONTHS, start=1) if len(month) >= 3 and name.startswith(month)]
    if not re.fullmatch(r"(18|19|20)\d\d", year.strip(), re.ASCII):
        raise ValueError("the year needs four digits")
    if not all(re.fullmatch(r"\d{1,2}", box.strip(), re.ASCII) for box in ([day] if fits else [day, month])):
        raise ValueError("the day or the month is not a number")
    return date(int(year), fits[0] if fits else int(month), int(day))


def _in_words(question: Question, answer: Answer | None) -> str:
    if not answer:
        return "Not answered"
    labels = {option.value: option.label for option in question.options}
    if isinstance(answer, list):
        return ", ".join(labels.get(value, value) for value in answer)
    if question.kind == Kind.DATE:
        day = date.fromisoformat(answer)
        return f"{day.day} {day:%B %Y}"
    return labels.get(answer, answer)
