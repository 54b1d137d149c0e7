"""However many want one time, one gets it; the others are told that it is taken, and nothing else happens to them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.exc import IntegrityError

from portal.bookings import change, find, hold
from portal.bookings.models import Booking, BookingEvent
from portal.bookings.states import OCCUPYING, Status
from portal.catalogue.models import AppointmentType, Mode
from portal.clock import now
from portal.db import LockKind, db, lock_together, sqlstate, transaction
from portal.scheduling import claims
from portal.scheduling.claims import SlotTaken
from tests.support.factories import (
    make_booking,
    make_hours,
    make_location,
    make_practitioner,
    make_room,
    make_type,
    ten_in_a_week,
)
from tests.support.race import Race

pytestmark = pytest.mark.usefixtures("ctx")
RACERS = 50


def holder(type_id: int, starts_at: datetime, at: datetime) -> Callable[[], str]:
    """Somebody who wants this time, as the times page would ask for it. -> their booking's reference"""

    def take() -> str:
        kind = db.session.get_one(AppointmentType, type_id)
        return claims.claim(lambda: hold.hold(kind, starts_at, at)).reference

    return take


def kinds(outcomes: list[Any]) -> Counter[str]:
    return Counter("held" if isinstance(one, str) else type(one).__name__ for one in outcomes)


def occupying() -> list[Booking]:
    db.session.rollback()
    return list(db.session.scalars(select(Booking).where(Booking.status.in_(OCCUPYING)).order_by(Booking.id)))


def open_practice(people: int = 1) -> None:
    place = make_location(is_telehealth=True)
    for _ in range(people):
        make_hours(make_practitioner(), place)


def test_fifty_people_race_for_one_time_and_one_gets_it(race: Race) -> None:
    open_practice()
    at = now()
    outcomes = race.of(RACERS, holder(make_type().id, ten_in_a_week(at), at))

    assert kinds(outcomes) == {"held": 1, "SlotTaken": RACERS - 1}
    assert [booking.reference for booking in occupying()] == [one for one in outcomes if isinstance(one, str)]


def test_two_free_practitioners_take_one_booking_each(race: Race) -> None:
    open_practice(people=2)
    at = now()
    outcomes = race.of(20, holder(make_type().id, ten_in_a_week(at), at))

    assert kinds(outcomes) == {"held": 2, "SlotTaken": 18}
    assert len({booking.practitioner_id for booking in occupying()}) == 2


def test_no_more_visits_of_a_capped_type_than_its_cap_whoever_gives_them(race: Race) -> None:
    open_practice(people=3)
    at, kind = now(), make_type(daily_cap=3)
    ten = ten_in_a_week(at)
    outcomes = race(*[holder(kind.id, ten + timedelta(minutes=30 * n), at) for n in range(10)])

    assert kinds(outcomes) == {"held": 3, "SlotTaken": 7}
    assert len(occupying()) == 3


def test_no_more_visits_of_a_practitioner_than_their_cap_whatever_the_type(race: Race) -> None:
    place = make_location(is_telehealth=True)
    make_hours(make_practitioner(daily_cap=2), place)
    at, types = now(), [make_type() for _ in range(5)]
    ten = ten_in_a_week(at)
    outcomes = race(*[holder(kind.id, ten + timedelta(hours=n), at) for n, kind in enumerate(types)] * 2)

    assert kinds(outcomes) == {"held": 2, "SlotTaken": 8}
    assert len(occupying()) == 2


def test_two_types_that_overlap_through_their_buffers_do_not_both_fit(race: Race) -> None:
    open_practice()
    at = now()
    ten = ten_in_a_week(at)
    early = make_type(length_minutes=30, buffer_after_minutes=10)
    late = make_type(length_minutes=15, buffer_before_minutes=10, start_step_minutes=5)
    # 10:00 to 10:30 and 10:45 to 11:00: the visits are a quarter of an hour apart, their buffers overlap.
    wants = [holder(early.id, ten, at), holder(late.id, ten + timedelta(minutes=45), at)] * 10
    outcomes = race(*wants)

    assert kinds(outcomes) == {"held": 1, "SlotTaken": 19}


