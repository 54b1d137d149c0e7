"""Other times for a visit that the clinic cannot keep: held, taken, turned down, lapsed, and never given twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, time, timedelta

import pytest
from sqlalchemy import func, select, text

from portal import clock
from portal.bookings import change, find, hold, offers
from portal.bookings.models import Booking, BookingEvent, Offer, OfferState
from portal.bookings.offers import OfferClosed
from portal.bookings.states import OCCUPYING, Status, WrongState
from portal.catalogue.models import AppointmentType, Mode
from portal.clinic import Setting
from portal.db import db, transaction
from portal.payments import jobs as payments
from portal.payments.models import Refund
from portal.scheduling import claims
from portal.scheduling.claims import SlotTaken
from portal.scheduling.models import ExceptionKind, HoursException, Location
from portal.staff.models import Practitioner, StaffTask
from tests.support import factories
from tests.support.factories import SYDNEY
from tests.support.outbox import jobs_owed
from tests.support.race import Race

pytestmark = pytest.mark.usefixtures("ctx")
TWO_DAYS = timedelta(hours=48)


@dataclass
class Scene:
    person: Practitioner
    place: Location
    type: AppointmentType

    def visit(self, days: int = 7, at: time = time(10), **columns: object) -> Booking:
        return factories.make_booking(
            type=self.type,
            practitioner=self.person,
            location=self.place,
            starts_at=local(days, at),
            **columns,  # type: ignore[arg-type]
        )


@pytest.fixture
def scene() -> Scene:
    """Somebody who sees people for half an hour from 9 to 5 each day."""
    person, place = factories.make_practitioner(), factories.make_location(is_telehealth=True)
    factories.make_hours(person, place)
    return Scene(person, place, factories.make_type())


def local(days: int, at: time = time(10)) -> datetime:
    day = clock.now().astimezone(SYDNEY).date() + timedelta(days=days)
    return datetime.combine(day, at, SYDNEY)


def close(days: int, practitioner: Practitioner | None = None) -> None:
    with transaction():
        db.session.add(
            HoursException(
                kind=ExceptionKind.CLOSED,
                practitioner_id=practitioner.id if practitioner else None,
                starts_at=local(days, time()),
                ends_at=local(days + 1, time()),
            )
        )


def offer(visit: Booking, now: datetime | None = None) -> Offer | None:
    at = now or clock.now()
    visit_id = visit.id
    return claims.claim(lambda: offers.make(visit_id, at, at + TWO_DAYS))


def held(visit: Booking, now: datetime | None = None) -> list[Booking]:
    return offers.held_times(visit.id, now or clock.now())


def accept(visit: Booking, chosen: Booking, now: datetime | None = None) -> None:
    visit_id, reference, at = visit.id, chosen.reference, now or clock.now()
    claims.claim(lambda: offers.accept(visit_id, reference, at))
    db.session.expire_all()


def tasks(visit: Booking) -> list[str]:
    wanted = select(StaffTask.words).where(StaffTask.booking_id == visit.id, StaffTask.done_at.is_(None))
    return list(db.session.scalars(wanted))


# --- what is offered


def test_three_times_are_held_and_the_mail_is_owed(scene: Scene) -> None:
    visit = scene.visit()
    close(7)
    made = offer(visit)
    assert made is not None
    assert made.is_open
    times = held(visit)
    assert len(times) == 3
    assert {each.practitioner_id for each in times} == {scene.person.id}
    assert {each.starts_at.astimezone(SYDNEY).weekday() for each in times} == {local(7).weekday()}
    assert len({each.starts_at.date() for each in times}) == 3
    assert all(each.terms == visit.terms for each in times)
    assert jobs_owed() == ["notices.send_offer"]
    assert visit.status == Status.CONFIRMED
    assert visit.starts_at == local(7)


def test_nobody_else_can_have_a_held_time(scene: Scene) -> None:
    visit = scene.visit()
    offer(visit)
    starts_at = held(visit)[0].starts_at
    with pytest.raises(SlotTaken):
        claims.claim(lambda: hold.hold(scene.type, starts_at, clock.now()))


def test_a_second_click_makes_no_second_offer(scene: Scene) -> None:
    visit = scene.visit()
    first, second = offer(visit), offer(visit)
    assert first is not None
    assert second is not None
    assert first.id == second.id
    assert len(held(visit)) == 3


def test_nothing_is_offered_that_closes_on_them_or_comes_before_they_can_answer(scene: Scene) -> None:
    with transaction():
        scene.type.minimum_notice_minutes = 120
        scene.type.horizon_days = 4
    visit, now = scene.visit(2), clock.now()
    close(2)
    close(3)
    offer(visit, now)
    times = held(visit)
    assert 1 <= len(times) <= 2  # tomorrow's end, if that is far enough away, and the fourth day
    for each in times:
        assert each.starts_at.astimezone(SYDNEY).date() in (local(1).date(), local(4).date())
        assert each.starts_at >= now + timedelta(hours=26)
        assert each.hold_expires_at is not None
        assert each.hold_expires_at <= each.starts_at - timedelta(minutes=120)


def test_a_visit_keeps_the_length_that_was_agreed(scene: Scene) -> None:
    visit = scene.visit(terms={"length_minutes": 45})
    offer(visit)
    assert {each.ends_at - each.starts_at for each in held(visit)} == {timedelta(minutes=45)}


def test_an_offer_needs_a_room_that_is_really_free(scene: Scene) -> None:
    """At its own time the visit's room looks free to itself."""
    place = factories.make_location()
    room = factories.make_room(place)
    other = factories.make_practitioner()
    for person in (scene.person, other):
        factories.make_hours(person, place)
    kind = factories.make_type(mode=Mode.IN_PERSON, needs_room=True)
    visit = factories.make_booking(
        type=kind, practitioner=scene.person, location=place, starts_at=local(7), room_id=room.id
    )
    with transaction():
        db.session.add(
            HoursException(
                kind=ExceptionKind.CLOSED,
                practitioner_id=scene.person.id,
                starts_at=local(1, time()),
                ends_at=local(80, time()),
            )
        )
    offer(visit)
    assert len(held(visit)) == 3
    assert {each.practitioner_id for each in held(visit)} == {other.id}


