"""The payment deadline: Stripe closes first, then the time is free; money that comes in the gap is never lost."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.clients import clients
from portal.clock import now
from portal.db import Busy, LockKind, db, lock_together, transaction
from portal.payments import checkout, jobs
from portal.payments.models import PaymentState, RefundState
from portal.staff.models import Practitioner
from tests.payments.paying import (
    lapse,
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
from tests.support.factories import make_booking
from tests.support.outbox import all_rows, drain, later, owed, settle
from tests.support.race import Race

EXPIRE = "POST /stripe/v1/checkout/sessions/*/expire"


def take_over(chain: Chain, booking: Booking) -> Booking:
    """Somebody else books the time that was let go."""
    return chain.booking(Status.CONFIRMED, starts_at=booking.starts_at)


def test_nobody_pays_and_the_time_is_free_again(chain: Chain) -> None:
    booking, _ = paying(chain)
    chain.sandbox.advance(minutes=36)
    sweep(chain)

    assert (state_of(booking), payment_of(booking).state) == (Status.EXPIRED, PaymentState.CLOSED)
    assert session_of(booking).status == "expired"
    assert subjects(chain, booking) == []


def test_before_the_deadline_nothing_is_let_go(chain: Chain) -> None:
    booking, _ = paying(chain)
    jobs.release(booking.id)
    assert (state_of(booking), session_of(booking).status) == (Status.AWAITING_PAYMENT, "open")


def test_the_session_is_closed_before_the_time_is_free(chain: Chain) -> None:
    booking, url = paying(chain)
    lapse(booking)
    chain.sandbox.fault(EXPIRE, "error", times=1, status=503)
    sweep(chain)
    assert state_of(booking) == Status.AWAITING_PAYMENT  # Stripe has not answered, so the time is kept
    assert len(owed("payments.release")) == 1

    later(chain.sandbox, seconds=30)
    assert (state_of(booking), session_of(booking).status) == (Status.EXPIRED, "expired")
    assert pay(url).status_code == 303
    settle(chain.sandbox)
    assert (session_of(booking).payment_status, state_of(booking)) == ("unpaid", Status.EXPIRED)


def test_a_lost_answer_to_the_closing_is_asked_for_again(chain: Chain) -> None:
    booking, _ = paying(chain)
    lapse(booking)
    chain.sandbox.fault(EXPIRE, "timeout_after_commit")
    sweep(chain)
    later(chain.sandbox, seconds=30)
    assert state_of(booking) == Status.EXPIRED
    assert story_of(booking).count("booking.expired") == 1


def test_an_attempt_whose_page_was_never_made_is_let_go(chain: Chain) -> None:
    booking = chain.booking(Status.HELD)
    chain.sandbox.fault("POST /stripe/v1/checkout/sessions", "timeout_before_commit", times=3)
    with pytest.raises(checkout.PageUnavailable):
        checkout.start(booking.id, now())
    chain.sandbox.advance(minutes=36)
    sweep(chain)
    assert (state_of(booking), payment_of(booking).state) == (Status.EXPIRED, PaymentState.CLOSED)


def test_an_attempt_whose_page_we_never_saw_is_closed_at_stripe_too(chain: Chain) -> None:
    booking = chain.booking(Status.HELD)
    chain.sandbox.fault("POST /stripe/v1/checkout/sessions", "timeout_after_commit", times=3)
    with pytest.raises(checkout.PageUnavailable):
        checkout.start(booking.id, now())
    lapse(booking)
    sweep(chain)
    (made,) = clients().stripe.list_sessions(created_since=now() - timedelta(days=1))
    assert (made.status, state_of(booking)) == ("expired", Status.EXPIRED)


def test_paid_while_the_time_is_being_let_go_is_paid_and_placed(chain: Chain) -> None:
    booking, url = paying(chain)
    pay(url)
    chain.sandbox.wait_quiet()
    lapse(booking)
    jobs.release(booking.id)  # hears from Stripe that it is paid
    settle(chain.sandbox)
    assert (state_of(booking), refunds_of(booking)) == (Status.CONFIRMED, [])
    assert len(subjects(chain, booking)) == 1


@pytest.mark.parametrize("attempt", range(4))
def test_paying_and_letting_go_at_the_same_moment_end_well_whoever_is_first(
    chain: Chain, race: Race, attempt: int
) -> None:
    booking, url = paying(chain)
    lapse(booking)
    booking_id = booking.id
    db.session.rollback()
    race(lambda: jobs.release(booking_id), lambda: pay(url).status_code, lambda: jobs.release(booking_id))
    settle(chain.sandbox)
    later(chain.sandbox, minutes=1)

    if session_of(booking).payment_status == "paid":
        assert (state_of(booking), refunds_of(booking)) == (Status.CONFIRMED, [])
    else:
        assert (state_of(booking), session_of(booking).status) == (Status.EXPIRED, "expired")


def paid_too_late(chain: Chain) -> tuple[Booking, str]:
    """We have let the time go although Stripe's page is open still, as after a restored backup."""
    booking, url = paying(chain)
    payment = payment_of(booking)
    with transaction():
        booking.status, payment.state = Status.EXPIRED, PaymentState.CLOSED
    return booking, url


