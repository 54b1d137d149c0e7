"""Writes a booking's appointment in MediRecords: one POST with our marker in it, then PUTs (contract 7 to 9)."""

from __future__ import annotations

from portal import crash
from portal.bookings import find
from portal.bookings.models import Booking
from portal.clients import clients
from portal.clock import now
from portal.db import db, transaction
from portal.integrations.http import Transient
from portal.integrations.medirecords import Conflict
from portal.sync import marker, medirecords_link, processor_steps
from portal.sync.medirecords_link import BOOKED
from portal.sync.processor_run import Run


def create(booking: Booking, run: Run) -> None:
    """Resolve the four named steps, look for our marker, then POST once."""
    booking_id, mark, starts_at = booking.id, marker.of(booking.reference), booking.starts_at
    # Read together with the spec: a booking that moves while we ask around is changed by its own job afterwards.
    wanted, days = medirecords_link.wanted(booking), marker.days_of(booking)
    sent_before = medirecords_link.get(booking_id).create_sent_at
    spec = processor_steps.spec(booking, run)
    db.session.rollback()
    found = marker.find(mark, days)
    if found is None and medirecords_link.may_yet_appear(sent_before):
        raise Transient("medirecords", "waiting to see whether the last try arrived", retry_after=5)
    if found is None:
        with transaction():
            link = medirecords_link.get(booking_id)
            link.create_sent_at, link.written = now(), wanted
        crash.point("medirecords.stored")
        try:
            found = clients().medirecords.create_appointment(spec)
            crash.point("medirecords.created")
        except Conflict:
            # Ours after all, if an earlier try got through and was invisible until now.
            found = marker.find(mark, days)
            if found is None:
                with transaction():
                    medirecords_link.get(booking_id).create_sent_at = None
                raise
    run.steps.append({"step": "appointment", "found": found.id})
    with transaction():
        link = medirecords_link.get(booking_id)
        link.appointment_id, link.is_live, link.create_sent_at = found.id, True, None
        link.written, link.synced_at = wanted, now()
    if found.starts_at != starts_at or found.provider_id != spec.provider_id:
        # Adopted from a try before the booking moved.
        with transaction():
            medirecords_link.get(booking_id).written = {}
        change(find.get(booking_id), run)


def change(booking: Booking, run: Run) -> None:
    """A moved booking moves its appointment, and one whose cancellation was undone stands again; everything else in it
    stays as staff left it."""
    booking_id = booking.id
    link, wanted = medirecords_link.get(booking_id), medirecords_link.wanted(booking)
    appointment_id, revived = link.appointment_id, {} if link.is_live else {"status": BOOKED}
    assert appointment_id is not None
    spec = processor_steps.spec(booking, run)
    db.session.rollback()
    clients().medirecords.replace_appointment(
        appointment_id,
        starts_at=spec.starts_at,
        provider_id=spec.provider_id,
        type_id=spec.type_id,
        interval_code=spec.interval_code,
        **revived,
    )
    crash.point("medirecords.changed")
    run.steps.append({"step": "moved", "found": appointment_id})
    with transaction():
        link = medirecords_link.get(booking_id)
        link.written, link.is_live, link.synced_at = wanted, True, now()


def withdraw(booking: Booking, run: Run) -> None:
    """Cancel the appointment; one whose create was never answered is looked for by its marker first."""
    booking_id, mark, days = booking.id, marker.of(booking.reference), marker.days_of(booking)
    link = medirecords_link.get(booking_id)
    appointment_id, sent_before = link.appointment_id, link.create_sent_at
    db.session.rollback()
    if appointment_id is None:
        found = marker.find(mark, days)
        if found is None and medirecords_link.may_yet_appear(sent_before):
            raise Transient("medirecords", "waiting to see whether the create arrived", retry_after=5)
        appointment_id = found.id if found else None
    if appointment_id is not None:
        clients().medirecords.cancel_appointment(appointment_id)
        crash.point("medirecords.cancelled")
    run.steps.append({"step": "cancelled", "found": appointment_id or "nothing was there"})
    with transaction():
        link = medirecords_link.get(booking_id)
        link.appointment_id, link.is_live, link.create_sent_at = appointment_id, False, None
        # Whose it was stays known: should the visit come back, it may be another person's by then.
        link.written = {name: value for name, value in link.written.items() if name == "patient"}
        link.synced_at = now()
