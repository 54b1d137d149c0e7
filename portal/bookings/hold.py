"""Takes a time before any form is filled in, keeps it while the person answers, and lets it go."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import BigInteger, bindparam, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, Range

from portal import changes, clinic
from portal.bookings import find
from portal.bookings.history import begin, change_status
from portal.bookings.models import Booking
from portal.bookings.states import WAITING, Status
from portal.catalogue import offer
from portal.catalogue.models import AppointmentType
from portal.db import db
from portal.scheduling import availability, claims
from portal.scheduling.availability import Answer
from portal.scheduling.choice import Choice, choose
from portal.scheduling.claims import SlotTaken
from portal.scheduling.models import Room
from portal.scheduling.slots import OpenSlot

# What is to be known once the locks are ours, in one round, because everybody behind us waits for it: how everything
# stands now, what has lapsed in the way, and how many times this network holds. Built once.
_NOW_OURS = select(
    *changes.STATE.selected_columns,
    func.array(
        select(Booking.id)
        .where(
            Booking.status == Status.HELD,
            Booking.hold_expires_at <= bindparam("now"),
            Booking.blocked.overlaps(bindparam("wanted")),
            or_(
                Booking.practitioner_id == func.any(bindparam("people", type_=ARRAY(BigInteger))),
                Booking.room_id == func.any(bindparam("rooms", type_=ARRAY(BigInteger))),
            ),
        )
        .order_by(Booking.id)
        .scalar_subquery()
    ).label("lapsed"),
    select(func.count())
    .select_from(Booking)
    .where(
        Booking.held_from == bindparam("network"),
        Booking.status.in_(WAITING),
        Booking.hold_expires_at > bindparam("now"),
        Booking.id != bindparam("besides"),
    )
    .scalar_subquery()
    .label("held"),
)

# No 0/O, 1/I/L: references are read out over the telephone.
REFERENCE_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


class HoldExpired(Exception):
    """The hold has lapsed; the time may belong to somebody else by now."""


class TooManyHeld(Exception):
    """So many times are held from one network that others would find none."""


class Network(NamedTuple):
    """Where a time is held from online: what stands for it, and how many times may be held from there at once."""

    mark: str
    most_held: int


def hold(
    appointment_type: AppointmentType,
    starts_at: datetime,
    now: datetime,
    *,
    practitioner_id: int | None = None,
    earlier: Booking | None = None,
    source: str = "web",
    by: str = "patient",
    network: Network | None = None,
) -> Booking:
    """Hold a time for one step, with its price and rules as they are now. Run it through claims.claim.

    `practitioner_id` None takes whoever is free and has the fewest visits; `chosen_because` says so. `earlier` is the
    same visit at another time, which is let go if it is held: the new time may overlap it, and is for the same person.
    Raises SlotTaken, TooManyHeld, or WrongState where the earlier one has just become something else.
    """
    lasts = clinic.holds().step
    slot, because = take_slot(
        appointment_type, starts_at, now, practitioner_id=practitioner_id, earlier=earlier, network=network
    )
    columns = {
        "reference": new_reference(),
        "appointment_type_id": appointment_type.id,
        "status": Status.HELD,
        "held_at": now,
        "hold_expires_at": now + lasts,
        "terms": offer.terms_of(appointment_type, now),
        "source": source,
        "held_from": network.mark if network else "",
        "chosen_because": because,
        **times_of(appointment_type, slot),
        **(_who_comes(earlier) if earlier else {}),
    }
    return begin(columns, "booking.held", now, by=by)


def take_slot(
    appointment_type: AppointmentType,
    starts_at: datetime,
    now: datetime,
    *,
    practitioner_id: int | None = None,
    instead_of: Booking | None = None,
    earlier: Booking | None = None,
    network: Network | None = None,
) -> Choice:
    """Lock whoever could take this visit, ask again under the lock, and clear lapsed holds out of the way.

    A visit that moves is `instead_of` itself: it is not in its own way, it lasts as long as was agreed, and it stays
    with its practitioner where nobody else is named. An `earlier` one that is held is not in the way either: it is let
    go as soon as the new time is known to be free. Raises SlotTaken with the reason when nobody is free then, or
    TooManyHeld. The question before the lock answers most losers at once.
    """
    leaving = earlier if earlier and earlier.is_held else None
    ignored = instead_of or leaving

    def ask() -> Answer:
        return availability.at(
            appointment_type,
            starts_at,
            now,
            practitioner_id=practitioner_id,
            ignoring_booking=ignored.id if ignored else None,
            length_minutes=instead_of.length_minutes if instead_of else None,
        )

    candidates = _open(ask())
    people, rooms = {slot.practitioner_id for slot in candidates}, rooms_for(candidates)
    claims.lock(people, rooms, [appointment_type.id] if appointment_type.daily_cap is not None else [])
    # All of them start together, so they take the same time.
    wanted = times_of(appointment_type, candidates[0], instead_of)["blocked"]
    state, lapsed = _look_under_lock(wanted, people, rooms, now, network, besides=earlier)
    with changes.going_by(state):
        answer = ask()
    # Whoever has become free since is not locked, so that is somebody else's race.
    still_open = [slot for slot in _open(answer) if slot.practitioner_id in people]
    if not still_open:
        raise SlotTaken
    own = [slot for slot in still_open if instead_of and slot.practitioner_id == instead_of.practitioner_id]
    choice = choose(own or still_open, answer.books)
    if leaving is not None:
        release(leaving, now)
    _expire_lapsed(lapsed, now)
    return choice


def times_of(appointment_type: AppointmentType, slot: OpenSlot, instead_of: Booking | None = None) -> dict[str, object]:
    """A booking's columns for this slot; a visit that moves keeps its length."""
    length = instead_of.length_minutes if instead_of else appointment_type.length_minutes
    assert length is not None
    ends_at = slot.starts_at + timedelta(minutes=length)
    return {
        "practitioner_id": slot.practitioner_id,
        "location_id": slot.location_id,
        "room_id": slot.room_id,
        "starts_at": slot.starts_at,
        "ends_at": ends_at,
        "blocked": blocked(appointment_type, slot.starts_at, ends_at),
    }


