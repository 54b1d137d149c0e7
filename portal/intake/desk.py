"""Whose visit it is, once somebody has begun to answer its forms: then it stays theirs."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import exists, select

from portal.bookings import desk
from portal.bookings.models import Booking
from portal.db import db
from portal.intake.models import Intake
from portal.patients.models import Patient
from portal.staff.access import Staff


class HasAnswers(Exception):
    """Answers are somebody's own: they go to no other person along with the visit."""


def has_answers(booking: Booking) -> bool:
    """Whether any form of the visit was begun."""
    return db.session.execute(select(exists().where(Intake.booking_id == booking.id))).scalar_one()


def give_to(booking: Booking, patient: Patient, staff: Staff, now: datetime) -> None:
    """As bookings.desk.give_to, for the pages. Raises HasAnswers or WrongState.

    If it is one person with two records, the records are joined; if it is not, the visit is cancelled and booked anew.
    """
    if desk.may_give(booking) and booking.patient_id != patient.id and has_answers(booking):
        raise HasAnswers
    desk.give_to(booking, patient, staff, now)
