"""`flask times explain`: whether a time can be booked, and if not, why."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import pytest
from click.testing import Result
from flask import Flask

from portal import clock
from portal.catalogue.models import AppointmentType
from tests.support.factories import (
    SYDNEY,
    make_booking,
    make_hours,
    make_location,
    make_patient,
    make_practitioner,
    make_type,
)

pytestmark = pytest.mark.usefixtures("ctx")


@pytest.fixture
def visit(ctx: None) -> AppointmentType:
    """Willa Wren works from 9 to 5 every day."""
    make_hours(make_practitioner(slug="willa-wren"), make_location(is_telehealth=True))
    return make_type(slug="visit")


def explained(app: Flask, start: str, *, kind: str = "visit", who: str = "willa-wren") -> Result:
    return app.test_cli_runner().invoke(args=("times", "explain", kind, who, start))


def in_a_week(hour: int, minute: int = 0) -> str:
    day = clock.now().astimezone(SYDNEY).date() + timedelta(days=7)
    return datetime.combine(day, time(hour, minute)).isoformat(timespec="minutes")


@pytest.mark.parametrize("who", ["willa-wren", "any"])
def test_an_open_time_can_be_booked(app: Flask, visit: AppointmentType, who: str) -> None:
    result = explained(app, in_a_week(10), who=who)
    assert (result.exit_code, result.output) == (0, "Can be booked.\n")


def test_the_reason_is_told_without_saying_whose_visit_it_is(app: Flask, visit: AppointmentType) -> None:
    visits = make_booking(type=visit, patient=make_patient(given_name="Zelda", family_name="Quillfeather"))
    visits.practitioner.slug = "lena-lark"
    make_hours(visits.practitioner, visits.location)
    result = explained(app, in_a_week(10, 15), who="lena-lark")

    assert result.output == "Cannot be booked: taken by the 10:00 visit.\n"


def test_a_time_on_the_clinics_clock_that_does_not_happen_once_is_explained(app: Flask, visit: AppointmentType) -> None:
    first_of_month = datetime(clock.now().year + 1, 10, 1, tzinfo=SYDNEY)
    sunday = first_of_month + timedelta(days=6 - first_of_month.weekday())
    assert explained(app, f"{sunday:%Y-%m-%d}T02:30").output == "Cannot be booked: the clock changes then.\n"


@pytest.mark.parametrize(
    ("start", "kind", "who", "sentence"),
    [
        ("tomorrow", "visit", "willa-wren", "tomorrow is not a time such as 2026-12-01T10:00."),
        ("2026-12-01T10:00Z", "visit", "willa-wren", "2026-12-01T10:00Z is not a time such as 2026-12-01T10:00."),
        ("9999-12-31T23:00", "visit", "willa-wren", "9999-12-31T23:00 is too many years away."),
        ("2026-12-01T10:00", "other", "willa-wren", "There is no appointment type other."),
        ("2026-12-01T10:00", "visit", "nobody", "There is no practitioner nobody."),
        ("2026-12-01T10:00", "no-price", "willa-wren", "No price cannot be booked at all: it is not on sale."),
    ],
)
def test_a_bad_argument_is_one_clear_sentence(
    app: Flask, visit: AppointmentType, start: str, kind: str, who: str, sentence: str
) -> None:
    make_type(slug="no-price", name="No price", price_cents=None)
    result = explained(app, start, kind=kind, who=who)
    assert (result.exit_code, result.output) == (1, f"Error: {sentence}\n")
