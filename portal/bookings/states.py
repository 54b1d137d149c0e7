"""The states of a booking and the one table of changes between them (design §5)."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    HELD = "held"
    AWAITING_PAYMENT = "awaiting_payment"
    CONFIRMED = "confirmed"
    ARRIVED = "arrived"
    IN_SESSION = "in_session"
    COMPLETED = "completed"
    DID_NOT_ARRIVE = "did_not_arrive"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    PAID_UNPLACED = "paid_unplaced"


# These keep others away from the practitioner's and the room's time.
OCCUPYING = frozenset(
    {
        Status.HELD,
        Status.AWAITING_PAYMENT,
        Status.CONFIRMED,
        Status.ARRIVED,
        Status.IN_SESSION,
        Status.COMPLETED,
    }
)
# These lapse at a deadline.
WAITING = frozenset({Status.HELD, Status.AWAITING_PAYMENT})

TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.HELD: frozenset({Status.AWAITING_PAYMENT, Status.CONFIRMED, Status.CANCELLED, Status.EXPIRED}),
    Status.AWAITING_PAYMENT: frozenset(
        {Status.CONFIRMED, Status.HELD, Status.EXPIRED, Status.CANCELLED, Status.PAID_UNPLACED}
    ),
    Status.CONFIRMED: frozenset({Status.ARRIVED, Status.CANCELLED, Status.DID_NOT_ARRIVE}),
    Status.ARRIVED: frozenset({Status.IN_SESSION, Status.CONFIRMED, Status.CANCELLED}),
    Status.IN_SESSION: frozenset({Status.COMPLETED, Status.ARRIVED}),
    Status.COMPLETED: frozenset({Status.IN_SESSION}),
    Status.DID_NOT_ARRIVE: frozenset({Status.CONFIRMED, Status.ARRIVED}),
    # A payment that lost the race against the deadline finds its booking expired.
    Status.EXPIRED: frozenset({Status.PAID_UNPLACED}),
    # Taken back by the desk before anybody was told (undo.py); nothing else brings a cancelled visit back.
    Status.CANCELLED: frozenset({Status.CONFIRMED, Status.ARRIVED}),
    Status.PAID_UNPLACED: frozenset({Status.CONFIRMED, Status.CANCELLED}),
}


class WrongState(Exception):
    """The booking is not in a state from which this can be done; often somebody else was faster."""

    def __init__(self, current: Status, wanted: Status) -> None:
        super().__init__(f"{current} -> {wanted}")
        self.current, self.wanted = current, wanted


def check(current: Status, wanted: Status) -> None:
    """Raise WrongState unless the table allows the change."""
    if wanted not in TRANSITIONS[current]:
        raise WrongState(current, wanted)
