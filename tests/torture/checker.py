"""What must always hold (design 9), checked on the facts alone: nothing here asks the portal what it thinks.

Each check yields violations; a run is good when there is none. Pure.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from tests.torture.facts import Facts, Row

OCCUPYING = {"held", "awaiting_payment", "confirmed", "arrived", "in_session", "completed"}
STANDING = {"confirmed", "arrived", "in_session", "completed", "did_not_arrive"}
WAITING = {"held", "awaiting_payment"}
CANCELLED_THERE = 8
ZONE = ZoneInfo("Australia/Sydney")


@dataclass(frozen=True)
class Violation:
    """Something that must never be. `reference` names the booking, where it is about one."""

    rule: str
    words: str
    reference: str | None = None

    def __str__(self) -> str:
        return f"{self.rule}: {f'{self.reference} ' if self.reference else ''}{self.words}"


@dataclass
class Causes:
    """What the nemesis did that a person has to settle: such a booking may differ, and staff must know of it."""

    event_deleted: set[str] = field(default_factory=set)
    event_moved: set[str] = field(default_factory=set)
    appointment_cancelled: set[str] = field(default_factory=set)
    refund_failed: set[str] = field(default_factory=set)
    # Systems that refused us for a while, so that jobs were given up and an operator had to try them again.
    refused: set[str] = field(default_factory=set)

    @property
    def by_task(self) -> dict[str, set[str]]:
        """The kinds of staff tasks that have a cause, each with the bookings concerned."""
        return {
            "outlook-deleted": self.event_deleted,
            "outlook-moved": self.event_moved,
            "medirecords-removed": self.appointment_cancelled,
            "refund-failed": self.refund_failed,
        }


def violations(facts: Facts, causes: Causes | None = None) -> list[Violation]:
    """Everything that is wrong."""
    causes = causes or Causes()
    return [
        *overlaps(facts.visits),
        *left_waiting(facts),
        *payments(facts),
        *outlook(facts, causes),
        *medirecords(facts, causes),
        *mails(facts),
        *tasks(facts, causes),
        *outbox(facts),
    ]


def overlaps(visits: Sequence[Row]) -> Iterator[Violation]:
    """Nobody, and no room, has two visits at once, buffers included."""
    for what in ("practitioner_id", "room_id"):
        by_owner: dict[int, list[Row]] = defaultdict(list)
        for visit in visits:
            if visit["status"] in OCCUPYING and not visit["overlap_allowed"] and visit[what] is not None:
                by_owner[visit[what]].append(visit)
        for taken in by_owner.values():
            for first, second in pairwise(sorted(taken, key=lambda visit: visit["blocked_from"])):
                if second["blocked_from"] < first["blocked_until"]:
                    yield Violation("overlap", f"and {second['reference']} share a {what[:-3]}", first["reference"])


def left_waiting(facts: Facts) -> Iterator[Violation]:
    """A hold ends at its deadline, and what was paid too late is not left lying."""
    for visit in facts.visits:
        is_late = visit["status"] in WAITING and facts.now is not None and visit["hold_expires_at"] < facts.now
        if is_late or visit["status"] == "paid_unplaced":
            yield Violation("left waiting", f"is still {visit['status']}", visit["reference"])


def payments(facts: Facts) -> Iterator[Violation]:
    """Each payment ends as a visit, as what the policy gives back, or wholly returned; no paid visit without money."""
    by_reference = {visit["reference"]: visit for visit in facts.visits}
    returned = _returned(facts.refunds)
    paid: dict[str, list[Row]] = defaultdict(list)
    for session in facts.sessions:
        if session["payment_status"] == "paid":
            paid[session["metadata"].get("booking", "")].append(session)
    for reference in paid.keys() - by_reference.keys():
        yield Violation("payment", "was paid and is no booking of ours", reference)
    for reference, visit in by_reference.items():
        yield from _money_of(visit, paid[reference], returned)


def _money_of(visit: Row, sessions: list[Row], returned: Counter[str]) -> Iterator[Violation]:
    reference, price = visit["reference"], visit["terms"]["price_cents"]
    needs_payment = price > 0 and visit["terms"]["payment_policy"] != "none"
    for session in sessions:
        if session["amount_total"] != price:
            yield Violation("payment", f"{session['amount_total']} was paid for a price of {price}", reference)
    was_confirmed = visit["confirmed_at"] is not None
    found = sorted(returned[session["payment_intent"]] for session in sessions)
    if was_confirmed and needs_payment:
        # One payment is the visit's own; every other one was one too many.
        due = policy_refund(visit) if visit["status"] == "cancelled" else 0
        wanted = sorted([due] + [price] * (len(sessions) - 1))
        if not sessions:
            yield Violation("payment", "was confirmed and never paid", reference)
    else:
        wanted = [price] * len(sessions)
    if sessions and found != wanted:
        words = f"is {visit['status']}; {len(sessions)} payments of {price} gave back {found}, not {wanted}"
        yield Violation("payment", words, reference)


def policy_refund(visit: Row) -> int:
    """Cents that go back for a cancelled visit: all of it in time, in the grace time or by the clinic, else less."""
    terms, agreed = visit["terms"], visit["terms"]["cancellation"]
    price, at = int(terms["price_cents"]), visit["cancelled_at"]
    in_time = visit["starts_at"] - at >= timedelta(hours=agreed["notice_hours"])
    in_grace = at - visit["confirmed_at"] <= timedelta(minutes=agreed["grace_minutes"])
    if in_time or in_grace or visit["cancelled_by"] != "patient":
        return price
    return price - (price * int(agreed["late_fee_percent"]) + 50) // 100


def _returned(refunds: Iterable[Row]) -> Counter[str]:
    """What went back per payment; a refund that failed is money that the clinic still owes, and staff know of it."""
    total: Counter[str] = Counter()
    for refund in refunds:
        if refund["status"] != "canceled":
            total[refund["payment_intent"]] += refund["amount"]
    return total


def outlook(facts: Facts, causes: Causes) -> Iterator[Violation]:
    """A visit that stands has exactly one event that says what the booking says; nothing else has one."""
    found: dict[str, list[Row]] = defaultdict(list)
    for event in facts.events:
        if event["metadata"] is not None:
            found[event["metadata"].get("b", "")].append(event)
    for visit in facts.visits:
        events = found.pop(visit["reference"], [])
        wanted = 1 if visit["status"] in STANDING else 0
        if len(events) != wanted:
            words = f"is {visit['status']} and has {len(events)} Outlook events"
            yield Violation("outlook", words, visit["reference"])
        elif events and visit["reference"] not in causes.event_moved:
            yield from _event_differs(visit, events[0])
    for reference in found:
        yield Violation("outlook", "has an event and is no booking of ours", reference)


def _event_differs(visit: Row, event: Row) -> Iterator[Violation]:
    terms = visit["terms"]
    wanted = {
        "user_id": visit["graph_user_id"],
        "start": visit["starts_at"],
        "end": visit["ends_at"],
        "subject": f"Appointment {visit['reference']}",
        "sensitivity": "private",
        "categories": [],
        "attendees": 0,
        "metadata": {
            "v": 1,
            "b": visit["reference"],
            "s": terms["service_slug"],
            "d": terms["length_minutes"],
            "p": visit["practitioner"],
            "c": terms["price_cents"],
        },
    }
    says = event | {edge: datetime.fromisoformat(event[edge]) for edge in ("start", "end")}
    yield from _differs("outlook", visit, wanted, says)


def medirecords(facts: Facts, causes: Causes) -> Iterator[Violation]:
    """A visit that stands and whose type goes there has exactly one live appointment; nothing else has one."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in facts.appointments:
        marker = (row["notes"] or "").partition("[ref:")[2].partition("]")[0]
        if marker and row["appointmentStatus"] != CANCELLED_THERE:
            found[marker].append(row)
    for visit in facts.visits:
        rows, reference = found.pop(visit["reference"], []), visit["reference"]
        goes_there = visit["processor"] == "medirecords" and visit["terms"]["medi_code"]
        wanted = 1 if visit["status"] in STANDING and goes_there else 0
        if len(rows) != wanted and not (not rows and reference in causes.appointment_cancelled):
            yield Violation("medirecords", f"is {visit['status']} and has {len(rows)} live appointments", reference)
        elif len(rows) == wanted == 1:
            local = visit["starts_at"].astimezone(ZONE)
            facts_wanted = {
                "scheduleTime": f"{local:%Y-%m-%dT%H:%M}",
                "providerId": visit["medirecords_provider_id"],
                "minutes": visit["terms"]["medi_minutes"],
            }
            yield from _differs("medirecords", visit, facts_wanted, rows[0])
    for reference in found:
        yield Violation("medirecords", "has an appointment and is no booking of ours", reference)


