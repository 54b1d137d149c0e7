"""What becomes of a visit and its money when Stripe is slow, busy, refuses us, or tells us late and in any order."""

from __future__ import annotations

import time
from collections import Counter
from datetime import timedelta
from functools import partial

import pytest

from portal.bookings import change, find
from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.clients import clients
from portal.clock import now
from portal.db import db, transaction
from portal.payments import checkout, jobs
from portal.payments.checkout import PageUnavailable
from portal.payments.models import PaymentState, RefundState
from tests.payments.paying import (
    lapse,
    paid,
    paying,
    payment_of,
    payments_of,
    refunds_of,
    session_of,
    state_of,
    story_of,
    subjects,
    sweep,
    tasks,
)
from tests.support.chain import Chain, pay
from tests.support.outbox import drain, later, owed, settle, wait_of
from tests.support.race import Race

SESSIONS = "POST /stripe/v1/checkout/sessions"
EXPIRE = "POST /stripe/v1/checkout/sessions/*/expire"
REFUND = "POST /stripe/v1/refunds"


def cancel(booking: Booking) -> None:
    with transaction():
        change.cancel(find.get_locked(booking.id), now(), by="staff")


def sessions_made() -> int:
    return len(list(clients().stripe.list_sessions(created_since=now() - timedelta(days=1))))


def asked_for_pages(chain: Chain) -> list[int]:
    """The answers to our wishes for a payment page."""
    made = [one for one in chain.sandbox.calls("stripe") if f"{one['method']} {one['path']}" == SESSIONS]
    return [one["status"] for one in made]


@pytest.mark.parametrize("kind", ["401", "403", "429"])
def test_a_page_that_stripe_does_not_give_us_leaves_the_time_held(chain: Chain, kind: str) -> None:
    booking = chain.booking(Status.HELD)
    chain.sandbox.fault(SESSIONS, kind, retry_after=2.128)
    with pytest.raises(PageUnavailable) as refused:
        checkout.start(booking.id, now())
    assert not refused.value.may_exist
    assert (state_of(booking), payment_of(booking).state) == (Status.HELD, PaymentState.CLOSED)

    pay(checkout.start(booking.id, now()))
    settle(chain.sandbox)
    assert (state_of(booking), sessions_made()) == (Status.CONFIRMED, 1)


def test_a_key_that_stripe_refuses_is_told_to_staff_until_it_works_again(chain: Chain) -> None:
    booking = chain.booking(Status.HELD)
    chain.sandbox.fault(SESSIONS, "401", times=2)
    for _ in range(2):
        with pytest.raises(PageUnavailable):
            checkout.start(booking.id, now())
    (task,) = tasks("stripe-refused")
    assert task.words.startswith("Patients cannot pay: Stripe opens no payment page (stripe: ")
    checkout.start(booking.id, now())
    assert tasks("stripe-refused") == []


def test_a_refund_waits_the_fraction_of_a_second_that_stripe_asks_for(chain: Chain) -> None:
    booking = paid(chain)
    chain.sandbox.fault(REFUND, "429", retry_after=47.35)
    cancel(booking)
    settle(chain.sandbox)
    (row,) = owed("payments.send_refunds")
    assert timedelta(seconds=40) < wait_of(row) <= timedelta(seconds=47.35)
    assert chain.refunds() == []

    later(chain.sandbox, seconds=48)
    assert [one["amount"] for one in chain.refunds()] == [11900]


@pytest.mark.parametrize("kind", ["401", "403"])
def test_a_refused_refund_is_a_task_at_once_and_goes_out_when_the_key_works_again(chain: Chain, kind: str) -> None:
    booking = paid(chain)
    chain.sandbox.fault(REFUND, kind, times=50)
    cancel(booking)
    settle(chain.sandbox)
    assert [one.words.split(" was given up")[0] for one in tasks("job-parked")] == ["payments.send_refunds"]
    assert (chain.refunds(), [one.state for one in refunds_of(booking)]) == ([], [RefundState.WANTED])

    chain.sandbox.delete("/_emu/faults")
    chain.sandbox.advance(minutes=61)
    with transaction():
        jobs.owe_reconciliation(now())
    settle(chain.sandbox)
    assert [one["amount"] for one in chain.refunds()] == [11900]
    assert [one.state for one in refunds_of(booking)] == [RefundState.DONE]


def test_a_lapsed_time_is_kept_while_stripe_refuses_to_close_its_page(chain: Chain) -> None:
    booking, _ = paying(chain)
    lapse(booking)
    chain.sandbox.fault(EXPIRE, "401")
    sweep(chain)
    assert state_of(booking) == Status.AWAITING_PAYMENT
    assert len(tasks("job-parked")) == 1

    chain.sandbox.advance(minutes=61)
    sweep(chain)
    assert (state_of(booking), session_of(booking).status) == (Status.EXPIRED, "expired")


