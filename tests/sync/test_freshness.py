"""`flask graph status`: how fresh what we know of the calendars outside is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from portal.db import db, transaction
from portal.scheduling.models import Outside, OutsideCalendar
from portal.sync.freshness import state_of
from tests.support.factories import make_practitioner

NOW = datetime(2090, 5, 10, 1, 30, tzinfo=UTC)
AGO, AHEAD = NOW - timedelta(hours=1), NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    ("source", "known", "state"),
    [
        (Outside.OUTLOOK, None, "never read"),
        (Outside.OUTLOOK, {"read_at": AGO, "unknown_from": AHEAD}, "fresh"),
        (Outside.OUTLOOK, {"read_at": AGO, "unknown_from": AGO}, "too old: not offered"),
        (Outside.OUTLOOK, {"read_at": AGO, "failed_at": AGO, "unknown_from": AHEAD}, "away; still offered"),
        (Outside.OUTLOOK, {"failed_at": AGO, "unknown_from": AGO}, "away; not offered"),
        (Outside.MEDIRECORDS, {"read_at": AGO}, "fresh"),
        (Outside.MEDIRECORDS, {"failed_at": AGO}, "away; still offered"),
    ],
)
def test_what_the_state_of_a_calendar_is_called(source: Outside, known: dict[str, datetime] | None, state: str) -> None:
    row = OutsideCalendar(practitioner_id=1, source=source, problem="away", **known) if known else None
    assert state_of(row, source, NOW) == state


def test_each_calendar_has_a_line_in_the_clinics_time(app: Flask, ctx: None) -> None:
    wren = make_practitioner(slug="wren", graph_user_id="user", medirecords_provider_id="provider")
    make_practitioner(slug="unconnected")
    with transaction():
        db.session.add(
            OutsideCalendar(practitioner_id=wren.id, source=Outside.OUTLOOK, read_at=NOW, unknown_from=AHEAD)
        )

    told = app.test_cli_runner().invoke(args=["graph", "status"]).output

    assert told.splitlines() == [
        "practitioner  source       read                   believed until         state",
        "wren          outlook      2090-05-10 11:30 AEST  2090-05-10 12:30 AEST  fresh",
        "wren          medirecords  -                      -                      never read",
    ]


def test_a_clinic_without_calendars_says_so(app: Flask) -> None:
    told = app.test_cli_runner().invoke(args=["graph", "status"]).output
    assert told == "No practitioner has a calendar outside yet.\n"
