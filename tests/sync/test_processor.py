"""The service's processor: four named steps, one appointment in MediRecords, and words for people when it cannot be."""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from portal.bookings import find
from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.catalogue.load import load, packaged_document
from portal.catalogue.models import AppointmentType, Price
from portal.clock import now
from portal.db import db, transaction
from portal.outbox.post import announce
from portal.patients.models import Gender
from portal.sync import jobs
from portal.sync.models import RunState
from tests.support.chain import CANCELLED, PROVIDERS, Chain, patient_who
from tests.support.factories import LONG_AGO, make_booking, make_practitioner, ten_in_a_week
from tests.support.medirecords import Wire
from tests.support.microsoft import LARK, WREN
from tests.support.outbox import all_rows, later, owed, settle
from tests.support.race import Race
from tests.sync.tales import cancel, confirmed, listen, medirecords_link, move, runs, tasks, written

SYDNEY = ZoneInfo("Australia/Sydney")
CREATE = "POST /medirecords/v1/practices/*/appointments"
LOST_AND_LATE = {"seconds": 25}  # longer than a new appointment may stay out of sight


@pytest.fixture(autouse=True)
def heard(chain: Chain) -> None:
    """Graph tells us what happens in the calendars."""
    listen(chain)


def when(entry: dict[str, object]) -> str:
    return str(entry["scheduleTime"])[:16]


def wall(booking: Booking) -> str:
    return f"{booking.starts_at.astimezone(SYDNEY):%Y-%m-%dT%H:%M}"


def test_the_outlook_event_sets_off_the_four_named_steps_and_one_appointment(chain: Chain) -> None:
    booking = written(chain, patient=patient_who())

    (appointment,) = chain.appointments(booking.reference)
    assert appointment["type_name"] == "CONSULT_ALT_30"
    assert (when(appointment), appointment["minutes"]) == (wall(booking), 30)
    assert appointment["providerId"] == PROVIDERS[WREN]
    assert appointment["appointmentStatus"] == 2
    assert appointment["notes"] == f"Booked online. [ref:{booking.reference}] [bill:CONSULT_ALT_30]"
    assert appointment["patient"] == {"firstName": "Ottilie", "lastName": "Brightwater", "dob": "1984-03-09"}

    (run,) = runs(booking)
    assert (run.state, run.kind, run.finished_at is not None) == (RunState.DONE, "medirecords", True)
    assert [step["step"] for step in run.steps] == [
        "patient",
        "type",
        "duration",
        "billing code",
        "practitioner's calendar",
        "appointment",
    ]
    found = {step["step"]: step["found"] for step in run.steps}
    assert found["type"] == "CONSULT_ALT_30: CONSULT_ALT_30"
    assert found["duration"].startswith("30 min: interval ")
    assert found["billing code"] == "CONSULT_ALT_30"
    assert found["practitioner's calendar"] == PROVIDERS[WREN]
    assert found["appointment"] == appointment["id"] == medirecords_link(booking).appointment_id


# One type of the seed for each code; initial-weight-tbd gets its length and price in the test.
CODES = {
    "followup-alternative-30min": ("CONSULT_ALT_30", 30),
    "initial-inperson-20min": ("CONSULT_ALT_45", 20),
    "initial-gaps-60min": ("CONSULT_GAPS_60", 60),
    "followup-gaps-15min": ("CONSULT_GAPS_45", 15),
    "followup-weight-45min": ("CONSULT_WEIGHT_45", 45),
    "initial-weight-tbd": ("CONSULT_WEIGHT_15", 15),
}


def test_each_of_the_six_codes_of_the_seed_is_seen_on_an_appointment(chain: Chain) -> None:
    with transaction():
        load(packaged_document(), now(), "tests")
        weight = db.session.scalars(db.select(AppointmentType).filter_by(slug="initial-weight-tbd")).one()
        weight.length_minutes = 15
        db.session.add(Price(type_id=weight.id, amount_cents=8900, valid_from=LONG_AGO))
    patient, references = patient_who(), {}
    db.session.expire_all()
    for number, slug in enumerate(CODES):
        kind = db.session.scalars(db.select(AppointmentType).filter_by(slug=slug)).one()
        references[slug] = confirmed(chain, type=kind, starts_at=make_start(number), patient=patient).reference
    settle(chain.sandbox)

    seen = {}
    for slug, reference in references.items():
        (appointment,) = chain.appointments(reference)
        seen[slug] = (appointment["type_name"], appointment["minutes"])
        assert f"[bill:{appointment['type_name']}]" in appointment["notes"]
    assert seen == CODES


