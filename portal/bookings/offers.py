"""Offers other times for a visit that the clinic cannot keep: up to three, held for its person until they answer.

The visit stays as it is until one of them is taken; then it moves there, and the others are let go, in one transaction.
A held time is a booking of source "offer" that names the visit: it keeps everybody else away and is written nowhere.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import joinedload

from portal.bookings import alternatives, change, find
from portal.bookings.history import change_status, record
from portal.bookings.hold import new_reference, rooms_for, take_slot, times_of
from portal.bookings.models import Booking, Offer, OfferState
from portal.bookings.states import Status, WrongState
from portal.clinic import Setting
from portal.db import db
from portal.scheduling import availability, claims
from portal.scheduling.claims import SlotTaken
from portal.scheduling.slots import OpenSlot
from portal.sessions import hash_of
from portal.staff.tasks import raise_task, settle_task

SOURCE = "offer"
COUNT = 3
LATEST = timedelta(days=28)  # after the visit's own day; later than that nobody waits
LEAST_TIME_TO_ANSWER = timedelta(hours=24)
LINK_LIVES_ON = timedelta(days=30)
DEFAULT_HOURS = 48
TASK = "other-times"


class OfferClosed(Exception):
    """It was answered, or its time to answer is over, or the visit is somewhere else by now."""


def hours_to_answer() -> int:
    """How long the times are held, unless staff say otherwise for one offer: the setting "offers"."""
    stored = db.session.scalar(select(Setting.value).where(Setting.name == "offers")) or {}
    return int(stored.get("hours", DEFAULT_HOURS))


def make(visit_id: int, now: datetime, expires_at: datetime) -> Offer | None:
    """Hold up to three other times for a visit and owe the mail with the link. Run it through claims.claim.

    None where no time is free, which becomes a task. An offer that is open already is the answer to a second click.
    Raises WrongState for a visit that is not confirmed or has begun.
    """
    visit = find.get_locked(visit_id)
    if visit.status != Status.CONFIRMED or visit.starts_at <= now:
        raise WrongState(visit.status, Status.CONFIRMED)
    opened = find_open(visit_id)
    if opened is not None:
        return opened
    if not _hold_some(visit, now, expires_at):
        words = f"No other time is free for {visit.reference}, which stands at a time that we closed. Please call."
        raise_task(TASK, words, now, booking_id=visit.id)
        return None
    offer = Offer(
        booking_id=visit.id,
        booking_version=visit.version,
        state=OfferState.OPEN,
        made_at=now,
        expires_at=expires_at,
    )
    db.session.add(offer)
    record(visit, "offer.made", now, by="clinic")
    settle_task(TASK, now, booking_id=visit.id)
    return offer


def accept(visit_id: int, reference: str, now: datetime) -> None:
    """Move the visit to the held time with this reference and let the others go. Run it through claims.claim.

    The terms stay as agreed. Rules that count from now, such as the notice, count as kept: they were kept when the
    time was offered. Raises OfferClosed, or SlotTaken where that time cannot be kept any more.
    """
    offer, visit = _open_locked(visit_id, now)
    chosen = next((each for each in held_times(visit_id, now) if each.reference == reference), None)
    if chosen is None:
        raise SlotTaken
    _let_go(_all_held(visit_id), now, by="patient")
    slot, _ = take_slot(
        visit.appointment_type,
        chosen.starts_at,
        offer.made_at,
        practitioner_id=chosen.practitioner_id,
        instead_of=visit,
    )
    _settle(offer, OfferState.ACCEPTED, now)
    change.put_at(visit, slot, now, by="patient")
    record(visit, "offer.accepted", now, by="patient")
    settle_task(TASK, now, booking_id=visit.id)


def decline(visit_id: int, now: datetime, *, cancels: bool) -> None:
    """None of the times suits. The visit is cancelled as the clinic's doing, so that everything paid goes back, or
    somebody has to call. Raises OfferClosed."""
    offer, visit = _open_locked(visit_id, now)
    _let_go(_all_held(visit_id), now, by="patient")
    _settle(offer, OfferState.DECLINED, now)
    record(visit, "offer.declined", now, by="patient")
    if cancels:
        change.cancel(visit, now, by="clinic", reason="offer declined")
    else:
        words = f"None of the times that we offered for {visit.reference} suits. Please call."
        raise_task(TASK, words, now, booking_id=visit.id)


def sweep(now: datetime) -> None:
    """Close offers that nobody answered in time, and those whose visit has moved or been cancelled meanwhile."""
    stale = (
        select(Offer)
        .join(Booking, Booking.id == Offer.booking_id)
        .where(
            Offer.state == OfferState.OPEN,
            or_(
                Offer.expires_at <= now,
                Booking.status != Status.CONFIRMED,
                Booking.version != Offer.booking_version,
            ),
        )
        .order_by(Offer.id)
        .limit(200)
        .with_for_update(skip_locked=True, of=Offer)
    )
    for offer in db.session.scalars(stale).all():
        _close(offer, now)


def find_open(visit_id: int) -> Offer | None:
    """The offer that waits for an answer about this visit."""
    wanted = select(Offer).where(Offer.booking_id == visit_id, Offer.state == OfferState.OPEN)
    return db.session.scalars(wanted.execution_options(populate_existing=True)).one_or_none()


def latest(visit_id: int) -> Offer | None:
    """The newest offer about a visit, answered or not."""
    wanted = select(Offer).where(Offer.booking_id == visit_id).order_by(Offer.id.desc()).limit(1)
    return db.session.scalars(wanted).one_or_none()


def held_times(visit_id: int, now: datetime) -> list[Booking]:
    """The times that are held for a visit, in order. One that has become too soon to come to is among them no more."""
    wanted = (
        select(Booking)
        .options(joinedload(Booking.practitioner), joinedload(Booking.location))
        .where(
            Booking.moves_booking_id == visit_id,
            Booking.source == SOURCE,
            Booking.status == Status.HELD,
            Booking.hold_expires_at > now,
        )
        .order_by(Booking.starts_at)
    )
    return list(db.session.scalars(wanted))


def make_token(offer: Offer) -> str:
    """A new link for the mail that is being written; only this one opens the offer from now on."""
    token = secrets.token_urlsafe(32)
    offer.token_hash = hash_of(token)
    db.session.flush()
    return token


def by_token(token: str, now: datetime) -> Offer | None:
    """The offer a link opens, also for a while after it is closed. Changes nothing: mail scanners open links."""
    wanted = select(Offer).options(joinedload(Offer.booking)).where(Offer.token_hash == hash_of(token))
    offer = db.session.scalars(wanted).one_or_none()
    return offer if offer is not None and offer.expires_at + LINK_LIVES_ON > now else None


def _open_locked(visit_id: int, now: datetime) -> tuple[Offer, Booking]:
    """The visit's row is locked first, then the offer's, as everywhere."""
    visit = find.get_locked(visit_id)
    wanted = select(Offer).where(Offer.booking_id == visit_id, Offer.state == OfferState.OPEN)
    offer = db.session.scalars(wanted.with_for_update(of=Offer).execution_options(populate_existing=True)).one_or_none()
    if offer is None or offer.expires_at <= now or _is_elsewhere(offer, visit):
        raise OfferClosed
    return offer, visit


def _is_elsewhere(offer: Offer, visit: Booking) -> bool:
    return visit.status != Status.CONFIRMED or visit.version != offer.booking_version


def _hold_some(visit: Booking, now: datetime, expires_at: datetime) -> list[Booking]:
    wanted = _candidates(visit, now, expires_at)
    if not wanted:
        return []
    # All that may be needed is locked at once: two offers that took one lock after the other could wait for each other.
    # Then we ask again, because somebody may have taken some of it while we waited.
    people = {slot.practitioner_id for slot in wanted}
    capped = [visit.appointment_type_id] if visit.appointment_type.daily_cap is not None else []
    claims.lock(people, rooms_for(wanted), capped)
    held: list[Booking] = []
    for slot in _candidates(visit, now, expires_at, people):
        taken = _hold(visit, slot, now, expires_at)
        held += [taken] if taken is not None else []
        if len(held) == COUNT:
            break
    return held


def _candidates(
    visit: Booking, now: datetime, expires_at: datetime, people: Collection[int] | None = None
) -> list[OpenSlot]:
    """Open times in their rank, of these people or of anybody (None); a few more than are needed."""
    offered, zone = visit.appointment_type, ZoneInfo(visit.location.zone)
    first, last = now.astimezone(zone).date(), visit.starts_at.astimezone(zone).date() + LATEST
    table = availability.timetable(offered, first, last, now, length_minutes=visit.length_minutes)
    earliest = now + min(LEAST_TIME_TO_ANSWER, expires_at - now) + timedelta(minutes=offered.minimum_notice_minutes)
    open_slots = [
        slot
        for slot in table.open_slots
        if slot.starts_at >= earliest
        and (people is None or slot.practitioner_id in people)
        and not _needs_own_room(visit, slot)
    ]
    return alternatives.ranked(open_slots, visit.practitioner_id, visit.starts_at, zone)[: COUNT * 3]


def _needs_own_room(visit: Booking, slot: OpenSlot) -> bool:
    """At its own time the visit's room looks free to itself, but it stays taken until the visit has moved."""
    blocked = times_of(visit.appointment_type, slot, visit)["blocked"]
    assert isinstance(blocked, Range)
    return slot.room_id is not None and blocked.overlaps(visit.blocked)