def blocked(appointment_type: AppointmentType, starts_at: datetime, ends_at: datetime) -> Range[datetime]:
    """What a visit takes of its practitioner's time: with the buffers around it."""
    return Range(
        starts_at - timedelta(minutes=appointment_type.buffer_before_minutes),
        ends_at + timedelta(minutes=appointment_type.buffer_after_minutes),
    )


def _look_under_lock(
    wanted: object,
    people: Iterable[int],
    rooms: Iterable[int],
    now: datetime,
    network: Network | None,
    *,
    besides: Booking | None,
) -> tuple[changes.State, list[int]]:
    """How everything stands now, and the lapsed holds that overlap the wanted time of these people or rooms.

    Raises TooManyHeld, counting what is being booked or paid for right now `besides` this one.
    """
    asked = {"wanted": wanted, "people": [*people], "rooms": [*rooms], "now": now}
    asked |= {"network": network.mark if network else None, "besides": besides.id if besides else 0}
    db.session.flush()  # what this transaction has done counts
    *state, lapsed, held = db.session.connection().execute(_NOW_OURS, asked).one()
    if network is not None and held >= network.most_held:
        raise TooManyHeld
    return changes.State(*state), lapsed


def _who_comes(earlier: Booking) -> dict[str, object]:
    return {name: getattr(earlier, name) for name in ("patient_id", "booked_for", "booked_by", "says_new")}


def extend(booking: Booking, now: datetime) -> None:
    """Keep a held time for one more step, but not beyond the longest hold. Raises HoldExpired.

    One that has lapsed takes nothing any more, so somebody may have been given its time: it is held anew or not at all.
    """
    if not booking.is_held or booking.is_lapsed(now):
        raise HoldExpired
    assert booking.hold_expires_at is not None
    # After a payment page that could not be made, a hold may last a little beyond the cap.
    holds = clinic.holds()
    wanted = max(booking.hold_expires_at, min(now + holds.step, booking.held_at + holds.longest))
    if wanted <= now:
        raise HoldExpired
    booking.hold_expires_at = wanted


def release(booking: Booking, now: datetime) -> None:
    """Let a held time go because the person does not want it any more."""
    who = {"cancelled_at": now, "cancelled_by": "patient"}
    change_status(booking, Status.CANCELLED, now, event="booking.released", by="patient", columns=who)


def expire(booking: Booking, now: datetime) -> None:
    """Let a lapsed hold go. A booking that awaits payment is expired only after its Checkout session is closed."""
    change_status(booking, Status.EXPIRED, now, event="booking.expired", by="clock")


def expire_lapsed_holds(now: datetime, limit: int = 200) -> int:
    """The sweep: expire holds nobody has come back for. -> how many"""
    lapsed = db.session.scalars(
        select(Booking)
        .where(Booking.status == Status.HELD, Booking.hold_expires_at <= now)
        .order_by(Booking.hold_expires_at)
        .limit(limit)
        .with_for_update(skip_locked=True, of=Booking)
    ).all()
    for booking in lapsed:
        expire(booking, now)
    return len(lapsed)


def _open(answer: Answer) -> list[OpenSlot]:
    if answer.reason is not None:
        raise SlotTaken(answer.reason)
    return answer.open_slots


def rooms_for(slots: Sequence[OpenSlot]) -> list[int]:
    """Every room these slots may end up in: while we wait for the locks, somebody may take the one that was named."""
    if all(slot.room_id is None for slot in slots):
        return []
    return list(db.session.scalars(select(Room.id).where(Room.location_id.in_({slot.location_id for slot in slots}))))


def _expire_lapsed(booking_ids: Iterable[int], now: datetime) -> None:
    """Lapsed holds still stand in the constraint's way until they are expired; the claim that meets them does it."""
    for booking_id in booking_ids:
        lapsed = find.get_locked(booking_id)
        # The sweep, or the person whose time it was, may have been faster.
        if lapsed.is_held and lapsed.is_lapsed(now):
            expire(lapsed, now)


def new_reference() -> str:
    """Drawn by chance and not looked up: where it is taken the unique key says so, and claims.claim draws another."""
    return "BK-" + "".join(secrets.choice(REFERENCE_LETTERS) for _ in range(6))
