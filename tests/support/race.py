"""Threads that do something at the same moment; in a race each has an app context and a connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import pytest
from flask import Flask

from portal.config import Settings

T = TypeVar("T")
CONNECTIONS = 30  # all workers of a run share a server of 100


def at_once(acts: Sequence[Callable[[], T]]) -> list[T]:
    """What each of them came to, in their order."""
    start = threading.Barrier(len(acts))

    def run(act: Callable[[], T]) -> T:
        start.wait(timeout=60)
        return act()

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(run, acts))


@pytest.fixture(scope="session")
def racing_app(settings: Settings) -> Flask:
    """The app with more connections than one process of the portal ever has."""
    from portal import create_app

    return create_app(settings, pool_size=CONNECTIONS)


@pytest.fixture
def race(racing_app: Flask) -> Iterator[Race]:
    from portal.db import db

    yield Race(racing_app)
    with racing_app.app_context():
        db.engine.dispose()


class Race:
    """race(act, act, ...) or race.of(50, act): what each came to, a result or the exception it raised."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def __call__(self, *acts: Callable[[], Any]) -> list[Any]:
        return self._run(acts)

    def of(self, count: int, act: Callable[[], Any]) -> list[Any]:
        return self._run([act] * count)

    def _run(self, acts: Sequence[Callable[[], Any]]) -> list[Any]:
        def run(act: Callable[[], Any]) -> Any:
            with self._app.app_context():
                try:
                    return act()
                except Exception as error:
                    return error

        return at_once([partial(run, act) for act in acts])