def test_money_that_comes_too_late_takes_the_time_again_while_it_is_free(chain: Chain) -> None:
    booking, url = paid_too_late(chain)
    pay(url)
    settle(chain.sandbox)

    assert (state_of(booking), refunds_of(booking)) == (Status.CONFIRMED, [])
    assert story_of(booking)[-2:] == ["booking.paid_too_late", "booking.confirmed"]
    assert len(subjects(chain, booking)) == 1
    assert len(chain.events(booking.reference)) == 1


def test_money_that_comes_too_late_takes_a_time_that_only_a_lapsed_hold_is_in(chain: Chain) -> None:
    booking, url = paid_too_late(chain)
    lapsed = chain.booking(Status.HELD, starts_at=booking.starts_at, hold_expires_at=now() - timedelta(seconds=1))
    pay(url)
    settle(chain.sandbox)
    assert (state_of(booking), state_of(lapsed)) == (Status.CONFIRMED, Status.EXPIRED)


def test_the_notice_was_kept_when_the_time_was_chosen(chain: Chain) -> None:
    chain.type.minimum_notice_minutes = 60 * 24 * 7 + 60 * 30  # more than is left now
    booking, url = paid_too_late(chain)
    with transaction():
        booking.held_at = booking.starts_at - timedelta(minutes=chain.type.minimum_notice_minutes)
    pay(url)
    settle(chain.sandbox)
    assert state_of(booking) == Status.CONFIRMED


def test_money_for_a_time_that_is_gone_goes_back_with_an_honest_mail(chain: Chain) -> None:
    booking, url = paid_too_late(chain)
    other = take_over(chain, booking)
    pay(url)
    settle(chain.sandbox)

    assert (state_of(booking), state_of(other)) == (Status.CANCELLED, Status.CONFIRMED)
    assert story_of(booking)[-2:] == ["booking.paid_too_late", "booking.not_placed"]
    (refund,) = refunds_of(booking)
    assert (refund.cause, refund.amount_cents, refund.state) == ("not-placed", 11900, RefundState.DONE)
    assert [one["amount"] for one in chain.refunds()] == [11900]
    (subject,) = subjects(chain, booking)
    assert len(all_rows("notices.send_not_placed")) == 1
    assert subject.endswith("is on its way back")
    assert chain.events(booking.reference) == []


def test_money_for_a_time_that_has_begun_goes_back(chain: Chain) -> None:
    booking, url = paid_too_late(chain)
    pay(url)
    chain.sandbox.wait_quiet()
    chain.sandbox.advance(days=9)
    settle(chain.sandbox)
    assert (state_of(booking), sum(one["amount"] for one in chain.refunds())) == (Status.CANCELLED, 11900)


def test_money_for_somebody_who_has_left_goes_back(chain: Chain) -> None:
    booking, url = paid_too_late(chain)
    with transaction():
        db.session.get_one(Practitioner, chain.wren.id).is_active = False
    pay(url)
    settle(chain.sandbox)
    assert (state_of(booking), sum(one["amount"] for one in chain.refunds())) == (Status.CANCELLED, 11900)


def test_money_that_waits_for_a_busy_calendar_is_not_sent_back_in_a_hurry(chain: Chain, race: Race) -> None:
    booking, url = paid_too_late(chain)
    pay(url)
    chain.sandbox.wait_quiet()
    drain_only_the_news(chain)
    booking_id, wren_id = booking.id, chain.wren.id
    with transaction():
        lock_together((LockKind.PRACTITIONER, wren_id))  # a claim that hangs
        assert [type(one) for one in race(lambda: jobs.place_or_refund(booking_id))] == [Busy]
    assert state_of(booking) == Status.PAID_UNPLACED

    settle(chain.sandbox)
    assert (state_of(booking), refunds_of(booking)) == (Status.CONFIRMED, [])


