"""Compares catalogue documents field by field, and brings together what two people have changed. Pure.

A field is named by its path: ("services", "gaps", "appointments", "followup-gaps-15min", "price"). Entries of a list
go by their id, so two people may add, change and reorder side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any

from portal.db import Json

Path = tuple[str, ...]
IDS = ("id", "type", "from", "value")  # what entries of a list go by, whichever they have


class Nothing(Enum):
    """Stands for a field that is not there; None is a value."""

    NOTHING = "nothing"


NOTHING = Nothing.NOTHING


class Side(StrEnum):
    MINE = "mine"
    THEIRS = "theirs"


@dataclass(frozen=True)
class Change:
    """One field, before and after."""

    path: Path
    before: Any
    after: Any


@dataclass(frozen=True)
class Conflict:
    """A field that two people have changed differently."""

    path: Path
    base: Any
    mine: Any
    theirs: Any


def difference(before: Json, after: Json) -> list[Change]:
    """What is different, in the order of the later document. A whole entry that is new or gone is one change."""
    return list(_differences((), before, after))


def merge(
    base: Json, mine: Json, theirs: Json, chosen: Mapping[Path, Side] | None = None
) -> tuple[Json, list[Conflict]]:
    """Both sides' changes of `base` in one document, and where they contradict each other.

    `chosen` settles contradictions; those that it does not settle are listed, and read as mine.
    """
    merging = _Merging(chosen or {})
    merged = merging.merged((), base, mine, theirs)
    return deepcopy(merged), merging.conflicts


class _Merging:
    """One run of merge(), with the contradictions met so far."""

    def __init__(self, chosen: Mapping[Path, Side]) -> None:
        self.chosen = chosen
        self.conflicts: list[Conflict] = []

    def merged(self, path: Path, base: Any, mine: Any, theirs: Any) -> Any:
        if mine == theirs or theirs == base:
            return mine
        if mine == base:
            return theirs
        if all(isinstance(each, dict) for each in (mine, theirs)):
            return self._objects(path, base if isinstance(base, dict) else {}, mine, theirs)
        if all(_id_key(each) is not None for each in (mine, theirs)):
            return self._lists(path, base if _id_key(base) is not None else [], mine, theirs)
        return self._settled(Conflict(path, base, mine, theirs))

    def _objects(self, path: Path, base: Json, mine: Json, theirs: Json) -> Json:
        found = {}
        for key in [*theirs, *(key for key in mine if key not in theirs)]:
            value = self.merged((*path, key), *(side.get(key, NOTHING) for side in (base, mine, theirs)))
            if value is not NOTHING:
                found[key] = value
        return found

    def _lists(self, path: Path, base: list[Any], mine: list[Any], theirs: list[Any]) -> list[Any]:
        """Whoever has reordered decides the order; if both have, mine holds and what is only theirs comes last."""
        was, own, other = by_id(base), by_id(mine), by_id(theirs)
        kept = [id for id in own if id in was]
        first, second = (other, own) if kept == [id for id in was if id in own] else (own, other)
        sides = (was, own, other)
        found = (
            self.merged((*path, id), *(side.get(id, NOTHING) for side in sides))
            for id in [*first, *(id for id in second if id not in first)]
        )
        return [each for each in found if each is not NOTHING]

    def _settled(self, conflict: Conflict) -> Any:
        side = self.chosen.get(conflict.path)
        if side is None:
            self.conflicts.append(conflict)
        return conflict.theirs if side == Side.THEIRS else conflict.mine


def by_id(entries: list[Any]) -> dict[str, Any]:
    """The entries of a list by what they go by."""
    key = _id_key(entries)
    return {str(each[key]): each for each in entries} if key else {}


def find(document: Any, path: Path) -> Any:
    """What stands at a path, or NOTHING."""
    for step in path:
        inside = document if isinstance(document, dict) else by_id(document) if isinstance(document, list) else {}
        document = inside.get(step, NOTHING)
    return document


def _id_key(value: Any) -> str | None:
    """What the entries of a list go by: "" for an empty list, None for anything that is no list of entries."""
    if not isinstance(value, list):
        return None
    if not value:
        return ""
    if not all(isinstance(each, dict) for each in value):
        return None
    return next((key for key in IDS if all(key in each for each in value)), None)


def _differences(path: Path, before: Any, after: Any) -> Iterator[Change]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*after, *(key for key in before if key not in after)]:
            yield from _differences((*path, key), before.get(key, NOTHING), after.get(key, NOTHING))
    elif (before or after) and _id_key(before) is not None and _id_key(after) is not None:
        was, now = by_id(before), by_id(after)
        for id in [*now, *(id for id in was if id not in now)]:
            yield from _differences((*path, id), was.get(id, NOTHING), now.get(id, NOTHING))
        if [id for id in was if id in now] != [id for id in now if id in was] and _has_order(path):
            yield Change((*path, "order"), list(was), list(now))
    else:
        yield Change(path, before, after)


def _has_order(path: Path) -> bool:
    """Services and types have a position of their own; only what is inside a form stands in its order."""
    return "definition" in path
