"""What a practitioner does in Outlook changes the times that patients are offered, within seconds, with all processes
running as they do in the clinic."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from portal.demo_clinic import PEOPLE
from portal.local.clinic import Clinic
from portal.web.booking.slot_list import read_value
from tests.support.whole_clinic import HttpVisitor, emu, query, until

pytestmark = [pytest.mark.program, pytest.mark.timeout(240)]

SYDNEY = ZoneInfo("Australia/Sydney")
SECONDS = 10.0
MAEVE = PEOPLE[0]
TYPE = "initial-consult-free"
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module", autouse=True)
def listening(clinic: Clinic) -> None:
    """Graph tells us of every calendar."""
    until(lambda: len(emu(clinic, "graph/subscriptions")) == len(PEOPLE), "the subscriptions")


def offered(clinic: Clinic, day: date) -> set[datetime]:
    """The starts that the times page offers on a day, and on the days after it."""
    page = HttpVisitor(clinic.url).get(f"/book/{TYPE}?practitioner={MAEVE.slug}&from={day}")
    assert page.status == 200
    return {slot[0] for slot in map(read_value, page.times) if slot is not None}


def within_seconds(look: Callable[[], bool], what: str) -> None:
    until(look, what, SECONDS)


def staff_event(clinic: Clinic, action: str, **wanted: Any) -> str:
    return str(emu(clinic, "graph/staff-event", user=MAEVE.graph_user_id, action=action, **wanted)["id"])


def span(starts_at: datetime, hours: float) -> dict[str, str]:
    return {"start": starts_at.isoformat(), "end": (starts_at + timedelta(hours=hours)).isoformat()}


def next_weekday_at(hour: int) -> datetime:
    """A day of Maeve's in a week or so, at this hour in Sydney."""
    day = datetime.now(UTC).astimezone(SYDNEY).date() + timedelta(days=7)
    while day.weekday() > 4:
        day += timedelta(days=1)
    return datetime(day.year, day.month, day.day, hour, tzinfo=SYDNEY)


def test_times_are_offered_as_soon_as_the_clinic_is_ready(clinic: Clinic) -> None:
    assert offered(clinic, next_weekday_at(9).date())


def test_an_entry_added_moved_hidden_and_deleted_in_outlook_changes_the_times(clinic: Clinic) -> None:
    nine = next_weekday_at(9)
    eleven, day = nine + 2 * HOUR, nine.date()
    before = offered(clinic, day)
    assert {nine, eleven} <= before

    event_id = staff_event(clinic, "create", subject="Dentist", **span(nine, 1))
    within_seconds(lambda: nine not in offered(clinic, day), "the entry that was added")
    assert eleven in offered(clinic, day)

    staff_event(clinic, "move", id=event_id, **span(eleven, 1))
    within_seconds(lambda: nine in offered(clinic, day), "the entry that was moved away")
    assert eleven not in offered(clinic, day)

    staff_event(clinic, "private", id=event_id)
    staff_event(clinic, "move", id=event_id, **span(nine, 1))
    within_seconds(lambda: nine not in offered(clinic, day), "the private entry that was moved back")

    staff_event(clinic, "delete", id=event_id)
    within_seconds(lambda: nine in offered(clinic, day), "the entry that was deleted")
    assert offered(clinic, day) == before


def test_a_weekly_entry_takes_its_time_in_every_week(clinic: Clinic) -> None:
    nine = next_weekday_at(9)
    pattern = {"type": "weekly", "interval": 1, "daysOfWeek": [f"{nine:%A}".lower()]}
    rule = {"pattern": pattern, "range": {"type": "numbered", "numberOfOccurrences": 3}}
    event_id = staff_event(clinic, "create", recurrence=rule, **span(nine, 1))
    for week in range(3):
        at = datetime.combine(nine.date() + timedelta(weeks=week), nine.time(), SYDNEY)
        within_seconds(lambda at=at: not is_offered(clinic, at), f"week {week}")  # type: ignore[misc]
    assert is_offered(clinic, datetime.combine(nine.date() + timedelta(weeks=3), nine.time(), SYDNEY))

    staff_event(clinic, "delete", id=event_id)
    within_seconds(lambda: is_offered(clinic, nine), "the series that was deleted")


def test_what_is_kept_tells_nobody_why_somebody_is_busy(clinic: Clinic) -> None:
    staff_event(clinic, "create", subject="Marmalade tasting", **span(next_weekday_at(9) + timedelta(days=7), 1))
    until(lambda: query(clinic, "select 1 from busy_time where source = 'outlook'"), "the reading")
    logs = "".join(clinic.log(name).read_text() for name in ("web", "worker"))
    assert "Marmalade" not in logs
    assert query(clinic, "select 1 from busy_time where busy_time::text like '%%Marmalade%%'") == []


def is_offered(clinic: Clinic, at: datetime) -> bool:
    return at in offered(clinic, at.date())