def test_placing_again_run_by_five_at_once_ends_once(chain: Chain, race: Race) -> None:
    booking, url = paid_too_late(chain)
    take_over(chain, booking)
    pay(url)
    chain.sandbox.wait_quiet()
    drain_only_the_news(chain)
    booking_id = booking.id
    assert state_of(booking) == Status.PAID_UNPLACED

    assert race.of(5, lambda: jobs.place_or_refund(booking_id)) == [None] * 5
    settle(chain.sandbox)
    assert story_of(booking).count("booking.not_placed") == 1
    assert [one["amount"] for one in chain.refunds()] == [11900]
    assert len(subjects(chain, booking)) == 1


def drain_only_the_news(chain: Chain) -> None:
    """Apply Stripe's notifications and leave what they set off undone."""
    for row in owed("payments.apply_notification"):
        jobs.apply_notification(row.args[0])


def test_the_sweep_finds_an_unplaced_payment_whose_job_got_lost(chain: Chain) -> None:
    booking, url = paid_too_late(chain)
    pay(url)
    chain.sandbox.wait_quiet()
    drain_only_the_news(chain)
    with transaction():
        for row in owed():
            row.done_at = now()
    sweep(chain)
    assert state_of(booking) == Status.CONFIRMED


def test_money_for_a_booking_the_patient_has_called_off_goes_back(chain: Chain) -> None:
    booking, url = paid_too_late(chain)
    with transaction():
        booking.status, booking.cancelled_at, booking.cancelled_by = Status.CANCELLED, now(), "patient"
    pay(url)
    settle(chain.sandbox)
    assert (state_of(booking), [one["amount"] for one in chain.refunds()]) == (Status.CANCELLED, [11900])


def paid_twice(chain: Chain) -> tuple[Booking, str]:
    """A first page that Stripe made while telling us that it had not, and a second one; both are open."""
    booking = chain.booking(Status.HELD)
    chain.sandbox.fault("POST /stripe/v1/checkout/sessions", "timeout_after_commit")
    chain.sandbox.fault("POST /stripe/v1/checkout/sessions", "429")
    with pytest.raises(checkout.PageUnavailable):
        checkout.start(booking.id, now())
    (lost,) = clients().stripe.list_sessions(created_since=now() - timedelta(days=1))
    assert lost.url is not None
    pay(checkout.start(booking.id, now()))
    return booking, lost.url


def test_a_second_payment_for_a_visit_goes_back_as_a_duplicate(chain: Chain) -> None:
    booking, second = paid_twice(chain)
    settle(chain.sandbox)
    pay(second)
    settle(chain.sandbox)

    assert state_of(booking) == Status.CONFIRMED
    assert sorted(one.settles_booking for one in payments_of(booking)) == [False, True]
    (refund,) = refunds_of(booking)
    assert (refund.cause, refund.amount_cents, refund.payment.settles_booking) == ("duplicate", 11900, False)
    assert [(one["amount"], one["reason"]) for one in chain.refunds()] == [(11900, "duplicate")]
    assert len(subjects(chain, booking)) == 1


def test_two_payments_for_a_time_that_is_gone_both_go_back_once(chain: Chain) -> None:
    booking, second = paid_twice(chain)
    with transaction():
        booking.status = Status.EXPIRED
    take_over(chain, booking)
    pay(second)
    settle(chain.sandbox)

    assert state_of(booking) == Status.CANCELLED
    assert [one["amount"] for one in chain.refunds()] == [11900, 11900]
    assert {one.state for one in refunds_of(booking)} == {RefundState.DONE}
    assert len(refunds_of(booking)) == 2
    assert tasks() == []


def test_a_lapsed_hold_without_a_payment_is_none_of_this(chain: Chain) -> None:
    booking = make_booking(status=Status.HELD, hold_expires_at=now() - timedelta(minutes=1))
    with transaction():
        jobs.sweep(now())
    drain()
    assert (state_of(booking), all_rows("payments.release")) == (Status.HELD, [])
