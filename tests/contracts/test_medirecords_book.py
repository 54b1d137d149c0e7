"""The MediRecords client in the appointment book: create, read a day, move, cancel, and days of the clock change."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from portal.integrations.http import Ambiguous, NotFound
from portal.integrations.medirecords import AppointmentSpec, Conflict, Refused, UnwritableTime
from tests.support.medirecords import (
    ALT_30,
    BLOCKED,
    BOOK,
    HOUSE_CALL,
    LINDQVIST,
    MINUTES_30,
    MINUTES_60,
    MOREAU,
    NORA,
    TELEHEALTH,
    WILL,
    Wire,
    client,
)
from tests.support.sandbox import RunningSandbox

SYDNEY = ZoneInfo("Australia/Sydney")
DAY = date(2027, 3, 9)
SPEC = AppointmentSpec(
    patient_id=NORA,
    type_id=ALT_30,
    provider_id=MOREAU,
    room_id=None,
    starts_at=datetime(2027, 3, 9, 3, 30, tzinfo=UTC),
    interval_code=MINUTES_30,
    status=2,
    notes="Booked online. [ref:BK-7F3K2Q] [bill:CONSULT_ALT_30]",
)
NOBODY = "00000000-0000-4000-8000-000000000000"


def test_a_new_appointment_is_in_the_book_at_the_practices_time(sandbox: RunningSandbox) -> None:
    made = client(sandbox).create_appointment(SPEC)
    assert (made.starts_at, made.minutes, made.status, made.notes) == (SPEC.starts_at, 30, 2, SPEC.notes)
    assert (made.patient_id, made.type_id, made.provider_id) == (NORA, ALT_30, MOREAU)
    assert made.raw["scheduleTime"] == "2027-03-09T14:30"
    assert made.updated is not None and made.updated.utcoffset() == timedelta(0)
    assert client(sandbox).get_appointment(made.id) == made


@pytest.mark.parametrize("status", [409, 400])
def test_a_taken_time_is_a_conflict(sandbox: RunningSandbox, status: int) -> None:
    sandbox.knob("medirecords", "CONFLICT_STATUS", status)
    medirecords = client(sandbox)
    medirecords.create_appointment(SPEC)
    with pytest.raises(Conflict):
        medirecords.create_appointment(replace(SPEC, patient_id=WILL))
    with pytest.raises(Conflict):
        medirecords.create_appointment(replace(SPEC, provider_id=LINDQVIST))


def test_we_never_double_book_even_where_the_server_would(sandbox: RunningSandbox) -> None:
    sandbox.knob("medirecords", "DOUBLE_BOOKING_DEFAULT", True)
    medirecords = client(sandbox)
    medirecords.create_appointment(SPEC)
    with pytest.raises(Conflict):
        medirecords.create_appointment(replace(SPEC, patient_id=WILL))


def test_blocked_time_is_read_and_respected(sandbox: RunningSandbox) -> None:
    medirecords = client(sandbox)
    blocked = medirecords.get_appointment(BLOCKED)
    assert (blocked.patient_id, blocked.type_id, blocked.minutes) == (None, None, 60)
    on = blocked.starts_at.astimezone(SYDNEY).date()
    assert [each.id for each in medirecords.find_appointments(on=on, provider_id=MOREAU)] == [BLOCKED]
    with pytest.raises(Conflict):
        medirecords.create_appointment(replace(SPEC, starts_at=blocked.starts_at))


@pytest.mark.parametrize(
    ("changes", "parameter"),
    [
        ({"type_id": HOUSE_CALL}, "appointmentTypeId"),
        ({"notes": "x" * 501}, "notes"),
        ({"status": 1}, "appointmentStatus"),
    ],
)
def test_what_they_refuse_is_named(sandbox: RunningSandbox, changes: dict[str, Any], parameter: str) -> None:
    with pytest.raises(Refused) as refused:
        client(sandbox).create_appointment(replace(SPEC, **changes))
    assert refused.value.parameters == (parameter,)


def test_an_unknown_patient_or_appointment_is_not_found(sandbox: RunningSandbox) -> None:
    with pytest.raises(NotFound):
        client(sandbox).create_appointment(replace(SPEC, patient_id=NOBODY))
    with pytest.raises(NotFound):
        client(sandbox).get_appointment(NOBODY)
    with pytest.raises(NotFound):
        client(sandbox).get_patient(NOBODY)


def test_twenty_one_rows_force_a_second_page(sandbox: RunningSandbox) -> None:
    sandbox.knob("medirecords", "MAX_PAGE_SIZE", 20)
    wire = Wire(sandbox)
    for number in reversed(range(21)):
        hour, minute = divmod(8 * 60 + number * 30, 60)
        wire.book(scheduleTime=f"2027-03-09T{hour:02d}:{minute:02d}")
    found = client(sandbox).find_appointments(on=DAY)
    assert [each.starts_at for each in found] == [
        datetime(2027, 3, 8, 21, 0, tzinfo=UTC) + timedelta(minutes=30 * number) for number in range(21)
    ]
    pages = [call for call in sandbox.calls("medirecords") if call["method"] == "GET" and "page=" in call["path"]]
    assert len(pages) == 2


def test_a_day_is_the_practices_day_and_includes_what_is_cancelled(sandbox: RunningSandbox) -> None:
    medirecords = client(sandbox)
    late = medirecords.create_appointment(replace(SPEC, starts_at=datetime(2027, 3, 9, 12, 59, tzinfo=UTC)))
    medirecords.create_appointment(replace(SPEC, starts_at=datetime(2027, 3, 9, 13, 30, tzinfo=UTC)))
    early = medirecords.create_appointment(replace(SPEC, starts_at=datetime(2027, 3, 8, 13, 0, tzinfo=UTC)))
    medirecords.cancel_appointment(early.id)
    found = medirecords.find_appointments(on=DAY, patient_id=NORA)
    assert [(each.id, each.status) for each in found] == [(early.id, 8), (late.id, 2)]


def test_a_day_can_be_asked_for_one_person_or_provider(sandbox: RunningSandbox) -> None:
    medirecords = client(sandbox)
    mine = medirecords.create_appointment(SPEC)
    his = medirecords.create_appointment(replace(SPEC, patient_id=WILL, provider_id=LINDQVIST))
    assert [each.id for each in medirecords.find_appointments(on=DAY, patient_id=WILL)] == [his.id]
    assert [each.id for each in medirecords.find_appointments(on=DAY, provider_id=MOREAU)] == [mine.id]


def test_a_lost_answer_leaves_a_row_that_its_marker_finds(sandbox: RunningSandbox) -> None:
    sandbox.fault("POST /medirecords/v1/practices/*/appointments", "timeout_after_commit")
    medirecords = client(sandbox)
    with pytest.raises(Ambiguous):
        medirecords.create_appointment(SPEC)
    found = [each for each in medirecords.find_appointments(on=DAY, patient_id=NORA) if "[ref:BK-7F3K2Q]" in each.notes]
    assert len(found) == 1


def test_a_lost_request_leaves_nothing(sandbox: RunningSandbox) -> None:
    sandbox.fault("POST /medirecords/v1/practices/*/appointments", "timeout_before_commit")
    medirecords = client(sandbox)
    with pytest.raises(Ambiguous):
        medirecords.create_appointment(SPEC)
    assert medirecords.find_appointments(on=DAY) == []


def test_a_move_keeps_everything_else(sandbox: RunningSandbox) -> None:
    made = Wire(sandbox).book(urgency=2, notes="Brings her own interpreter.", reminderType=7)
    moved = client(sandbox).replace_appointment(made["id"], starts_at=datetime(2027, 3, 10, 0, 15, tzinfo=UTC))
    changed = {name for name in made if moved.raw[name] != made[name]}
    assert changed - {"updatedDateTime"} == {"scheduleTime"}
    assert moved.raw["scheduleTime"] == "2027-03-10T11:15"


def test_several_fields_change_in_one_go(sandbox: RunningSandbox) -> None:
    medirecords = client(sandbox)
    made = medirecords.create_appointment(SPEC)
    changed = medirecords.replace_appointment(
        made.id, provider_id=LINDQVIST, interval_code=MINUTES_60, status=3, notes=f"{made.notes} [did not arrive]"
    )
    assert (changed.provider_id, changed.minutes, changed.status) == (LINDQVIST, 60, 3)
    assert changed.notes.endswith("[did not arrive]")


def test_a_move_into_a_taken_time_is_a_conflict_and_moves_nothing(sandbox: RunningSandbox) -> None:
    medirecords = client(sandbox)
    made = medirecords.create_appointment(SPEC)
    other = medirecords.create_appointment(
        replace(SPEC, patient_id=WILL, starts_at=SPEC.starts_at + timedelta(hours=1))
    )
    with pytest.raises(Conflict):
        medirecords.replace_appointment(made.id, starts_at=other.starts_at)
    assert medirecords.get_appointment(made.id).starts_at == SPEC.starts_at


def test_a_field_that_does_not_exist_is_a_programming_error(sandbox: RunningSandbox) -> None:
    made = client(sandbox).create_appointment(SPEC)
    with pytest.raises(TypeError, match="price"):
        client(sandbox).replace_appointment(made.id, price=69)


def test_a_cancelled_appointment_keeps_its_row_and_has_a_reason(sandbox: RunningSandbox) -> None:
    medirecords = client(sandbox)
    made = medirecords.create_appointment(SPEC)
    cancelled = medirecords.cancel_appointment(made.id)
    assert (cancelled.id, cancelled.status, cancelled.notes) == (made.id, 8, SPEC.notes)
    assert cancelled.raw["cancellationReason"] == 14


def test_cancelling_twice_writes_once(sandbox: RunningSandbox) -> None:
    medirecords = client(sandbox)
    made = medirecords.create_appointment(SPEC)
    medirecords.cancel_appointment(made.id)
    assert medirecords.cancel_appointment(made.id).status == 8
    assert [call["method"] for call in sandbox.calls("medirecords")].count("PUT") == 1


def test_a_cancelled_appointment_comes_back_without_its_reason(sandbox: RunningSandbox) -> None:
    medirecords = client(sandbox)
    made = medirecords.create_appointment(SPEC)
    medirecords.cancel_appointment(made.id)
    assert medirecords.replace_appointment(made.id, status=2).raw["cancellationReason"] is None


def test_what_staff_changed_is_read_back(sandbox: RunningSandbox) -> None:
    medirecords = client(sandbox)
    made = medirecords.create_appointment(SPEC)
    sandbox.advance(seconds=5)
    change = {"appointment": made.id, "change": {"scheduleTime": "2027-03-09T16:00"}}
    sandbox.post("/_emu/medirecords/staff-edit", change)
    seen = medirecords.get_appointment(made.id)
    assert seen.starts_at == datetime(2027, 3, 9, 5, 0, tzinfo=UTC)
    assert seen.updated is not None and made.updated is not None and seen.updated > made.updated


def test_a_telehealth_link_may_come_with_a_later_read(sandbox: RunningSandbox) -> None:
    sandbox.knob("medirecords", "LINK_DELAY", 1)
    medirecords = client(sandbox)
    made = medirecords.create_appointment(replace(SPEC, type_id=TELEHEALTH))
    links = [made.telehealth_link, *(medirecords.get_appointment(made.id).telehealth_link for _ in range(2))]
    assert links[:2] == [None, None]
    assert links[2] is not None and links[2].startswith(sandbox.url)


@pytest.mark.parametrize(
    ("starts_at", "wall"),
    [
        (datetime(2027, 4, 3, 14, 30, tzinfo=UTC), "2027-04-04T01:30"),  # before the hour that comes twice
        (datetime(2027, 4, 3, 17, 0, tzinfo=UTC), "2027-04-04T03:00"),  # after it
        (datetime(2027, 10, 2, 15, 30, tzinfo=UTC), "2027-10-03T01:30"),  # before the hour that is skipped
        (datetime(2027, 10, 2, 16, 0, tzinfo=UTC), "2027-10-03T03:00"),  # after it
    ],
)
def test_times_around_a_clock_change_survive_the_journey(
    sandbox: RunningSandbox, starts_at: datetime, wall: str
) -> None:
    medirecords = client(sandbox)
    made = medirecords.create_appointment(replace(SPEC, starts_at=starts_at))
    assert (made.raw["scheduleTime"], made.starts_at) == (wall, starts_at)
    assert made in medirecords.find_appointments(on=date.fromisoformat(wall[:10]))


def test_an_hour_that_comes_twice_is_not_sent(sandbox: RunningSandbox) -> None:
    for utc_hour in (15, 16):  # 02:30 on 4 April 2027, first in summer time, then again
        with pytest.raises(UnwritableTime):
            client(sandbox).create_appointment(replace(SPEC, starts_at=datetime(2027, 4, 3, utc_hour, 30, tzinfo=UTC)))
    assert [call for call in sandbox.calls("medirecords") if call["method"] == "POST"] == []


def test_a_practice_without_daylight_saving_has_no_such_hour(sandbox: RunningSandbox) -> None:
    brisbane = client(sandbox, practice_zone="Australia/Brisbane")
    made = brisbane.create_appointment(replace(SPEC, starts_at=datetime(2027, 4, 3, 16, 30, tzinfo=UTC)))
    assert made.raw["scheduleTime"] == "2027-04-04T02:30"
    assert Wire(sandbox).get(f"{BOOK}/{made.id}").json()["scheduleTime"] == "2027-04-04T02:30"
