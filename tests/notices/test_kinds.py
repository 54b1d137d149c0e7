"""When a mail would still be true."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from portal.bookings.states import Status
from portal.notices.kinds import MailKind, cause_of, is_wanted
from tests.notices.letters import NOW, STARTS_AT, make_booking

NEVER_BOOKED = {"confirmed_at": None}


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        ({}, {"confirmation", "confirmation_again", "personal_link", "offer"}),
        ({"status": Status.ARRIVED}, {"confirmation", "confirmation_again", "personal_link"}),
        ({"version": 1}, {"moved", "confirmation_again", "personal_link", "offer"}),
        ({"starts_at": NOW}, {"personal_link", "offer"}),
        ({"version": 1, "starts_at": NOW - timedelta(hours=1)}, {"personal_link", "offer"}),
        ({"status": Status.COMPLETED}, {"personal_link"}),
        ({"status": Status.DID_NOT_ARRIVE, "version": 2}, {"personal_link"}),
        ({"status": Status.CANCELLED}, {"cancelled", "not_placed", "personal_link"}),
        ({"status": Status.CANCELLED} | NEVER_BOOKED, {"not_placed"}),
        ({"status": Status.PAID_UNPLACED} | NEVER_BOOKED, set()),
        ({"status": Status.HELD} | NEVER_BOOKED, set()),
        ({"status": Status.AWAITING_PAYMENT} | NEVER_BOOKED, set()),
        ({"status": Status.EXPIRED} | NEVER_BOOKED, set()),
        ({"patient_id": None}, set()),
    ],
)
def test_only_mails_that_are_still_true_are_wanted(columns: dict[str, Any], wanted: set[str]) -> None:
    booking = make_booking(**columns)

    assert {str(kind) for kind in MailKind if is_wanted(kind, booking, NOW)} == wanted


def test_each_time_of_a_visit_is_a_cause_of_its_own() -> None:
    first = make_booking()
    there = make_booking(version=1, starts_at=STARTS_AT + timedelta(days=1))
    and_back = make_booking(version=2)

    assert len({cause_of(MailKind.MOVED, booking) for booking in (first, there, and_back)}) == 3


def test_a_visit_is_cancelled_only_once() -> None:
    assert cause_of(MailKind.CANCELLED, make_booking()) == cause_of(MailKind.CANCELLED, make_booking(version=3))