def test_buffers_that_only_touch_leave_room_for_both(race: Race) -> None:
    open_practice()
    at = now()
    ten = ten_in_a_week(at)
    early = make_type(length_minutes=30, buffer_after_minutes=10)
    late = make_type(length_minutes=15, buffer_before_minutes=5, start_step_minutes=5)
    outcomes = race(holder(early.id, ten, at), holder(late.id, ten + timedelta(minutes=45), at))

    assert kinds(outcomes) == {"held": 2}


def in_person_practice(*, people: int, rooms: int) -> AppointmentType:
    place = make_location()
    for _ in range(people):
        make_hours(make_practitioner(), place)
    for _ in range(rooms):
        make_room(place)
    return make_type(mode=Mode.IN_PERSON, needs_room=True)


def test_two_practitioners_with_one_room_take_one_visit(race: Race) -> None:
    kind, at = in_person_practice(people=2, rooms=1), now()
    outcomes = race.of(20, holder(kind.id, ten_in_a_week(at), at))

    assert kinds(outcomes) == {"held": 1, "SlotTaken": 19}


def test_as_many_visits_as_there_are_people_with_a_room_each(race: Race) -> None:
    kind, at = in_person_practice(people=3, rooms=3), now()
    outcomes = race.of(12, holder(kind.id, ten_in_a_week(at), at))

    assert kinds(outcomes) == {"held": 3, "SlotTaken": 9}
    assert len({booking.room_id for booking in occupying()}) == 3


def test_a_move_and_a_hold_race_for_one_time_and_one_gets_it(race: Race) -> None:
    place = make_location(is_telehealth=True)
    wren = make_practitioner()
    make_hours(wren, place)
    at, kind = now(), make_type()
    ten = ten_in_a_week(at)
    visits = [
        make_booking(type=kind, practitioner=wren, location=place, starts_at=ten + timedelta(hours=hour)).id
        for hour in (2, 3, 4)
    ]

    def mover(booking_id: int) -> Callable[[], str]:
        def move() -> str:
            claims.claim(lambda: change.move(find.get_locked(booking_id), ten, at, by="staff"))
            return "moved"

        return move

    outcomes = race(*[mover(id) for id in visits], *[holder(kind.id, ten, at)] * 5)

    assert kinds(outcomes) == {"held": 1, "SlotTaken": 7}
    assert [booking.starts_at for booking in occupying()].count(ten) == 1
    assert len({booking.starts_at for booking in occupying()}) == len(occupying())


def test_visits_that_swap_places_never_deadlock(race: Race) -> None:
    place = make_location(is_telehealth=True)
    people = [make_practitioner(), make_practitioner()]
    for person in people:
        make_hours(person, place)
    kind, at = make_type(), now()
    ten = ten_in_a_week(at)
    visits = [make_booking(type=kind, practitioner=who, location=place, starts_at=ten) for who in people]
    wanted = [(visits[0].id, people[1].id), (visits[1].id, people[0].id)]

    def mover(booking_id: int, to: int) -> Callable[[], str]:
        def move() -> str:
            claims.claim(lambda: change.move(find.get_locked(booking_id), ten, at, by="staff", practitioner_id=to))
            return "moved"

        return move

    assert kinds(race(*[mover(*one) for one in wanted * 5])) == {"SlotTaken": 10}


def test_somebody_who_waits_too_long_for_the_lock_is_told_that_the_time_is_taken(race: Race) -> None:
    place = make_location(is_telehealth=True)
    wren = make_practitioner()
    make_hours(wren, place)
    at, kind = now(), make_type()
    take = holder(kind.id, ten_in_a_week(at), at)
    with transaction():
        lock_together((LockKind.PRACTITIONER, wren.id))  # a claim that hangs
        outcomes = race(take)
    assert kinds(outcomes) == {"SlotTaken": 1}
    assert occupying() == []


def twin_of(booking: Booking, **changed: Any) -> Booking:
    """A row at the same time, written past every rule of ours."""
    copied = {column.key: getattr(booking, column.key) for column in Booking.__table__.columns if column.key != "id"}
    return Booking(**(copied | {"reference": f"BK-TWIN{booking.id:02}"} | changed))


def insert(row: Booking) -> None:
    with transaction():
        db.session.add(row)


