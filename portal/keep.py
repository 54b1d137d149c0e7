"""Keeps what was worked out from its arguments alone, for whoever asks for the same again."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from threading import Lock
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_NOTHING: Any = object()


def kept(most: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Keep the newest `most` answers. Of those who want the same at once, as many do after each change, one works it
    out and the others wait for it; nobody waits for anything else.

    The arguments must be hashable, and a function decorated so must not ask itself for the same.
    """

    def decorate(work_out: Callable[P, R]) -> Callable[P, R]:
        answers: dict[object, R] = {}
        under_way: dict[object, Lock] = {}
        making_room = Lock()

        @wraps(work_out)
        def ask(*args: P.args, **named: P.kwargs) -> R:
            key = args, tuple(named.items())
            answer: R = answers.get(key, _NOTHING)
            if answer is not _NOTHING:
                return answer
            with under_way.setdefault(key, Lock()):
                answer = answers.get(key, _NOTHING)
                if answer is _NOTHING:
                    try:
                        answer = work_out(*args, **named)
                        with making_room:
                            answers[key] = answer
                            while len(answers) > most:
                                del answers[next(iter(answers))]
                    finally:
                        under_way.pop(key, None)
            return answer

        return ask

    return decorate
