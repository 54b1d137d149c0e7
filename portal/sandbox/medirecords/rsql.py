"""RSQL as patient search speaks it: `name==value`, `;` for and, `,` for or, quotes around what needs them."""

from __future__ import annotations

import re

from portal.sandbox.core import Json

COMPARISON = re.compile(
    r"""(?P<name>\w+)(?P<operator>==|!=)(?P<value>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^"'();,=!~<>\s]+)"""
)


class BadQuery(Exception):
    """The query is not one we can read."""


def matches(query: str, row: Json) -> bool:
    """Whether `row` fits. `;` binds tighter than `,`. Comparison ignores case, as the database's collation does."""
    return any(all(_holds(comparison, row) for comparison in group) for group in _groups(query))


def _groups(query: str) -> list[list[tuple[str, str, str]]]:
    groups: list[list[tuple[str, str, str]]] = [[]]
    place = 0
    while True:
        found = COMPARISON.match(query, place)
        if found is None:
            raise BadQuery(query)
        groups[-1].append((found["name"], found["operator"], _unquoted(found["value"])))
        place = found.end()
        if place == len(query):
            return groups
        if query[place] == ",":
            groups.append([])
        elif query[place] != ";":
            raise BadQuery(query)
        place += 1


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value[0] in "\"'" else value


def _holds(comparison: tuple[str, str, str], row: Json) -> bool:
    name, operator, value = comparison
    is_equal = row.get(name) is not None and str(row[name]).casefold() == value.casefold()
    return is_equal == (operator == "==")