def test_nobody_waits_for_the_payment_page_of_somebody_else(chain: Chain, race: Race) -> None:
    first = chain.booking(Status.HELD)
    second = chain.booking(Status.HELD, starts_at=first.starts_at + timedelta(hours=1))
    first_id, second_id, done = first.id, second.id, list[str]()
    chain.sandbox.fault(SESSIONS, "slow", seconds=2)

    def start_slowly() -> None:
        checkout.start(first_id, now())
        done.append("first")

    def start_meanwhile() -> None:
        time.sleep(0.5)  # the first call has met the fault
        checkout.start(second_id, now())
        done.append("second")

    race(start_slowly, start_meanwhile)
    assert done == ["second", "first"]


def test_a_failure_that_stripe_remembers_costs_one_press(chain: Chain) -> None:
    booking = chain.booking(Status.HELD)
    chain.sandbox.knob("stripe", "remembered_failures", 1)
    with pytest.raises(PageUnavailable):
        checkout.start(booking.id, now())

    pay(checkout.start(booking.id, now()))
    settle(chain.sandbox)
    assert (state_of(booking), sessions_made(), tasks("stripe-refused")) == (Status.CONFIRMED, 1, [])


def test_a_failure_that_stripe_remembers_does_not_keep_the_time(chain: Chain) -> None:
    booking = chain.booking(Status.HELD)
    chain.sandbox.knob("stripe", "remembered_failures", 1)
    with pytest.raises(PageUnavailable):
        checkout.start(booking.id, now())
    lapse(booking)
    sweep(chain)
    assert (state_of(booking), payment_of(booking).state) == (Status.EXPIRED, PaymentState.CLOSED)


def test_a_second_press_that_fails_does_not_end_what_the_first_one_has_begun(chain: Chain, race: Race) -> None:
    booking_id = chain.booking(Status.HELD).id
    chain.sandbox.fault(SESSIONS, "slow", seconds=2)

    def press_again() -> str:
        time.sleep(0.5)  # the first call has met the fault
        chain.sandbox.fault(SESSIONS, "429", times=3)
        return checkout.start(booking_id, now())

    url, refused = race(lambda: checkout.start(booking_id, now()), press_again)
    assert isinstance(refused, PageUnavailable)
    (payment,) = payments_of(find.get(booking_id))
    assert (payment.state, payment.session_url) == (PaymentState.OPEN, url)
    assert sessions_made() == 1


def test_whoever_has_a_page_gets_it_while_others_wait_for_stripe(chain: Chain, race: Race) -> None:
    first, url = paying(chain)
    later = [chain.booking(Status.HELD, starts_at=first.starts_at + timedelta(hours=hour)).id for hour in (1, 2)]
    first_id = first.id
    chain.sandbox.fault(SESSIONS, "slow", seconds=3, times=2)

    def press_again() -> str:
        time.sleep(0.5)
        return checkout.start(first_id, now())

    *_, again = race(*(partial(checkout.start, booking_id, now()) for booking_id in later), press_again)
    assert again == url


@pytest.mark.parametrize("state", [PaymentState.CLOSED, PaymentState.STARTING])
def test_money_that_nobody_told_us_of_is_found_among_stripes_sessions(chain: Chain, state: PaymentState) -> None:
    """Neither a notification nor the list of those that did not reach us: what is paid counts."""
    booking = chain.booking(Status.HELD)
    chain.sandbox.fault(SESSIONS, "timeout_after_commit")
    chain.sandbox.fault(SESSIONS, "429" if state == PaymentState.CLOSED else "error", times=2)
    with pytest.raises(PageUnavailable):
        checkout.start(booking.id, now())
    assert payment_of(booking).state == state
    chain.sandbox.fault("GET /stripe/v1/events", "error", times=50, status=500)
    chain.sandbox.delivery_fault("stripe", "drop", times=20)
    (made,) = clients().stripe.list_sessions(created_since=now() - timedelta(days=1))
    assert made.url is not None
    pay(made.url)

    with transaction():
        jobs.owe_reconciliation(now())
    settle(chain.sandbox)
    assert (payment_of(booking).state, state_of(booking)) == (PaymentState.PAID, Status.CONFIRMED)


def test_a_stripe_that_hangs_keeps_no_more_than_half_of_our_threads(chain: Chain, race: Race) -> None:
    first = chain.booking(Status.HELD)
    ids = [first.id] + [
        chain.booking(Status.HELD, starts_at=first.starts_at + timedelta(hours=hour)).id for hour in (1, 2, 3)
    ]
    chain.sandbox.fault(SESSIONS, "slow", seconds=4, times=2)
    began, took = time.monotonic(), list[float]()

    def start(booking_id: int) -> str:
        try:
            return checkout.start(booking_id, now())
        finally:
            took.append(time.monotonic() - began)

    outcomes = race(*(partial(start, booking_id) for booking_id in ids))
    assert sorted(type(one).__name__ for one in outcomes) == ["PageUnavailable", "PageUnavailable", "str", "str"]
    assert sorted(took)[1] < 3 < sorted(took)[2]
    states = [state_of(find.get(booking_id)) for booking_id in ids]
    assert Counter(states) == {Status.AWAITING_PAYMENT: 2, Status.HELD: 2}

    urls = {checkout.start(booking_id, now()) for booking_id in ids}
    assert (len(urls), sessions_made()) == (4, 4)


