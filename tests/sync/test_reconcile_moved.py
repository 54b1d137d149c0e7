"""What somebody moved outside, and nobody told us of: staff hear of it once, and the visit stays where it is."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from portal.bookings.models import Booking
from portal.clients import clients
from portal.clock import now
from portal.db import transaction
from portal.integrations.http import Transient
from portal.sync import jobs
from tests.support.chain import PROVIDERS, Chain, patient_who
from tests.support.medirecords import MINUTES_60
from tests.support.microsoft import LARK
from tests.support.outbox import later, settle
from tests.sync.appointments import SYDNEY
from tests.sync.diaries import act, shift
from tests.sync.tales import AGE, cancel, compare, move, starts, tasks, written

pytestmark = pytest.mark.usefixtures("heard")

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OUT_OF_SIGHT = timedelta(days=120)  # further ahead than is compared


def kinds() -> list[str]:
    return [task.kind for task in tasks()]


def lose_notifications(chain: Chain) -> None:
    chain.sandbox.delivery_fault("graph", "drop", times=50)


def drag(chain: Chain, booking: Booking, starts_at: datetime, minutes: int = 30) -> None:
    """Somebody moves the visit's event in Outlook."""
    (event,) = chain.events(booking.reference)
    shift(chain, event["id"], starts_at, minutes)
    settle(chain.sandbox)


def local(instant: datetime) -> str:
    return f"{instant.astimezone(SYDNEY):%Y-%m-%dT%H:%M}"


def edit(chain: Chain, booking: Booking, **wanted: Any) -> None:
    """The desk changes the visit's appointment in MediRecords."""
    (row,) = chain.appointments(booking.reference)
    chain.sandbox.post("/_emu/medirecords/staff-edit", {"appointment": row["id"], **wanted})


def close_tasks() -> None:
    open_tasks = tasks()
    with transaction():
        for task in open_tasks:
            task.done_at = now()


# Outlook


@pytest.mark.parametrize("by", [HOUR, DAY, OUT_OF_SIGHT, -30 * DAY])
def test_an_event_that_was_moved_unheard_is_told_once_and_the_visit_stays(chain: Chain, by: timedelta) -> None:
    booking = written(chain, patient=patient_who())
    lose_notifications(chain)
    before = booking.starts_at
    drag(chain, booking, before + by)
    for _ in range(2):
        compare(chain)
    (task,) = tasks()
    assert (task.kind, task.booking_id, booking.reference in task.words) == ("outlook-moved", booking.id, True)
    assert booking.starts_at == before
    (event,) = chain.events(booking.reference)
    assert starts(event) == before + by


def test_an_event_that_was_only_made_longer_is_told_too(chain: Chain) -> None:
    booking = written(chain, patient=patient_who())
    lose_notifications(chain)
    drag(chain, booking, booking.starts_at, minutes=90)
    compare(chain)
    assert kinds() == ["outlook-moved"]


def test_what_the_notification_told_is_not_told_again(chain: Chain) -> None:
    booking = written(chain, patient=patient_who())
    drag(chain, booking, booking.starts_at + HOUR)
    assert kinds() == ["outlook-moved"]
    compare(chain)
    assert kinds() == ["outlook-moved"]


def test_an_event_that_staff_left_where_it_is_is_told_again_only_when_it_goes_elsewhere(chain: Chain) -> None:
    booking = written(chain, patient=patient_who())
    lose_notifications(chain)
    drag(chain, booking, booking.starts_at + HOUR)
    compare(chain)
    close_tasks()
    compare(chain)
    assert kinds() == []

    drag(chain, booking, booking.starts_at + 2 * HOUR)
    compare(chain)
    assert kinds() == ["outlook-moved"]


def test_an_event_that_is_dragged_about_is_one_open_task(chain: Chain) -> None:
    booking = written(chain, patient=patient_who())
    drag(chain, booking, booking.starts_at + HOUR)
    drag(chain, booking, booking.starts_at + 2 * HOUR)
    compare(chain)
    assert kinds() == ["outlook-moved"]


def test_an_event_that_goes_again_where_it_was_before_our_own_move_is_news(chain: Chain) -> None:
    booking = written(chain, patient=patient_who())
    lose_notifications(chain)
    there = booking.starts_at + HOUR
    drag(chain, booking, there)
    compare(chain)
    close_tasks()
    move(booking, booking.starts_at + 2 * HOUR)
    settle(chain.sandbox)
    compare(chain)
    assert kinds() == []

    drag(chain, booking, there)
    compare(chain)
    assert kinds() == ["outlook-moved"]


def test_an_event_that_somebody_hid_has_not_moved(chain: Chain) -> None:
    booking = written(chain, patient=patient_who())
    lose_notifications(chain)
    (event,) = chain.events(booking.reference)
    act(chain, "show", event["id"], show_as="free")
    compare(chain)
    assert kinds() == []


def test_an_event_of_a_visit_that_was_called_off_is_nobodys_concern(chain: Chain) -> None:
    booking = written(chain, patient=patient_who())
    lose_notifications(chain)
    drag(chain, booking, booking.starts_at + HOUR)
    cancel(booking)
    settle(chain.sandbox)
    compare(chain)
    assert (chain.events(booking.reference), kinds()) == ([], [])


