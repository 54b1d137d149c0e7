"""Answers are read by the practitioner whose visit it is, once it is one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from portal import clock
from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.db import db, transaction
from portal.intake import submit
from portal.staff.access import Role
from portal.staff.models import AuditEntry
from tests.support import factories
from tests.support.visitor import Visitor

pytestmark = pytest.mark.usefixtures("ctx")
SECRET = "Itching since the flood"


def answered(status: Status) -> Booking:
    form = factories.make_form("short")
    booking = factories.make_booking(
        type=factories.make_type(intake_form="short"), status=status, patient=factories.make_patient()
    )
    with transaction():
        if status in (Status.EXPIRED, Status.PAID_UNPLACED, Status.CANCELLED):
            booking.confirmed_at = None
        submit.save(booking, form, {"reason": SECRET}, clock.now(), is_complete=True)
    return booking


@pytest.mark.parametrize(
    "status", [Status.HELD, Status.AWAITING_PAYMENT, Status.EXPIRED, Status.CANCELLED, Status.PAID_UNPLACED]
)
def test_what_was_never_sent_off_is_read_by_nobody(as_role: Callable[..., Visitor], status: Status) -> None:
    visit = answered(status)
    practitioner = as_role(Role.PRACTITIONER, practitioner=visit.practitioner)
    page = practitioner.page(f"/staff/bookings/{visit.reference}")
    assert "Read the answers" not in page.links
    answer = practitioner.get(f"/staff/bookings/{visit.reference}/answers")
    assert answer.status_code == 404
    assert SECRET not in answer.text
    assert not db.session.scalars(select(AuditEntry).where(AuditEntry.kind == "answers")).all()


@pytest.mark.parametrize("status", [Status.CONFIRMED, Status.COMPLETED])
def test_what_was_sent_off_is_read_by_its_practitioner(as_role: Callable[..., Visitor], status: Status) -> None:
    visit = answered(status)
    practitioner = as_role(Role.PRACTITIONER, practitioner=visit.practitioner)
    assert practitioner.page(f"/staff/bookings/{visit.reference}").follow("Read the answers").has(SECRET)
