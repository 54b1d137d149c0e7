"""Which bookings belong to the browser in front of us.

The session remembers grants: `booked` for what was taken in this browser, `opened` for what a personal link opened.
Once a booking's links are closed, grants from before open it no more. A foreign booking and a missing one answer the
same 404.
"""

from __future__ import annotations

from typing import cast

from flask import abort, session

from portal.bookings import find
from portal.bookings.models import Booking
from portal.sessions import ServerSession

_MOST = 20


def remember_booked(booking: Booking) -> None:
    """This browser took this time. Saved with the booking, because a second click may be waiting for our commit."""
    _session().amend("booked", lambda known: _with(known or [], booking))


def remember_opened(booking: Booking) -> None:
    """A personal link opened this booking here: its logistics, never its answers."""
    session["opened"] = _with(session.get("opened", []), booking)


def own_booking(reference: str) -> Booking:
    """A booking taken in this browser, answers included. 404 otherwise."""
    return _get(reference, "booked")


def known_booking(reference: str) -> Booking:
    """A booking taken in this browser or opened by its link: logistics only. 404 otherwise."""
    return _get(reference, "booked", "opened")


def was_booked_here(reference: str) -> bool:
    """At some time. Whether that still opens it, only the booking itself can say: see own_booking."""
    return _was_granted(reference, "booked")


def is_known_here(reference: str) -> bool:
    """The same for known_booking."""
    return _was_granted(reference, "booked", "opened")


def look_in() -> None:
    """Read what this browser has been granted before anything else is asked: it tells along how everything stands."""
    _session().read()


def knows_more_now() -> bool:
    """Whether another request of this browser has taken a time while we waited for ours."""
    known = session.get("booked", [])
    _session().reload()
    return bool(session.get("booked", []) != known)


def unfinished_booking(appointment_type_id: int) -> Booking | None:
    """The time this browser holds for a type already; also one that has just lapsed, for its answers."""
    references = [_reference(grant) for grant in _grants("booked")]
    return find.unfinished(references, appointment_type_id) if references else None


def _with(grants: list[str], booking: Booking) -> list[str]:
    others = [known for known in grants if _reference(known) != booking.reference]
    return [*others, booking.grant][-_MOST:]


def _grants(*ways: str) -> list[str]:
    return [grant for way in ways for grant in session.get(way, [])]


def _was_granted(reference: str, *ways: str) -> bool:
    return any(_reference(grant) == reference for grant in _grants(*ways))


def _reference(grant: str) -> str:
    return grant.partition(".")[0]


def _session() -> ServerSession:
    # What `session` stands for is replaced by Flask's own types only.
    return cast(ServerSession, session)


def _get(reference: str, *ways: str) -> Booking:
    booking = _find(reference) if _was_granted(reference, *ways) else None
    return booking if booking is not None and booking.grant in _grants(*ways) else abort(404)


def _find(reference: str) -> Booking | None:
    try:
        return find.by_reference(reference)
    except find.NoSuchBooking:
        return None
