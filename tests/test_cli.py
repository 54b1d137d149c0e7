"""The operator commands, run as `flask ...` runs them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from click.testing import Result
from flask import Flask
from sqlalchemy import func, select

from portal import clock
from portal.catalogue.models import CatalogueVersion, Service
from portal.config import Settings
from portal.db import Base, db
from portal.scheduling.models import Holiday, WorkingHours
from portal.staff.models import Practitioner
from tests.catalogue.seeds import CLINICS_OWN
from tests.support.factories import make_booking, make_location
from tests.support.sandbox import RunningSandbox


def run(app: Flask, *words: str) -> Result:
    return app.test_cli_runner().invoke(args=words)


def count(app: Flask, table: type[Base]) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(table)) or 0


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


def test_the_checklist_names_what_to_create_in_medirecords(app: Flask) -> None:
    run(app, "catalogue", "load")

    assert run(app, "medirecords", "checklist").output == (
        "Appointment types, named exactly like this\n"
        "  [ ] CONSULT_ALT_30 (telehealth for the clinic to decide: video and clinic visits share it), used by"
        " initial-alternative-15min, followup-alternative-10min, followup-inperson-15min, followup-alternative-30min\n"
        "  [ ] CONSULT_ALT_45 (telehealth off), used by initial-inperson-20min\n"
        "  [ ] CONSULT_GAPS_45 (telehealth on), used by followup-gaps-15min\n"
        "  [ ] CONSULT_GAPS_60 (telehealth on), used by initial-gaps-60min\n"
        "  [ ] CONSULT_WEIGHT_15 (telehealth on), used by initial-weight-tbd\n"
        "  [ ] CONSULT_WEIGHT_45 (telehealth on), used by followup-weight-45min\n"
        "Appointment intervals\n"
        "  [ ] 10 minutes\n"
        "  [ ] 15 minutes\n"
        "  [ ] 20 minutes\n"
        "  [ ] 30 minutes\n"
        "  [ ] 45 minutes\n"
        "  [ ] 60 minutes\n"
        "Billing items of the private fee schedule, fees with GST\n"
        "  [ ] CONSULT_ALT_30: $69.00 or $79.00 or $119.00\n"
        "  [ ] CONSULT_ALT_45: $119.00\n"
        "  [ ] CONSULT_GAPS_45: $79.00\n"
        "  [ ] CONSULT_GAPS_60: $195.00\n"
        "  [ ] CONSULT_WEIGHT_15: fee to be announced\n"
        "  [ ] CONSULT_WEIGHT_45: $89.00\n"
    )


def test_the_demo_clinic_is_put_into_the_database_and_the_sandbox(app: Flask, sandbox: RunningSandbox) -> None:
    run(app, "catalogue", "load")

    result = run(app, "demo", "clinic")

    assert result.exit_code == 0
    assert "Add practitioner Tobias Wren." in result.output
    assert count(app, Practitioner) == 4
    assert "Tobias Wren" in requests.get(sandbox.url, timeout=10).text


def test_the_demo_clinic_can_be_built_again(app: Flask, sandbox: RunningSandbox) -> None:
    run(app, "catalogue", "load")
    run(app, "demo", "clinic")
    hours = count(app, WorkingHours)

    assert run(app, "demo", "clinic").output == "The invented clinic is there already.\n"
    assert count(app, WorkingHours) == hours


def test_quiet_says_nothing(app: Flask, sandbox: RunningSandbox) -> None:
    run(app, "catalogue", "load")

    assert run(app, "demo", "clinic", "--quiet").output == ""


def test_the_demo_clinic_needs_the_catalogue_first(app: Flask) -> None:
    result = run(app, "demo", "clinic")

    assert result.exit_code == 1
    assert result.output == "Error: There is no catalogue yet: run `flask catalogue load` first.\n"


def test_a_sandbox_that_is_not_there_is_one_sentence(app: Flask, settings: Settings) -> None:
    run(app, "catalogue", "load")
    app.config["PORTAL"] = replace(settings, stripe_api_base="http://localhost:9/stripe")
    try:
        result = run(app, "demo", "clinic")
    finally:
        app.config["PORTAL"] = settings

    assert result.exit_code == 1
    assert result.output == "Error: The sandbox does not answer at http://localhost:9; start it, then try again.\n"


def test_production_takes_no_invented_clinic(app: Flask, settings: Settings) -> None:
    app.config["PORTAL"] = replace(settings, is_local=False)
    try:
        result = run(app, "demo", "clinic")
    finally:
        app.config["PORTAL"] = settings

    assert result.exit_code == 1
    assert result.output == "Error: The invented clinic is for local work only.\n"
    assert count(app, Practitioner) == 0


def test_holidays_are_added_once_and_each_of_them_is_told(app: Flask) -> None:
    with app.app_context():
        make_location()

    told = run(app, "times", "holidays", "--year", "2027").output.splitlines()

    assert told[1] == "Add Australia Day, Tuesday 26 January 2027 (NSW)."
    assert len(told) == count(app, Holiday)
    assert run(app, "times", "holidays", "--year", "2027").output == "Nothing is added: all of them are there.\n"


def test_visits_on_a_new_holiday_are_told_with_it(app: Flask) -> None:
    year = clock.now().year + 1
    with app.app_context():
        booking = make_booking(starts_at=datetime(year, 12, 25, 0, tzinfo=UTC))
        reference = booking.reference

    told = run(app, "times", "holidays").output.splitlines()

    place = next(
        place for place, line in enumerate(told) if line.startswith("Add Christmas Day, ") and str(year) in line
    )
    assert told[place + 1].startswith("  1 visit is booked on Christmas Day, ")
    assert told[place + 1].endswith(f" 25 December {year}: {reference}.")
