"""The .ics file of a visit, read back by a parser."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest

from portal.bookings.states import Status
from portal.clinic import Clinic
from portal.notices.calendar_entry import for_booking, ics, of_booking
from portal.scheduling.models import Location
from portal.staff.models import Practitioner
from tests.notices.letters import NOW, ROSELLA, STARTS_AT, make_booking

SYDNEY = ZoneInfo("Australia/Sydney")
HOST = "bookings.example.com"


def read(raw: bytes) -> tuple[Any, Any]:
    """The calendar and its one event."""
    calendar = icalendar.Calendar.from_ical(raw)
    (event,) = calendar.walk("VEVENT")
    return calendar, event


def lines(raw: bytes) -> list[str]:
    """The content lines, unfolded."""
    return raw.decode().replace("\r\n ", "").split("\r\n")


def test_the_entry_says_when_and_where_and_with_whom() -> None:
    calendar, event = read(for_booking(make_booking(), ROSELLA, HOST, NOW))

    assert calendar["METHOD"] == "PUBLISH"
    assert event["UID"] == "BK-7F3K2Q@bookings.example.com"
    assert event["SUMMARY"] == "Appointment at Rosella Clinic"
    assert event["LOCATION"] == "Rosella Clinic, 1 Example St, Sydney"
    assert event["STATUS"] == "CONFIRMED"
    assert event["ORGANIZER"] == "mailto:desk@rosella-clinic.example.com"
    assert event["ORGANIZER"].params["CN"] == "Rosella Clinic"
    assert event["DTSTAMP"].dt == NOW
    assert "BK-7F3K2Q" in event["DESCRIPTION"]
    assert "Dr Ines Moreau" in event["DESCRIPTION"]
    assert "(02) 5550 1234" in event["DESCRIPTION"]


def test_the_times_are_wall_times_of_the_clinics_zone() -> None:
    raw = for_booking(make_booking(), ROSELLA, HOST, NOW)

    assert "DTSTART;TZID=Australia/Sydney:20261201T100000" in lines(raw)
    assert "DTEND;TZID=Australia/Sydney:20261201T104500" in lines(raw)


@pytest.mark.parametrize("zone", ["Australia/Sydney", "Australia/Adelaide", "Australia/Lord_Howe", "Australia/Perth"])
@pytest.mark.parametrize(
    "starts_at",
    [
        datetime(2026, 4, 3, 23, 0, tzinfo=UTC),  # the day before daylight saving ends
        datetime(2026, 4, 4, 13, 40, tzinfo=UTC),  # before and after the wall times that happen twice
        datetime(2026, 4, 4, 17, 30, tzinfo=UTC),
        datetime(2026, 4, 4, 23, 0, tzinfo=UTC),
        datetime(2026, 10, 2, 23, 0, tzinfo=UTC),  # the day before it begins
        datetime(2026, 10, 3, 15, 59, tzinfo=UTC),
        datetime(2026, 10, 3, 16, 0, tzinfo=UTC),
        datetime(2026, 10, 3, 16, 30, tzinfo=UTC),
        datetime(2026, 10, 4, 0, 0, tzinfo=UTC),
        datetime(2026, 12, 31, 13, 0, tzinfo=UTC),
        datetime(2026, 7, 1, 0, 0, tzinfo=UTC),
    ],
)
def test_the_files_own_zone_rules_agree_with_the_zone(zone: str, starts_at: datetime) -> None:
    booking = make_booking(starts_at=starts_at, location=Location(name="Rosella Clinic", address="", zone=zone))
    calendar, event = read(for_booking(booking, ROSELLA, HOST, NOW))
    # Read from the VTIMEZONE itself, not looked up by its name.
    rules = calendar.walk("VTIMEZONE")[0].to_tz(lookup_tzid=False)

    assert event["DTSTART"].dt == starts_at
    assert event["DTEND"].dt == starts_at + timedelta(minutes=45)
    wall_time = event["DTSTART"].dt.replace(tzinfo=None)
    assert wall_time.replace(tzinfo=rules).utcoffset() == event["DTSTART"].dt.utcoffset()


def test_daylight_saving_begins_at_two_standard_time() -> None:
    raw = for_booking(make_booking(), ROSELLA, HOST, NOW).decode()
    daylight = [part for part in raw.split("BEGIN:DAYLIGHT")[1:] if "TZOFFSETFROM:+1000" in part]

    assert ["DTSTART:20261004T020000" in part for part in daylight] == [True]


def test_a_moved_visit_keeps_its_uid_and_counts_its_moves() -> None:
    moved = make_booking(version=2, starts_at=STARTS_AT + timedelta(days=7))
    _, before = read(for_booking(make_booking(), ROSELLA, HOST, NOW))
    _, after = read(for_booking(moved, ROSELLA, HOST, NOW + timedelta(hours=1)))

    assert after["UID"] == before["UID"]
    assert (before["SEQUENCE"], after["SEQUENCE"]) == (0, 2)
    assert after["DTSTART"].dt == STARTS_AT + timedelta(days=7)


def test_a_cancelled_visit_takes_its_entry_away() -> None:
    calendar, event = read(for_booking(make_booking(status=Status.CANCELLED), ROSELLA, HOST, NOW))

    assert (calendar["METHOD"], event["STATUS"]) == ("CANCEL", "CANCELLED")
    assert event["UID"] == "BK-7F3K2Q@bookings.example.com"


def test_the_entry_names_no_service_and_holds_no_link_and_no_alarm() -> None:
    raw = for_booking(make_booking(), ROSELLA, HOST, NOW).decode().lower()

    for telling in ("weight", "loss", "follow", "consult", "gaps", "http", "valarm", "$", "castellano"):
        assert telling not in raw


def test_a_clinic_without_an_address_has_no_organizer() -> None:
    _, event = read(for_booking(make_booking(), Clinic(name="Rosella Clinic"), HOST, NOW))

    assert "ORGANIZER" not in event


def test_line_breaks_in_names_add_no_line() -> None:
    evil = "Ada\r\nATTENDEE:mailto:eve@example.org\nX-EVIL:1\r\u2028BEGIN:VALARM"
    booking = make_booking(
        practitioner=Practitioner(name=evil), location=Location(name=evil, address=evil, zone=SYDNEY.key)
    )
    raw = for_booking(booking, Clinic(name=evil, phone=evil, email="desk@example.com"), HOST, NOW)
    _, event = read(raw)

    names = {line.partition(":")[0].partition(";")[0] for line in lines(raw)}
    assert names.isdisjoint({"ATTENDEE", "X-EVIL"})
    assert lines(raw).count("BEGIN:VALARM") == 0
    assert event["SUMMARY"] == "Appointment at Ada ATTENDEE:mailto:eve@example.org X-EVIL:1 BEGIN:VALARM"


def test_long_and_accented_lines_are_folded_and_come_back_whole() -> None:
    long = "Zoë Ångström's rooms; upstairs, left \\ right " * 8
    entry = replace(of_booking(make_booking(), ROSELLA, HOST, NOW), location=long)
    raw = ics(entry)

    assert max(len(line) for line in raw.split(b"\r\n")) <= 75
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert read(raw)[1]["LOCATION"] == long.strip()
