from __future__ import annotations

import pytest

from portal.bookings.models import Booking
from portal.scheduling.models import Location
from portal.staff.access import Role, Staff
from portal.staff.models import Practitioner
from tests.support.factories import make_booking, make_hours, make_location, make_practitioner, make_type
from tests.support.race import race, racing_app
from tests.support.staff import admitted

__all__ = ["race", "racing_app"]


@pytest.fixture
def pia(ctx: None) -> Staff:
    """She is at the front desk."""
    return admitted(Role.RECEPTION)


@pytest.fixture
def place(ctx: None) -> Location:
    return make_location(is_telehealth=True)


@pytest.fixture
def wren(place: Location) -> Practitioner:
    """Works from 9 to 5 every day."""
    person = make_practitioner()
    make_hours(person, place)
    return person


@pytest.fixture
def visit(wren: Practitioner, place: Location) -> Booking:
    """Half an hour with Wren, confirmed, without buffers."""
    return make_booking(type=make_type(), practitioner=wren, location=place)
