"""Notices that somebody else has saved a form while it was being filled in: nothing of theirs is lost unseen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Difference:
    """A field that says something else now than when the form was opened or filled in."""

    label: str
    now: str
    typed: str


def mark(values: Mapping[str, Any]) -> str:
    """A short text that is another one when any of the values is. It travels in the form as `seen`."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:16]


def differences(
    fields: Iterable[tuple[str, str]], now: Mapping[str, Any], typed: Mapping[str, Any]
) -> list[Difference]:
    """Where what is stored now is not what was typed. `fields` are (name, label)."""
    return [
        Difference(label, str(now[name]), str(typed[name]))
        for name, label in fields
        if str(now[name]) != str(typed[name])
    ]
