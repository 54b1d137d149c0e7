"""`flask demo clinic`: the invented clinic is built once, and only for local work."""

from __future__ import annotations

from dataclasses import replace

import requests
from flask import Flask

from portal.config import Settings
from portal.scheduling.models import WorkingHours
from portal.staff.models import Practitioner
from tests.cli.commands import count, run
from tests.support.sandbox import RunningSandbox


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
