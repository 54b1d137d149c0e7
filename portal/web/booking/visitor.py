"""Which bookings belong to the browser in front of us.

The session remembers references: `booked` for those taken in this browser, `opened` for those that a personal link
opened. A foreign booking and a missing one answer the same 404.
"""

from __future__ import annotations

from typing import cast

from flask import abort, session

from portal.bookings import find
from portal.bookings.models import Booking
from portal.sessions import ServerSession

_MOST = 20


def remember_booked(reference: str) -> None:
    """This browser took this time. Saved with the booking, because a second click may be waiting for our commit."""
    _session().amend("booked", lambda known: _with(known or [], reference))


def remember_opened(reference: str) -> None:
    """A personal link opened this booking here: its logistics, never its answers."""
    session["opened"] = _with(session.get("opened", []), reference)


def own_booking(reference: str) -> Booking:
    """A booking taken in this browser, answers included. 404 otherwise."""
    return _get(reference, was_booked_here(reference))


def known_booking(reference: str) -> Booking:
    """A booking taken in this browser or opened by its link: logistics only. 404 otherwise."""
    return _get(reference, is_known_here(reference))


def was_booked_here(reference: str) -> bool:
    return reference in session.get("booked", [])


def is_known_here(reference: str) -> bool:
    return was_booked_here(reference) or reference in session.get("opened", [])


def knows_more_now() -> bool:
    """Whether another request of this browser has taken a time while we waited for ours."""
    known = session.get("booked", [])
    _session().reload()
    return bool(session.get("booked", []) != known)


def unfinished_booking(appointment_type_id: int) -> Booking | None:
    """The time this browser holds for a type already; also one that has just lapsed, for its answers."""
    references = session.get("booked", [])
    return find.unfinished(references, appointment_type_id) if references else None


def _with(references: list[str], reference: str) -> list[str]:
    return [*(known for known in references if known != reference), reference][-_MOST:]


def _session() -> ServerSession:
    # What `session` stands for is replaced by Flask's own types only.
    return cast(ServerSession, session)


def _get(reference: str, is_theirs: bool) -> Booking:
    booking = _find(reference) if is_theirs else None
    return booking if booking is not None else abort(404)


def _find(reference: str) -> Booking | None:
    try:
        return find.by_reference(reference)
    except find.NoSuchBooking:
        return None
