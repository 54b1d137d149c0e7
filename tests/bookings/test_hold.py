"""A held time: what is agreed, how long it lasts, and how it ends."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import select

from portal.bookings import confirm, hold
from portal.bookings.hold import HoldExpired
from portal.bookings.models import Booking, BookingEvent
from portal.bookings.states import Status, WrongState
from portal.catalogue.models import AppointmentType, Price
from portal.clock import now
from portal.db import db, transaction
from portal.scheduling import claims
from portal.scheduling.blocks import Rule
from portal.scheduling.claims import SlotTaken
from portal.scheduling.explain import Reason
from tests.support.factories import (
    make_booking,
    make_hours,
    make_location,
    make_patient,
    make_practitioner,
    make_type,
    ten_in_a_week,
)

pytestmark = pytest.mark.usefixtures("ctx")


@pytest.fixture
def kind(ctx: None) -> AppointmentType:
    """A type with buffers, and somebody who works all week."""
    make_hours(make_practitioner(), make_location(is_telehealth=True))
    return make_type(buffer_before_minutes=5, buffer_after_minutes=10)


def held(kind: AppointmentType, at: datetime) -> Booking:
    return claims.claim(lambda: hold.hold(kind, ten_in_a_week(at), at))


def test_a_hold_blocks_the_visit_and_its_buffers_for_a_quarter_of_an_hour(kind: AppointmentType) -> None:
    at = now()
    booking = held(kind, at)

    assert booking.status == Status.HELD
    assert booking.hold_expires_at == at + timedelta(minutes=15)
    assert (booking.starts_at, booking.ends_at) == (ten_in_a_week(at), ten_in_a_week(at) + timedelta(minutes=30))
    assert booking.blocked.lower == booking.starts_at - timedelta(minutes=5)
    assert booking.blocked.upper == booking.ends_at + timedelta(minutes=10)
    assert re.fullmatch(r"BK-[2-9A-HJKMNP-Z]{6}", booking.reference)


def test_another_time_for_the_same_visit_may_overlap_the_earlier_one(kind: AppointmentType) -> None:
    at, patient = now(), make_patient()
    earlier = held(kind, at)
    with transaction():
        earlier.patient_id, earlier.booked_by, earlier.says_new = patient.id, "Ottilie Fernsby", True
    later = ten_in_a_week(at) + timedelta(minutes=15)
    booking = claims.claim(lambda: hold.hold(kind, later, at, earlier=earlier))

    assert (earlier.status, earlier.cancelled_at, earlier.cancelled_by) == (Status.CANCELLED, at, "patient")
    assert booking.is_held
    assert (booking.patient_id, booking.booked_by, booking.says_new) == (patient.id, "Ottilie Fernsby", True)
    assert [event.name for event in db.session.scalars(select(BookingEvent).order_by(BookingEvent.id))] == [
        "booking.held",
        "booking.released",
        "booking.held",
    ]


def test_an_earlier_time_whose_payment_page_is_open_stays_in_the_way(kind: AppointmentType) -> None:
    at = now()
    earlier = held(kind, at)
    with transaction():
        earlier.status = Status.AWAITING_PAYMENT
    with pytest.raises(SlotTaken):
        claims.claim(lambda: hold.hold(kind, ten_in_a_week(at) + timedelta(minutes=15), at, earlier=earlier))
    assert earlier.status == Status.AWAITING_PAYMENT


def test_an_earlier_time_is_kept_when_the_other_one_is_not_free(kind: AppointmentType) -> None:
    at = now()
    earlier = held(kind, at)
    with pytest.raises(SlotTaken):
        claims.claim(lambda: hold.hold(kind, ten_in_a_week(at) + timedelta(minutes=1), at, earlier=earlier))
    assert earlier.is_held


def test_the_terms_are_those_of_the_moment_of_the_hold(kind: AppointmentType) -> None:
    at = now()
    booking = held(kind, at)
    with transaction():
        db.session.add(Price(type_id=kind.id, amount_cents=99900, valid_from=at + timedelta(seconds=1)))
    db.session.expire_all()

    assert booking.price_cents == 11900
    assert booking.terms["cancellation"] == {
        "notice_hours": 24,
        "late_fee_percent": 50,
        "no_show_fee_percent": 100,
        "grace_minutes": 60,
    }


def test_a_time_that_was_never_on_offer_cannot_be_held(kind: AppointmentType) -> None:
    at = now()
    for wrong in (timedelta(minutes=1), timedelta(hours=-9), timedelta(days=90)):
        with pytest.raises(SlotTaken):
            claims.claim(partial(hold.hold, kind, ten_in_a_week(at) + wrong, at))
    assert db.session.scalars(select(Booking)).all() == []


def test_a_practitioner_who_is_not_free_then_cannot_be_asked_for(kind: AppointmentType) -> None:
    at = now()
    with pytest.raises(SlotTaken):
        claims.claim(lambda: hold.hold(kind, ten_in_a_week(at), at, practitioner_id=make_practitioner().id))


@pytest.mark.parametrize(
    ("minutes_later", "expires_after"),
    [(0, 15), (5, 20), (14, 29), (29, 44), (30, 45), (31, 45), (44, 45)],
)
def test_each_extension_gives_fifteen_minutes_but_never_more_than_forty_five(
    kind: AppointmentType, minutes_later: int, expires_after: int
) -> None:
    at = now()
    booking = held(kind, at)
    booking.hold_expires_at = at + timedelta(minutes=max(15, minutes_later + 1))
    hold.extend(booking, at + timedelta(minutes=minutes_later))
    assert booking.hold_expires_at == at + timedelta(minutes=expires_after)


def test_a_lapsed_time_is_not_kept_longer(kind: AppointmentType) -> None:
    at = now()
    booking = held(kind, at)
    with pytest.raises(HoldExpired):
        hold.extend(booking, at + timedelta(minutes=15))


def test_after_forty_five_minutes_there_is_no_more(kind: AppointmentType) -> None:
    at = now()
    booking = held(kind, at)
    booking.hold_expires_at = at + timedelta(minutes=45)
    with pytest.raises(HoldExpired):
        hold.extend(booking, at + timedelta(minutes=45))


def test_an_extension_never_makes_a_hold_shorter() -> None:
    at = now()
    booking = make_booking(status=Status.HELD, held_at=at - timedelta(minutes=44))
    booking.hold_expires_at = at + timedelta(minutes=5)  # given back by a payment page that could not be made
    hold.extend(booking, at + timedelta(minutes=2))
    assert booking.hold_expires_at == at + timedelta(minutes=5)


def test_a_hold_lasts_fifteen_minutes_while_the_clocks_change(kind: AppointmentType) -> None:
    at = datetime(2027, 4, 3, 15, 50, tzinfo=UTC)  # 2:50 am in Sydney; ten minutes later it is 2 am once more
    booking = held(kind, at)
    assert booking.hold_expires_at == at + timedelta(minutes=15)
    assert not booking.is_lapsed(at + timedelta(minutes=14))
    hold.extend(booking, at + timedelta(minutes=14))
    assert booking.hold_expires_at == at + timedelta(minutes=29)
    assert booking.is_lapsed(at + timedelta(minutes=29))


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.HELD}))
def test_only_a_held_time_can_be_extended(status: Status) -> None:
    booking = make_booking(status=status)
    with pytest.raises(HoldExpired):
        hold.extend(booking, now())


def test_a_payment_page_that_could_not_be_made_leaves_at_least_five_minutes() -> None:
    at = now()
    booking = make_booking(status=Status.AWAITING_PAYMENT, held_at=at - timedelta(minutes=44))
    confirm.return_to_hold(booking, at)
    assert (booking.status, booking.hold_expires_at) == (Status.HELD, at + timedelta(minutes=5))


def test_paying_takes_thirty_five_minutes_from_its_start() -> None:
    at = now()
    booking = make_booking(status=Status.HELD, patient=make_patient())
    confirm.await_payment(booking, at)
    assert booking.hold_expires_at == at + timedelta(minutes=35)
    with pytest.raises(HoldExpired):
        confirm.await_payment(booking, at + timedelta(minutes=1))
    assert booking.hold_expires_at == at + timedelta(minutes=35)


def test_nobody_pays_for_or_confirms_a_visit_of_nobody() -> None:
    booking = make_booking(status=Status.HELD)
    with pytest.raises(confirm.NotComplete, match="details"):
        confirm.await_payment(booking, now())
    with pytest.raises(confirm.NotComplete, match="details"):
        confirm.confirm(booking, now(), by="patient")


def test_a_time_that_is_not_wanted_any_more_is_free_at_once(kind: AppointmentType) -> None:
    at = now()
    booking = held(kind, at)
    with transaction():
        hold.release(booking, at)
    assert (booking.status, booking.cancelled_by) == (Status.CANCELLED, "patient")
    assert held(kind, at).id != booking.id


def test_the_sweep_expires_lapsed_holds_and_nothing_else() -> None:
    at = now()
    ended, soon = at - timedelta(seconds=1), at + timedelta(seconds=1)
    lapsed = make_booking(status=Status.HELD, hold_expires_at=at)
    others = [
        make_booking(status=Status.HELD, hold_expires_at=soon),
        make_booking(status=Status.AWAITING_PAYMENT, hold_expires_at=ended),
        make_booking(status=Status.CONFIRMED, hold_expires_at=ended),
    ]
    before = [booking.status for booking in others]
    with transaction():
        assert hold.expire_lapsed_holds(at) == 1
    assert lapsed.status == Status.EXPIRED
    assert [booking.status for booking in others] == before
    with transaction():
        assert hold.expire_lapsed_holds(at) == 0
    assert [event.name for event in db.session.scalars(select(BookingEvent))] == ["booking.expired"]


def test_a_hold_that_has_become_a_visit_is_not_released() -> None:
    booking = make_booking(status=Status.IN_SESSION)
    with pytest.raises(WrongState):
        hold.release(booking, now())


def refused(kind: AppointmentType, starts_at: datetime, at: datetime) -> Reason:
    with pytest.raises(SlotTaken) as taken:
        claims.claim(lambda: hold.hold(kind, starts_at, at))
    return taken.value.reason


def test_a_refused_time_says_why(kind: AppointmentType) -> None:
    at = now()
    held(kind, at)
    assert refused(kind, ten_in_a_week(at), at).words == "taken by the 10:00 visit"
    assert refused(kind, ten_in_a_week(at) + timedelta(days=90), at).rule == Rule.TOO_FAR


def test_a_start_that_crosses_the_notice_a_second_after_it_was_shown_is_not_said_to_be_taken(
    kind: AppointmentType,
) -> None:
    with transaction():
        kind.minimum_notice_minutes = 24 * 60
    start = ten_in_a_week(now())
    assert refused(kind, start, start - timedelta(hours=24) + timedelta(seconds=1)).for_patients == (
        "That time needs 24 hours' notice."
    )
    held(kind, start - timedelta(days=7))


def test_a_hold_keeps_the_desk_away_until_it_lapses(kind: AppointmentType) -> None:
    at = now()
    booking = held(kind, at)

    def by_desk(after: timedelta) -> Booking:
        return claims.claim(lambda: hold.hold(kind, ten_in_a_week(at), at + after, source="desk"))

    with pytest.raises(SlotTaken):
        by_desk(timedelta(minutes=14, seconds=59))
    assert by_desk(timedelta(minutes=15)).source == "desk"
    assert booking.status == Status.EXPIRED
