"""What Graph tells us: believed only with the secret, stored once, and routed to where it belongs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import requests
from sqlalchemy import select

from portal.catalogue.models import Processor, ProcessorKind
from portal.clients import clients
from portal.clock import now
from portal.db import LockKind, db, exclusive, transaction
from portal.sync import jobs
from portal.sync.models import GraphSubscription, RunState
from tests.support.chain import Chain, patient_who
from tests.support.factories import make_patient, make_type
from tests.support.microsoft import WREN
from tests.support.outbox import all_rows, jobs_owed, later, owed, settle
from tests.sync.tales import (
    cancel,
    confirmed,
    medirecords_link,
    move,
    notifications,
    outlook_link,
    runs,
    starts,
    tasks,
    written,
)

pytestmark = pytest.mark.usefixtures("heard")


def outcomes() -> set[str]:
    return {one.outcome for one in notifications()}


def subscription_of(chain: Chain) -> GraphSubscription:
    db.session.rollback()
    return db.session.scalars(select(GraphSubscription).filter_by(practitioner_id=chain.wren.id)).one()


def item(chain: Chain, **changed: Any) -> dict[str, Any]:
    """A notification as Graph would send it."""
    subscription = subscription_of(chain)
    return {
        "subscriptionId": subscription.subscription_id,
        "clientState": subscription.client_state,
        "changeType": "updated",
        "resource": f"Users/{WREN}/Events/AAMk-1",
        "resourceData": {"id": "AAMk-1", "@odata.etag": 'W/"1"'},
        **changed,
    }


def post(items: Any, path: str = "/hooks/graph") -> int:
    answer = requests.post(clients().settings.public_url + path, json={"value": items}, timeout=10)
    return answer.status_code


def test_a_true_notification_is_stored_with_the_job_that_routes_it(chain: Chain) -> None:
    assert post([item(chain)]) == 202
    (stored,) = notifications()
    assert (stored.practitioner_id, stored.event_id, stored.routed_at) == (chain.wren.id, "AAMk-1", None)
    assert [row.args for row in owed("sync.route")] == [[stored.id]]


@pytest.mark.parametrize(
    "changed",
    [
        {"clientState": "forged"},
        {"clientState": None},
        {"clientState": ""},
        {"clientState": 7},
        {"subscriptionId": "00000000-0000-0000-0000-000000000000"},
        {"subscriptionId": "\x00"},
        {"resourceData": None},
        {"resourceData": {"id": 7}},
        {"resourceData": "AAMk-1"},
    ],
)
def test_a_forged_or_broken_notification_is_dropped_without_a_word(chain: Chain, changed: dict[str, Any]) -> None:
    assert post([item(chain, **changed)]) == 202
    assert (notifications(), jobs_owed()) == ([], [])


def test_the_secret_of_one_calendar_is_worth_nothing_for_another(chain: Chain) -> None:
    others = db.session.scalars(select(GraphSubscription).filter_by(practitioner_id=chain.lark.id)).one()
    assert post([item(chain, clientState=others.client_state)]) == 202
    assert notifications() == []


def test_one_forged_item_does_not_spoil_the_others(chain: Chain) -> None:
    assert post([item(chain, clientState="forged"), 7, item(chain)]) == 202
    assert len(notifications()) == 1


@pytest.mark.parametrize("body", [None, {}, [], "value", 7])
def test_rubbish_is_answered_and_forgotten(chain: Chain, body: Any) -> None:
    assert post(body) == 202
    assert notifications() == []


def test_the_same_notification_again_changes_nothing_and_a_newer_one_counts(chain: Chain) -> None:
    for etag in ("1", "1", "1", "2"):
        post([item(chain, resourceData={"id": "AAMk-1", "@odata.etag": f'W/"{etag}"'})])
    assert len(notifications()) == 2


def test_forged_deliveries_leave_the_visit_to_the_true_ones(chain: Chain) -> None:
    chain.sandbox.delivery_fault("graph", "forge", times=1)
    booking = confirmed(chain, patient=patient_who())
    settle(chain.sandbox)
    assert len(chain.appointments(booking.reference)) == 1


def test_every_notification_three_times_and_shuffled_makes_one_appointment(chain: Chain) -> None:
    chain.sandbox.delivery_fault("graph", "duplicate", times=20, copies=2)
    booking = written(chain, patient=patient_who())
    chain.sandbox.delivery_fault("graph", "shuffle", times=2, copies=2)
    move(booking, booking.starts_at + timedelta(hours=2))
    settle(chain.sandbox)
    assert len(chain.appointments(booking.reference, live=False)) == 1
    assert len(chain.events(booking.reference)) == 1
    assert tasks() == []


def test_an_entry_that_is_none_of_ours_goes_nowhere(chain: Chain) -> None:
    at = now() + timedelta(days=3)
    chain.sandbox.post(
        "/_emu/graph/staff-event",
        {
            "user": WREN,
            "action": "create",
            "start": at.isoformat(),
            "end": (at + timedelta(hours=1)).isoformat(),
        },
    )
    settle(chain.sandbox)
    assert outcomes() == {"not a booking of ours"}
    assert all_rows("sync.medirecords") == []


def test_a_free_consult_ends_with_nothing_to_do_written_once(chain: Chain) -> None:
    free = make_type(price_cents=0, medi_code=None)
    with transaction():
        db.session.add(Processor(service_id=free.service_id, kind=ProcessorKind.NONE))
    booking = confirmed(chain, type=free)
    settle(chain.sandbox)
    jobs.medirecords(booking.id)

    assert len(chain.events(booking.reference)) == 1
    (run,) = runs(booking)
    assert (run.kind, run.state) == ("none", RunState.NOTHING_TO_DO)
    assert run.steps == [{"step": "nothing to do", "found": "no MediRecords appointment for this type"}]
    assert chain.sandbox.calls("medirecords") == []


def test_a_service_without_a_processor_ends_the_same_way(chain: Chain) -> None:
    booking = confirmed(chain, type=make_type(medi_code="CONSULT_ALT_30"))
    settle(chain.sandbox)
    assert [run.state for run in runs(booking)] == [RunState.NOTHING_TO_DO]
    assert chain.sandbox.calls("medirecords") == []


def test_a_notification_before_the_event_can_be_read_waits_for_it(chain: Chain) -> None:
    chain.sandbox.fault("GET /graph/*/events/*", "error", times=2, status=404)
    booking = confirmed(chain, patient=patient_who())
    settle(chain.sandbox)
    for _ in range(3):
        later(chain.sandbox, seconds=15)
    assert len(chain.appointments(booking.reference)) == 1
    assert (len(chain.events(booking.reference)), tasks("outlook-deleted")) == (1, [])


def test_an_event_that_somebody_deleted_is_there_again_and_staff_hear_of_it_once(chain: Chain) -> None:
    booking = written(chain, patient=patient_who())
    (event,) = chain.events()
    chain.sandbox.post("/_emu/graph/staff-event", {"user": WREN, "action": "delete", "id": event["id"]})
    settle(chain.sandbox)

    (again,) = chain.events(booking.reference)
    assert (again["id"] != event["id"], starts(again)) == (True, booking.starts_at)
    (task,) = tasks()
    assert (task.kind, booking.reference in task.words) == ("outlook-deleted", True)
    assert len(chain.appointments(booking.reference, live=False)) == 1


def test_our_own_removals_are_nobodys_fault(chain: Chain) -> None:
    booking = written(chain, patient=patient_who())
    move(booking, booking.starts_at, to=chain.lark)
    settle(chain.sandbox)
    cancel(booking)
    settle(chain.sandbox)
    assert (chain.events(), tasks()) == ([], [])


def test_our_own_removal_that_is_heard_of_before_it_is_noted_is_nobodys_fault(chain: Chain) -> None:
    """Two workers: one is told of the deletion while the other has not written down that it was its own."""
    booking = written(chain, patient=patient_who())
    link = outlook_link(booking)
    with exclusive(LockKind.OUTLOOK, booking.id):
        clients().graph.delete_event(WREN, str(link.event_id))
        settle(chain.sandbox)
        assert tasks() == []
        with transaction():
            link = outlook_link(booking)
            link.event_id, link.written = None, {}
    later(chain.sandbox, seconds=5)
    assert tasks() == []


def test_an_event_that_somebody_moved_is_a_task_and_the_visit_stays(chain: Chain) -> None:
    booking = written(chain, patient=patient_who())
    (event,) = chain.events()
    before, at = booking.starts_at, booking.starts_at + timedelta(hours=5)
    chain.sandbox.post(
        "/_emu/graph/staff-event",
        {
            "user": WREN,
            "action": "move",
            "id": event["id"],
            "start": at.isoformat(),
            "end": (at + timedelta(minutes=30)).isoformat(),
        },
    )
    settle(chain.sandbox)
    assert [task.kind for task in tasks()] == ["outlook-moved"]
    db.session.refresh(booking)
    assert booking.starts_at == before


def test_a_copy_that_names_a_booking_we_do_not_have_goes_nowhere(chain: Chain) -> None:
    booking = chain.booking(patient=make_patient())
    jobs.outlook(booking.id)
    with transaction():
        booking.reference = "BK-RENAMED"
    settle(chain.sandbox)
    assert outcomes() == {"names no booking we have"}


def lost(chain: Chain) -> Any:
    """A visit whose notifications never came."""
    chain.sandbox.delivery_fault("graph", "drop", times=50)
    booking = confirmed(chain, patient=patient_who())
    settle(chain.sandbox)
    chain.sandbox.delete("/_emu/faults")
    assert chain.appointments(booking.reference) == []
    return booking


def test_the_sweep_catches_a_lost_notification_after_five_minutes_and_not_before(chain: Chain) -> None:
    booking = lost(chain)
    for minutes, expected in ((4, 0), (2, 1)):
        chain.sandbox.advance(minutes=minutes)
        with transaction():
            jobs.sweep(now())
        assert len(owed("sync.medirecords")) == expected
    settle(chain.sandbox)
    assert len(chain.appointments(booking.reference)) == 1

    with transaction():
        jobs.sweep(now())
    assert owed("sync.medirecords") == []


def test_the_sweep_leaves_alone_what_waits_for_a_person_or_wants_no_appointment(chain: Chain) -> None:
    booking = lost(chain)
    free = make_type(price_cents=0, medi_code=None)
    chain.sandbox.delivery_fault("graph", "drop", times=50)
    confirmed(chain, type=free, starts_at=booking.starts_at + timedelta(hours=1))
    settle(chain.sandbox)
    with transaction():
        chain.type.medi_code = "CONSULT_UNHEARD_OF"
        booking.terms = booking.terms | {"medi_code": "CONSULT_UNHEARD_OF"}
    chain.sandbox.advance(minutes=10)
    with transaction():
        jobs.sweep(now())
    settle(chain.sandbox)
    assert medirecords_link(booking).needs_you != ""
    chain.sandbox.advance(minutes=10)
    with transaction():
        jobs.sweep(now())
    assert owed("sync.medirecords") == []


def test_a_visit_in_the_past_is_not_chased(chain: Chain) -> None:
    lost(chain)
    chain.sandbox.advance(days=9)
    with transaction():
        jobs.sweep(now())
    assert owed("sync.medirecords") == []
