"""A time as the desk types it: any day, time and practitioner, also against the rules if somebody says why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import ValidationError

from portal import clock
from portal.bookings.models import Booking
from portal.bookings.overrides import Place
from portal.catalogue.models import AppointmentType
from portal.scheduling import availability
from portal.scheduling.facts import Offering
from portal.web.staff.bookings.desk import typed
from portal.web.staff.fields import ChoiceField, offered
from portal.web.staff.when_fields import NO_TIME, Clock, Day


class TypedTimeForm(FlaskForm):
    """`reason` is asked for only where a rule stands in the way."""

    day = Day("Day")
    clock = Clock("Time")
    with_whom = ChoiceField("With")
    reason = StringField("Reason, if the time is not open")

    @classmethod
    def offering(cls, practitioners: Sequence[Offering], **filled: object) -> TypedTimeForm:
        """With these people to choose from."""
        form = cls(**filled)
        form.with_whom.choices = offered((each.slug, each.name) for each in practitioners)
        return form

    def validate_day(self, field: Day) -> None:
        if field.data is None and not field.errors:
            raise ValidationError("Choose a day.")

    def validate_clock(self, field: Clock) -> None:
        if field.data is None and not field.errors:
            raise ValidationError(NO_TIME)

    def place(
        self,
        practitioners: Sequence[Offering],
        appointment_type: AppointmentType,
        zone: ZoneInfo,
        now: datetime,
        moving: Booking | None = None,
    ) -> Place | None:
        """The time that was typed, with an empty reason where it is open; None, with words at the field, where a reason
        is missing or there is no such time."""
        assert self.day.data is not None
        assert self.clock.data is not None
        starts_at = clock.local_instant(self.day.data, self.clock.data, zone)
        if starts_at is None:
            self.clock.errors = ["The clock changes then. Choose another time."]
            return None
        practitioner_id = next(each.id for each in practitioners if each.slug == self.with_whom.data)
        why = availability.at(
            appointment_type,
            starts_at,
            now,
            practitioner_id=practitioner_id,
            ignoring_booking=moving.id if moving else None,
            length_minutes=moving.length_minutes if moving else None,
        ).reason
        reason = typed("reason", 200)
        if why is not None and not reason:
            self.reason.errors = [
                f"This time is not open: {why.words}. Write why it is booked anyway, or choose another."
            ]
            return None
        return Place(starts_at, practitioner_id, reason if why is not None else "")
