"""Who came after all, when the money had gone back: the desk sees what is to pay, and takes it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal import clock
from portal.bookings import find
from portal.bookings.undo import WAIT
from portal.db import transaction
from portal.payments import refunds
from tests.support import factories
from tests.support.visitor import Visitor

pytestmark = pytest.mark.usefixtures("ctx")


def test_the_desk_sees_that_it_is_to_be_paid_again_and_writes_it_down(pia: Visitor) -> None:
    missed = factories.make_booking(starts_at=clock.now() - timedelta(minutes=20))
    factories.make_payment(missed)
    page = pia.page(f"/staff/bookings/{missed.reference}").follow("Did not arrive")
    page = page.submit("Did not arrive", waives=True, waiver="Ambulance")
    with transaction():
        refunds.want(find.get_locked(missed.id), clock.now() + WAIT)
    assert "$119.00 was paid to the desk" not in page.buttons
    came = pia.page(page.url).submit("Arrived after all")
    assert came.has("Still to pay $119.00")
    day = missed.starts_at.astimezone(factories.SYDNEY).date()
    assert pia.page(f"/staff/diary?date={day}").has("To pay $119.00")
    paid = came.submit("$119.00 was paid to the desk")
    assert paid.has("$119.00 to the desk")
    assert not paid.has("Still to pay")
    assert not pia.page(f"/staff/diary?date={day}").has("To pay")
    assert paid.submit("Undo: it was not paid").has("Still to pay $119.00")
