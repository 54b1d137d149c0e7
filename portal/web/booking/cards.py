"""What a card says about a type or a service: price, length, and the next time that can be booked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any, NamedTuple, cast
from zoneinfo import ZoneInfo

from flask import current_app, g, url_for

from portal import changes, clock, money, words
from portal.catalogue import offer
from portal.catalogue.models import AppointmentType, Service, WhoMayBook
from portal.scheduling import availability
from portal.scheduling.next_times import next_times
from portal.scheduling.question import ask
from portal.staff.models import Practitioner
from portal.web import public_pages


class Next(NamedTuple):
    """A next time, and the zone that it is told in."""

    starts_at: datetime
    zone: ZoneInfo


NextByPractitioner = dict[int, Next | None]


@dataclass
class KnownTimes:
    """One process's next times by type. One thread looks them up, and those that meet it wait for its answer."""

    kept: dict[int, tuple[float, NextByPractitioner]] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def find(self, appointment_type: AppointmentType) -> NextByPractitioner:
        """Kept as long as a page: with the page's own minute and the browser's, a card is 3 minutes old at most."""
        with self.lock:
            # The clock of a local clinic can be moved; what was looked up before that is old then.
            ticks, kept = clock.ticks(), self.kept.get(appointment_type.id)
            if kept is None or not 0 <= ticks - kept[0] < public_pages.keep_seconds():
                kept = self.kept[appointment_type.id] = ticks, _look_up(appointment_type)
            return kept[1]


def of_type(appointment_type: AppointmentType, practitioner: Practitioner | None = None) -> dict[str, Any]:
    """A card of the type; with a practitioner, about times with them."""
    price, minutes = price_cents(appointment_type), appointment_type.length_minutes
    slug = practitioner.slug if practitioner else None
    return {
        "type": appointment_type,
        "price_words": money.in_words(price) if price is not None else None,
        "length_words": words.length(minutes) if minutes else None,
        "can_book": can_book(appointment_type),
        "next_words": next_words([appointment_type], practitioner),
        # Without a day: the list opens on the first one that is free, also when that has changed since.
        "times_url": url_for("times.times", type_slug=appointment_type.slug, practitioner=slug),
    }


def for_a_first_look(types: list[AppointmentType]) -> list[AppointmentType]:
    """Those that people can book who come for the first time, or else whatever can be booked."""
    bookable = [each for each in types if can_book(each)]
    return [each for each in bookable if each.who_may_book != WhoMayBook.RETURNING] or bookable


def next_words(types: list[AppointmentType], practitioner: Practitioner | None = None) -> str | None:
    """ "Next available: Tuesday 1 December, 10:00 am Sydney time", over all of these types that can be booked.

    None when none of them can.
    """
    bookable = [each for each in types if can_book(each)]
    if not bookable:
        return None
    earliest = _earliest(_first(each, practitioner) for each in bookable)
    if earliest is not None:
        return f"Next available: {words.soon(earliest.starts_at, earliest.zone)}"
    days = max(each.horizon_days for each in bookable)
    return f"No free time in the next {days} days" if days > 1 else "No free time at the moment"


def offered_by(practitioner: Practitioner, services: list[Service]) -> list[AppointmentType]:
    """The listed types that can be booked with somebody, in the clinic's order."""
    listed = (each for service in services for each in offer.listed_types(service))
    return [each for each in listed if can_book(each) and practitioner.id in _known().find(each)]


def can_book(appointment_type: AppointmentType) -> bool:
    return offer.is_bookable(appointment_type, clock.now())


def price_cents(appointment_type: AppointmentType) -> int | None:
    """The price in force, or None while it is to be announced."""
    price = appointment_type.price_at(clock.now())
    return price.amount_cents if price else None


def _first(appointment_type: AppointmentType, practitioner: Practitioner | None) -> Next | None:
    found = _known().find(appointment_type)
    return found.get(practitioner.id) if practitioner else _earliest(found.values())


def _earliest(found: Iterable[Next | None]) -> Next | None:
    return min(filter(None, found), key=lambda each: each.starts_at, default=None)


def _look_up(appointment_type: AppointmentType) -> NextByPractitioner:
    at, own = clock.now(), current_app.config["PORTAL"].zone
    today = at.astimezone(own).date()
    # The zones come from what was read for the times: as of one state, the database is not asked again.
    with changes.going_by(changes.state()):
        found = next_times(appointment_type, today, at)
        places = ask(appointment_type, today, today, at).facts.places
        is_told_there = not appointment_type.is_telehealth and any(place.zone != own for place in places.values())
        zones = _zones_of(appointment_type, found, at) if is_told_there else {}
    return {who: Next(first, zones.get(who, own)) if first else None for who, first in found.items()}


def _zones_of(
    appointment_type: AppointmentType, firsts: dict[int, datetime | None], at: datetime
) -> dict[int, ZoneInfo]:
    """The zone of the place where each practitioner is at their first time."""
    zones: dict[int, ZoneInfo] = {}
    for who, first in firsts.items():
        if first is not None:
            answer = availability.at(appointment_type, first, at, practitioner_id=who)
            places = answer.books.facts.places
            zones |= {slot.practitioner_id: places[slot.location_id].zone for slot in answer.open_slots}
    return zones


def forget_for_this_request() -> None:
    """What this request looks up is kept for nobody else, and it looks up everything itself: it shows a trial."""
    g.known_times = KnownTimes()


def _known() -> KnownTimes:
    if "known_times" in g:
        return cast(KnownTimes, g.known_times)
    return cast(KnownTimes, current_app.extensions.setdefault("known_times", KnownTimes()))