def _hold(visit: Booking, slot: OpenSlot, now: datetime, expires_at: datetime) -> Booking | None:
    offered = visit.appointment_type
    try:
        taken, _ = take_slot(offered, slot.starts_at, now, practitioner_id=slot.practitioner_id, instead_of=visit)
    except SlotTaken:
        return None
    notice = timedelta(minutes=offered.minimum_notice_minutes)
    booking = Booking(
        reference=new_reference(),
        appointment_type_id=offered.id,
        status=Status.HELD,
        held_at=now,
        hold_expires_at=min(expires_at, slot.starts_at - notice),
        terms=visit.terms,
        source=SOURCE,
        moves_booking_id=visit.id,
        **times_of(offered, taken, visit),
    )
    db.session.add(booking)
    db.session.flush()
    record(booking, "booking.held", now, by="clinic")
    return booking


def _close(offer: Offer, now: datetime) -> None:
    visit = offer.booking
    _let_go(_all_held(offer.booking_id), now, by="clock")
    if _is_elsewhere(offer, visit):
        _settle(offer, OfferState.WITHDRAWN, now)
        return
    _settle(offer, OfferState.LAPSED, now)
    record(visit, "offer.lapsed", now, by="clock")
    words = f"Nobody answered our offer of other times for {visit.reference}. Please call."
    raise_task(TASK, words, now, booking_id=visit.id)


def _all_held(visit_id: int) -> Sequence[Booking]:
    """Also those whose deadline has passed a moment ago."""
    wanted = select(Booking).where(
        Booking.moves_booking_id == visit_id, Booking.source == SOURCE, Booking.status == Status.HELD
    )
    return db.session.scalars(
        wanted.order_by(Booking.id).with_for_update(of=Booking).execution_options(populate_existing=True)
    ).all()


def _let_go(held: Iterable[Booking], now: datetime, *, by: str) -> None:
    for booking in held:
        change_status(booking, Status.EXPIRED, now, event="booking.released", by=by)


def _settle(offer: Offer, state: OfferState, now: datetime) -> None:
    offer.state, offer.settled_at = state, now
