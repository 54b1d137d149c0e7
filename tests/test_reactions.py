"""Every reaction leads to a job that exists, on a queue that somebody serves."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import import_module

import pytest

from portal.reactions import JOB_QUEUES, QUEUES, REACTIONS

REACTING = sorted({name for names in REACTIONS.values() for name in names})
NAMED = sorted({*REACTING, *JOB_QUEUES})


def job(name: str) -> Callable[..., None]:
    package, _, function = name.partition(".")
    found: Callable[..., None] = getattr(import_module(f"portal.{package}.jobs"), function)
    return found


def needed(name: str) -> list[str]:
    """The types of the arguments it cannot do without."""
    parameters = inspect.signature(job(name)).parameters.values()
    return [str(one.annotation) for one in parameters if one.default is inspect.Parameter.empty]


@pytest.mark.parametrize("name", NAMED)
def test_the_job_exists_and_says_what_it_makes_true(name: str) -> None:
    assert inspect.getdoc(job(name))
    # What it did is in the database; RQ would only keep it.
    assert inspect.signature(job(name)).return_annotation == "None"
    assert set(needed(name)) <= {"int", "str"}, "the queue takes ids only"


@pytest.mark.parametrize("name", REACTING)
def test_a_reaction_needs_no_more_than_the_id_of_its_event(name: str) -> None:
    assert needed(name) == ["int"]


@pytest.mark.parametrize("name", NAMED)
def test_the_job_has_a_queue_that_is_served(name: str) -> None:
    assert JOB_QUEUES[name] in QUEUES


def test_no_event_asks_for_a_job_twice() -> None:
    assert all(len(names) == len(set(names)) for names in REACTIONS.values())
