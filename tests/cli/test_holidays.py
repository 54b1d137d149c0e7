"""`flask times holidays`: the public holidays of the clinic's states, told with what they mean for visits."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Flask

from portal import clock
from portal.scheduling.models import Holiday
from tests.cli.commands import count, run
from tests.support.factories import make_booking, make_location


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
