"""The desk's work with one booking: its panel, and what can be done from there."""

from __future__ import annotations

from portal.web.staff.bookings import (
    answers,
    calling_off,
    find,
    mails,
    money,
    moving,
    new,
    notes,
    panel,
    patient,
    steps,
)
from portal.web.staff.bookings.desk import bp

__all__ = [
    "answers",
    "bp",
    "calling_off",
    "find",
    "mails",
    "money",
    "moving",
    "new",
    "notes",
    "panel",
    "patient",
    "steps",
]