def make_start(number: int) -> datetime:
    return ten_in_a_week(now()) + timedelta(days=number)


def test_the_length_is_the_mappings_own_and_never_the_codes_suffix(chain: Chain) -> None:
    with transaction():
        chain.type.length_minutes, chain.type.medi_minutes = 20, 45
    booking = written(chain, patient=patient_who())
    (appointment,) = chain.appointments(booking.reference)
    assert (appointment["type_name"], appointment["minutes"]) == ("CONSULT_ALT_30", 45)


def test_the_job_run_again_writes_nothing(chain: Chain) -> None:
    booking = written(chain, patient=patient_who())
    before, calls = chain.appointments(booking.reference), len(chain.sandbox.calls("medirecords"))
    jobs.medirecords(booking.id)
    assert (chain.appointments(booking.reference), len(chain.sandbox.calls("medirecords"))) == (before, calls)
    assert len(runs(booking)) == 1


def test_many_copies_of_the_job_make_one_appointment_and_one_patient(chain: Chain, race: Race) -> None:
    booking = chain.booking(patient=patient_who())
    booking_id = booking.id
    jobs.outlook(booking_id)
    chain.sandbox.wait_quiet()
    chain.sandbox.fault(CREATE, "slow", seconds=0.3)
    race.of(5, lambda: jobs.medirecords(booking_id))
    settle(chain.sandbox)
    later(chain.sandbox, seconds=5)
    assert len(chain.appointments(booking.reference, live=False)) == 1
    assert len(chain.patients("Brightwater")) == 1


def test_two_visits_of_one_new_patient_make_one_patient(chain: Chain, race: Race) -> None:
    patient = patient_who()
    first = chain.booking(patient=patient)
    second = chain.booking(patient=patient, starts_at=first.starts_at + timedelta(hours=1))
    ids = [first.id, second.id]
    for booking_id in ids:
        jobs.outlook(booking_id)
    chain.sandbox.wait_quiet()
    race(*[lambda booking_id=booking_id: jobs.medirecords(booking_id) for booking_id in ids])
    settle(chain.sandbox)
    later(chain.sandbox, seconds=5)
    assert len(chain.patients("Brightwater")) == 1
    assert [len(chain.appointments(one.reference)) for one in (first, second)] == [1, 1]


@pytest.mark.parametrize("lag", [0, 15])
@pytest.mark.parametrize("fault", ["timeout_after_commit", "error_after"])
def test_a_create_whose_answer_was_lost_makes_one_appointment(chain: Chain, fault: str, lag: int) -> None:
    chain.sandbox.knob("medirecords", "SEARCH_LAG_SECONDS", lag)
    chain.sandbox.fault(CREATE, fault)
    booking = confirmed(chain, patient=patient_who())
    for _ in range(3):
        later(chain.sandbox, seconds=8)
    later(chain.sandbox, **LOST_AND_LATE)

    (appointment,) = chain.appointments(booking.reference, live=False)
    assert medirecords_link(booking).appointment_id == appointment["id"]
    assert (tasks(), owed()) == ([], [])


def test_a_create_that_never_arrived_is_sent_again(chain: Chain) -> None:
    chain.sandbox.fault(CREATE, "timeout_before_commit")
    booking = confirmed(chain, patient=patient_who())
    for _ in range(3):
        later(chain.sandbox, **LOST_AND_LATE)
    assert len(chain.appointments(booking.reference, live=False)) == 1


@pytest.mark.parametrize("fault", ["timeout_after_commit", "timeout_before_commit"])
def test_a_patient_whose_create_was_not_answered_is_made_once(chain: Chain, fault: str) -> None:
    chain.sandbox.knob("medirecords", "SEARCH_LAG_SECONDS", 15)
    chain.sandbox.fault("POST /medirecords/v2/patients", fault)
    booking = confirmed(chain, patient=patient_who())
    for _ in range(4):
        later(chain.sandbox, **LOST_AND_LATE)
    assert len(chain.patients("Brightwater")) == 1
    assert len(chain.appointments(booking.reference)) == 1


def test_a_visit_that_moved_to_another_day_before_a_lost_create_was_asked_for_again(chain: Chain) -> None:
    chain.sandbox.fault(CREATE, "timeout_after_commit")
    booking = confirmed(chain, patient=patient_who())
    settle(chain.sandbox)
    move(booking, booking.starts_at + timedelta(days=2))
    for _ in range(3):
        later(chain.sandbox, **LOST_AND_LATE)

    (appointment,) = chain.appointments(booking.reference, live=False)
    assert when(appointment) == wall(booking)


