"""The checker itself: a good story passes, and every rule finds its breach."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.torture.checker import Causes, policy_refund, violations
from tests.torture.facts import Facts, Row

NOON = datetime(2026, 3, 9, 1, 0, tzinfo=UTC)  # midday in Sydney
CANCELLATION = {"notice_hours": 24, "late_fee_percent": 50, "grace_minutes": 60}


def visit(reference: str = "BK-7F3K2Q", status: str = "confirmed", **columns: Any) -> Row:
    starts_at = columns.pop("starts_at", NOON)
    row = {
        "reference": reference,
        "status": status,
        "practitioner_id": 1,
        "room_id": None,
        "starts_at": starts_at,
        "ends_at": starts_at + timedelta(minutes=15),
        "overlap_allowed": False,
        "blocked_from": starts_at,
        "blocked_until": starts_at + timedelta(minutes=20),
        "hold_expires_at": None,
        "confirmed_at": NOON - timedelta(days=3),
        "cancelled_at": None,
        "cancelled_by": "",
        "version": 0,
        "practitioner": "tobias-wren",
        "graph_user_id": "mailbox",
        "medirecords_provider_id": "provider",
        "processor": "medirecords",
        "terms": {
            "price_cents": 11900,
            "payment_policy": "prepay",
            "service_slug": "gaps",
            "length_minutes": 15,
            "medi_code": "CODE",
            "medi_minutes": 15,
            "cancellation": CANCELLATION,
        },
    }
    return row | columns


def good() -> Facts:
    """One paid visit that stands, as everybody should know it."""
    return Facts(
        visits=[visit()],
        messages=[{"message_id": "<1@x>", "kind": "confirmation", "reference": "BK-7F3K2Q"}],
        sessions=[
            {
                "payment_status": "paid",
                "payment_intent": "pi_1",
                "amount_total": 11900,
                "metadata": {"booking": "BK-7F3K2Q"},
            }
        ],
        events=[event()],
        appointments=[appointment()],
        mails=[{"message_id": "<1@x>", "state": "sent"}],
        now=NOON - timedelta(days=2),
    )


def event(**changed: Any) -> Row:
    metadata = {"v": 1, "b": "BK-7F3K2Q", "s": "gaps", "d": 15, "p": "tobias-wren", "c": 11900}
    return {
        "user_id": "mailbox",
        "start": NOON.isoformat(),
        "end": (NOON + timedelta(minutes=15)).isoformat(),
        "subject": "Appointment BK-7F3K2Q",
        "sensitivity": "private",
        "categories": [],
        "attendees": 0,
        "metadata": metadata,
    } | changed


def appointment(**changed: Any) -> Row:
    return {
        "notes": "Booked online. [ref:BK-7F3K2Q] [bill:CODE]",
        "appointmentStatus": 2,
        "scheduleTime": "2026-03-09T12:00",
        "providerId": "provider",
        "minutes": 15,
    } | changed


def refund(cents: int) -> Row:
    return {"payment_intent": "pi_1", "amount": cents, "status": "succeeded"}


def cancelled(**columns: Any) -> Row:
    known: dict[str, Any] = {"cancelled_at": NOON - timedelta(days=2), "cancelled_by": "patient"}
    return visit(status="cancelled", **(known | columns))


def test_a_good_story_passes() -> None:
    assert violations(good()) == []


def _spoil(**parts: Any) -> Callable[[Facts], None]:
    """Replace some of the good facts."""
    return lambda facts: facts.__dict__.update(parts)


BREACHES = {
    "overlap": _spoil(visits=[visit(), visit("BK-222222", starts_at=NOON + timedelta(minutes=19))]),
    "left waiting: held": _spoil(visits=[visit(status="held", hold_expires_at=NOON - timedelta(days=3))]),
    "left waiting: paid": _spoil(visits=[visit(status="paid_unplaced")]),
    "payment: never paid": _spoil(sessions=[]),
    "payment: given back": _spoil(refunds=[refund(11900)]),
    "payment: paid twice": lambda facts: facts.sessions.append(facts.sessions[0] | {"payment_intent": "pi_2"}),
    "payment: kept": _spoil(visits=[cancelled()]),
    "payment: kept too much": _spoil(visits=[cancelled()], refunds=[refund(5950)]),
    "payment: abandoned": _spoil(visits=[visit(status="expired", confirmed_at=None)]),
    "payment: nobody's": lambda facts: facts.sessions[0]["metadata"].update(booking="BK-999999"),
    "payment: another price": lambda facts: facts.sessions[0].update(amount_total=7900),
    "outlook: none": _spoil(events=[]),
    "outlook: two": _spoil(events=[event(), event()]),
    "outlook: another time": _spoil(events=[event(start=(NOON - timedelta(hours=1)).isoformat())]),
    "outlook: somebody else": _spoil(events=[event(user_id="another")]),
    "outlook: left behind": _spoil(visits=[cancelled()], refunds=[refund(11900)]),
    "outlook: nobody's": lambda facts: facts.events.append(event(metadata={"b": "BK-999999"})),
    "medirecords: none": _spoil(appointments=[]),
    "medirecords: only a cancelled one": _spoil(appointments=[appointment(appointmentStatus=8)]),
    "medirecords: two": _spoil(appointments=[appointment(), appointment()]),
    "medirecords: another time": _spoil(appointments=[appointment(scheduleTime="2026-03-09T11:00")]),
    "medirecords: for a free consult": _spoil(visits=[visit(processor="none")]),
    "mail: none": _spoil(mails=[]),
    "mail: twice": lambda facts: facts.mails.append(facts.mails[0]),
    "mail: nobody's": _spoil(mails=[{"message_id": "<2@x>", "state": "sent"}]),
    "mail: of another kind": lambda facts: facts.messages[0].update(kind="cancelled"),
    "mail: only a draft": lambda facts: facts.mails[0].update(state="draft"),
    "mail: not told of the move": _spoil(visits=[visit(version=1)]),
    "task": _spoil(tasks=[{"kind": "mail-unsure", "words": "", "done_at": None, "reference": None}]),
    "outbox": _spoil(outbox=[{"job": "sync.outlook", "args": [1], "attempts": 2, "last_error": "", "parked_at": None}]),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_every_breach_is_found(breach: str) -> None:
    facts = good()
    BREACHES[breach](facts)
    assert breach.partition(":")[0] in {violation.rule for violation in violations(facts)}


def test_what_a_person_did_outside_is_forgiven_where_staff_know_of_it() -> None:
    facts = good()
    facts.events, facts.appointments = [event(start=NOON.replace(hour=3).isoformat())], []
    facts.tasks = [{"kind": "outlook-moved", "words": "", "done_at": None, "reference": "BK-7F3K2Q"}]
    causes = Causes(event_moved={"BK-7F3K2Q"}, appointment_cancelled={"BK-7F3K2Q"})
    assert violations(facts, causes) == []


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("job-parked", "Given up: sync.outlook: graph: access refused (HTTP 403)"),
        ("stripe-refused", "Patients cannot pay: Stripe opens no payment page."),
    ],
)
def test_a_refusal_may_be_told_only_of_a_system_that_refused(kind: str, words: str) -> None:
    facts = good()
    facts.tasks = [{"kind": kind, "words": words, "done_at": None, "reference": None}]
    assert violations(facts, Causes(refused={"graph", "stripe"})) == []
    assert [one.rule for one in violations(facts, Causes(refused={"medirecords"}))] == ["task"]


def test_a_refund_that_failed_must_reach_staff() -> None:
    causes = Causes(refund_failed={"BK-7F3K2Q"})
    assert [one.rule for one in violations(good(), causes)] == ["task"]


def test_an_event_that_somebody_moved_must_reach_staff_once_it_differs() -> None:
    facts, causes = good(), Causes(event_moved={"BK-7F3K2Q"})
    assert violations(facts, causes) == []  # our own next write has put it right

    facts.events = [event(start=(NOON + timedelta(minutes=25)).isoformat())]
    assert [one.rule for one in violations(facts, causes)] == ["task"]
    facts.tasks = [{"kind": "outlook-moved", "words": "", "done_at": NOON, "reference": "BK-7F3K2Q"}]
    assert violations(facts, causes) == []


def test_an_event_of_a_visit_that_has_begun_need_not_be_told() -> None:
    facts = good()
    facts.events = [event(start=(NOON + timedelta(minutes=25)).isoformat())]
    facts.now = NOON
    assert violations(facts, Causes(event_moved={"BK-7F3K2Q"})) == []


@pytest.mark.parametrize(
    ("before", "by", "cents"),
    [(25, "patient", 11900), (24, "patient", 11900), (23, "patient", 5950), (1, "clinic", 11900)],
)
def test_the_policy_is_reckoned_anew(before: int, by: str, cents: int) -> None:
    at = NOON - timedelta(hours=before)
    assert policy_refund(cancelled(cancelled_at=at, cancelled_by=by)) == cents


def test_a_change_of_mind_in_the_grace_time_costs_nothing() -> None:
    at = NOON - timedelta(hours=2)
    assert policy_refund(cancelled(cancelled_at=at, confirmed_at=at - timedelta(hours=1))) == 11900
    assert policy_refund(cancelled(cancelled_at=at, confirmed_at=at - timedelta(minutes=61))) == 5950
