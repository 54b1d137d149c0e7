"""What practitioners enter in Outlook takes their time here: told by Graph or found by the sweep, and never why."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from portal.bookings.states import Status
from portal.catalogue.models import Mode
from portal.clients import clients
from portal.clock import day_bounds, now
from portal.db import db, transaction
from portal.scheduling import availability
from portal.scheduling.models import BusyTime, OutsideCalendar
from portal.sync.outlook import wanted_event
from tests.support.chain import Chain, patient_who
from tests.support.factories import SYDNEY, make_hours, make_location, make_type
from tests.support.microsoft import LARK
from tests.support.outbox import all_rows, jobs_owed, later, settle
from tests.sync.diaries import HALF_HOUR, act, busy, calendar, calls, enter, is_open, read, shift, sweep, ten
from tests.sync.tales import listen, tasks, written

HOUR = timedelta(hours=1)


@pytest.fixture
def heard(chain: Chain) -> Chain:
    """Both calendars were read once, and Graph tells us of changes."""
    listen(chain)
    sweep_all(chain)
    return chain


def sweep_all(chain: Chain) -> None:
    later(chain.sandbox, minutes=3)
    sweep(chain)


def weekly(at: datetime, times: int) -> dict[str, Any]:
    weekday = f"{at.astimezone(SYDNEY):%A}".lower()
    return {
        "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": [weekday]},
        "range": {"type": "numbered", "numberOfOccurrences": times},
    }


# What happens in Outlook


def test_an_entry_added_in_outlook_takes_its_time(heard: Chain) -> None:
    at = ten()
    assert is_open(heard, at)
    enter(heard, at)
    settle(heard.sandbox)

    assert busy(heard.wren) == [(at, at + HOUR)]
    assert not is_open(heard, at)
    assert not is_open(heard, at + HALF_HOUR)
    assert is_open(heard, at + HOUR)
    assert is_open(heard, at, heard.lark)


def test_an_entry_moved_in_outlook_frees_the_one_time_and_takes_the_other(heard: Chain) -> None:
    at = ten()
    event_id = enter(heard, at)
    settle(heard.sandbox)
    shift(heard, event_id, at + 2 * HOUR)
    settle(heard.sandbox)

    assert busy(heard.wren) == [(at + 2 * HOUR, at + 3 * HOUR)]
    assert (is_open(heard, at), is_open(heard, at + 2 * HOUR)) == (True, False)


def test_an_entry_made_private_keeps_its_time(heard: Chain) -> None:
    at = ten()
    event_id = enter(heard, at)
    settle(heard.sandbox)
    act(heard, "private", event_id)
    settle(heard.sandbox)

    assert busy(heard.wren) == [(at, at + HOUR)]


def test_an_entry_deleted_in_outlook_frees_its_time(heard: Chain) -> None:
    at = ten()
    event_id = enter(heard, at)
    settle(heard.sandbox)
    assert not is_open(heard, at)
    act(heard, "delete", event_id)
    settle(heard.sandbox)

    assert busy(heard.wren) == []
    assert is_open(heard, at)


@pytest.mark.parametrize(
    ("show_as", "is_taken"),
    [
        ("free", False),
        ("tentative", True),
        ("busy", True),
        ("oof", True),
        ("workingElsewhere", False),  # by video; see below
        ("unknown", True),
    ],
)
def test_how_an_entry_is_shown_decides_whether_it_takes_time(chain: Chain, show_as: str, is_taken: bool) -> None:
    at = ten()
    enter(chain, at, show_as=show_as)
    read(chain)

    assert is_open(chain, at) is not is_taken


def test_an_entry_that_is_shown_as_free_from_now_on_frees_its_time(heard: Chain) -> None:
    event_id = enter(heard, ten())
    settle(heard.sandbox)
    act(heard, "show", event_id, show_as="free")
    settle(heard.sandbox)

    assert busy(heard.wren) == []


def test_who_works_elsewhere_sees_nobody_in_person(chain: Chain) -> None:
    at, street = ten(), make_location()
    make_hours(chain.wren, street)
    in_person = make_type(mode=Mode.IN_PERSON)
    assert availability.at(in_person, at, now()).open_slots
    enter(chain, at, show_as="workingElsewhere")
    read(chain)

    assert is_open(chain, at)
    assert availability.at(in_person, at, now()).open_slots == []


def test_a_whole_day_takes_the_clinics_day(chain: Chain) -> None:
    day = ten().astimezone(SYDNEY).date()
    first, last = day_bounds(day, SYDNEY)
    enter(chain, first, int((last - first).total_seconds() // 60), is_all_day=True, show_as="oof")
    read(chain)

    assert busy(chain.wren) == [(first, last)]
    # Hours are from 9 to 5.
    noon = ten() + 2 * HOUR
    assert not is_open(chain, noon)
    assert is_open(chain, noon - timedelta(days=1))
    assert is_open(chain, noon + timedelta(days=1))


def test_a_series_takes_the_time_of_each_occurrence(heard: Chain) -> None:
    at = ten()
    enter(heard, at, recurrence=weekly(at, 3))
    settle(heard.sandbox)

    assert [end - start for start, end in busy(heard.wren)] == [HOUR] * 3
    in_two_weeks = datetime.combine(at.astimezone(SYDNEY) + timedelta(days=7), at.astimezone(SYDNEY).time(), SYDNEY)
    assert not is_open(heard, in_two_weeks)


def test_what_happens_to_a_series_happens_to_each_occurrence(heard: Chain) -> None:
    at = ten()
    series = enter(heard, at, recurrence=weekly(at, 3))
    settle(heard.sandbox)
    first = occurrence(heard)
    shift(heard, first, at + 2 * HOUR)
    settle(heard.sandbox)
    assert busy(heard.wren)[0] == (at + 2 * HOUR, at + 3 * HOUR)

    act(heard, "delete", first)
    settle(heard.sandbox)
    assert len(busy(heard.wren)) == 2

    act(heard, "show", series, show_as="free")
    settle(heard.sandbox)
    assert busy(heard.wren) == []
    act(heard, "show", series, show_as="busy")
    settle(heard.sandbox)
    assert busy(heard.wren) != []

    act(heard, "delete", series)
    settle(heard.sandbox)
    assert busy(heard.wren) == []


def occurrence(chain: Chain) -> str:
    """The id of the first entry that we know."""
    db.session.rollback()
    first = db.select(BusyTime.external_id).order_by(BusyTime.starts_at).limit(1)
    return str(db.session.scalar(first))


def test_an_entry_without_length_takes_nothing(chain: Chain) -> None:
    enter(chain, ten(), 0)
    read(chain)

    assert busy(chain.wren) == []


def test_nothing_of_what_an_entry_is_about_is_kept_or_logged(chain: Chain, caplog: pytest.LogCaptureFixture) -> None:
    listen(chain)
    enter(chain, ten(), subject="Oncology appointment")
    settle(chain.sandbox)
    assert len(busy(chain.wren)) == 1

    tables = ("busy_time", "outside_calendar", "outbox", "graph_notification", "staff_task")
    stored = [db.session.scalar(text(f"select json_agg(t)::text from {table} t")) for table in tables]
    assert not any("Oncology" in (rows or "") for rows in stored)
    assert "Oncology" not in caplog.text
    assert "partner.call" in caplog.text


# Our own events


def test_our_own_events_take_no_busy_time(heard: Chain) -> None:
    booking = written(heard, patient=patient_who())
    sweep_all(heard)

    assert busy(heard.wren) == []
    assert len(heard.events(booking.reference)) == 1


@pytest.mark.parametrize("shown_by", ["first reading", "round"])
def test_an_event_of_ours_that_we_have_not_noted_yet_is_ours_already(chain: Chain, shown_by: str) -> None:
    booking = chain.booking()
    wanted = wanted_event(booking)
    assert wanted is not None
    if shown_by == "round":
        read(chain)
    clients().graph.create_event(wanted.graph_user_id, wanted.spec, transaction_id=f"{booking.reference}:1")
    read(chain)

    assert busy(chain.wren) == []


def test_our_property_is_enough_to_know_our_event(chain: Chain) -> None:
    booking = chain.booking()
    wanted = wanted_event(booking)
    assert wanted is not None
    read(chain)
    clients().graph.create_event(wanted.graph_user_id, wanted.spec, transaction_id="of-somebody-else")
    read(chain)

    assert busy(chain.wren) == []


def test_an_event_that_names_a_booking_we_do_not_have_takes_time(chain: Chain) -> None:
    booking = chain.booking()
    wanted = wanted_event(booking)
    assert wanted is not None
    spec = type(wanted.spec)(**{**vars(wanted.spec), "metadata": {"b": "BK-ZZZZZZ"}})
    clients().graph.create_event(wanted.graph_user_id, spec, transaction_id="BK-ZZZZZZ:1")
    read(chain)

    assert busy(chain.wren) == [(booking.starts_at, booking.ends_at)]


def test_our_event_moved_by_hand_takes_no_time_where_it_went(heard: Chain) -> None:
    booking = written(heard, patient=patient_who())
    (event,) = heard.events(booking.reference)
    shift(heard, event["id"], ten() + 2 * HOUR, 30)
    settle(heard.sandbox)
    sweep_all(heard)

    assert busy(heard.wren) == []
    assert is_open(heard, ten() + 2 * HOUR)
    assert [task.kind for task in tasks()] == ["outlook-moved"]


def test_a_visit_called_off_frees_its_time_also_while_its_event_still_stands(heard: Chain) -> None:
    booking = written(heard, patient=patient_who())
    starts_at = booking.starts_at
    with transaction():
        booking.status = Status.CANCELLED
        booking.cancelled_at, booking.cancelled_by = now(), "staff"
    read(heard)

    assert is_open(heard, starts_at)


# How it is read


def test_many_notifications_lead_to_one_reading(heard: Chain) -> None:
    before = len(all_rows("sync.read_outlook_busy"))
    for hours in range(5):
        enter(heard, ten() + hours * HOUR)
    heard.sandbox.wait_quiet()
    assert jobs_owed().count("sync.read_outlook_busy") == 1
    settle(heard.sandbox)

    assert len(busy(heard.wren)) == 5
    assert len(all_rows("sync.read_outlook_busy")) == before + 1


def test_a_notification_that_comes_twice_is_read_once(heard: Chain) -> None:
    heard.sandbox.delivery_fault("graph", "duplicate", copies=2, times=4)
    since = len(heard.sandbox.calls("graph"))
    enter(heard, ten())
    settle(heard.sandbox)

    assert calls(heard, "calendarView/delta", since) == 1


def test_a_change_that_nobody_told_us_of_is_found_by_the_sweep(chain: Chain) -> None:
    sweep_all(chain)
    enter(chain, ten())
    settle(chain.sandbox)
    assert busy(chain.wren) == []
    assert is_open(chain, ten())

    sweep_all(chain)
    assert not is_open(chain, ten())


def test_the_sweep_leaves_alone_what_was_read_a_moment_ago(heard: Chain) -> None:
    since = len(heard.sandbox.calls("graph"))
    sweep(heard)
    assert len(heard.sandbox.calls("graph")) == since


def test_a_round_asks_for_what_changed_and_for_no_more(heard: Chain) -> None:
    for hours in range(3):
        enter(heard, ten() + hours * HOUR)
    settle(heard.sandbox)
    heard.sandbox.knob("graph", "delta_replay", False)
    since = len(heard.sandbox.calls("graph"))
    sweep_all(heard)
    quiet = heard.sandbox.calls("graph")[since:]
    assert [call["path"].partition("?")[0].rpartition("/")[2] for call in quiet] == ["delta", "delta"]


def test_many_changes_at_once_are_read_with_the_whole_calendar(chain: Chain) -> None:
    read(chain)
    for minutes in range(25):
        enter(chain, ten() + minutes * timedelta(minutes=15), 15)
    since = len(chain.sandbox.calls("graph"))
    read(chain)

    assert len(busy(chain.wren)) == 25
    assert len(chain.sandbox.calls("graph")) - since == 2


def test_rounds_that_graph_forgot_are_begun_anew_and_nothing_is_free_meanwhile(chain: Chain) -> None:
    at = ten()
    kept, deleted = enter(chain, at), enter(chain, at + 2 * HOUR)
    read(chain)
    link = calendar(chain.wren).delta_link
    chain.sandbox.post("/_emu/graph/expire-delta")
    act(chain, "delete", deleted)
    new = at + 4 * HOUR
    enter(chain, new)
    # The reading anew fails half-way once: what was known is still there.
    chain.sandbox.fault("GET /graph/*/calendarView", "error", status=503)
    read(chain)
    assert [start for start, _ in busy(chain.wren)] == [at, at + 2 * HOUR]

    read(chain)
    assert [start for start, _ in busy(chain.wren)] == [at, new]
    assert calendar(chain.wren).delta_link != link
    assert kept in {row.external_id for row in db.session.scalars(db.select(BusyTime))}


def test_the_window_moves_on_before_patients_can_book_beyond_it(chain: Chain) -> None:
    horizon = timedelta(days=chain.type.horizon_days)
    read(chain)
    first = calendar(chain.wren).window_until
    assert first is not None and first > now() + horizon + timedelta(days=7)
    beyond = first + timedelta(days=1)
    enter(chain, beyond)
    later(chain.sandbox, days=5)
    read(chain)
    assert calendar(chain.wren).window_until == first
    assert busy(chain.wren) == []

    later(chain.sandbox, days=4)
    read(chain)
    second = calendar(chain.wren).window_until
    assert second is not None and second > beyond
    assert [start for start, _ in busy(chain.wren)] == [beyond]


def test_the_window_moves_when_a_type_can_be_booked_further_ahead(chain: Chain) -> None:
    read(chain)
    with transaction():
        chain.type.horizon_days = 120
    enter(chain, now() + timedelta(days=100))
    read(chain)

    assert len(busy(chain.wren)) == 1


def test_another_mailbox_is_read_from_its_beginning(chain: Chain) -> None:
    enter(chain, ten())
    enter(chain, ten() + 3 * HOUR, user=LARK)
    read(chain)
    with transaction():
        chain.lark.graph_user_id = None
    with transaction():
        chain.wren.graph_user_id = LARK
    read(chain)

    assert busy(chain.wren) == [(ten() + 3 * HOUR, ten() + 4 * HOUR)]
    assert calendar(chain.wren).external_id == LARK


def test_who_has_no_mailbox_any_more_is_busy_with_nothing(chain: Chain) -> None:
    enter(chain, ten())
    read(chain)
    with transaction():
        chain.wren.graph_user_id = None
    sweep_all(chain)

    assert busy(chain.wren) == []
    assert db.session.get(OutsideCalendar, (chain.wren.id, "outlook")) is None
    assert is_open(chain, ten())