def test_where_nothing_is_free_somebody_has_to_call(scene: Scene) -> None:
    visit = scene.visit()
    with transaction():
        db.session.execute(text("delete from working_hours"))
    assert offer(visit) is None
    assert tasks(visit) == [
        f"No other time is free for {visit.reference}, which stands at a time that we closed. Please call."
    ]
    assert jobs_owed() == []


@pytest.mark.parametrize("status", [Status.CANCELLED, Status.ARRIVED, Status.COMPLETED])
def test_only_a_coming_visit_gets_other_times(scene: Scene, status: Status) -> None:
    visit = scene.visit(status=status)
    with pytest.raises(WrongState):
        offer(visit)


def test_the_time_to_answer_is_a_setting(scene: Scene) -> None:
    assert offers.hours_to_answer() == 48
    with transaction():
        db.session.add(Setting(name="offers", value={"hours": 72}))
    assert offers.hours_to_answer() == 72


# --- the answer


def test_taking_one_moves_the_visit_and_frees_the_others(scene: Scene) -> None:
    visit = scene.visit()
    offer(visit)
    times = held(visit)
    chosen, wanted = times[1], times[1].starts_at
    reference, terms = visit.reference, visit.terms
    accept(visit, chosen)
    assert visit.starts_at == wanted
    assert visit.reference == reference
    assert visit.terms == terms
    assert visit.version == 1
    assert visit.status == Status.CONFIRMED
    assert held(visit) == []
    assert {each.status for each in times} == {Status.EXPIRED}
    made = offers.latest(visit.id)
    assert made is not None
    assert made.state == OfferState.ACCEPTED
    assert {"notices.send_moved", "sync.outlook", "sync.medirecords"} <= set(jobs_owed())
    free = claims.claim(lambda: hold.hold(scene.type, times[0].starts_at, clock.now()))
    assert free.is_held


def test_a_late_move_by_offer_costs_nothing_and_is_no_matter_of_notice(scene: Scene) -> None:
    visit = scene.visit(1, held_at=clock.now() - timedelta(days=9), confirmed_at=clock.now() - timedelta(days=9))
    close(1)
    offer(visit)
    accept(visit, held(visit)[0])
    assert visit.version == 1


