"""What the desk wants to know of each visit at a glance: first visit, forms, money, trouble outside, overlap.

Six queries, however many visits. The diary knows bookings only; this is where the other packages meet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import func, select

from portal import money
from portal.bookings.details import mismatch
from portal.bookings.diary_visits import BOOKED, Visit
from portal.bookings.states import Status
from portal.catalogue.models import FormDefinition
from portal.db import db
from portal.intake.models import Intake, IntakeState
from portal.outbox.models import OutboxMessage
from portal.payments import desk
from portal.payments.models import Payment, PaymentState, Refund, RefundState
from portal.staff import tasks
from portal.staff.access import Staff
from portal.staff.models import StaffTask

SYNC_JOBS = {"sync.outlook": "Outlook", "sync.medirecords": "MediRecords"}
OWES = BOOKED | {Status.DID_NOT_ARRIVE}


class Badge(NamedTuple):
    """Words, an icon and a tone of components/staff.html."""

    words: str
    icon: str
    tone: str


class Paid(NamedTuple):
    """What came in for a visit and what went back."""

    amount_cents: int
    refunded_cents: int


@dataclass(frozen=True)
class _Known:
    """By booking, but for the forms that exist at all."""

    forms: frozenset[str]
    intakes: dict[int, dict[str, IntakeState]]
    paid: dict[int, Paid]
    owed_again: dict[int, int]
    trouble: dict[int, list[str]]


def of(visits: Sequence[Visit], staff: Staff) -> dict[int, list[Badge]]:
    """By booking, the most telling first. Trouble is shown to those whose work it is."""
    ids = [visit.id for visit in visits]
    known = _Known(_forms(), _intakes(ids), _paid(ids), desk.owed_again(ids), _trouble(ids, staff))
    return {visit.id: list(_badges(visit, known)) for visit in visits}


def _badges(visit: Visit, known: _Known) -> Iterable[Badge]:
    for words in known.trouble.get(visit.id, ()):
        yield Badge(f"Check {words}", "alert", "wrong")
    if visit.overlap_allowed:
        yield Badge("Overlap", "alert", "warm")
    if visit.is_first:
        yield Badge("First visit", "leaf", "good")
    if told := mismatch(visit.says_new, visit.who_may_book):
        yield Badge(told, "alert", "warm")
    yield from _about_forms(visit, known)
    yield from _about_money(visit, known.paid.get(visit.id), known.owed_again.get(visit.id, 0))


def _about_forms(visit: Visit, known: _Known) -> Iterable[Badge]:
    wanted = known.forms & {visit.intake_form, visit.questions_form}
    if not wanted or visit.status not in BOOKED:
        return
    states = [known.intakes[visit.id].get(form) for form in wanted]
    if all(state == IntakeState.SUBMITTED for state in states):
        yield Badge("Forms done", "check", "calm")
    else:
        yield Badge("Forms begun" if any(states) else "Forms to do", "alert", "warm")


def _about_money(visit: Visit, paid: Paid | None, owed_again: int) -> Iterable[Badge]:
    if owed_again and visit.status in BOOKED:
        yield Badge(f"To pay {money.in_words(owed_again)}", "receipt", "warm")
    elif paid is None:
        if visit.price_cents and visit.status in OWES:
            yield Badge(f"To pay {money.in_words(visit.price_cents)}", "receipt", "warm")
    elif paid.refunded_cents >= paid.amount_cents:
        yield Badge("Refunded", "back", "calm")
    elif paid.refunded_cents:
        yield Badge("Part refunded", "back", "calm")
    else:
        yield Badge("Paid", "receipt", "calm")


def _forms() -> frozenset[str]:
    """A type may name a form that nobody has written yet; then there is nothing to fill in."""
    return frozenset(db.session.scalars(select(FormDefinition.slug).distinct()))


def _intakes(ids: list[int]) -> dict[int, dict[str, IntakeState]]:
    wanted = select(Intake.booking_id, FormDefinition.slug, Intake.state).join(Intake.form)
    found: dict[int, dict[str, IntakeState]] = defaultdict(dict)
    for booking_id, form, state in db.session.execute(wanted.where(Intake.booking_id.in_(ids))):
        found[booking_id][form] = state
    return found


def _paid(ids: list[int]) -> dict[int, Paid]:
    given_back = func.coalesce(func.sum(Refund.amount_cents), 0)
    wanted = (
        select(Payment.booking_id, Payment.amount_cents, given_back)
        .outerjoin(Refund, (Refund.payment_id == Payment.id) & (Refund.state != RefundState.FAILED))
        .where(Payment.booking_id.in_(ids), Payment.settles_booking, Payment.state == PaymentState.PAID)
        .group_by(Payment.id)
    )
    return {booking_id: Paid(amount, int(back)) for booking_id, amount, back in db.session.execute(wanted)}


def _trouble(ids: list[int], staff: Staff) -> dict[int, list[str]]:
    """Where a person has to look: open tasks about a visit, and jobs of its sync that were given up."""
    found: dict[int, list[str]] = defaultdict(list)
    open_tasks = tasks.visible_to(staff).where(StaffTask.booking_id.in_(ids), StaffTask.done_at.is_(None))
    for task in db.session.scalars(open_tasks.order_by(StaffTask.id)):
        found[task.booking_id or 0].append(tasks.kind_of(task).words)
    keys = {f"{job}:{id}": (id, words) for job, words in SYNC_JOBS.items() for id in ids}
    given_up = select(OutboxMessage.dedupe_key).where(
        OutboxMessage.dedupe_key.in_(keys), OutboxMessage.done_at.is_(None), OutboxMessage.parked_at.is_not(None)
    )
    for id, words in (keys[key] for key in db.session.scalars(given_up)):
        found[id].append(words)
    return {id: list(dict.fromkeys(several)) for id, several in found.items()}