def test_a_visit_that_moved_to_another_day_and_was_called_off_before_the_lost_create_leaves_nothing(
    chain: Chain,
) -> None:
    chain.sandbox.fault(CREATE, "timeout_after_commit")
    booking = confirmed(chain, patient=patient_who())
    settle(chain.sandbox)
    move(booking, booking.starts_at + timedelta(days=2))
    cancel(booking)
    for _ in range(3):
        later(chain.sandbox, **LOST_AND_LATE)
    assert chain.appointments(booking.reference) == []


def test_a_visit_that_moves_while_we_ask_around_stands_at_its_new_time(chain: Chain, race: Race) -> None:
    booking = chain.booking(patient=patient_who())
    jobs.outlook(booking.id)
    chain.sandbox.wait_quiet()
    chain.sandbox.fault("GET /medirecords/v1/practices/*/providers", "slow", seconds=0.8)
    booking_id, wanted = booking.id, booking.starts_at + timedelta(hours=3)

    def move_meanwhile() -> None:
        time.sleep(0.4)
        move(find.get(booking_id), wanted)

    race(lambda: jobs.medirecords(booking_id), move_meanwhile)
    settle(chain.sandbox)
    later(chain.sandbox, seconds=5)
    (appointment,) = chain.appointments(booking.reference)
    assert when(appointment) == wall(find.get(booking_id)) == f"{wanted.astimezone(SYDNEY):%Y-%m-%dT%H:%M}"


def test_a_moved_visit_moves_its_appointment_and_keeps_what_the_desk_wrote(chain: Chain) -> None:
    booking = written(chain, patient=patient_who())
    (before,) = chain.appointments(booking.reference)
    notes = before["notes"] + " Prefers the lift."
    chain.sandbox.post(
        "/_emu/medirecords/staff-edit",
        {"appointment": before["id"], "change": {"notes": notes, "urgency": 2, "appointmentStatus": 3}},
    )
    move(booking, booking.starts_at + timedelta(days=1, hours=1), to=chain.lark)
    settle(chain.sandbox)

    (after,) = chain.appointments(booking.reference, live=False)
    assert (after["id"], when(after), after["providerId"]) == (before["id"], wall(booking), PROVIDERS[LARK])
    assert (after["notes"], after["urgency"], after["appointmentStatus"]) == (notes, 2, 3)


def test_a_cancelled_visit_is_cancelled_there_with_a_reason_and_the_row_stays(chain: Chain) -> None:
    booking = written(chain, patient=patient_who())
    cancel(booking)
    settle(chain.sandbox)
    (row,) = chain.appointments(booking.reference, live=False)
    assert (row["appointmentStatus"], row["cancellationReason"] is not None) == (CANCELLED, True)
    assert not medirecords_link(booking).is_live


@pytest.mark.parametrize("fault", ["timeout_after_commit", "timeout_before_commit", "error_after"])
def test_a_lost_answer_to_a_cancellation_cancels(chain: Chain, fault: str) -> None:
    booking = written(chain, patient=patient_who())
    chain.sandbox.fault("PUT /medirecords/v1/practices/*/appointments/*", fault)
    cancel(booking)
    settle(chain.sandbox)
    later(chain.sandbox, seconds=10)
    assert chain.appointments(booking.reference) == []
    assert owed() == []


def test_a_visit_called_off_before_its_create_arrived_is_never_written(chain: Chain) -> None:
    booking = chain.booking(patient=patient_who())
    jobs.outlook(booking.id)
    chain.sandbox.wait_quiet()
    cancel(booking)
    settle(chain.sandbox)
    assert chain.appointments(booking.reference, live=False) == []


@pytest.mark.parametrize("lag", [0, 15])
def test_a_visit_called_off_before_a_lost_create_was_asked_for_again_leaves_nothing(chain: Chain, lag: int) -> None:
    chain.sandbox.knob("medirecords", "SEARCH_LAG_SECONDS", lag)
    chain.sandbox.fault(CREATE, "timeout_after_commit")
    booking = confirmed(chain, patient=patient_who())
    settle(chain.sandbox)
    cancel(booking)
    for _ in range(4):
        later(chain.sandbox, **LOST_AND_LATE)
    assert chain.appointments(booking.reference) == []
    assert chain.events(booking.reference) == []