def test_a_time_that_has_been_closed_since_is_not_given(scene: Scene) -> None:
    visit = scene.visit()
    offer(visit)
    first = held(visit)[0]
    with transaction():
        db.session.add(
            HoursException(kind=ExceptionKind.CLOSED, starts_at=first.starts_at, ends_at=first.ends_at, reason="Flood")
        )
    with pytest.raises(SlotTaken):
        accept(visit, first)
    db.session.expire_all()
    assert visit.starts_at == local(7)
    assert len(held(visit)) == 3
    accept(visit, held(visit)[1])
    assert visit.version == 1


def test_a_time_of_somebody_elses_offer_is_not_theirs(scene: Scene) -> None:
    mine, theirs = scene.visit(), scene.visit(7, time(11))
    offer(mine)
    offer(theirs)
    with pytest.raises(SlotTaken):
        accept(mine, held(theirs)[0])
    assert len(held(theirs)) == 3


def test_turning_all_down_frees_the_times_and_asks_the_desk_to_call(scene: Scene) -> None:
    visit = scene.visit()
    offer(visit)
    with transaction():
        offers.decline(visit.id, clock.now(), cancels=False)
    assert held(visit) == []
    assert visit.status == Status.CONFIRMED
    assert tasks(visit) == [f"None of the times that we offered for {visit.reference} suits. Please call."]


def test_cancelling_instead_gives_everything_back_however_late(scene: Scene) -> None:
    long_ago = clock.now() - timedelta(days=9)
    visit = scene.visit(1, confirmed_at=long_ago)
    factories.make_payment(visit)
    offer(visit)
    with transaction():
        offers.decline(visit.id, clock.now(), cancels=True)
    payments.refund_if_due(visit.id)
    assert visit.status == Status.CANCELLED
    assert db.session.scalar(select(Refund.amount_cents)) == visit.price_cents
    assert held(visit) == []
    assert tasks(visit) == []


def test_an_answer_comes_once(scene: Scene) -> None:
    visit = scene.visit()
    offer(visit)
    times = held(visit)
    accept(visit, times[0])
    with pytest.raises(OfferClosed):
        accept(visit, times[1])
    with pytest.raises(OfferClosed), transaction():
        offers.decline(visit.id, clock.now(), cancels=True)
    assert visit.status == Status.CONFIRMED


# --- the deadline


def test_at_the_deadline_the_times_are_free_and_the_desk_is_told(scene: Scene) -> None:
    visit = scene.visit()
    offer(visit)
    starts = [each.starts_at for each in held(visit)]
    later = clock.now() + TWO_DAYS
    with pytest.raises(OfferClosed):
        offers.accept(visit.id, "BK-AAAAAA", later)
    db.session.rollback()
    with transaction():
        hold.expire_lapsed_holds(later)
    with transaction():
        offers.sweep(later)
        offers.sweep(later)
    made = offers.latest(visit.id)
    assert made is not None
    assert made.state == OfferState.LAPSED
    assert tasks(visit) == [f"Nobody answered our offer of other times for {visit.reference}. Please call."]
    assert claims.claim(lambda: hold.hold(scene.type, starts[0], later)).is_held


def test_the_sweep_leaves_an_offer_alone_that_waits(scene: Scene) -> None:
    visit = scene.visit()
    offer(visit)
    with transaction():
        hold.expire_lapsed_holds(clock.now())
        offers.sweep(clock.now())
    assert len(held(visit)) == 3
    assert offers.find_open(visit.id) is not None


@pytest.mark.parametrize("road", ["moved", "cancelled"])
def test_an_offer_is_withdrawn_when_the_visit_goes_another_way(scene: Scene, road: str) -> None:
    visit = scene.visit()
    offer(visit)
    to = local(9, time(15))
    if road == "moved":
        claims.claim(lambda: change.move(find.get_locked(visit.id), to, clock.now(), by="clinic"))
    else:
        with transaction():
            change.cancel(find.get_locked(visit.id), clock.now(), by="clinic")
    with pytest.raises(OfferClosed):
        accept(visit, held(visit)[0])
    with transaction():
        offers.sweep(clock.now())
    made = offers.latest(visit.id)
    assert made is not None
    assert made.state == OfferState.WITHDRAWN
    assert held(visit) == []
    assert tasks(visit) == []


def test_held_times_are_written_nowhere_outside(scene: Scene) -> None:
    visit = scene.visit()
    offer(visit)
    with transaction():
        offers.sweep(clock.now() + TWO_DAYS)
    assert set(jobs_owed()) == {"notices.send_offer"}
    names = db.session.scalars(
        select(BookingEvent.name).join(Booking, Booking.id == BookingEvent.booking_id).where(Booking.source == "offer")
    )
    assert Counter(names) == {"booking.held": 3, "booking.released": 3}


