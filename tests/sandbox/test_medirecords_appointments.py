"""The emulated appointment book: what it refuses, what overlaps, what a PUT does."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.support.medirecords import (
    ALT_30,
    BLOCKED,
    BOOK,
    HOUSE_CALL,
    LINDQVIST,
    MINUTES_15,
    MINUTES_60,
    MOREAU,
    NORA,
    TELEHEALTH,
    WILL,
    Wire,
    appointment,
)
from tests.support.sandbox import RunningSandbox

NOBODY = "00000000-0000-4000-8000-000000000000"
LATER = {"scheduleTime": "2027-03-09T16:00"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("patientId", None),
        ("appointmentTypeId", None),
        ("appointmentTypeId", NOBODY),
        ("appointmentTypeId", HOUSE_CALL),
        ("providerId", NOBODY),
        ("roomId", NOBODY),
        ("scheduleTime", None),
        ("scheduleTime", "2027-03-09T14:30:00"),
        ("scheduleTime", "2027-03-09T14:30+11:00"),
        ("scheduleTime", "2027-03-09 14:30"),
        ("scheduleTime", "2027-02-30T14:30"),
        ("appointmentStatus", None),
        ("appointmentStatus", 1),
        ("appointmentStatus", 9),
        ("appointmentIntervalCode", None),
        ("appointmentIntervalCode", 99),
        ("notes", "x" * 501),
        ("urgency", 3),
        ("walkIn", "no"),
    ],
)
def test_a_wrong_field_is_named(sandbox: RunningSandbox, field: str, value: Any) -> None:
    answer = Wire(sandbox).post(BOOK, appointment(**{field: value}))
    assert answer.status_code == 400
    assert [error["parameter"] for error in answer.json()["errors"]] == [field]


def test_an_unknown_patient_is_a_message_not_a_404(sandbox: RunningSandbox) -> None:
    answer = Wire(sandbox).post(BOOK, appointment(patientId=NOBODY))
    assert (answer.status_code, answer.json()) == (400, {"message": f"No Patient for id: {NOBODY}"})


def test_a_new_appointment_has_a_lowercase_id_and_a_timestamp_without_a_colon(sandbox: RunningSandbox) -> None:
    made = Wire(sandbox).book()
    assert re.fullmatch(r"[0-9a-f-]{36}", made["id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", made["updatedDateTime"])
    assert "allowDoubleBookingForProvider" not in made
    assert not [name for name in made if name.startswith("_")]


@pytest.mark.parametrize(
    ("other", "whose"),
    [
        ({"patientId": WILL, "scheduleTime": "2027-03-09T14:45"}, "Provider"),
        ({"patientId": WILL, "scheduleTime": "2027-03-09T14:00", "appointmentIntervalCode": MINUTES_60}, "Provider"),
        ({"providerId": LINDQVIST, "scheduleTime": "2027-03-09T14:59"}, "Patient"),
    ],
)
def test_an_overlap_is_refused(sandbox: RunningSandbox, other: dict[str, Any], whose: str) -> None:
    wire = Wire(sandbox)
    wire.book()
    answer = wire.post(BOOK, appointment(**other))
    assert (answer.status_code, answer.json()) == (409, {"message": f"{whose} is already booked for this time"})


def test_back_to_back_is_no_overlap(sandbox: RunningSandbox) -> None:
    wire = Wire(sandbox)
    wire.book()
    wire.book(scheduleTime="2027-03-09T15:00")
    wire.book(scheduleTime="2027-03-09T14:15", appointmentIntervalCode=MINUTES_15)


def test_wall_times_on_both_sides_of_a_clock_change_are_compared_as_instants(sandbox: RunningSandbox) -> None:
    """2027-10-03, 02:00 becomes 03:00 in Sydney: an hour from 01:30 ends at 03:30 on the wall."""
    wire = Wire(sandbox)
    wire.book(scheduleTime="2027-10-03T01:30", appointmentIntervalCode=MINUTES_60)
    assert wire.post(BOOK, appointment(scheduleTime="2027-10-03T03:15")).status_code == 409
    assert wire.post(BOOK, appointment(scheduleTime="2027-10-03T03:30")).status_code == 201


def test_the_refusal_may_be_a_400(sandbox: RunningSandbox) -> None:
    sandbox.knob("medirecords", "CONFLICT_STATUS", 400)
    wire = Wire(sandbox)
    wire.book()
    assert wire.post(BOOK, appointment()).status_code == 400


def test_a_flag_allows_double_booking(sandbox: RunningSandbox) -> None:
    wire = Wire(sandbox)
    wire.book()
    assert wire.post(BOOK, appointment(patientId=WILL, allowDoubleBookingForProvider=True)).status_code == 201


def test_what_a_missing_flag_means_is_a_knob(sandbox: RunningSandbox) -> None:
    wire = Wire(sandbox)
    wire.book()
    silent = appointment(allowDoubleBookingForPatient=None, allowDoubleBookingForProvider=None)
    assert wire.post(BOOK, silent).status_code == 409
    sandbox.knob("medirecords", "DOUBLE_BOOKING_DEFAULT", True)
    assert wire.post(BOOK, silent).status_code == 201


def test_blocked_time_occupies_the_provider(sandbox: RunningSandbox) -> None:
    wire = Wire(sandbox)
    blocked = wire.get(f"{BOOK}/{BLOCKED}").json()
    assert wire.post(BOOK, appointment(scheduleTime=blocked["scheduleTime"])).status_code == 409
    assert wire.post(BOOK, appointment(scheduleTime=blocked["scheduleTime"], providerId=LINDQVIST)).status_code == 201


def test_twenty_callers_at_once_get_one_appointment(sandbox: RunningSandbox) -> None:
    wire = Wire(sandbox)
    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(lambda _: wire.post(BOOK, appointment()).status_code, range(20)))
    assert sorted(statuses) == [201] + [409] * 19


def test_a_put_forgets_what_it_does_not_say(sandbox: RunningSandbox) -> None:
    wire = Wire(sandbox)
    path = f"{BOOK}/{wire.book(urgency=2)['id']}"
    replaced = wire.put(path, appointment(notes=None, providerId=None)).json()
    assert (replaced["notes"], replaced["providerId"], replaced["urgency"]) == (None, None, None)
    assert wire.put(path, {"appointmentStatus": 3}).status_code == 400


def test_a_put_is_stamped(sandbox: RunningSandbox) -> None:
    wire = Wire(sandbox)
    made = wire.book()
    sandbox.advance(minutes=1)
    replaced = wire.put(f"{BOOK}/{made['id']}", appointment(appointmentStatus=3)).json()
    assert replaced["updatedDateTime"] > made["updatedDateTime"]
    assert replaced["createdDateTime"] == made["createdDateTime"]


def test_cancelling_takes_a_reason_and_frees_the_time(sandbox: RunningSandbox) -> None:
    wire = Wire(sandbox)
    path = f"{BOOK}/{wire.book()['id']}"
    assert wire.put(path, appointment(appointmentStatus=8)).status_code == 400
    assert wire.put(path, appointment(appointmentStatus=8, cancellationReason=99)).status_code == 400
    assert wire.put(path, appointment(appointmentStatus=8, cancellationReason=14)).status_code == 200
    wire.book(patientId=WILL)
    assert wire.put(path, appointment()).status_code == 409


def test_a_move_looks_at_the_calendar_again_but_not_at_itself(sandbox: RunningSandbox) -> None:
    wire = Wire(sandbox)
    path = f"{BOOK}/{wire.book()['id']}"
    wire.book(patientId=WILL, **LATER)
    assert wire.put(path, appointment(scheduleTime="2027-03-09T14:45")).status_code == 200
    assert wire.put(path, appointment(**LATER)).status_code == 409


def test_a_put_that_moves_nothing_leaves_a_double_booking_in_peace(sandbox: RunningSandbox) -> None:
    wire = Wire(sandbox)
    wire.book()
    second = wire.book(patientId=WILL, allowDoubleBookingForProvider=True)
    assert wire.put(f"{BOOK}/{second['id']}", appointment(patientId=WILL, appointmentStatus=3)).status_code == 200


def test_a_deleted_appointment_is_gone(sandbox: RunningSandbox) -> None:
    wire = Wire(sandbox)
    made = wire.book()
    answer = wire.delete(f"{BOOK}/{made['id']}")
    assert (answer.status_code, answer.json()) == (200, {"id": made["id"], "message": "Appointment deleted"})
    gone = wire.get(f"{BOOK}/{made['id']}")
    assert (gone.status_code, gone.json()["path"]) == (404, f"{BOOK}/{made['id']}")


def test_the_list_keeps_the_order_of_booking_and_its_range_includes_both_ends(sandbox: RunningSandbox) -> None:
    wire = Wire(sandbox)
    late, early = wire.book(**LATER)["id"], wire.book()["id"]
    wire.book(scheduleTime="2027-03-10T09:00")
    found = wire.get(
        BOOK, appointmentDateRangeStart="2027-03-09T14:30", appointmentDateRangeEnd="2027-03-09T16:00"
    ).json()
    assert [row["id"] for row in found["data"]] == [late, early]


def test_filters_are_joined_and_cancelled_rows_are_listed(sandbox: RunningSandbox) -> None:
    wire = Wire(sandbox)
    mine = wire.book()
    wire.book(patientId=WILL, **LATER)
    wire.put(f"{BOOK}/{mine['id']}", appointment(appointmentStatus=8, cancellationReason=14))
    assert [row["id"] for row in wire.get(BOOK, patientId=NORA, providerId=MOREAU).json()["data"]] == [mine["id"]]
    assert wire.get(BOOK, patientId=NORA, appointmentStatus=2).json()["data"] == []
    assert wire.get(BOOK, appointmentTypeId=ALT_30).json()["totalElements"] == 2
    assert wire.get(BOOK, appointmentDateRangeStart="2027-03-09").status_code == 400


def test_a_new_appointment_can_be_slow_to_show_in_the_list(sandbox: RunningSandbox) -> None:
    sandbox.knob("medirecords", "SEARCH_LAG_SECONDS", 30)
    wire = Wire(sandbox)
    made = wire.book()
    assert wire.get(f"{BOOK}/{made['id']}").status_code == 200
    assert wire.get(BOOK, patientId=NORA).json()["data"] == []
    assert wire.post(BOOK, appointment()).status_code == 409
    sandbox.advance(seconds=30)
    assert [row["id"] for row in wire.get(BOOK, patientId=NORA).json()["data"]] == [made["id"]]


def test_only_telehealth_types_have_links_and_they_lead_somewhere(sandbox: RunningSandbox) -> None:
    wire = Wire(sandbox)
    assert wire.book()["telehealthLinkForPatient"] is None
    made = wire.book(appointmentTypeId=TELEHEALTH, **LATER)
    assert made["telehealthLinkForPatient"] != made["telehealthLinkForProvider"]
    room = Wire(sandbox, token=None).get(made["telehealthLinkForPatient"].removeprefix(wire.base))
    assert (room.status_code, "2027-03-09 at 16:00" in room.text) == (200, True)


def test_links_can_come_late(sandbox: RunningSandbox) -> None:
    sandbox.knob("medirecords", "LINK_DELAY", 1)
    wire = Wire(sandbox)
    made = wire.book(appointmentTypeId=TELEHEALTH)
    assert made["telehealthLinkForPatient"] is None
    assert wire.get(f"{BOOK}/{made['id']}").json()["telehealthLinkForPatient"] is None
    assert wire.get(f"{BOOK}/{made['id']}").json()["telehealthLinkForPatient"].endswith("/patient")


def test_staff_change_cancel_and_delete_behind_our_back(sandbox: RunningSandbox) -> None:
    made = Wire(sandbox).book()
    edit = "/_emu/medirecords/staff-edit"
    moved = sandbox.post(edit, {"appointment": made["id"], "change": LATER})
    assert (moved["scheduleTime"], moved["notes"]) == (LATER["scheduleTime"], made["notes"])
    assert moved["updatedBy"] != made["updatedBy"]
    cancelled = sandbox.post(edit, {"appointment": made["id"], "cancel": True})
    assert (cancelled["appointmentStatus"], cancelled["cancellationReason"]) == (8, 11)
    sandbox.post(edit, {"appointment": made["id"], "delete": True})
    assert made["id"] not in [row["id"] for row in sandbox.get("/_emu/medirecords/appointments")]


def test_the_ledger_names_what_the_ids_stand_for(sandbox: RunningSandbox) -> None:
    made = Wire(sandbox).book()
    [row] = [row for row in sandbox.get("/_emu/medirecords/appointments") if row["id"] == made["id"]]
    assert (row["type_name"], row["provider_name"], row["minutes"]) == ("CONSULT_ALT_30", "Ines Moreau", 30)
    assert row["patient"] == {"firstName": "Nora", "lastName": "Castellano", "dob": "1984-07-19"}


def test_the_start_page_shows_the_book_and_cancels_as_staff_would(sandbox: RunningSandbox) -> None:
    made = Wire(sandbox).book()
    page = requests.get(sandbox.url, timeout=10).text
    assert "Tue 09 Mar 2027, 14:30" in page
    assert "[ref:BK-7F3K2Q]" in page
    assert "Blocked time" in page
    form = {"appointment": made["id"], "cancel": "yes"}
    page = requests.post(f"{sandbox.url}/_emu/medirecords/staff-edit", data=form, timeout=10).text
    assert "Cancelled" in page


def test_the_start_page_tells_what_was_refused(sandbox: RunningSandbox) -> None:
    Wire(sandbox, token="made-up").get(f"{BOOK}/{NOBODY}")
    assert f"GET /medirecords{BOOK}/{NOBODY}" in requests.get(sandbox.url, timeout=10).text


def test_the_desk_blocks_time_and_takes_it_away_again(sandbox: RunningSandbox) -> None:
    blocking = f"{sandbox.url}/_emu/medirecords/staff-block"
    form = {"provider": MOREAU, "at": "2027-03-10T09:00", "minutes": "45"}
    assert "Wed 10 Mar 2027, 09:00" in requests.post(blocking, data=form, timeout=10).text
    [row] = [row for row in sandbox.get("/_emu/medirecords/appointments") if row["scheduleTime"] == form["at"]]
    assert (row["patientId"], row["providerId"], row["minutes"]) == (None, MOREAU, 45)
    wire = Wire(sandbox)
    assert wire.post(BOOK, appointment(scheduleTime="2027-03-10T09:30")).status_code == 409
    gone = {"appointment": row["id"], "delete": "yes"}
    page = requests.post(f"{sandbox.url}/_emu/medirecords/staff-edit", data=gone, timeout=10).text
    assert "Wed 10 Mar 2027, 09:00" not in page


@pytest.mark.parametrize(
    ("changed", "status"), [({"at": "tomorrow"}, 400), ({"minutes": 44}, 400), ({"provider": NOBODY}, 404)]
)
def test_time_that_cannot_be_blocked_is_refused(sandbox: RunningSandbox, changed: dict[str, Any], status: int) -> None:
    wanted = {"provider": MOREAU, "at": "2027-03-10T09:00", "minutes": 45, **changed}
    answer = requests.post(f"{sandbox.url}/_emu/medirecords/staff-block", json=wanted, timeout=10)
    assert answer.status_code == status
