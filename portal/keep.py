"""Keeps what was worked out from its arguments alone, for whoever asks for the same again."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import lru_cache, wraps
from threading import Lock
from typing import ParamSpec, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")


def kept(most: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """As `functools.lru_cache`, but one thread works an answer out while the others wait for it.

    After each change many want the same at once. A function decorated so must not ask for itself.
    """

    def decorate(work_out: Callable[P, R]) -> Callable[P, R]:
        remembered, lock = lru_cache(most)(work_out), Lock()

        @wraps(work_out)
        def ask(*args: P.args, **named: P.kwargs) -> R:
            with lock:
                return remembered(*cast(tuple[Hashable, ...], args), **cast(dict[str, Hashable], named))

        return ask

    return decorate
