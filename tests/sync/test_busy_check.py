"""Outlook's own free/busy is compared with what we have read: a difference is read anew, and then told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from portal.clock import day_bounds, now
from portal.db import db, transaction
from portal.integrations.graph import ScheduleItem
from portal.scheduling.models import BusyTime, Outside
from portal.sync import jobs
from portal.sync.busy_check import compare
from tests.support.chain import Chain, patient_who
from tests.support.factories import SYDNEY
from tests.support.outbox import all_rows, settle
from tests.sync.diaries import busy, enter, read, shift, ten
from tests.sync.tales import listen, tasks, written

HOUR = timedelta(hours=1)
DAY = datetime(2026, 3, 2, tzinfo=UTC)
WINDOW = (DAY, DAY + timedelta(days=7))


def check(chain: Chain) -> None:
    db.session.rollback()
    jobs.check_outlook_busy(chain.wren.id)


def pretend_to_know(chain: Chain, starts_at: datetime) -> None:
    """A row that Outlook knows nothing of."""
    with transaction():
        db.session.add(
            BusyTime(
                practitioner_id=chain.wren.id,
                source=Outside.OUTLOOK,
                external_id="made-up",
                starts_at=starts_at,
                ends_at=starts_at + HOUR,
            )
        )


def test_a_calendar_that_was_understood_is_left_in_peace(chain: Chain) -> None:
    listen(chain)
    written(chain, patient=patient_who())
    enter(chain, ten() + 2 * HOUR)
    enter(chain, ten() + 4 * HOUR, show_as="free")
    enter(chain, ten() + 5 * HOUR, show_as="workingElsewhere")
    first, last = day_bounds((ten() + timedelta(days=3)).astimezone(SYDNEY).date(), SYDNEY)
    enter(chain, first, int((last - first).total_seconds() // 60), is_all_day=True, show_as="oof")
    check(chain)

    assert tasks() == []


def test_what_we_know_wrongly_is_mended_without_a_word(chain: Chain) -> None:
    read(chain)
    pretend_to_know(chain, ten())
    check(chain)

    assert busy(chain.wren) == []
    assert tasks() == []


def test_a_lasting_difference_is_told_and_settled_when_it_is_gone(chain: Chain) -> None:
    """Free/busy shows our event where somebody has moved it, which we do not count as busy time."""
    listen(chain)
    booking = written(chain, patient=patient_who())
    (event,) = chain.events(booking.reference)
    shift(chain, event["id"], ten() + 3 * HOUR, 30)
    check(chain)

    (task,) = tasks("outlook-differs")
    assert task.words.startswith("What the portal has read of the calendar of Willa Wren is not what Outlook")
    assert "1:00 pm Sydney time as busy, and the portal offers it." in task.words

    shift(chain, event["id"], booking.starts_at, 30)
    check(chain)
    assert tasks("outlook-differs") == []


def test_a_schedule_that_is_not_told_is_unknown_and_not_free(chain: Chain) -> None:
    enter(chain, ten())
    with transaction():
        chain.wren.email = "somebody-else@example.com"
    check(chain)

    (task,) = tasks()
    assert "does not say when Willa Wren is free (ErrorMailRecipientNotFound)" in task.words
    assert busy(chain.wren) == [(ten(), ten() + HOUR)]


def test_a_calendar_that_cannot_be_read_is_not_compared(chain: Chain) -> None:
    chain.sandbox.knob("graph", "allowed_mailboxes", [])
    check(chain)

    asked = [call["path"] for call in chain.sandbox.calls("graph")]
    assert asked
    assert not any("getSchedule" in path for path in asked)


def test_every_calendar_is_compared_once_an_hour(chain: Chain) -> None:
    with transaction():
        jobs.owe_busy_checks(now())
        jobs.owe_busy_checks(now())
    settle(chain.sandbox)

    assert len(all_rows("sync.check_outlook_busy")) == 2


def item(start: float, end: float, status: str = "busy") -> ScheduleItem:
    return ScheduleItem(DAY + start * HOUR, DAY + end * HOUR, status)


def spans(*hours: tuple[float, float]) -> list[tuple[datetime, datetime]]:
    return [(DAY + start * HOUR, DAY + end * HOUR) for start, end in hours]


@pytest.mark.parametrize(
    ("shown", "known", "ours", "missed", "invented"),
    [
        ([], [], [], [], []),
        ([item(9, 10)], [(9, 10)], [], [], []),
        ([item(9, 10)], [], [(9, 10)], [], []),
        ([item(9, 10)], [], [], [(9, 10)], []),
        ([], [(9, 10)], [], [], [(9, 10)]),
        ([], [], [(9, 10)], [], []),
        ([item(9, 12)], [(10, 11)], [], [(9, 10), (11, 12)], []),
        ([item(10, 11)], [(9, 12)], [], [], [(9, 10), (11, 12)]),
        ([item(9, 10), item(10, 11)], [(9, 11)], [], [], []),
        ([item(9, 10, "free"), item(10, 11, "workingelsewhere")], [], [], [], []),
        ([item(9, 10, "tentative"), item(11, 12, "something new")], [], [], [(9, 10), (11, 12)], []),
        ([item(9, 10.01)], [(9, 10)], [], [], []),  # less than a minute
        ([item(-5, 1)], [(0, 1)], [], [], []),  # what was before the window
        ([item(400, 401)], [], [], [], []),  # and what is after it
        ([item(0, 24)], [(-11, 13)], [], [], []),  # midnight to midnight UTC: the clinic's day, 11 hours ahead
        ([item(0, 24)], [(0, 24)], [], [], []),
    ],
)
def test_what_is_missed_and_what_is_invented(
    shown: list[ScheduleItem],
    known: list[tuple[float, float]],
    ours: list[tuple[float, float]],
    missed: list[tuple[float, float]],
    invented: list[tuple[float, float]],
) -> None:
    found = compare(shown, spans(*known), spans(*ours), WINDOW, SYDNEY)
    assert found == (spans(*missed), spans(*invented))
