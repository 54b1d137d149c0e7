"""Which bookings belong to the browser in front of us.

The session remembers references: `booked` for those taken in this browser, `opened` for those that a personal link
opened. A foreign booking and a missing one answer the same 404.
"""

from __future__ import annotations

from flask import abort, session

from portal.bookings import find
from portal.bookings.models import Booking

_MOST = 20


def remember_booked(reference: str) -> None:
    """This browser took this time."""
    _remember("booked", reference)


def remember_opened(reference: str) -> None:
    """A personal link opened this booking here: its logistics, never its answers."""
    _remember("opened", reference)


def own_booking(reference: str) -> Booking:
    """A booking taken in this browser, answers included. 404 otherwise."""
    return _get(reference, session.get("booked", []))


def known_booking(reference: str) -> Booking:
    """A booking taken in this browser or opened by its link: logistics only. 404 otherwise."""
    return _get(reference, [*session.get("booked", []), *session.get("opened", [])])


def was_booked_here(reference: str) -> bool:
    return reference in session.get("booked", [])


def latest_bookings() -> list[Booking]:
    """The bookings taken in this browser, newest first."""
    found = (_find(reference) for reference in reversed(session.get("booked", [])))
    return [booking for booking in found if booking is not None]


def _remember(name: str, reference: str) -> None:
    references = [known for known in session.get(name, []) if known != reference]
    session[name] = [*references, reference][-_MOST:]


def _get(reference: str, allowed: list[str]) -> Booking:
    booking = _find(reference) if reference in allowed else None
    return booking if booking is not None else abort(404)


def _find(reference: str) -> Booking | None:
    try:
        return find.by_reference(reference)
    except find.NoSuchBooking:
        return None