def test_a_hold_that_came_to_nothing_asks_nobody(chain: Chain) -> None:
    booking = make_booking(status=Status.EXPIRED, type=chain.type)
    jobs.medirecords(booking.id)
    assert (chain.sandbox.calls("medirecords"), runs(booking)) == ([], [])


def taken_there(chain: Chain, booking: Booking) -> str:
    """The desk has booked somebody else at that time in MediRecords itself. -> its id"""
    row = Wire(chain.sandbox).book(providerId=PROVIDERS[WREN], scheduleTime=wall(booking), notes="By telephone")
    return str(row["id"])


@pytest.mark.parametrize("status", [409, 400])
def test_a_double_booking_there_leaves_the_visit_confirmed_and_asks_staff_once(chain: Chain, status: int) -> None:
    chain.sandbox.knob("medirecords", "CONFLICT_STATUS", status)
    booking = chain.booking(patient=patient_who())
    taken_there(chain, booking)
    with transaction():
        announce("booking.confirmed", booking.id, now())
    settle(chain.sandbox)
    jobs.medirecords(booking.id)

    assert booking.status == Status.CONFIRMED
    assert chain.appointments(booking.reference) == []
    assert len(chain.events(booking.reference)) == 1
    assert "already booked" in medirecords_link(booking).needs_you
    (task,) = tasks()
    assert (task.kind, booking.reference in task.words) == ("medirecords", True)
    assert {run.state for run in runs(booking)} == {RunState.NEEDS_YOU}
    assert owed() == []

    later(chain.sandbox, minutes=10)
    with transaction():
        jobs.sweep(now())
    assert owed("sync.medirecords") == []


def test_a_double_booking_that_the_desk_has_settled_goes_through(chain: Chain) -> None:
    booking = chain.booking(patient=patient_who())
    other = taken_there(chain, booking)
    with transaction():
        announce("booking.confirmed", booking.id, now())
    settle(chain.sandbox)
    chain.sandbox.post("/_emu/medirecords/staff-edit", {"appointment": other, "cancel": True})
    jobs.medirecords(booking.id)

    assert len(chain.appointments(booking.reference)) == 1
    assert (medirecords_link(booking).needs_you, tasks()) == ("", [])


def test_a_visit_that_needed_somebody_and_is_called_off_needs_nobody_any_more(chain: Chain) -> None:
    booking = chain.booking(patient=patient_who())
    taken_there(chain, booking)
    with transaction():
        announce("booking.confirmed", booking.id, now())
    settle(chain.sandbox)
    cancel(booking)
    settle(chain.sandbox)
    assert (medirecords_link(booking).needs_you, tasks()) == ("", [])


def test_a_create_that_was_lost_so_long_that_it_stands_in_its_own_way_is_adopted(chain: Chain) -> None:
    chain.sandbox.knob("medirecords", "SEARCH_LAG_SECONDS", 40)
    chain.sandbox.fault(CREATE, "timeout_after_commit")
    booking = confirmed(chain, patient=patient_who())
    settle(chain.sandbox)
    for _ in range(4):
        later(chain.sandbox, **LOST_AND_LATE)
    jobs.medirecords(booking.id)
    (appointment,) = chain.appointments(booking.reference, live=False)
    assert medirecords_link(booking).appointment_id == appointment["id"]
    assert tasks() == []


def untouched(chain: Chain, booking: Booking) -> bool:
    """Whether nothing at all was written to the appointment book."""
    calls = chain.sandbox.calls("medirecords")
    writes = [one for one in calls if one["method"] != "GET" and "appointments" in one["path"]]
    return writes == [] and chain.appointments(booking.reference, live=False) == []


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"medi_code": "CONSULT_UNHEARD_OF"}, "no appointment type for CONSULT_UNHEARD_OF"),
        ({"medi_code": "House call"}, "the appointment type for House call is inactive"),
        ({"medi_type_id": "00000000-0000-0000-0000-000000000000"}, "no appointment type for CONSULT_ALT_30"),
        ({"medi_minutes": 17}, "no interval of 17 minutes"),
    ],
)
def test_a_mapping_that_is_missing_sends_nothing_and_asks_staff(
    chain: Chain, columns: dict[str, object], words: str
) -> None:
    with transaction():
        for name, value in columns.items():
            setattr(chain.type, name, value)
    booking = confirmed(chain, patient=patient_who())
    settle(chain.sandbox)

    assert untouched(chain, booking)
    assert medirecords_link(booking).needs_you == words
    (task,) = tasks()
    assert words in task.words
    # A second notification may have made it look again.
    assert {run.state for run in runs(booking)} == {RunState.NEEDS_YOU}
    assert "failed" in runs(booking)[0].steps[-1]