def _differs(rule: str, visit: Row, wanted: dict[str, Any], says: Row) -> Iterator[Violation]:
    for name, value in wanted.items():
        if says[name] != value:
            yield Violation(rule, f"{name} is {says[name]!r}, not {value!r}", visit["reference"])


def mails(facts: Facts) -> Iterator[Violation]:
    """Each mail once. A visit has been confirmed in writing once; who never had one hears at most of their money."""
    known = {row["message_id"]: row for row in facts.messages}
    sent = [mail for mail in facts.mails if mail["state"] == "sent"]
    for message_id, count in Counter(mail["message_id"] for mail in sent).items():
        row = known.get(message_id)
        if row is None:
            yield Violation("mail", f"{message_id} was sent and is no mail of ours")
        elif count > 1:
            yield Violation("mail", f"{row['kind']} was sent {count} times", row["reference"])
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for mail in sent:
        if mail["message_id"] in known:
            row = known[mail["message_id"]]
            kinds[row["reference"]][row["kind"]] += 1
    for visit in facts.visits:
        yield from _mails_of(visit, kinds[visit["reference"]])


def _mails_of(visit: Row, sent: Counter[str]) -> Iterator[Violation]:
    reference, allowed = visit["reference"], {"personal_link"}
    if visit["confirmed_at"] is None:
        allowed |= {"not_placed"} if visit["status"] == "cancelled" else set()
    elif visit["status"] == "cancelled":
        allowed |= {"confirmation", "moved", "cancelled"}
        if sent["cancelled"] != 1:
            yield Violation("mail", f"is cancelled and was told so {sent['cancelled']} times", reference)
    else:
        allowed |= {"confirmation", "moved"}
        # A visit that moved before its confirmation went out gets one mail, with the newest time.
        if sent["confirmation"] != 1 and not (visit["version"] > 0 and sent["moved"] > 0):
            yield Violation("mail", f"was confirmed in writing {sent['confirmation']} times", reference)
        if visit["version"] > 0 and not 1 <= sent["moved"] <= visit["version"]:
            yield Violation("mail", f"moved {visit['version']} times, told {sent['moved']} times", reference)
    for kind in sent.keys() - allowed:
        yield Violation("mail", f"is {visit['status']} and was sent {kind}", reference)
    if sent["confirmation"] > 1:
        yield Violation("mail", f"was confirmed in writing {sent['confirmation']} times", reference)


