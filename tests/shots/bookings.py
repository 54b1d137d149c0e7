"""The pictures of one booking at the desk: a morning of phone calls, slips and second thoughts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from playwright.sync_api import Page
from sqlalchemy import select

from portal import clock
from portal.bookings.models import Booking
from portal.catalogue.models import AppointmentType
from portal.db import db, transaction
from portal.outbox.models import OutboxMessage
from portal.scheduling.models import Location
from portal.staff.models import Practitioner
from tests.shots.camera import Camera
from tests.shots.stage import Stage
from tests.support import factories
from tests.support.staff import sign_in_by_hand


class Bookings:
    """The scenes of the tour that are about single bookings."""

    def __init__(self, stage: Stage, camera: Camera) -> None:
        self.stage, self.camera = stage, camera

    @property
    def scenes(self) -> tuple[Callable[[], None], ...]:
        return self.booking_by_phone, self.visit_at_desk, self.visit_today

    def booking_by_phone(self) -> None:
        with self.stage.app.app_context():
            factories.make_patient(given_name="Nora", family_name="Castellano", email="nora.castellano@example.com")
        page = self._reception()
        self._show(page, "desk-visits", "/staff/bookings")
        page.get_by_label("Name, birth date").fill("nobody")
        page.get_by_role("button", name="Find").click()
        self.camera.take(page, "desk-visits-none")
        page.get_by_role("link", name="Book a visit").click()
        self.camera.take(page, "desk-new")
        page.get_by_role("link", name="GAPS follow-up").first.click()
        self.camera.take(page, "desk-new-times", whole=False)
        page.locator("input[name=slot]").first.check()
        page.get_by_role("button", name="Hold this time").click()
        self.camera.take(page, "desk-who")
        page.get_by_label("Name, birth date").fill("castellano")
        page.get_by_role("button", name="Find").click()
        self.camera.take(page, "desk-who-found")
        page.get_by_text("Somebody new").click()
        page.get_by_role("button", name="Add this patient").click()
        self.camera.take(page, "desk-who-errors")
        for label, words in {
            "Given name": "Nora",
            "Family name": "Castelano",
            "Mobile number": "0491 570 156",
            "E-mail address": "nora.castellano@example.com",
        }.items():
            page.get_by_label(label).fill(words)
        for label, words in {"Day": "9", "Month": "3", "Year": "1984"}.items():
            page.get_by_label(label, exact=True).fill(words)
        page.get_by_label("Prefer not to say").check()
        page.get_by_role("button", name="Add this patient").click()
        self.camera.take(page, "desk-who-known")
        page.get_by_role("button", name="Choose Nora Castellano").first.click()
        self.camera.take(page, "desk-held")
        page.get_by_role("button", name="Book for Nora Castellano").click()
        self.camera.take(page, "desk-booked")

    def visit_at_desk(self) -> None:
        reference = self._visit(in_hours=3)
        page = self._reception()
        self._show(page, "desk-panel", f"/staff/bookings/{reference}")
        page.get_by_role("link", name="Move", exact=True).click()
        self.camera.take(page, "desk-move", whole=False)
        page.get_by_text("Another time, also").click()
        page.get_by_label("Time", exact=True).fill("21:00")
        page.get_by_role("button", name="Move there").click()
        self.camera.take(page, "desk-move-needs-reason", whole=False)
        page.get_by_label("Reason, if the time").fill("Flies in from Perth")
        page.get_by_role("button", name="Move there").click()
        self.camera.take(page, "desk-moved")
        page.get_by_role("button", name="Do not tell").click()
        self.camera.take(page, "desk-not-told")
        page.get_by_role("button", name="Undo this change").click()
        self.camera.take(page, "desk-undone")
        page.get_by_role("link", name="Cancel", exact=True).click()
        self.camera.take(page, "desk-cancel")
        page.get_by_label("Waive the fee").check()
        page.get_by_role("button", name="Cancel this visit").click()
        self.camera.take(page, "desk-cancel-no-reason")
        page.get_by_label("Why is the fee waived?").fill("In hospital")
        page.get_by_role("button", name="Cancel this visit").click()
        self.camera.take(page, "desk-cancelled")

    def visit_today(self) -> None:
        reference = self._visit(in_hours=-1)
        page = self._reception()
        page.goto(f"/staff/bookings/{reference}")
        page.get_by_label("Add a note").fill("Brings her sister, who needs the lift.")
        page.get_by_role("button", name="Keep the note").click()
        self.camera.take(page, "desk-panel-today")
        other = self._reception()
        self._show(other, "desk-no-show", f"/staff/bookings/{reference}/no-show")
        page.get_by_role("button", name="Arrived").click()
        self.camera.take(page, "desk-arrived")
        other.get_by_role("button", name="Did not arrive").click()
        self.camera.take(other, "desk-somebody-was-faster")
        bookkeeper = self.camera.tabs()
        sign_in_by_hand(bookkeeper, "bookkeeper")
        self._show(bookkeeper, "desk-money-only", f"/staff/bookings/{reference}")

    def _visit(self, in_hours: float) -> str:
        """A paid visit with Ines Calloway, whose calendar somebody has closed to us."""
        with self.stage.app.app_context():
            ines = db.session.scalars(select(Practitioner).where(Practitioner.slug == "ines-calloway")).one()
            kind = db.session.scalars(
                select(AppointmentType).where(AppointmentType.slug == "followup-gaps-15min")
            ).one()
            place = db.session.scalars(select(Location).where(Location.is_telehealth)).first()
            at = clock.now()
            booking: Booking = factories.make_booking(
                type=kind,
                practitioner=ines,
                location=place,
                starts_at=self._free_start(ines, at, in_hours),
                confirmed_at=at - timedelta(days=3),
                reference=f"BK-SH{'TS' if in_hours > 0 else 'TD'}{abs(int(in_hours))}A",
            )
            factories.make_payment(booking)
            with transaction():
                row = OutboxMessage(
                    job="sync.medirecords",
                    args=[booking.id],
                    queue="medirecords",
                    dedupe_key=f"sync.medirecords:{booking.id}",
                    created_at=at - timedelta(days=2),
                    not_before=at,
                    attempts=9,
                    parked_at=at,
                    last_error="medirecords: the practice does not know this type",
                )
                db.session.add(row)
            return booking.reference

    def _free_start(self, practitioner: Practitioner, at: datetime, in_hours: float) -> datetime:
        """The full hour, or the first quarter beyond it that no earlier scene has booked."""
        wanted = (at + timedelta(hours=in_hours)).replace(minute=0, second=0, microsecond=0)
        step = timedelta(minutes=15 if in_hours > 0 else -15)
        taken = select(Booking.id).where(Booking.practitioner_id == practitioner.id)
        while db.session.scalar(
            taken.where(Booking.starts_at < wanted + timedelta(minutes=30), Booking.ends_at > wanted).limit(1)
        ):
            wanted += step
        return wanted

    def _reception(self) -> Page:
        page = self.camera.tabs()
        sign_in_by_hand(page, "reception")
        return page

    def _show(self, page: Page, name: str, address: str) -> None:
        page.goto(address)
        self.camera.take(page, name)
