"""Payments of a test: a held visit on its way to Stripe's page, and what stands in both ledgers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from portal.bookings import find
from portal.bookings.models import Booking, BookingEvent
from portal.bookings.states import Status
from portal.clients import clients
from portal.clock import now
from portal.db import db, transaction
from portal.integrations.stripe import CheckoutSession
from portal.payments import checkout, jobs
from portal.payments.models import Payment, Refund
from portal.staff.models import StaffTask
from tests.support.chain import Chain, pay
from tests.support.outbox import settle


def paying(chain: Chain, **columns: Any) -> tuple[Booking, str]:
    """A held visit whose payment page is open, and the page's address."""
    booking = chain.booking(Status.HELD, **columns)
    return booking, checkout.start(booking.id, now())


def paid(chain: Chain, **columns: Any) -> Booking:
    """A visit that was paid for, with everything that follows from it."""
    booking, url = paying(chain, **columns)
    pay(url)
    settle(chain.sandbox)
    assert booking.status == Status.CONFIRMED
    return booking


def lapse(booking: Booking) -> None:
    """The deadline passes, for us alone: Stripe's own clock still lets people pay."""
    with transaction():
        booking.hold_expires_at = now() - timedelta(seconds=1)


def sweep(chain: Chain) -> None:
    with transaction():
        jobs.sweep(now())
    settle(chain.sandbox)


def payment_of(booking: Booking) -> Payment:
    (payment,) = payments_of(booking)
    return payment


def payments_of(booking: Booking) -> list[Payment]:
    db.session.rollback()
    found = select(Payment).where(Payment.booking_id == booking.id).order_by(Payment.id)
    return list(db.session.scalars(found.execution_options(populate_existing=True)))


def refunds_of(booking: Booking) -> list[Refund]:
    return [refund for payment in payments_of(booking) for refund in payment.refunds]


def session_of(booking: Booking) -> CheckoutSession:
    """Stripe's view of the only attempt."""
    session_id = payment_of(booking).session_id
    assert session_id is not None
    return clients().stripe.get_checkout_session(session_id)


def state_of(booking: Booking) -> Status:
    db.session.rollback()
    return find.get(booking.id).status


def story_of(booking: Booking) -> list[str]:
    """What happened to a booking, in order."""
    db.session.rollback()
    rows = select(BookingEvent.name).where(BookingEvent.booking_id == booking.id).order_by(BookingEvent.id)
    return list(db.session.scalars(rows))


def tasks(kind: str | None = None) -> list[StaffTask]:
    db.session.rollback()
    rows = db.session.scalars(select(StaffTask).where(StaffTask.done_at.is_(None)).order_by(StaffTask.id))
    return [row for row in rows if kind in (None, row.kind)]


def subjects(chain: Chain, booking: Booking) -> list[str]:
    """The mails the patient got, oldest first."""
    assert booking.patient is not None
    return [mail["subject"] for mail in chain.mails(booking.patient.email)]