def later(booking: Booking, minutes: int) -> dict[str, Any]:
    moved = timedelta(minutes=minutes)
    times = booking.starts_at + moved, booking.ends_at + moved
    return {"starts_at": times[0], "ends_at": times[1], "blocked": Range(*times)}


@pytest.mark.parametrize("status", sorted(OCCUPYING))
def test_the_constraint_alone_refuses_a_second_visit_of_a_practitioner(status: Status) -> None:
    booking = make_booking(status=status)
    with pytest.raises(IntegrityError) as refused:
        insert(twin_of(booking, **later(booking, 29)))
    assert sqlstate(refused.value) == "23P01"
    assert "no_overlap_of_practitioner" in str(refused.value.orig)

    insert(twin_of(booking, **later(booking, 30)))


@pytest.mark.parametrize("status", sorted(set(Status) - OCCUPYING))
def test_the_constraint_lets_a_time_go_that_nobody_keeps(status: Status) -> None:
    booking = make_booking(status=status, hold_expires_at=now() + timedelta(minutes=1))
    insert(twin_of(booking, status=Status.CONFIRMED))


def test_the_constraint_alone_refuses_a_second_visit_in_a_room() -> None:
    place = make_location()
    booking = make_booking(location=place, room_id=make_room(place).id)
    with pytest.raises(IntegrityError) as refused:
        insert(twin_of(booking, practitioner_id=make_practitioner().id))
    assert "no_overlap_of_room" in str(refused.value.orig)

    insert(twin_of(booking, practitioner_id=make_practitioner().id, room_id=None))


def test_visits_without_a_room_do_not_share_one() -> None:
    booking = make_booking()
    insert(twin_of(booking, practitioner_id=make_practitioner().id))


def test_an_override_may_overlap_but_must_say_why() -> None:
    booking = make_booking()
    with pytest.raises(IntegrityError) as refused:
        insert(twin_of(booking, overlap_allowed=True))
    assert "overlap_has_reason" in str(refused.value.orig)

    insert(twin_of(booking, overlap_allowed=True, overlap_reason="Came through Calendly"))


def test_an_override_is_busy_for_everybody_else() -> None:
    place = make_location(is_telehealth=True)
    wren = make_practitioner()
    make_hours(wren, place)
    kind, at = make_type(), now()
    make_booking(
        type=kind, practitioner=wren, location=place, overlap_allowed=True, overlap_reason="Squeezed in by the desk"
    )
    with pytest.raises(SlotTaken):
        claims.claim(lambda: hold.hold(kind, ten_in_a_week(at), at))


def test_a_claim_that_is_refused_by_the_constraint_hears_that_the_time_is_taken() -> None:
    booking = make_booking()
    with pytest.raises(SlotTaken):
        claims.claim(lambda: insert_without_commit(twin_of(booking)))


def insert_without_commit(row: Booking) -> None:
    db.session.add(row)
    db.session.flush()


def test_other_refusals_of_the_database_are_not_called_taken() -> None:
    booking = make_booking()
    twin = twin_of(booking, reference=booking.reference, practitioner_id=make_practitioner().id)
    with pytest.raises(IntegrityError):
        claims.claim(lambda: insert_without_commit(twin))


def test_a_reference_that_is_taken_is_drawn_again() -> None:
    booking, elsewhere = make_booking(), make_practitioner()
    references = iter([booking.reference, "BK-SEC2ND"])
    claims.claim(
        lambda: insert_without_commit(twin_of(booking, reference=next(references), practitioner_id=elsewhere.id))
    )
    assert sorted(one.reference for one in occupying()) == sorted([booking.reference, "BK-SEC2ND"])


def test_a_lapsed_hold_is_expired_by_the_claim_that_meets_it() -> None:
    place = make_location(is_telehealth=True)
    wren = make_practitioner()
    make_hours(wren, place)
    kind, at = make_type(), now()
    lapsed = make_booking(
        type=kind, practitioner=wren, location=place, status=Status.HELD, hold_expires_at=at - timedelta(seconds=1)
    )
    claimed = claims.claim(lambda: hold.hold(kind, lapsed.starts_at, at))

    assert lapsed.status == Status.EXPIRED
    assert [event.name for event in history_of(lapsed)] == ["booking.expired"]
    assert (claimed.status, claimed.starts_at) == (Status.HELD, lapsed.starts_at)


