"""docs/faults.md leaves no fault out, and what it says can be done: each call is taken, each test is there."""

from __future__ import annotations

import ast
import json
import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import requests
from bs4 import BeautifulSoup

from portal.sandbox.core import CALL_FAULTS
from portal.sandbox.deliveries import DELIVERY_FAULTS
from portal.sandbox.home import SENDERS
from portal.sandbox.switches import SWITCHES
from tests.support.microsoft import PEOPLE
from tests.support.sandbox import RunningSandbox, running_receiver, running_sandbox, sandbox

__all__ = ["running_receiver", "running_sandbox", "sandbox"]

PROJECT = Path(__file__).parents[1]
ROW = re.compile(r"^\| (?!Fault|-)(.+?) \| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
CALL = re.compile(r"`([\w/-]+) (\{.*?\})`(?:<br>|$)")


@dataclass(frozen=True)
class Row:
    fault: str
    parts: list[str]  # of the sandbox's page
    calls: list[tuple[str, dict[str, Any]]]  # what is posted below /_emu/
    tests: list[str]


def rows() -> list[Row]:
    found = ROW.findall((PROJECT / "docs/faults.md").read_text())
    return [
        Row(
            fault,
            parts.split(", "),
            [(path, json.loads(body)) for path, body in CALL.findall(calls)],
            re.findall(r"`(.+?)`", tests),
        )
        for fault, parts, calls, _, tests in found
    ]


each_row = pytest.mark.parametrize("row", rows(), ids=lambda row: row.fault)


@cache
def functions(path: str) -> dict[str, str]:
    """The tests of a file with their sources, the table of cases above each included."""
    source = (PROJECT / path).read_text()
    lines = source.splitlines()
    return {
        node.name: "\n".join(
            lines[min([node.lineno, *(one.lineno for one in node.decorator_list)]) - 1 : node.end_lineno]
        )
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def said(row: Row) -> set[str]:
    """The words by which a test of this row must call its faults."""
    return {str(body[key]) for _, body in row.calls for key in ("kind", "name", "event", "outcome") if key in body}


@each_row
def test_the_tests_of_a_row_are_there_and_deal_with_its_faults(row: Row) -> None:
    sources = [functions(path).get(name) for path, name in (test.split("::") for test in row.tests)]
    assert None not in sources
    code = "\n".join(filter(None, sources))
    assert [word for word in said(row) if f'"{word}"' not in code] == []


def test_each_fault_has_a_row_of_its_own_and_each_row_a_test() -> None:
    names = [row.fault for row in rows()]
    assert len(names) == len(set(names)) > 50
    assert [row.fault for row in rows() if not row.tests or not row.calls] == []


@pytest.mark.parametrize("system", ["stripe", "graph", "mail", "medirecords", "entra"])
def test_each_way_a_call_goes_wrong_stands_in_the_table(system: str) -> None:
    told: dict[str, set[str]] = defaultdict(set)
    for _, body in (call for row in rows() for call in row.calls):
        if "match" in body:
            told[system_of(body["match"])].add(body["kind"])
    assert told[system] == set(CALL_FAULTS)


def system_of(match: str) -> str:
    """As people tell them apart: Graph's calendars, and its mail."""
    if "oauth2" in match:
        return "entra"
    return "mail" if match.endswith(("/messages", "/send")) else match.split("/")[1]


def test_each_way_a_delivery_goes_wrong_stands_in_the_table() -> None:
    bodies = [body for row in rows() for _, body in row.calls]
    told = {(body["deliveries"], body["kind"]) for body in bodies if "deliveries" in body}
    never_signed = {("graph", "old")}
    assert told == {(sender, kind) for sender in SENDERS for kind in DELIVERY_FAULTS} - never_signed


def test_each_switch_stands_in_the_table() -> None:
    told = {(body["system"], body["name"]) for row in rows() for path, body in row.calls if path == "knobs"}
    assert told == {(system, name) for system, known in SWITCHES.items() for name in known}


@each_row
def test_the_control_plane_takes_the_calls_of_a_row(row: Row, sandbox: RunningSandbox) -> None:
    sandbox.seed(PEOPLE)
    assert row.calls
    for path, body in row.calls:
        answer = requests.post(f"{sandbox.url}/_emu/{path}", json=body, timeout=10)
        if "…" in json.dumps(body, ensure_ascii=False):
            # It names a thing that is not there; only a call that is known says so.
            assert (answer.status_code, "No such" in answer.text) == (404, True)
        else:
            assert answer.status_code == 200


def test_the_page_has_every_part_that_the_table_names(sandbox: RunningSandbox) -> None:
    page = BeautifulSoup(requests.get(sandbox.url + "/", timeout=10).text, "html.parser")
    headings = {heading.get_text(strip=True) for heading in page.find_all("h2")}
    assert {part for row in rows() for part in row.parts} <= headings
