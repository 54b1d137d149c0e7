"""How a time is taken: locks in one order, then the question, then the constraint as the judge (design D2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

from portal import changes
from portal.db import LOST_RACE_STATES, LockKind, lock_together, retrying, sqlstate
from portal.scheduling.explain import JUST_TAKEN, Reason

T = TypeVar("T")


class SlotTaken(Exception):
    """Somebody else has this time, or it is not on offer; the reason says which."""

    def __init__(self, reason: Reason = JUST_TAKEN) -> None:
        super().__init__(reason.words)
        self.reason = reason


def lock(practitioner_ids: Iterable[int], room_ids: Iterable[int | None], capped_type_ids: Iterable[int] = ()) -> None:
    """Lock these people's and rooms' times until the transaction ends. Call it once per transaction.

    Visits of a type with a daily cap are counted one claim at a time, whoever gives them. While we waited, anything may
    have changed.
    """
    changes.look_again()
    lock_together(
        *((LockKind.PRACTITIONER, id) for id in practitioner_ids),
        *((LockKind.ROOM, id) for id in room_ids if id is not None),
        *((LockKind.DAILY_CAP, id) for id in capped_type_ids),
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
