"""The table of states, and the one way in which a booking gets from one to another."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DBAPIError

from portal.bookings import confirm, find, states
from portal.bookings.history import change_status
from portal.bookings.models import Booking, BookingEvent
from portal.bookings.states import OCCUPYING, TRANSITIONS, WAITING, Status, WrongState
from portal.clock import now
from portal.db import db, transaction
from tests.support.factories import make_booking, make_patient
from tests.support.outbox import jobs_owed
from tests.support.race import Race

S = Status
# Written out from design §5, not read from the code.
ALLOWED = {
    (S.HELD, S.AWAITING_PAYMENT),
    (S.HELD, S.CONFIRMED),
    (S.HELD, S.CANCELLED),
    (S.HELD, S.EXPIRED),
    (S.AWAITING_PAYMENT, S.CONFIRMED),
    (S.AWAITING_PAYMENT, S.HELD),
    (S.AWAITING_PAYMENT, S.EXPIRED),
    (S.AWAITING_PAYMENT, S.CANCELLED),
    (S.AWAITING_PAYMENT, S.PAID_UNPLACED),
    (S.CONFIRMED, S.ARRIVED),
    (S.CONFIRMED, S.CANCELLED),
    (S.CONFIRMED, S.DID_NOT_ARRIVE),
    (S.ARRIVED, S.IN_SESSION),
    (S.IN_SESSION, S.COMPLETED),
    (S.EXPIRED, S.PAID_UNPLACED),
    (S.PAID_UNPLACED, S.CONFIRMED),
    (S.PAID_UNPLACED, S.CANCELLED),
    # The desk takes a slip back.
    (S.ARRIVED, S.CONFIRMED),
    (S.ARRIVED, S.CANCELLED),
    (S.IN_SESSION, S.ARRIVED),
    (S.COMPLETED, S.IN_SESSION),
    (S.DID_NOT_ARRIVE, S.CONFIRMED),
    (S.DID_NOT_ARRIVE, S.ARRIVED),
    # And undoes a cancellation that nobody has been told of.
    (S.CANCELLED, S.CONFIRMED),
    (S.CANCELLED, S.ARRIVED),
}


@pytest.mark.parametrize(("current", "wanted"), list(product(Status, Status)))
def test_a_change_is_allowed_exactly_when_the_design_lists_it(current: Status, wanted: Status) -> None:
    if (current, wanted) in ALLOWED:
        states.check(current, wanted)
    else:
        with pytest.raises(WrongState) as refused:
            states.check(current, wanted)
        assert (refused.value.current, refused.value.wanted) == (current, wanted)


def test_every_state_has_a_row_in_the_table() -> None:
    assert set(TRANSITIONS) == set(Status)


@pytest.mark.usefixtures("ctx")
def test_a_cancelled_booking_is_not_confirmed_again_by_any_other_road() -> None:
    booking = make_booking(status=S.CANCELLED)
    with pytest.raises(WrongState), transaction():
        confirm.confirm(booking, now(), by="patient")


def test_what_lapses_is_occupying_until_then() -> None:
    assert WAITING < OCCUPYING
    assert set(Status) - OCCUPYING == {S.DID_NOT_ARRIVE, S.CANCELLED, S.EXPIRED, S.PAID_UNPLACED}


def events_of(booking: Booking) -> list[BookingEvent]:
    rows = select(BookingEvent).where(BookingEvent.booking_id == booking.id).order_by(BookingEvent.id)
    return list(db.session.scalars(rows))


@pytest.mark.usefixtures("ctx")
def test_a_change_writes_one_event_and_owes_what_follows() -> None:
    booking, at = make_booking(), now()
    with transaction():
        change_status(booking, S.CANCELLED, at, event="booking.cancelled", by="patient", reason_given=True)

    (event,) = events_of(booking)
    assert (event.name, event.at, event.by, event.data) == ("booking.cancelled", at, "patient", {"reason_given": True})
    assert booking.status == S.CANCELLED
    assert sorted(jobs_owed()) == [
        "notices.send_cancelled",
        "payments.refund_if_due",
        "sync.medirecords",
        "sync.outlook",
    ]


@pytest.mark.usefixtures("ctx")
def test_a_change_that_is_not_allowed_leaves_no_trace() -> None:
    booking = make_booking()
    with pytest.raises(WrongState), transaction():
        change_status(booking, S.HELD, now(), event="booking.held", by="staff")
    assert (booking.status, events_of(booking), jobs_owed()) == (S.CONFIRMED, [], [])


@pytest.mark.usefixtures("ctx")
def test_a_change_that_is_rolled_back_leaves_no_trace() -> None:
    booking = make_booking()
    with pytest.raises(ZeroDivisionError), transaction():
        change_status(booking, S.CANCELLED, now(), event="booking.cancelled", by="patient")
        raise ZeroDivisionError
    assert (booking.status, events_of(booking), jobs_owed()) == (S.CONFIRMED, [], [])


@pytest.mark.usefixtures("ctx")
def test_whoever_looks_at_an_old_state_is_told_that_somebody_was_faster(race: Race) -> None:
    booking = make_booking()
    assert booking.status == S.CONFIRMED  # read, and kept in this session

    def cancel() -> None:
        with transaction():
            change_status(find.get(booking_id), S.CANCELLED, now(), event="booking.cancelled", by="staff")

    booking_id = booking.id
    race(cancel)
    with pytest.raises(WrongState), transaction():
        change_status(booking, S.ARRIVED, now(), event="booking.cancelled", by="staff")


@pytest.mark.usefixtures("ctx")
def test_of_twenty_who_change_one_booking_at_once_one_succeeds(race: Race) -> None:
    booking_id = make_booking().id

    def change(wanted: Status) -> Callable[[], str]:
        def act() -> str:
            with transaction():
                # No lock: the compare-and-swap alone has to hold.
                change_status(find.get(booking_id), wanted, now(), event="booking.cancelled", by="staff")
            return wanted

        return act

    outcomes = race(*[change(wanted) for wanted in (S.CANCELLED, S.DID_NOT_ARRIVE)] * 10)

    won = [one for one in outcomes if isinstance(one, str)]
    # Did not arrive leads on to nothing that was asked for, and cancelled to nothing at all.
    assert len(won) == 1
    assert {type(one) for one in outcomes if not isinstance(one, str)} == {WrongState}
    db.session.rollback()
    assert find.get(booking_id).status == won[0]
    assert len(events_of(find.get(booking_id))) == 1


@pytest.mark.usefixtures("ctx")
def test_history_is_only_ever_added_to() -> None:
    booking = make_booking(status=S.HELD, patient=make_patient())
    with transaction():
        change_status(booking, S.EXPIRED, now(), event="booking.expired", by="clock")
    for act in (update(BookingEvent).values(by="somebody else"), delete(BookingEvent)):
        with pytest.raises(DBAPIError, match="booking_event rows are only ever added"), transaction():
            db.session.execute(act)
    assert [event.by for event in events_of(booking)] == ["clock"]