def test_a_claim_that_fails_leaves_a_lapsed_hold_as_it_was() -> None:
    place = make_location(is_telehealth=True)
    wren = make_practitioner()
    make_hours(wren, place)
    kind, at = make_type(), now()
    lapsed = make_booking(
        type=kind, practitioner=wren, location=place, status=Status.HELD, hold_expires_at=at - timedelta(seconds=1)
    )

    def half_way() -> None:
        hold.hold(kind, lapsed.starts_at, at)
        raise SlotTaken

    with pytest.raises(SlotTaken):
        claims.claim(half_way)
    assert lapsed.status == Status.HELD
    assert history_of(lapsed) == []


def test_fifty_people_race_for_the_time_of_a_lapsed_hold_and_one_gets_it(race: Race) -> None:
    place = make_location(is_telehealth=True)
    wren = make_practitioner()
    make_hours(wren, place)
    kind, at = make_type(), now()
    lapsed = make_booking(
        type=kind, practitioner=wren, location=place, status=Status.HELD, hold_expires_at=at - timedelta(seconds=1)
    )
    outcomes = race.of(RACERS, holder(kind.id, lapsed.starts_at, at))

    assert kinds(outcomes) == {"held": 1, "SlotTaken": RACERS - 1}
    db.session.refresh(lapsed)
    assert lapsed.status == Status.EXPIRED
    assert db.session.scalar(select(func.count(BookingEvent.id)).where(BookingEvent.booking_id == lapsed.id)) == 1


def test_a_hold_that_its_person_extends_while_somebody_claims_the_time_stays_theirs(race: Race) -> None:
    place = make_location(is_telehealth=True)
    wren = make_practitioner()
    make_hours(wren, place)
    kind, at = make_type(), now()
    last_moment = at - timedelta(seconds=1)
    held = make_booking(
        type=kind, practitioner=wren, location=place, status=Status.HELD, held_at=at, hold_expires_at=last_moment
    )
    type_id, held_id, starts_at = kind.id, held.id, held.starts_at
    is_extended = threading.Event()

    def extend() -> None:
        with transaction():
            hold.extend(find.get_locked(held_id), last_moment - timedelta(milliseconds=5))
            db.session.flush()
            is_extended.set()
            somebody_waits_for_a_row()

    def claim() -> Booking:
        assert is_extended.wait(5)
        return claims.claim(lambda: hold.hold(db.session.get_one(AppointmentType, type_id), starts_at, at))

    extended, claimed = race(extend, claim)
    assert extended is None
    assert isinstance(claimed, SlotTaken)
    db.session.refresh(held)
    assert (held.status, history_of(held)) == (Status.HELD, [])
    assert held.hold_expires_at is not None
    assert held.hold_expires_at > at


def somebody_waits_for_a_row() -> None:
    """Until another transaction waits for what this one has written."""
    waiting = text(
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    )
    until = time.monotonic() + 5
    while not db.session.scalar(waiting):
        db.session.execute(text("select pg_stat_clear_snapshot()"))
        assert time.monotonic() < until, "nobody waits"
        time.sleep(0.01)


def test_the_sweep_and_a_claim_may_meet_over_a_lapsed_hold(race: Race) -> None:
    place = make_location(is_telehealth=True)
    wren = make_practitioner()
    make_hours(wren, place)
    kind, at = make_type(), now()
    ten = ten_in_a_week(at)
    for hour in range(5):
        make_booking(
            type=kind,
            practitioner=wren,
            location=place,
            status=Status.HELD,
            starts_at=ten + timedelta(hours=hour),
            hold_expires_at=at - timedelta(seconds=1),
        )

    def sweep() -> str:
        with transaction():
            return str(hold.expire_lapsed_holds(at))

    outcomes = race(*[holder(kind.id, ten + timedelta(hours=hour), at) for hour in range(5)], *[sweep] * 5)

    assert kinds(outcomes) == {"held": 10}
    assert [booking.status for booking in occupying()] == [Status.HELD] * 5


def history_of(booking: Booking) -> list[BookingEvent]:
    return list(
        db.session.scalars(select(BookingEvent).where(BookingEvent.booking_id == booking.id).order_by(BookingEvent.id))
    )