@pytest.mark.parametrize("provider", [None, "00000000-0000-0000-0000-000000000001"])
def test_a_practitioner_who_is_no_provider_there_sends_nothing_and_asks_staff(
    chain: Chain, provider: str | None
) -> None:
    with transaction():
        chain.wren.medirecords_provider_id = provider
    booking = confirmed(chain, patient=patient_who())
    settle(chain.sandbox)
    assert untouched(chain, booking)
    assert medirecords_link(booking).needs_you == "the practitioner is not an active provider there"


def test_a_refused_token_is_given_up_at_once_and_not_tried_every_half_minute(chain: Chain) -> None:
    chain.sandbox.fault("* /medirecords/*", "401", times=100)
    booking = confirmed(chain, patient=patient_who())
    settle(chain.sandbox)
    ordered = len(all_rows("sync.medirecords"))  # once for each time that Graph told us
    for _ in range(4):
        chain.sandbox.advance(minutes=6)
        with transaction():
            jobs.sweep(now())
        settle(chain.sandbox)
    assert booking.status == Status.CONFIRMED
    assert len(tasks("job-parked")) == 1
    assert len(all_rows("sync.medirecords")) == ordered


@pytest.mark.parametrize("order", ["mf", "fm"])
@pytest.mark.parametrize(
    ("gender", "word"),
    [(Gender.FEMALE, "Female"), (Gender.MALE, "Male"), (Gender.OTHER, "Other"), (Gender.NOT_SAID, "Other")],
)
def test_the_gender_is_said_in_the_practices_own_codes(chain: Chain, order: str, gender: Gender, word: str) -> None:
    chain.sandbox.knob("medirecords", "GENDER_ORDER", order)
    written(chain, patient=patient_who(gender=gender))
    (made,) = chain.patients("Brightwater")
    rows = Wire(chain.sandbox).get("/v1/code-system/gender").json()
    names = {row["code"]: row["name"] for row in (rows["data"] if isinstance(rows, dict) else rows)}
    assert names[made["gender"]] == word


def test_a_patient_who_is_known_there_is_found_and_not_made_again(chain: Chain) -> None:
    # As the sandbox's clinic has her from the start.
    nora = patient_who(
        given_name="nora", family_name="CASTELLANO", born_on=date(1984, 7, 19), email="nora.castellano@example.com"
    )
    before = len(chain.patients("Castellano"))
    booking = written(chain, patient=nora)
    assert len(chain.patients("Castellano")) == before
    assert chain.appointments(booking.reference)[0]["patient"]["firstName"] == "Nora"


def test_somebody_who_comes_back_with_a_new_address_is_the_same_patient_there(chain: Chain) -> None:
    written(chain, patient=patient_who())
    again = written(
        chain,
        patient=patient_who(email="ottilie@example.org", mobile="+61491570158"),
        starts_at=make_start(0) + timedelta(hours=2),
    )
    assert len(chain.patients("Brightwater")) == 1
    assert (medirecords_link(again).needs_you, tasks()) == ("", [])


@pytest.mark.parametrize(("given_name", "is_same"), [("ottilie", True), ("Odalys", False)])
def test_a_twin_with_another_given_name_is_for_a_person_to_look_at(
    chain: Chain, given_name: str, is_same: bool
) -> None:
    written(chain, patient=patient_who())
    visit = confirmed(chain, patient=patient_who(given_name=given_name), starts_at=make_start(0) + timedelta(hours=2))
    settle(chain.sandbox)

    assert len(chain.patients("Brightwater")) == 1
    assert bool(chain.appointments(visit.reference)) == is_same
    assert (medirecords_link(visit).needs_you == "") == is_same
    assert len(tasks("medirecords")) == (0 if is_same else 1)
    assert all("Brightwater" not in task.words for task in tasks())


def test_a_practitioner_who_is_not_listed_is_no_reason_to_book_somebody_else(chain: Chain) -> None:
    stranger = make_practitioner(graph_user_id=None)
    booking = confirmed(chain, practitioner=stranger, patient=patient_who())
    settle(chain.sandbox)
    assert untouched(chain, booking)