# Moved by ourselves


@pytest.mark.parametrize("by", [HOUR, DAY])
def test_what_we_moved_ourselves_is_in_order(chain: Chain, by: timedelta) -> None:
    booking = written(chain, patient=patient_who())
    lose_notifications(chain)
    move(booking, booking.starts_at + by, to=chain.lark)
    settle(chain.sandbox)
    compare(chain)
    assert kinds() == []


@pytest.mark.parametrize("call", ["PATCH /graph/*", "PUT /medirecords/*"])
@pytest.mark.parametrize("by", [HOUR, DAY])
def test_what_is_still_to_follow_our_own_move_has_not_been_moved(chain: Chain, call: str, by: timedelta) -> None:
    booking = written(chain, patient=patient_who())
    later(chain.sandbox, **AGE)
    chain.sandbox.fault(call, "429", retry_after=1500)
    move(booking, booking.starts_at + by)
    settle(chain.sandbox)
    compare(chain)
    assert kinds() == []


def test_what_was_written_a_moment_ago_is_left_to_the_next_comparison(chain: Chain) -> None:
    booking = written(chain, patient=patient_who())
    lose_notifications(chain)
    drag(chain, booking, booking.starts_at + HOUR)
    edit(chain, booking, change={"scheduleTime": local(booking.starts_at + HOUR)})
    with transaction():
        jobs.owe_reconciliation(now())
    settle(chain.sandbox)
    assert kinds() == []


def test_a_move_whose_answer_was_lost_is_ours_while_its_job_is_owed(chain: Chain) -> None:
    """Outlook has the new time, and the visit has gone back: what was written last looks right, and is not."""
    booking = written(chain, patient=patient_who())
    later(chain.sandbox, **AGE)
    first = booking.starts_at
    chain.sandbox.fault("PATCH /graph/*", "timeout_after_commit", times=1)
    move(booking, first + HOUR)
    with pytest.raises(Transient):
        jobs.outlook(booking.id)
    move(booking, first)
    jobs.reconcile_outlook(chain.wren.id)
    assert kinds() == []


# MediRecords


@pytest.mark.parametrize("by", [HOUR, DAY, OUT_OF_SIGHT, -30 * DAY])
def test_an_appointment_that_the_desk_moved_is_told_once_as_moved(chain: Chain, by: timedelta) -> None:
    booking = written(chain, patient=patient_who())
    before = booking.starts_at
    edit(chain, booking, change={"scheduleTime": local(before + by)})
    for _ in range(2):
        compare(chain)
    (task,) = tasks()
    assert (task.kind, task.booking_id) == ("medirecords-moved", booking.id)
    assert f"{booking.reference} was moved in MediRecords" in task.words
    assert booking.starts_at == before
    (row,) = chain.appointments(booking.reference)
    assert row["scheduleTime"][:16] == local(before + by)


@pytest.mark.parametrize("change", [{"providerId": PROVIDERS[LARK]}, {"appointmentIntervalCode": MINUTES_60}])
def test_an_appointment_of_somebody_else_or_of_another_length_is_told_too(
    chain: Chain, change: dict[str, object]
) -> None:
    booking = written(chain, patient=patient_who())
    edit(chain, booking, change=change)
    compare(chain)
    assert kinds() == ["medirecords-moved"]


def test_an_appointment_that_only_changed_its_state_has_not_moved(chain: Chain) -> None:
    booking = written(chain, patient=patient_who())
    edit(chain, booking, change={"appointmentStatus": 3, "notes": f"Rang. [ref:{booking.reference}]"})
    compare(chain)
    assert kinds() == []


def test_an_appointment_that_staff_left_where_it_is_is_told_again_only_when_it_goes_elsewhere(chain: Chain) -> None:
    booking = written(chain, patient=patient_who())
    edit(chain, booking, change={"scheduleTime": local(booking.starts_at + DAY)})
    compare(chain)
    close_tasks()
    compare(chain)
    assert kinds() == []

    edit(chain, booking, change={"scheduleTime": local(booking.starts_at + 2 * DAY)})
    compare(chain)
    assert kinds() == ["medirecords-moved"]


@pytest.mark.parametrize("by", [timedelta(), DAY])
@pytest.mark.parametrize("end", ["cancel", "delete"])
def test_an_appointment_that_is_gone_is_not_a_moved_one(chain: Chain, by: timedelta, end: str) -> None:
    booking = written(chain, patient=patient_who())
    edit(chain, booking, change={"scheduleTime": local(booking.starts_at + by)})
    edit(chain, booking, **{end: True})
    for _ in range(2):
        compare(chain)
    assert kinds() == ["medirecords-removed"]


def test_an_appointment_that_the_list_does_not_show_is_asked_for_by_itself(chain: Chain) -> None:
    chain.sandbox.knob("medirecords", "SEARCH_LAG_SECONDS", 3600)
    booking = written(chain, patient=patient_who())
    compare(chain)
    shown = clients().medirecords.find_appointments(on=booking.starts_at.astimezone(SYDNEY).date())
    assert [row for row in shown if booking.reference in row.notes] == []
    assert kinds() == []
