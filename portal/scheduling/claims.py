"""How a time is taken: locks in one order, then the question, then the constraint as the judge (design D2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

from portal.db import LOST_RACE_STATES, LockKind, lock_together, retrying, sqlstate

T = TypeVar("T")


class SlotTaken(Exception):
    """Somebody else has this time, or it was never on offer."""


def lock(practitioner_ids: Iterable[int], room_ids: Iterable[int | None]) -> None:
    """Lock these people's and rooms' times until the transaction ends. Call it once per transaction."""
    lock_together(
        *((LockKind.PRACTITIONER, id) for id in practitioner_ids),
        *((LockKind.ROOM, id) for id in room_ids if id is not None),
    )


def claim(act: Callable[[], T]) -> T:
    """Run an act that takes a time, in a transaction of its own, once more after a lost lock race.

    Raises SlotTaken, also when the constraint or the locks say no in the end: people get other times, never an error.
    """
    try:
        return retrying(act)
    except DBAPIError as error:
        if sqlstate(error) in LOST_RACE_STATES or sqlstate(error) == "23P01":
            raise SlotTaken from error
        raise
