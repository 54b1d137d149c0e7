"""Form parameters the strict way: `a[0][b]=c` becomes a tree, and a spec says what each branch may be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from portal.sandbox.core import Json
from portal.sandbox.stripe.errors import invalid

NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
METADATA_KEYS, METADATA_KEY_LENGTH, METADATA_VALUE_LENGTH = 50, 40, 500


class Kind(Protocol):
    """What one parameter may be: `read` gives its value or raises the 400 that Stripe would answer."""

    def read(self, given: Any, name: str) -> Any: ...


def tree_of(pairs: Iterable[tuple[str, str]]) -> Json:
    """Unfold bracketed names. Lists stay dicts with numbers as keys; `a[]` takes the next number."""
    tree: Json = {}
    for name, value in pairs:
        match = NAME.fullmatch(name)
        if match is None:
            raise invalid(f"Invalid parameter name: {name}", name)
        branch, path = tree, [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]
        for step in path[:-1]:
            branch = branch.setdefault(step, {})
            if not isinstance(branch, dict):
                raise invalid(f"{name} is given both as a value and as an object", name)
        branch[path[-1] or str(len(branch))] = value
    return tree


@dataclass(frozen=True)
class Text:
    max_length: int | None = None

    def read(self, given: Any, name: str) -> str:
        text = _scalar(given, name, "string")
        if self.max_length is not None and len(text) > self.max_length:
            raise invalid(f"Invalid string: {text[:20]}...; must be at most {self.max_length} characters", name)
        return text


@dataclass(frozen=True)
class Whole:
    minimum: int | None = None
    maximum: int | None = None

    def read(self, given: Any, name: str) -> int:
        text = _scalar(given, name, "integer")
        if not re.fullmatch(r"-?[0-9]{1,18}", text):
            raise invalid(f"Invalid integer: {text}", name, "parameter_invalid_integer")
        number = int(text)
        if self.minimum is not None and number < self.minimum:
            wanted = f"must be greater than or equal to {self.minimum}"
            raise invalid(f"This value {wanted}.", name, "parameter_invalid_integer")
        if self.maximum is not None and number > self.maximum:
            wanted = f"must be less than or equal to {self.maximum}"
            raise invalid(f"This value {wanted}.", name, "parameter_invalid_integer")
        return number


@dataclass(frozen=True)
class Flag:
    def read(self, given: Any, name: str) -> bool:
        text = _scalar(given, name, "boolean")
        if text not in ("true", "false"):
            raise invalid(f"Invalid boolean: {text}", name)
        return text == "true"


@dataclass(frozen=True)
class OneOf:
    values: tuple[str, ...]

    def read(self, given: Any, name: str) -> str:
        text = _scalar(given, name, "string")
        if text not in self.values:
            raise invalid(f"Invalid {name}: must be one of {', '.join(self.values)}", name)
        return text


@dataclass(frozen=True)
class Metadata:
    def read(self, given: Any, name: str) -> dict[str, str]:
        if not isinstance(given, dict):
            raise invalid(f"Invalid object: {name} must be a set of key-value pairs", name)
        if len(given) > METADATA_KEYS:
            raise invalid(f"Metadata can have at most {METADATA_KEYS} keys", name)
        for key, value in given.items():
            if not isinstance(value, str):
                raise invalid("Metadata values must be strings", f"{name}[{key}]")
            if len(key) > METADATA_KEY_LENGTH:
                raise invalid(f"Metadata keys can be at most {METADATA_KEY_LENGTH} characters", name)
            if len(value) > METADATA_VALUE_LENGTH:
                raise invalid(f"Metadata values can be at most {METADATA_VALUE_LENGTH} characters", f"{name}[{key}]")
        return {key: value for key, value in given.items() if value != ""}


@dataclass(frozen=True)
class Many:
    item: Kind
    most: int

    def read(self, given: Any, name: str) -> list[Any]:
        if not isinstance(given, dict) or not all(key.isdecimal() for key in given):
            raise invalid(f"Invalid array: {name} must be a list", name)
        if len(given) > self.most:
            raise invalid(f"Array {name} exceeds the maximum of {self.most} elements", name)
        return [self.item.read(given[key], f"{name}[{key}]") for key in sorted(given, key=int)]


@dataclass(frozen=True)
class Group:
    """An object with these fields and no others."""

    fields: Mapping[str, Kind]
    required: tuple[str, ...] = field(default=())

    def read(self, given: Any, name: str = "") -> Json:
        if not isinstance(given, dict):
            raise invalid(f"Invalid object: {name} must be an object", name)
        for key in given:
            if key not in self.fields:
                param = _inside(name, key)
                raise invalid(f"Received unknown parameter: {param}", param, "parameter_unknown")
        for key in self.required:
            if key not in given:
                param = _inside(name, key)
                raise invalid(f"Missing required param: {param}.", param, "parameter_missing")
        return {key: self.fields[key].read(value, _inside(name, key)) for key, value in given.items()}


@dataclass(frozen=True)
class When:
    """A unix time, or limits on one."""

    limits: Group = Group({"gt": Whole(), "gte": Whole(), "lt": Whole(), "lte": Whole()})

    def read(self, given: Any, name: str) -> Json:
        """Always as limits."""
        if isinstance(given, str):
            exact = Whole().read(given, name)
            return {"gte": exact, "lte": exact}
        return self.limits.read(given, name)


EXPAND = Many(Text(), 20)
RETRIEVE = Group({"expand": EXPAND})
LISTING: Mapping[str, Kind] = {
    "limit": Whole(1, 100),
    "starting_after": Text(),
    "ending_before": Text(),
    "expand": EXPAND,
}


def _scalar(given: Any, name: str, wanted: str) -> str:
    if not isinstance(given, str):
        raise invalid(f"Invalid {wanted}: {name} must not be an object or a list", name)
    if given == "":
        message = f"You passed an empty string for '{name}'. We assume empty values are an attempt to unset a parameter"
        raise invalid(f"{message}; however '{name}' cannot be unset.", name, "parameter_invalid_empty")
    return given


def _inside(name: str, key: str) -> str:
    return f"{name}[{key}]" if name else key