def test_two_presses_while_stripe_is_slow_open_one_page(chain: Chain, race: Race) -> None:
    chain.sandbox.knob("stripe", "latency_seconds", 0.4)  # the second one meets a key that is in use
    booking_id = chain.booking(Status.HELD).id
    outcomes = race.of(2, lambda: checkout.start(booking_id, now()))
    assert len({one for one in outcomes if isinstance(one, str)}) == 1
    assert 409 in asked_for_pages(chain)
    assert sessions_made() == 1


@pytest.mark.parametrize(("should_retry", "kind", "expected"), [("false", "error", [500]), ("true", "429", [429, 200])])
def test_whether_a_call_is_worth_another_try_is_for_stripe_to_say(
    chain: Chain, should_retry: str, kind: str, expected: list[int]
) -> None:
    chain.sandbox.knob("stripe", "should_retry", should_retry)
    booking = chain.booking(Status.HELD)
    chain.sandbox.fault(SESSIONS, kind)
    if expected[-1] == 200:
        checkout.start(booking.id, now())
    else:
        with pytest.raises(PageUnavailable):
            checkout.start(booking.id, now())
    assert asked_for_pages(chain) == expected

    pay(checkout.start(booking.id, now()))
    settle(chain.sandbox)
    assert (state_of(booking), sessions_made()) == (Status.CONFIRMED, 1)


def test_an_answer_that_stripe_repeats_from_memory_does_not_charge_twice(chain: Chain) -> None:
    """The page was made and paid while nobody told us. The same key still answers "open", as it was at first."""
    booking = chain.booking(Status.HELD)
    chain.sandbox.fault(SESSIONS, "timeout_after_commit", times=3)
    chain.sandbox.delivery_fault("stripe", "drop", times=20)
    with pytest.raises(PageUnavailable):
        checkout.start(booking.id, now())
    (made,) = clients().stripe.list_sessions(created_since=now() - timedelta(days=1))
    assert made.url is not None
    pay(made.url)
    settle(chain.sandbox)

    assert checkout.start(booking.id, now()) == made.url
    pay(made.url)
    later(chain.sandbox, minutes=3)
    sweep(chain)
    assert (state_of(booking), len(payments_of(booking)), sessions_made()) == (Status.CONFIRMED, 1, 1)
    assert chain.refunds() == []


def test_a_payment_that_overtakes_the_closing_of_its_page_keeps_the_visit(chain: Chain, race: Race) -> None:
    booking, url = paying(chain)
    lapse(booking)
    booking_id = booking.id
    db.session.rollback()
    chain.sandbox.fault(EXPIRE, "slow", seconds=1)

    def pay_meanwhile() -> None:
        time.sleep(0.3)  # the closing is on its way
        pay(url)

    race(lambda: jobs.release(booking_id), pay_meanwhile)
    settle(chain.sandbox)
    assert (state_of(booking), session_of(booking).payment_status) == (Status.CONFIRMED, "paid")
    assert (refunds_of(booking), len(subjects(chain, booking))) == ([], 1)


def test_news_that_comes_long_after_we_asked_ourselves_changes_nothing(chain: Chain) -> None:
    booking, url = paying(chain)
    chain.sandbox.delivery_fault("stripe", "delay", times=20, seconds=4)
    pay(url)
    chain.sandbox.advance(minutes=3)
    with transaction():
        jobs.sweep(now())
    drain()
    assert (state_of(booking), chain.sandbox.get("/_emu/deliveries")["history"]) == (Status.CONFIRMED, [])

    settle(chain.sandbox)
    assert chain.sandbox.get("/_emu/deliveries")["history"] != []
    assert story_of(booking).count("booking.confirmed") == 1
    assert (len(subjects(chain, booking)), refunds_of(booking)) == (1, [])


@pytest.mark.parametrize(("outcome", "expected"), [("paid", Status.CONFIRMED), ("failed", Status.EXPIRED)])
def test_news_in_any_order_comes_to_what_is_true_at_stripe(chain: Chain, outcome: str, expected: Status) -> None:
    booking, url = paying(chain)
    chain.sandbox.delivery_fault("stripe", "shuffle", times=50, copies=50)
    pay(url, "delayed")
    session_id = payment_of(booking).session_id
    chain.sandbox.post("/_emu/stripe/settle_delayed", {"session": session_id, "outcome": outcome})
    chain.sandbox.delete("/_emu/faults")  # what was held back goes out in another order
    settle(chain.sandbox)

    assert state_of(booking) == expected
    assert len(subjects(chain, booking)) == (1 if outcome == "paid" else 0)