# --- races


def assert_nobody_overlaps() -> None:
    db.session.rollback()
    one, other = db.aliased(Booking), db.aliased(Booking)
    clashes = select(func.count()).where(
        one.id < other.id,
        one.practitioner_id == other.practitioner_id,
        one.status.in_(OCCUPYING),
        other.status.in_(OCCUPYING),
        one.blocked.overlaps(other.blocked),
    )
    assert db.session.scalar(clashes) == 0


def test_many_offers_at_once_never_hold_one_time_twice(scene: Scene, race: Race) -> None:
    second = factories.make_practitioner()
    factories.make_hours(second, scene.place)
    visits = [scene.visit(7, time(9 + n)).id for n in range(8)]
    close(7)
    now = clock.now()

    def act(visit_id: int) -> object:
        for _ in range(5):
            try:
                return claims.claim(lambda: offers.make(visit_id, now, now + TWO_DAYS))
            except SlotTaken as busy:
                assert busy.__cause__ is not None  # only a lock that was not free in time
        return None

    answers = race(*(lambda id=id: act(id) for id in visits))
    assert not [answer for answer in answers if isinstance(answer, Exception)]
    assert_nobody_overlaps()
    count = db.session.scalar(select(func.count()).where(Booking.source == "offer", Booking.status == Status.HELD))
    assert count == 3 * len(visits)


def test_two_clicks_at_once_make_one_offer(scene: Scene, race: Race) -> None:
    visit_id, now = scene.visit().id, clock.now()
    race.of(6, lambda: claims.claim(lambda: offers.make(visit_id, now, now + TWO_DAYS)))
    db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(Offer)) == 1
    assert len(offers.held_times(visit_id, now)) == 3


def test_one_answer_of_many_at_once_counts(scene: Scene, race: Race) -> None:
    """Three taken at once, while others try for the very same times and the sweep comes by."""
    visit = scene.visit()
    offer(visit)
    visit_id, now, kind = visit.id, clock.now(), scene.type
    references = {each.reference: each.starts_at for each in held(visit)}
    db.session.rollback()

    def take(reference: str) -> object:
        return claims.claim(lambda: offers.accept(visit_id, reference, now))

    def rival(starts_at: datetime) -> object:
        type_id = kind_id
        return claims.claim(lambda: hold.hold(db.session.get_one(AppointmentType, type_id), starts_at, now).id)

    def sweep() -> None:
        with transaction():
            hold.expire_lapsed_holds(now)
            offers.sweep(now)

    kind_id = kind.id
    acts = [lambda reference=reference: take(reference) for reference in references] * 2
    acts += [lambda at=at: rival(at) for at in references.values()] * 2
    answers = race(*acts, sweep, sweep)
    assert_nobody_overlaps()
    won = [answer for answer in answers[:6] if not isinstance(answer, Exception)]
    assert len(won) == 1, answers
    assert all(isinstance(answer, OfferClosed | SlotTaken) for answer in answers[:6] if isinstance(answer, Exception))
    db.session.rollback()
    moved = find.get(visit_id)
    assert moved.version == 1
    assert moved.starts_at in references.values()
    assert offers.held_times(visit_id, now) == []


def test_at_the_deadline_it_is_taken_or_lapsed_never_both(scene: Scene, race: Race) -> None:
    visit = scene.visit()
    made = offer(visit)
    assert made is not None
    visit_id, deadline, reference = visit.id, made.expires_at, held(visit)[0].reference
    db.session.rollback()

    def sweep() -> None:
        with transaction():
            hold.expire_lapsed_holds(deadline)
            offers.sweep(deadline)

    just_before = deadline - timedelta(milliseconds=1)
    answers = race(lambda: claims.claim(lambda: offers.accept(visit_id, reference, just_before)), sweep, sweep)
    sweep()  # those two leave alone what somebody is busy with
    latest = offers.latest(visit_id)
    assert latest is not None
    if isinstance(answers[0], Exception):
        assert latest.state == OfferState.LAPSED
        assert find.get(visit_id).version == 0
    else:
        assert latest.state == OfferState.ACCEPTED
        assert find.get(visit_id).version == 1
    assert_nobody_overlaps()
