"""Off to Stripe's page: the attempt is written down before Stripe hears of it, and one attempt has one session."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal.bookings import confirm
from portal.bookings.hold import HoldExpired
from portal.bookings.states import Status
from portal.clients import clients
from portal.clock import now
from portal.payments import checkout
from portal.payments.checkout import AlreadyPaid, PageUnavailable
from portal.payments.models import PaymentState
from tests.payments.paying import paid, paying, payment_of, payments_of, session_of, state_of, story_of, tasks
from tests.support.chain import Chain, pay
from tests.support.factories import make_booking, make_patient
from tests.support.outbox import settle
from tests.support.race import Race

SESSIONS = "POST /stripe/v1/checkout/sessions"


def sessions_made(chain: Chain) -> int:
    return len(list(clients().stripe.list_sessions(created_since=now() - timedelta(days=1))))


def test_the_page_asks_for_the_agreed_price_and_tells_nothing_of_health(chain: Chain) -> None:
    at = now()
    patient = make_patient(email="nora@example.com")
    booking, url = paying(chain, patient=patient)
    payment, session = payment_of(booking), session_of(booking)

    assert url == payment.session_url == session.url
    assert (session.status, session.amount_total, session.currency) == ("open", 11900, "aud")
    assert session.client_reference_id == payment.attempt
    assert session.metadata == {"booking": booking.reference, "attempt": payment.attempt}
    assert (booking.status, payment.state) == (Status.AWAITING_PAYMENT, PaymentState.OPEN)
    assert booking.hold_expires_at is not None
    assert timedelta(minutes=34) < booking.hold_expires_at - at <= timedelta(minutes=35, seconds=5)
    assert booking.hold_expires_at - session.expires_at >= timedelta(minutes=2)
    raw = str(session).lower()
    for secret in (booking.terms["service_name"], booking.terms["type_name"], "castellano", "consult"):
        assert secret.lower() not in raw


def test_going_back_and_paying_again_reuses_the_open_page(chain: Chain) -> None:
    booking, url = paying(chain)
    deadline = booking.hold_expires_at
    assert checkout.start(booking.id, now() + timedelta(minutes=5)) == url
    assert (booking.hold_expires_at, sessions_made(chain)) == (deadline, 1)


def test_ten_presses_at_once_open_one_page(chain: Chain, race: Race) -> None:
    booking_id = chain.booking(Status.HELD).id
    outcomes = race.of(10, lambda: checkout.start(booking_id, now()))

    urls = {one for one in outcomes if isinstance(one, str)}
    # Stripe may be asked by two at once with one key, and tells the second to come back.
    assert {type(one) for one in outcomes} <= {str, PageUnavailable}
    assert len(urls) == 1
    assert sessions_made(chain) == 1


@pytest.mark.parametrize("fault", ["timeout_after_commit", "error_after"])
def test_a_lost_answer_leaves_the_attempt_and_the_next_press_finds_its_page(chain: Chain, fault: str) -> None:
    booking = chain.booking(Status.HELD)
    # The client itself tries three times in all.
    chain.sandbox.fault(SESSIONS, fault, times=3)
    with pytest.raises(PageUnavailable) as refused:
        checkout.start(booking.id, now())
    assert refused.value.may_exist
    assert (payment_of(booking).state, state_of(booking)) == (PaymentState.STARTING, Status.AWAITING_PAYMENT)
    assert sessions_made(chain) == 1

    url = checkout.start(booking.id, now())
    assert (url, sessions_made(chain)) == (session_of(booking).url, 1)


def test_stripe_that_refuses_leaves_the_time_held(chain: Chain) -> None:
    booking = chain.booking(Status.HELD)
    chain.sandbox.fault(SESSIONS, "error", status=400)
    with pytest.raises(PageUnavailable) as refused:
        checkout.start(booking.id, now())
    assert not refused.value.may_exist
    assert (state_of(booking), payment_of(booking).state) == (Status.HELD, PaymentState.CLOSED)

    checkout.start(booking.id, now())
    assert [one.state for one in payments_of(booking)] == [PaymentState.CLOSED, PaymentState.OPEN]
    assert story_of(booking) == ["booking.payment_started", "booking.payment_not_started", "booking.payment_started"]


def test_stripe_that_is_away_leaves_the_time_to_the_patient(chain: Chain) -> None:
    booking = chain.booking(Status.HELD)
    chain.sandbox.fault(SESSIONS, "error", times=3, status=500)
    with pytest.raises(PageUnavailable):
        checkout.start(booking.id, now())
    assert state_of(booking) in (Status.HELD, Status.AWAITING_PAYMENT)
    pay(checkout.start(booking.id, now()))
    settle(chain.sandbox)
    assert state_of(booking) == Status.CONFIRMED


@pytest.mark.parametrize("minutes", [1, 5, 20])
def test_the_next_press_opens_a_page_however_long_stripe_was_away(chain: Chain, minutes: int) -> None:
    booking = chain.booking(Status.HELD)
    chain.sandbox.fault(SESSIONS, "error", times=3, status=500)
    with pytest.raises(PageUnavailable):
        checkout.start(booking.id, now())
    chain.sandbox.advance(minutes=minutes)  # Stripe refuses a page that closes within half an hour

    pay(checkout.start(booking.id, now()))
    settle(chain.sandbox)
    assert state_of(booking) == Status.CONFIRMED
    assert tasks("stripe-refused") == []


def test_what_became_of_an_earlier_attempt_does_not_touch_the_later_one(chain: Chain) -> None:
    # Stripe made a page, said 429 to the retry, and we gave the attempt up.
    booking = chain.booking(Status.HELD)
    chain.sandbox.fault(SESSIONS, "timeout_after_commit")
    chain.sandbox.fault(SESSIONS, "429")
    with pytest.raises(PageUnavailable):
        checkout.start(booking.id, now())
    checkout.start(booking.id, now())
    first, second = payments_of(booking)
    assert (first.state, second.state) == (PaymentState.CLOSED, PaymentState.OPEN)
    lost = next(
        one
        for one in clients().stripe.list_sessions(created_since=now() - timedelta(days=1))
        if one.client_reference_id == first.attempt
    )

    clients().stripe.expire_checkout_session(lost.id)
    settle(chain.sandbox)

    assert state_of(booking) == Status.AWAITING_PAYMENT
    assert [one.state for one in payments_of(booking)] == [PaymentState.CLOSED, PaymentState.OPEN]


def test_a_page_that_was_opened_without_our_knowledge_can_be_paid(chain: Chain) -> None:
    """The session was made, the commit that should have noted it never came."""
    booking = chain.booking(Status.HELD)
    chain.sandbox.fault(SESSIONS, "timeout_after_commit", times=3)
    with pytest.raises(PageUnavailable):
        checkout.start(booking.id, now())
    (made,) = clients().stripe.list_sessions(created_since=now() - timedelta(days=1))
    assert made.url is not None
    pay(made.url)
    settle(chain.sandbox)

    payment = payment_of(booking)
    assert (payment.session_id, payment.state, state_of(booking)) == (made.id, PaymentState.PAID, Status.CONFIRMED)


def test_a_lapsed_time_is_not_paid_for(chain: Chain) -> None:
    booking = chain.booking(Status.HELD, hold_expires_at=now())
    with pytest.raises(HoldExpired):
        checkout.start(booking.id, now())
    assert (payments_of(booking), sessions_made(chain)) == ([], 0)


def test_an_open_page_is_not_handed_out_past_the_deadline(chain: Chain) -> None:
    booking, _ = paying(chain)
    with pytest.raises(HoldExpired):
        checkout.start(booking.id, now() + timedelta(minutes=36))


@pytest.mark.parametrize("status", [Status.EXPIRED, Status.CANCELLED])
def test_a_time_that_was_let_go_is_not_paid_for(chain: Chain, status: Status) -> None:
    with pytest.raises(HoldExpired):
        checkout.start(chain.booking(status).id, now())


@pytest.mark.parametrize("status", [Status.CONFIRMED, Status.ARRIVED, Status.PAID_UNPLACED, Status.COMPLETED])
def test_nobody_pays_twice(chain: Chain, status: Status) -> None:
    with pytest.raises(AlreadyPaid):
        checkout.start(chain.booking(status).id, now())
    assert sessions_made(chain) == 0


def test_after_paying_there_is_no_page_any_more(chain: Chain) -> None:
    booking = paid(chain)
    with pytest.raises(AlreadyPaid):
        checkout.start(booking.id, now())


def test_a_visit_of_nobody_is_not_paid_for(chain: Chain) -> None:
    booking = make_booking(status=Status.HELD)
    with pytest.raises(confirm.NotComplete):
        checkout.start(booking.id, now())
    assert sessions_made(chain) == 0
