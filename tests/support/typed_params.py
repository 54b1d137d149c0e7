"""Holds what goes over the wire against the typed parameters of the pinned stripe-python."""

from __future__ import annotations

import builtins
import re
import sys
import typing
from collections.abc import Mapping
from types import UnionType
from typing import Any, ForwardRef, Literal, NotRequired, Required, Union, get_args, get_origin

from typing_extensions import is_typeddict  # typing's own does not see that the SDK's are some

SCALARS = {int: r"-?[0-9]+", bool: r"true|false"}


def problems(given: Any, wanted: Any, name: str = "") -> list[str]:
    """What the SDK's type `wanted` says against the decoded parameters `given`; nothing is good."""
    if is_typeddict(wanted):
        return _object_problems(given, wanted, name)
    if _alternatives(wanted) is not None:
        found = [problems(given, one, name) for one in _alternatives(wanted) or ()]
        return [] if any(not one for one in found) else min(found, key=len)
    if get_origin(wanted) is Literal:
        return [] if given in get_args(wanted) else [f"{name}={given!r} is none of {get_args(wanted)}"]
    if get_origin(wanted) is list:
        if not isinstance(given, dict):
            return [f"{name} must be a list"]
        (item,) = get_args(wanted)
        return [problem for key in given for problem in problems(given[key], item, f"{name}[{key}]")]
    if get_origin(wanted) is dict:
        is_flat = isinstance(given, dict) and all(isinstance(value, str) for value in given.values())
        return [] if is_flat else [f"{name} must be a flat map"]
    pattern = SCALARS.get(wanted, r"(?s).*")
    is_fitting = isinstance(given, str) and re.fullmatch(pattern, given)
    return [] if is_fitting else [f"{name}={given!r} is no {wanted}"]


def fields_of(wanted: Any) -> dict[str, tuple[Any, bool]]:
    """The fields of a TypedDict: their type, and whether they must be there."""
    return {name: _field(hint, wanted) for name, hint in wanted.__annotations__.items()}


def literals_of(wanted: Any) -> tuple[str, ...]:
    """The values a type names, wherever it names them; nothing when it takes any text."""
    if get_origin(wanted) is Literal:
        return get_args(wanted)
    return tuple(value for one in _alternatives(wanted) or () for value in literals_of(one))


def _object_problems(given: Any, wanted: Any, name: str) -> list[str]:
    if not isinstance(given, Mapping):
        return [f"{name} must be an object"]
    fields = fields_of(wanted)
    found = [f"{name}[{key}] is unknown" for key in given if key not in fields]
    found += [f"{name}[{key}] is missing" for key, (_, required) in fields.items() if required and key not in given]
    for key, value in given.items():
        if key in fields:
            found += problems(value, fields[key][0], f"{name}[{key}]")
    return found


def _alternatives(wanted: Any) -> tuple[Any, ...] | None:
    """The members of a union. `str` beside named values only says that Stripe may add some, so it is left out."""
    if get_origin(wanted) not in (Union, UnionType):
        return None
    members = get_args(wanted)
    has_literal = any(get_origin(member) is Literal for member in members)
    return tuple(member for member in members if not (has_literal and member is str))


def _field(hint: Any, owner: type) -> tuple[Any, bool]:
    hint = _resolve(hint, owner)
    if get_origin(hint) in (NotRequired, Required):
        return _resolve(get_args(hint)[0], owner), get_origin(hint) is Required
    return hint, True


def _resolve(hint: Any, owner: type) -> Any:
    """A hint without forward references: the SDK's modules know each other only while they are type-checked."""
    if isinstance(hint, ForwardRef):
        hint = hint.__forward_arg__
    if isinstance(hint, str):
        hint = eval(hint, {}, _Names(sys.modules[owner.__module__]))  # noqa: S307 - the SDK's own annotations
    if get_origin(hint) is list:
        return list[_resolve(get_args(hint)[0], owner)]  # type: ignore[misc]
    if get_origin(hint) in (Union, UnionType):
        return Union[tuple(_resolve(member, owner) for member in get_args(hint))]  # noqa: UP007 - members are a tuple
    return hint


class _Names(dict[str, Any]):
    def __init__(self, module: Any) -> None:
        super().__init__(vars(builtins) | vars(typing) | vars(module))

    def __missing__(self, name: str) -> Any:
        return Any
