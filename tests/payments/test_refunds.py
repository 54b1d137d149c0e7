"""What goes back goes back once, as agreed, whoever asks how often; and what cannot go back is a task for a person."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal.bookings import change, find
from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.clock import now
from portal.db import db, transaction
from portal.payments import jobs
from portal.payments.models import PaymentState, RefundState
from portal.scheduling import claims
from tests.payments.paying import paid, payment_of, refunds_of, tasks
from tests.support.chain import Chain
from tests.support.factories import ten_in_a_week
from tests.support.outbox import all_rows, drain, later, owed, settle
from tests.support.race import Race
from tests.support.stripe_api import StripeApi

REFUND = "POST /stripe/v1/refunds"


def cancel(booking: Booking, *, by: str = "patient") -> None:
    with transaction():
        change.cancel(find.get_locked(booking.id), now(), by=by)


def wait_until(chain: Chain, booking: Booking, *, hours_before: int) -> None:
    moment = booking.starts_at - timedelta(hours=hours_before)
    chain.sandbox.advance(seconds=(moment - now()).total_seconds())


def sent_back(chain: Chain) -> list[int]:
    """What Stripe says went back, in cents."""
    return sorted(one["amount"] for one in chain.refunds() if one["status"] != "failed")


@pytest.mark.parametrize(
    ("by", "hours_before", "expected"),
    [
        ("patient", 25, [11900]),
        ("patient", 23, [5950]),
        ("staff", 1, [11900]),  # the clinic's own cancellation costs nothing
    ],
)
def test_a_cancellation_gives_back_what_was_agreed(
    chain: Chain, by: str, hours_before: int, expected: list[int]
) -> None:
    booking = paid(chain)
    wait_until(chain, booking, hours_before=hours_before)
    cancel(booking, by=by)
    settle(chain.sandbox)

    assert sent_back(chain) == expected
    (refund,) = refunds_of(booking)
    assert (refund.cause, refund.state) == ("cancelled", RefundState.DONE)
    assert payment_of(booking).state == PaymentState.PAID


def test_the_moment_of_cancelling_counts_not_the_moment_of_giving_back(chain: Chain) -> None:
    booking = paid(chain)
    chain.sandbox.fault(REFUND, "error", times=3, status=503)
    cancel(booking)
    settle(chain.sandbox)
    chain.sandbox.advance(days=6, hours=20)  # by now it would be late
    settle(chain.sandbox)
    assert sent_back(chain) == [11900]


def test_a_late_cancellation_of_a_visit_whose_fee_is_the_whole_price_gives_nothing_back(chain: Chain) -> None:
    booking = paid(chain)
    with transaction():
        booking.terms = booking.terms | {"cancellation": booking.terms["cancellation"] | {"late_fee_percent": 100}}
    wait_until(chain, booking, hours_before=1)
    cancel(booking)
    settle(chain.sandbox)
    assert (refunds_of(booking), chain.refunds()) == ([], [])


def test_a_free_visit_gives_nothing_back(chain: Chain) -> None:
    booking = chain.booking(terms={"price_cents": 0})
    cancel(booking)
    settle(chain.sandbox)
    assert (refunds_of(booking), chain.refunds()) == ([], [])


def test_the_jobs_run_again_and_at_once_give_back_once(chain: Chain, race: Race) -> None:
    booking = paid(chain)
    cancel(booking)
    booking_id, payment_id = booking.id, payment_of(booking).id
    db.session.rollback()

    race.of(6, lambda: jobs.refund_if_due(booking_id))
    race.of(6, lambda: jobs.send_refunds(payment_id))
    settle(chain.sandbox)
    for _ in range(2):
        jobs.refund_if_due(booking_id)
        jobs.send_refunds(payment_id)

    assert len(refunds_of(booking)) == 1
    assert sent_back(chain) == [11900]


@pytest.mark.parametrize("fault", ["timeout_after_commit", "error_after"])
def test_a_lost_answer_gives_back_once(chain: Chain, fault: str) -> None:
    booking = paid(chain)
    chain.sandbox.fault(REFUND, fault, times=3)
    cancel(booking)
    drain()
    later(chain.sandbox, minutes=1)
    assert sent_back(chain) == [11900]
    assert [one.state for one in refunds_of(booking)] == [RefundState.DONE]


def test_a_pending_refund_is_followed_to_its_end(chain: Chain) -> None:
    chain.sandbox.knob("stripe", "refunds_stay_pending", True)
    booking = paid(chain)
    cancel(booking)
    settle(chain.sandbox)
    (refund,) = refunds_of(booking)
    assert refund.state == RefundState.SENT

    chain.sandbox.post("/_emu/stripe/settle_refund", {"refund": refund.stripe_refund_id})
    settle(chain.sandbox)
    assert [one.state for one in refunds_of(booking)] == [RefundState.DONE]


def test_a_refund_that_fails_later_is_a_task_and_stays_failed(chain: Chain) -> None:
    booking = paid(chain)
    cancel(booking)
    settle(chain.sandbox)
    (refund,) = refunds_of(booking)
    chain.sandbox.post("/_emu/stripe/fail_refund", {"refund": refund.stripe_refund_id})
    settle(chain.sandbox)

    assert [one.state for one in refunds_of(booking)] == [RefundState.FAILED]
    (task,) = tasks("refund-failed")
    assert booking.reference in task.words

    # A person has dealt with it. Old news and the first answer, said again, do not open it once more.
    with transaction():
        task.done_at = now()
    for row in all_rows("payments.apply_notification"):
        jobs.apply_notification(row.args[0])
    jobs.follow_refunds(payment_of(booking).id)
    assert [one.state for one in refunds_of(booking)] == [RefundState.FAILED]
    assert tasks("refund-failed") == []


def test_a_refund_made_in_stripes_dashboard_is_noted_once(chain: Chain) -> None:
    booking = paid(chain)
    made = StripeApi(chain.sandbox.url).refund({"payment_intent": payment_of(booking).intent_id}, amount=2000)
    settle(chain.sandbox)
    jobs.follow_refunds(payment_of(booking).id)

    (refund,) = refunds_of(booking)
    assert (refund.cause, refund.amount_cents, refund.state) == (f"stripe:{made['id']}", 2000, RefundState.DONE)
    assert len(tasks("refund-outside")) == 1
    assert booking.status == Status.CONFIRMED


def test_two_who_hear_of_a_dashboard_refund_at_once_note_it_once(chain: Chain, race: Race) -> None:
    booking = paid(chain)
    payment_id = payment_of(booking).id
    StripeApi(chain.sandbox.url).refund({"payment_intent": payment_of(booking).intent_id}, amount=2000)
    chain.sandbox.wait_quiet()
    db.session.rollback()

    assert race.of(6, lambda: jobs.follow_refunds(payment_id)) == [None] * 6
    assert len(refunds_of(booking)) == 1


@pytest.mark.parametrize(("hours_before", "expected"), [(25, [2000, 9900]), (23, [2000, 3950])])
def test_what_went_back_already_counts_when_a_visit_is_cancelled(
    chain: Chain, hours_before: int, expected: list[int]
) -> None:
    booking = paid(chain)
    StripeApi(chain.sandbox.url).refund({"payment_intent": payment_of(booking).intent_id}, amount=2000)
    settle(chain.sandbox)
    wait_until(chain, booking, hours_before=hours_before)
    cancel(booking)
    settle(chain.sandbox)
    assert sent_back(chain) == expected


def test_more_than_was_due_went_back_already(chain: Chain) -> None:
    booking = paid(chain)
    StripeApi(chain.sandbox.url).refund({"payment_intent": payment_of(booking).intent_id}, amount=8000)
    settle(chain.sandbox)
    wait_until(chain, booking, hours_before=1)
    cancel(booking)
    settle(chain.sandbox)
    assert sent_back(chain) == [8000]
    assert owed("payments.send_refunds") == []


def test_a_refund_that_stripe_refuses_is_given_up_in_the_open(chain: Chain) -> None:
    booking = paid(chain)
    chain.sandbox.post("/_emu/stripe/dispute", {"payment_intent": payment_of(booking).intent_id})
    settle(chain.sandbox)
    cancel(booking)
    settle(chain.sandbox)

    assert chain.refunds() == []
    assert [one.state for one in refunds_of(booking)] == [RefundState.WANTED]
    assert [one.words for one in tasks("job-parked")] == [
        "payments.send_refunds was given up: stripe: charge_disputed (HTTP 400)"
    ]


def test_a_visit_that_moved_gives_back_by_its_new_time(chain: Chain) -> None:
    booking = paid(chain)
    claims.claim(
        lambda: change.move(find.get_locked(booking.id), ten_in_a_week(now()) + timedelta(days=2), now(), by="patient")
    )
    wait_until(chain, booking, hours_before=25)
    cancel(booking)
    settle(chain.sandbox)
    assert sent_back(chain) == [11900]


def test_nothing_in_a_refund_tells_of_the_visit(chain: Chain) -> None:
    booking = paid(chain)
    cancel(booking)
    settle(chain.sandbox)
    (made,) = chain.refunds()
    assert made["metadata"] == {"attempt": payment_of(booking).attempt, "cause": "cancelled"}
    assert made["reason"] == "requested_by_customer"