def tasks(facts: Facts, causes: Causes) -> Iterator[Violation]:
    """Staff are asked only about what only they can settle."""
    for task in facts.tasks:
        is_known = task["reference"] in causes.by_task.get(task["kind"], set())
        was_refused = _tells_of_a_refusal(task, causes.refused)
        # Where somebody has moved our event, Outlook itself says another time than the visit has.
        was_moved = task["kind"] == "outlook-differs" and bool(causes.event_moved)
        if not is_known and not was_refused and not was_moved and task["done_at"] is None:
            yield Violation("task", f"without cause: {task['kind']}: {task['words']}", task["reference"])
    told = {(task["kind"], task["reference"]) for task in facts.tasks}
    for reference in causes.refund_failed:
        if ("refund-failed", reference) not in told:
            yield Violation("task", "a refund failed and nobody was told", reference)
    for reference in _moved_events(facts) & causes.event_moved:
        if ("outlook-moved", reference) not in told:
            yield Violation("task", "an event was moved and nobody was told", reference)


def _moved_events(facts: Facts) -> set[str]:
    """Visits ahead whose event is at another time now; one that our own next write has put right is none of them."""
    times = {
        event["metadata"]["b"]: tuple(datetime.fromisoformat(event[edge]) for edge in ("start", "end"))
        for event in facts.events
        if event["metadata"] is not None and "b" in event["metadata"]
    }
    return {
        visit["reference"]
        for visit in facts.visits
        # A visit that has begun is compared no more.
        if visit["status"] == "confirmed" and facts.now is not None and visit["starts_at"] > facts.now
        if times.get(visit["reference"], (visit["starts_at"], visit["ends_at"]))
        != (visit["starts_at"], visit["ends_at"])
    }


def _tells_of_a_refusal(task: Row, refused: set[str]) -> bool:
    """A job given up, or no payment page; the latter stands until the next one opens, and nobody may be left to pay."""
    if task["kind"] == "stripe-refused":
        return "stripe" in refused
    return task["kind"] == "job-parked" and any(f": {system}" in task["words"] for system in refused)


def outbox(facts: Facts) -> Iterator[Violation]:
    """Nothing is owed any more."""
    for row in facts.outbox:
        state = "given up" if row["parked_at"] else "owed"
        words = f"{row['job']}{row['args']} is still {state} after {row['attempts']} tries: {row['last_error']}"
        yield Violation("outbox", words)
