"""The pictures of practitioners, hours, closures and explain, and of the offer that a patient gets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta

from playwright.sync_api import Page
from sqlalchemy import select

from portal.bookings import offers
from portal.bookings.models import Booking
from portal.catalogue.models import AppointmentType
from portal.db import db, transaction
from portal.scheduling.models import Location
from portal.staff.models import Practitioner
from tests.shots.camera import Camera
from tests.shots.stage import SYDNEY, Stage
from tests.support import factories
from tests.support.staff import sign_in_by_hand

TOBIAS = "/staff/practitioners/tobias-wren"
HOURS = f"{TOBIAS}/hours?calendar=alternative-medicine"
TYPE = "initial-alternative-15min"


class ArrangingDesk:
    """The scenes of whoever arranges the clinic's time."""

    def __init__(self, stage: Stage, camera: Camera) -> None:
        self.stage, self.camera = stage, camera

    @property
    def scenes(self) -> tuple[Callable[[], None], ...]:
        return self.people, self.hours, self.closing, self.explaining

    def people(self) -> None:
        page = self._signed_in("manager")
        self._show(page, "staff-practitioners", "/staff/practitioners")
        self._show(page, "staff-practitioner", TOBIAS)
        page.goto("/staff/practitioners/new")
        page.get_by_role("button", name="Add practitioner").click()
        self.camera.take(page, "staff-practitioner-errors")
        self._show(page, "staff-places", "/staff/places")
        self._show(page, "staff-place", "/staff/places/example-street")

    def hours(self) -> None:
        page = self._signed_in("manager")
        self._show(page, "staff-hours", HOURS)
        page.locator("[id='0-0-ends']").fill("08:00")
        page.get_by_role("button", name="Save hours").click()
        self.camera.take(page, "staff-hours-errors")
        page.locator("[id='0-0-ends']").fill("10:30")
        page.get_by_role("button", name="See what patients would see").click()
        self.camera.take(page, "staff-hours-looked-at")
        other = self._signed_in("owner")
        other.goto(HOURS)
        other.locator("[id='2-0-ends']").fill("11:00")
        other.get_by_role("button", name="Save hours").click()
        page.get_by_role("button", name="Save hours").click()
        self.camera.take(page, "staff-hours-changed-by-another")
        self._show(self._signed_in("reception"), "staff-hours-reception", HOURS)

    def closing(self) -> None:
        visits = self._book()
        page = self._signed_in("manager")
        self._show(page, "staff-closures", "/staff/closures")
        day = self._day().isoformat()
        self._show(page, "staff-closures-error", f"/staff/closures/impact?what=clinic&first={day}&last=2020-01-01")
        self._show(page, "staff-closure-impact", f"/staff/closures/impact?what=person:tobias-wren&first={day}")
        page.get_by_role("button", name="Close, and keep").click()
        self.camera.take(page, "staff-closure-closed")
        page.get_by_role("button", name="Offer other times").click()
        self.camera.take(page, "staff-closure-offered")
        self._show(page, "staff-extra-hours", "/staff/extra-hours")
        self._show(page, "staff-holidays", "/staff/holidays")
        self._offer_pages(visits[0])

    def explaining(self) -> None:
        page = self._signed_in("manager")
        self._show(page, "staff-explain", "/staff/explain")
        at = f"{self._day(9).isoformat()}T22:00"
        self._show(page, "staff-explained", f"/staff/explain?type={TYPE}&practitioner=tobias-wren&start={at}")
        self._show(page, "staff-explain-error", "/staff/explain?type=none&start=soon")

    def _offer_pages(self, reference: str) -> None:
        with self.stage.app.app_context():
            visit = db.session.scalars(select(Booking).where(Booking.reference == reference)).one()
            offer = offers.find_open(visit.id)
            assert offer is not None
            with transaction():
                token = offers.make_token(offer)
        page = self.camera.tabs()
        self._show(page, "offer", f"/offers/{token}")
        page.get_by_role("button", name="Take this time").click()
        self.camera.take(page, "offer-error")
        page.get_by_role("button", name="Ask us to call").click()
        self.camera.take(page, "offer-declined")

    def _book(self) -> list[str]:
        """Two visits of Tobias on one day."""
        with self.stage.app.app_context():
            tobias = db.session.scalars(select(Practitioner).where(Practitioner.slug == "tobias-wren")).one()
            place = db.session.scalars(select(Location).where(Location.slug == "telehealth")).one()
            kind = db.session.scalars(select(AppointmentType).where(AppointmentType.slug == TYPE)).one()
            made = [
                factories.make_booking(type=kind, practitioner=tobias, location=place, starts_at=self._at(clocked))
                for clocked in (time(10), time(11))
            ]
            factories.make_payment(made[0])
            return [visit.reference for visit in made]

    def _at(self, at: time) -> datetime:
        return datetime.combine(self._day(), at, SYDNEY)

    def _day(self, ahead: int = 14) -> date:
        """A Wednesday, on which Tobias works."""
        day = self.stage.today() + timedelta(days=ahead)
        return day + timedelta(days=(2 - day.weekday()) % 7)

    def _signed_in(self, role: str) -> Page:
        page = self.camera.tabs()
        sign_in_by_hand(page, role)
        return page

    def _show(self, page: Page, name: str, path: str) -> None:
        page.goto(path)
        self.camera.take(page, name)
