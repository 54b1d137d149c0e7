"""`flask catalogue`: loads and exports the catalogue, and says what is wrong with a file in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from portal.catalogue.models import CatalogueVersion, Service
from tests.catalogue.seeds import CLINICS_OWN
from tests.cli.commands import count, run


def test_the_packaged_catalogue_loads_without_naming_it(app: Flask) -> None:
    result = run(app, "catalogue", "load")

    assert result.exit_code == 0
    assert 'Add service "gaps".' in result.output
    assert count(app, Service) == 6


def test_loading_again_says_that_nothing_changed(app: Flask) -> None:
    run(app, "catalogue", "load")

    assert run(app, "catalogue", "load").output == "Nothing changed.\n"


def test_a_dry_run_tells_the_changes_and_writes_nothing(app: Flask) -> None:
    result = run(app, "catalogue", "load", "--check")

    assert 'Add service "gaps".' in result.output
    assert "would change." in result.output
    assert count(app, Service) == 0
    assert count(app, CatalogueVersion) == 0


def test_if_empty_leaves_a_catalogue_that_is_there_alone(app: Flask, tmp_path: Path) -> None:
    own = tmp_path / "own.json"
    own.write_text(CLINICS_OWN)
    run(app, "catalogue", "load", str(own))

    result = run(app, "catalogue", "load", "--if-empty")

    assert result.output == "There is a catalogue already; nothing is loaded.\n"
    assert count(app, Service) == 3


def test_what_is_exported_loads_again(app: Flask, tmp_path: Path) -> None:
    run(app, "catalogue", "load")
    exported = tmp_path / "exported.json"
    exported.write_text(run(app, "catalogue", "export").output)

    assert run(app, "catalogue", "load", str(exported)).output == "Nothing changed.\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "is not JSON: line 1, Expecting property name enclosed in double quotes."),
        (b"\xff", "is not a text in UTF-8."),
        (b'{"service": []}', "Error: The catalogue has a key that is not known: service."),
        (
            b'{"forms": [{"id": "f", "purpose": "intake", "title": "F", "definition": {}}]}',
            'Error: Form "f": The form: sections must be a list with at least one entry.',
        ),
        (
            b'{"services": [{"id": "a", "appointments": [{"type": "b", "form": "lost"}]}]}',
            'Error: Appointment type "b": there is no form "lost".',
        ),
    ],
)
def test_a_bad_file_is_one_sentence(app: Flask, tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "bad.json"
    file.write_bytes(content)

    result = run(app, "catalogue", "load", str(file))

    assert result.exit_code == 1
    assert words in result.output
    assert result.output.count("\n") == 1
    assert count(app, Service) == 0


def test_a_missing_file_is_one_sentence(app: Flask, tmp_path: Path) -> None:
    result = run(app, "catalogue", "load", str(tmp_path / "nothing.json"))

    assert result.exit_code == 1
    assert result.output.endswith("nothing.json cannot be read: No such file or directory.\n")


def test_check_names_what_is_worth_a_second_look(app: Flask) -> None:
    run(app, "catalogue", "load")

    told = run(app, "catalogue", "check").output.splitlines()

    assert '"initial-weight-tbd" has no price: it is shown and cannot be booked.' in told
    assert '"initial-gaps-60min" is paid and has no GST rule: receipts show no GST line.' in told
    assert '"counseling" is coming soon, and its launch date 01/06/2024 is past: not shown.' in told


def test_check_of_an_empty_catalogue_has_nothing_to_say(app: Flask) -> None:
    assert run(app, "catalogue", "check").output == "Nothing to look at.\n"
