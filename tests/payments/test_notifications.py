"""What Stripe tells us books, once. What comes twice, late, out of order or from somebody else books nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from portal.bookings import change, find
from portal.bookings.states import Status
from portal.clock import now
from portal.db import db, transaction
from portal.integrations.stripe import StripeEvent
from portal.outbox.post import owe
from portal.payments import checkout, jobs, stripe_events
from portal.payments.models import PaymentState, StripeNotification
from tests.payments.paying import (
    paid,
    paying,
    payment_of,
    payments_of,
    refunds_of,
    session_of,
    state_of,
    story_of,
    subjects,
    tasks,
)
from tests.support.chain import Chain, pay
from tests.support.outbox import all_rows, later, settle
from tests.support.race import Race
from tests.support.stripe_api import StripeApi, line_item


def notifications() -> list[StripeNotification]:
    db.session.rollback()
    rows = select(StripeNotification).order_by(StripeNotification.id).execution_options(populate_existing=True)
    return list(db.session.scalars(rows))


def test_a_payment_confirms_the_visit_and_everything_follows_once(chain: Chain) -> None:
    booking, url = paying(chain)
    pay(url)
    settle(chain.sandbox)

    payment = payment_of(booking)
    assert (state_of(booking), payment.state, payment.settles_booking) == (Status.CONFIRMED, PaymentState.PAID, True)
    assert payment.intent_id == session_of(booking).payment_intent
    assert story_of(booking) == ["booking.payment_started", "booking.confirmed"]
    assert (booking.hold_expires_at, booking.confirmed_at is not None) == (None, True)
    assert len(subjects(chain, booking)) == 1
    assert len(chain.events(booking.reference)) == 1
    assert all(one.applied_at is not None for one in notifications())


def test_what_we_do_not_act_on_is_not_stored(chain: Chain) -> None:
    paid(chain)
    assert {one.type for one in notifications()} == {"checkout.session.completed"}


def test_each_notification_twice_and_in_any_order_comes_to_the_same(chain: Chain) -> None:
    chain.sandbox.delivery_fault("stripe", "duplicate", times=20, copies=2)
    booking = paid(chain)
    events = {one.event_id for one in notifications()}

    assert len(events) == len(notifications()) == 1
    assert story_of(booking).count("booking.confirmed") == 1
    assert len(subjects(chain, booking)) == 1

    for row in notifications():
        with transaction():
            row.applied_at = None
            owe("payments.apply_notification", row.id, now=now())
    settle(chain.sandbox)
    assert (state_of(booking), len(subjects(chain, booking)), refunds_of(booking)) == (Status.CONFIRMED, 1, [])


def test_a_whole_life_in_shuffled_order_comes_to_the_same(chain: Chain) -> None:
    """Paid, cancelled and given back; then every notification is applied again, newest first, twice."""
    booking = paid(chain)
    with transaction():
        change.cancel(find.get_locked(booking.id), now(), by="staff")
    settle(chain.sandbox)
    before = (state_of(booking), story_of(booking), [(one.cause, one.state) for one in refunds_of(booking)])
    mails = len(subjects(chain, booking))

    for _ in range(2):
        for row in reversed(notifications()):
            with transaction():
                row.applied_at = None
            jobs.apply_notification(row.id)
    settle(chain.sandbox)

    assert (state_of(booking), story_of(booking), [(one.cause, one.state) for one in refunds_of(booking)]) == before
    assert len(subjects(chain, booking)) == mails


def test_one_notification_applied_by_ten_at_once_confirms_once(chain: Chain, race: Race) -> None:
    booking, url = paying(chain)
    pay(url)
    chain.sandbox.wait_quiet()
    (notification,) = notifications()
    notification_id = notification.id
    db.session.rollback()

    assert race.of(10, lambda: jobs.apply_notification(notification_id)) == [None] * 10
    assert story_of(booking).count("booking.confirmed") == 1
    settle(chain.sandbox)
    assert len(subjects(chain, booking)) == 1


def test_a_notification_that_never_came_is_caught_up_with(chain: Chain) -> None:
    booking, url = paying(chain)
    chain.sandbox.delivery_fault("stripe", "drop", times=20)
    pay(url)
    settle(chain.sandbox)
    assert state_of(booking) == Status.AWAITING_PAYMENT

    chain.sandbox.advance(minutes=3)
    with transaction():
        jobs.sweep(now())
    settle(chain.sandbox)
    assert state_of(booking) == Status.CONFIRMED


@pytest.mark.parametrize("kind", ["forge", "old"])
def test_a_forged_or_old_notification_is_refused_and_a_true_one_is_not(chain: Chain, kind: str) -> None:
    booking, url = paying(chain)
    chain.sandbox.delivery_fault("stripe", kind, times=3)
    pay(url)
    settle(chain.sandbox)  # Stripe tries again, then with a good signature

    refused = [one for one in chain.sandbox.get("/_emu/deliveries")["history"] if one["spoilt"]]
    assert [one["outcome"] for one in refused] == ["400"] * 3
    assert (len(notifications()), state_of(booking)) == (1, Status.CONFIRMED)


def test_a_decline_books_nothing_and_the_next_try_does(chain: Chain) -> None:
    booking, url = paying(chain)
    pay(url, "decline")
    settle(chain.sandbox)
    assert (state_of(booking), payment_of(booking).state) == (Status.AWAITING_PAYMENT, PaymentState.OPEN)

    pay(url)
    settle(chain.sandbox)
    assert state_of(booking) == Status.CONFIRMED
    assert len(payments_of(booking)) == 1


def test_a_delayed_method_is_waited_for_and_then_books(chain: Chain) -> None:
    booking, url = paying(chain)
    pay(url, "delayed")
    settle(chain.sandbox)
    assert (state_of(booking), payment_of(booking).state) == (Status.AWAITING_PAYMENT, PaymentState.PENDING)

    chain.sandbox.post("/_emu/stripe/settle_delayed", {"session": payment_of(booking).session_id, "outcome": "paid"})
    settle(chain.sandbox)
    assert state_of(booking) == Status.CONFIRMED


@pytest.mark.parametrize("is_shuffled", [False, True])
def test_a_delayed_payment_that_fails_frees_the_time(chain: Chain, is_shuffled: bool) -> None:
    booking, url = paying(chain)
    pay(url, "delayed")
    if not is_shuffled:
        settle(chain.sandbox)
    chain.sandbox.post("/_emu/stripe/settle_delayed", {"session": payment_of(booking).session_id, "outcome": "failed"})
    chain.sandbox.wait_quiet()
    for row in reversed(notifications()) if is_shuffled else ():
        jobs.apply_notification(row.id)
    settle(chain.sandbox)
    assert (state_of(booking), payment_of(booking).state) == (Status.EXPIRED, PaymentState.CLOSED)


@pytest.mark.parametrize(
    "changes",
    [
        {"line_items": [line_item(unit_amount=100)]},
        {"line_items": [line_item(currency="usd")]},
        {},
    ],
    ids=["a smaller amount", "another currency", "a session that is not ours"],
)
def test_a_payment_that_only_looks_like_ours_books_nothing(chain: Chain, changes: dict[str, object]) -> None:
    booking, _ = paying(chain)
    StripeApi(chain.sandbox.url).paid_session(client_reference_id=payment_of(booking).attempt, **changes)
    settle(chain.sandbox)

    assert (state_of(booking), payment_of(booking).state) == (Status.AWAITING_PAYMENT, PaymentState.OPEN)
    (task,) = tasks("payment-differs")
    assert booking.reference in task.words


def test_a_small_payment_for_an_attempt_whose_page_we_never_saw_books_nothing(chain: Chain) -> None:
    booking = chain.booking(Status.HELD)
    chain.sandbox.fault("POST /stripe/v1/checkout/sessions", "timeout_before_commit", times=3)
    with pytest.raises(checkout.PageUnavailable):
        checkout.start(booking.id, now())
    cheap = [line_item(unit_amount=100)]
    StripeApi(chain.sandbox.url).paid_session(client_reference_id=payment_of(booking).attempt, line_items=cheap)
    settle(chain.sandbox)
    assert state_of(booking) == Status.AWAITING_PAYMENT
    assert len(tasks("payment-differs")) == 1

    pay(checkout.start(booking.id, now()))
    settle(chain.sandbox)
    assert state_of(booking) == Status.CONFIRMED


def test_paying_one_session_does_not_book_another_visit(chain: Chain) -> None:
    mine, url = paying(chain)
    other, _ = paying(chain, practitioner=chain.lark)
    pay(url)
    settle(chain.sandbox)
    assert (state_of(mine), state_of(other)) == (Status.CONFIRMED, Status.AWAITING_PAYMENT)


def test_a_session_of_somebody_elses_shop_is_left_alone(chain: Chain) -> None:
    StripeApi(chain.sandbox.url).paid_session(client_reference_id="somebody-else")
    settle(chain.sandbox)
    assert (len(notifications()), tasks()) == (1, [])


def test_an_event_of_the_other_mode_causes_nothing(chain: Chain) -> None:
    seen = StripeEvent(
        id="evt_1",
        type="checkout.session.completed",
        object_id="cs_test_1",
        object_type="checkout.session",
        payment_intent=None,
        livemode=True,
        created=now(),
    )
    with transaction():
        stripe_events.store(seen, now())
    assert (notifications(), all_rows("payments.apply_notification")) == ([], [])
    with transaction():
        stripe_events.store(replace(seen, livemode=False), now())
    assert len(notifications()) == 1


def test_a_disputed_payment_is_a_task_for_a_person_once(chain: Chain) -> None:
    booking = paid(chain)
    intent = payment_of(booking).intent_id
    dispute = chain.sandbox.post("/_emu/stripe/dispute", {"payment_intent": intent})
    settle(chain.sandbox)
    chain.sandbox.post("/_emu/stripe/close_dispute", {"dispute": dispute["id"], "status": "lost"})
    settle(chain.sandbox)

    (task,) = tasks("dispute")
    assert booking.reference in task.words
    assert state_of(booking) == Status.CONFIRMED


def test_stripe_that_is_away_when_we_look_is_asked_again(chain: Chain) -> None:
    booking, url = paying(chain)
    chain.sandbox.fault("GET /stripe/v1/checkout/sessions/*", "error", times=3, status=503)
    pay(url)
    settle(chain.sandbox)
    assert state_of(booking) == Status.AWAITING_PAYMENT

    later(chain.sandbox, minutes=1)
    assert state_of(booking) == Status.CONFIRMED
    (row,) = all_rows("payments.apply_notification")
    assert row.attempts == 2
