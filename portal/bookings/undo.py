"""Changes by staff wait three minutes before anybody is told, and can be undone until then.

What is told follows from how the booking stands: a mail looks here before it goes, and again when its time has come.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, or_, select
from sqlalchemy.dialects.postgresql import Range

from portal.bookings.history import change_status, record
from portal.bookings.models import Booking, ChangeKind, StaffChange
from portal.bookings.states import OCCUPYING, Status
from portal.db import Json, db
from portal.outbox.post import owe
from portal.scheduling import claims
from portal.scheduling.claims import SlotTaken
from portal.staff.access import Staff, holder_of

WAIT = timedelta(minutes=3)
# The change is the present truth as long as the booking stands like this.
_STANDS = {
    ChangeKind.MOVED: frozenset({Status.CONFIRMED, Status.ARRIVED}),
    ChangeKind.CANCELLED: frozenset({Status.CANCELLED}),
    ChangeKind.DID_NOT_ARRIVE: frozenset({Status.DID_NOT_ARRIVE}),
}
_MAILS = {ChangeKind.MOVED: "notices.send_moved", ChangeKind.CANCELLED: "notices.send_cancelled"}
_MONEY = frozenset({ChangeKind.CANCELLED, ChangeKind.DID_NOT_ARRIVE})
_PLACE = ("practitioner_id", "location_id", "room_id", "overlap_allowed", "overlap_reason", "chosen_because", "version")
_TIMES = ("starts_at", "ends_at")


class TooLateToUndo(Exception):
    """The three minutes are over, or somebody has changed the booking since."""


def find(booking: Booking) -> StaffChange | None:
    """The change by staff that made the booking what it is now, if one did; open or not."""
    change = db.session.get(StaffChange, booking.id, populate_existing=True)
    if change is None or change.version != booking.version or booking.status not in _STANDS[change.kind]:
        return None
    return change


def find_open(booking: Booking, now: datetime) -> StaffChange | None:
    """The change, while it can be undone and nobody has been told."""
    change = find(booking)
    return change if change is not None and change.due_at > now else None


def waits_until(booking: Booking, kind: ChangeKind, now: datetime) -> datetime | None:
    """Until when the consequences of such a change wait; None: they need not."""
    change = find_open(booking, now)
    return change.due_at if change is not None and change.kind == kind else None


def is_kept_quiet(booking: Booking, kind: ChangeKind) -> bool:
    """Whether somebody has decided that the patient gets no mail about it."""
    change = find(booking)
    return change is not None and change.kind == kind and not change.is_told


def snapshot(booking: Booking, now: datetime) -> Json:
    """How the booking stands, so that it can be put back. Of two changes in a row the first one counts: it is what
    the patient knows."""
    change = find_open(booking, now)
    if change is not None and change.kind == ChangeKind.MOVED and change.is_told:
        return dict(change.before)
    kept: Json = {name: getattr(booking, name) for name in _PLACE}
    kept |= {name: getattr(booking, name).isoformat() for name in _TIMES}
    return kept | {
        "status": str(booking.status),
        "blocked": [booking.blocked.lower.isoformat(), booking.blocked.upper.isoformat()],  # type: ignore[union-attr]
        "fee_waived": booking.fee_waived,
    }


def remember(booking: Booking, kind: ChangeKind, before: Json, staff: Staff, now: datetime) -> None:
    """Note what has just been changed. A visit that is back where the patient knows it to be is no news."""
    db.session.execute(delete(StaffChange).where(StaffChange.booking_id == booking.id))
    if kind == ChangeKind.MOVED and _is_where(booking, before):
        booking.version = before["version"]
        return
    change = StaffChange(
        booking_id=booking.id,
        kind=kind,
        before=before,
        version=booking.version,
        made_by_id=staff.id,
        made_at=now,
        due_at=now + WAIT,
    )
    db.session.add(change)
    db.session.flush()


def tell_now(booking: Booking, staff: Staff, now: datetime) -> None:
    """Do not wait any longer. Raises TooLateToUndo when there is nothing to wait for."""
    change = _get_open(booking, now)
    change.due_at, change.is_told = now, True
    record(booking, "booking.told_now", now, by=holder_of(staff.id))
    for job in _consequences(change.kind):
        owe(job, booking.id, now=now)


def keep_quiet(booking: Booking, staff: Staff, now: datetime) -> None:
    """The patient gets no mail about this change; the rest of it goes its way. Raises TooLateToUndo."""
    _get_open(booking, now).is_told = False
    record(booking, "booking.not_told", now, by=holder_of(staff.id))


def undo(booking: Booking, staff: Staff, now: datetime) -> None:
    """Put the booking back as it was. Run it through claims.claim.

    The time was this visit's own three minutes ago, so no rule is asked again, only whether somebody has it now.
    Raises SlotTaken, or TooLateToUndo.
    """
    before = _get_open(booking, now).before
    claims.lock([before["practitioner_id"]], [before["room_id"]])
    if not before["overlap_allowed"] and _is_taken(booking, before):
        raise SlotTaken
    status = Status(before["status"])
    db.session.execute(delete(StaffChange).where(StaffChange.booking_id == booking.id))
    _put_back(booking, before)
    if booking.status == status:
        record(booking, "booking.put_back", now, by=holder_of(staff.id))
        return
    who = {"cancelled_at": None, "cancelled_by": ""}
    change_status(booking, status, now, event="booking.put_back", by=holder_of(staff.id), columns=who)


def _get_open(booking: Booking, now: datetime) -> StaffChange:
    change = find_open(booking, now)
    if change is None:
        raise TooLateToUndo
    return change


def _consequences(kind: ChangeKind) -> list[str]:
    mails = [_MAILS[kind]] if kind in _MAILS else []
    return mails + (["payments.refund_if_due"] if kind in _MONEY else [])


def _put_back(booking: Booking, before: Json) -> None:
    for name in (*_PLACE, "fee_waived"):
        setattr(booking, name, before[name])
    for name in _TIMES:
        setattr(booking, name, datetime.fromisoformat(before[name]))
    booking.blocked = _blocked(before)


def _is_taken(booking: Booking, before: Json) -> bool:
    """Whether another visit has the time by now. Holds that have lapsed stand in the way until the sweep has been."""
    others = select(Booking.id).where(
        Booking.id != booking.id,
        Booking.status.in_(OCCUPYING),
        Booking.blocked.overlaps(_blocked(before)),
        _is_in_place(before["practitioner_id"], before["room_id"]),
    )
    return db.session.scalars(others.limit(1)).first() is not None


def _is_where(booking: Booking, before: Json) -> bool:
    is_then = datetime.fromisoformat(before["starts_at"]) == booking.starts_at
    return is_then and before["practitioner_id"] == booking.practitioner_id


def _blocked(before: Json) -> Range[datetime]:
    lower, upper = map(datetime.fromisoformat, before["blocked"])
    return Range(lower, upper)


def _is_in_place(practitioner_id: int, room_id: int | None) -> ColumnElement[bool]:
    """Whether a booking takes this practitioner, or this room where one is needed."""
    same_practitioner = Booking.practitioner_id == practitioner_id
    return same_practitioner if room_id is None else or_(same_practitioner, Booking.room_id == room_id)
