"""A clinic's full day for the diary: practitioners side by side, visits in every state, and what stands around them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from portal import clock
from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.catalogue.models import AppointmentType, FormDefinition
from portal.db import db, transaction
from portal.intake.models import Intake, IntakeState
from portal.scheduling.models import BusyTime, ExceptionKind, HoursException, Location, Outside
from portal.staff.models import Practitioner
from portal.staff.tasks import raise_task
from tests.support import factories
from tests.support.factories import SYDNEY

NAMES = (
    "Maeve Larkspur",
    "Tobias Wren",
    "Ines Calloway",
    "Ravi Fernside",
    "Dr Anneliese-Wilhelmina van Oosterhout-Featherstonehaugh",
    "Jo Li",
    "Asha Brindle",
    "Otis Quillfeather",
)
PATIENTS = (
    ("Nora", "Castellano"),
    ("Björn", "Åkerlund"),
    ("Wilhelmina-Alexandra", "Papadopoulos-Montgomery"),
    ("Li", "Wu"),
    ("Tane", "Ngata"),
    ("Freya", "Hollis"),
)
FORM = "busy-day-intake"
STATES = (Status.COMPLETED, Status.ARRIVED, Status.IN_SESSION, *[Status.CONFIRMED] * 4, Status.DID_NOT_ARRIVE)


def at(day: date, hour: int, minute: int = 0) -> datetime:
    """A wall time in Sydney as an instant."""
    return datetime.combine(day, time(hour, minute), SYDNEY).astimezone(UTC)


def fill(day: date, *, people: int = 8, visits: int = 120, weekdays: range = range(7)) -> list[Practitioner]:
    """So many visits, shared among so many practitioners who work from 9 to 5:30. Needs an app context."""
    place = factories.make_location(is_telehealth=True, name="Video")
    made_type = factories.make_type(name="Follow-up visit", length_minutes=20, buffer_after_minutes=5, intake_form=FORM)
    _form()
    working = [_practitioner(name, place, weekdays) for name in NAMES[:people]]
    for number in range(visits):
        who, place_of_day = working[number % people], number // people
        _visit(day, number, place_of_day, who, made_type, place)
    return working


def disturb(day: date, who: Practitioner, place: Location) -> None:
    """Busy outside, leave, a hold, an overlap, a cancelled visit, and trouble with a copy; from half past five on."""
    with transaction():
        db.session.add(
            BusyTime(
                practitioner_id=who.id,
                source=Outside.OUTLOOK,
                external_id=f"busy-{who.id}-{day}",
                starts_at=at(day, 18, 30),
                ends_at=at(day, 19),
            )
        )
        db.session.add(
            HoursException(
                kind=ExceptionKind.CLOSED,
                practitioner_id=who.id,
                starts_at=at(day, 19),
                ends_at=at(day, 19, 30),
                reason="School concert",
            )
        )
    made_type = factories.make_type(name="First visit", length_minutes=30, buffer_before_minutes=5)
    common: dict[str, Any] = {"type": made_type, "practitioner": who, "location": place}
    until = clock.now() + timedelta(minutes=12)
    factories.make_booking(status=Status.HELD, starts_at=at(day, 19, 40), hold_expires_at=until, **common)
    one = factories.make_booking(starts_at=at(day, 20, 20), **common)
    factories.make_booking(
        starts_at=at(day, 20, 30), overlap_allowed=True, overlap_reason="A parent and their child", **common
    )
    factories.make_booking(status=Status.CANCELLED, starts_at=at(day, 21, 15), **common)
    with transaction():
        raise_task("medirecords", "It is not in MediRecords yet.", clock.now(), booking_id=one.id)


def _practitioner(name: str, place: Location, weekdays: range) -> Practitioner:
    who = factories.make_practitioner(name=name)
    factories.make_hours(who, place, weekdays=weekdays, ends=time(17, 30))
    return who


def _visit(
    day: date, number: int, place_of_day: int, who: Practitioner, made_type: AppointmentType, place: Location
) -> Booking:
    """Half an hour apart, with a break at noon for those who have fewer."""
    given, family = PATIENTS[number % len(PATIENTS)]
    starts_at = at(day, 9) + timedelta(minutes=30 * place_of_day + (10 if place_of_day > 6 else 0))
    patient = factories.make_patient(given_name=given, family_name=family)
    booking = factories.make_booking(
        status=STATES[(number + place_of_day) % len(STATES)],
        starts_at=starts_at,
        type=made_type,
        practitioner=who,
        location=place,
        patient=patient,
        says_new=number % 5 == 0,
    )
    if number % 3:
        factories.make_payment(booking)
    if number % 4:
        with transaction():
            db.session.add(
                Intake(
                    key=f"key-{booking.id}",
                    booking_id=booking.id,
                    form_definition_id=_form().id,
                    state=IntakeState.SUBMITTED if number % 4 > 1 else IntakeState.STARTED,
                    started_at=clock.now(),
                )
            )
    return booking


def _form() -> FormDefinition:
    return db.session.query(FormDefinition).filter_by(slug=FORM).one_or_none() or factories.make_form(FORM)
