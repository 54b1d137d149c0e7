"""Tells each step of the demo, waits for it, and says in one sentence what is missing or there twice."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

T = TypeVar("T")

PATIENCE_SECONDS = 30.0


class DemoFailed(Exception):
    """Something is missing or doubled; the message says what."""


def say(words: str = "", **facts: object) -> None:
    """One step of the trail, with its ids and the time."""
    detail = "  ".join(f"{name}={value}" for name, value in facts.items() if value is not None)
    print(f"{datetime.now(UTC):%H:%M:%S}  {words:<42} {detail}".rstrip())


def until(look: Callable[[], T], otherwise: str) -> T:
    """Look again until there is something; DemoFailed after 30 s."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.2)
    raise DemoFailed(otherwise)


def one(found: list[dict[str, Any]], what: str) -> dict[str, Any]:
    if len(found) != 1:
        raise DemoFailed(f"There should be exactly one {what}, and there are {len(found)}.")
    return found[0]
