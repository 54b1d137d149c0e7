"""The part of OData that the portal may rely on: one filter per collection, one expand, select. All else is refused."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from flask import request

from portal.sandbox.core import Json
from portal.sandbox.graph.answers import bad_query

TEXT = r"'((?:[^']|'')*)'"
ANY = re.compile(
    rf"singleValueExtendedProperties/any\((?P<var>\w+)\s*:\s*(?P=var)/id eq {TEXT} and "
    rf"(?:(?P=var)/value (?P<compare>eq|ne) {TEXT}|(?P<function>contains|startswith)\((?P=var)/value,\s*{TEXT}\))\)",
    re.IGNORECASE,
)
EXPAND = re.compile(rf"singleValueExtendedProperties\(\$filter=id eq {TEXT}\)")
MESSAGE_ID = re.compile(rf"internetMessageId eq {TEXT}")


@dataclass(frozen=True)
class PropertyFilter:
    """Items whose extended property `id` has a value that passes."""

    id: str
    operator: str
    value: str

    def passes(self, properties: Json) -> bool:
        actual = properties.get(self.id)
        if actual is None:
            return False
        if self.operator in ("eq", "ne"):
            return (actual == self.value) is (self.operator == "eq")
        return self.value in actual if self.operator == "contains" else str(actual).startswith(self.value)


def refuse_other_than(*known: str) -> None:
    """A $-parameter that nobody reads would be a silent wish; Graph refuses most of them, we refuse all."""
    for name in request.args:
        if name.startswith("$") and name not in known:
            raise bad_query(name)


def property_filter() -> PropertyFilter | None:
    raw = request.args.get("$filter")
    if raw is None:
        return None
    match = ANY.fullmatch(raw.strip())
    if match is None:
        raise bad_query("this $filter")
    compared, searched = match.group(4), match.group(6)
    operator = (match["compare"] or match["function"]).lower()
    return PropertyFilter(_text(match.group(2)), operator, _text(compared if searched is None else searched))


def expanded_property() -> str | None:
    """The id of the extended property to show, exactly as it was asked for."""
    raw = request.args.get("$expand")
    if raw is None:
        return None
    match = EXPAND.fullmatch(raw.strip())
    if match is None:
        raise bad_query("this $expand")
    return _text(match[1])


def message_id_filter() -> str | None:
    raw = request.args.get("$filter")
    if raw is None:
        return None
    match = MESSAGE_ID.fullmatch(raw.strip())
    if match is None:
        raise bad_query("this $filter")
    return _text(match[1])


def select(row: Json, without: Iterable[str] = ()) -> Json:
    """The row with the selected properties only; id and the @odata ones always stay."""
    raw = request.args.get("$select")
    if raw is None:
        return row
    wanted = {name.strip() for name in raw.split(",")} - set(without)
    wanted |= {"id", "singleValueExtendedProperties"}
    return {name: value for name, value in row.items() if name in wanted or name.startswith("@odata.")}


def _text(literal: str) -> str:
    return literal.replace("''", "'")
