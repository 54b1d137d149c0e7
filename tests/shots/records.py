"""The pictures of patients' records, doubtful matches, the clinic's own pages and its settings."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page

from portal import clock
from portal.bookings.history import record
from portal.db import db, transaction
from portal.notices.models import Message
from tests.shots.camera import Camera
from tests.shots.stage import LONG_TYPE, Stage
from tests.support import factories
from tests.support.staff import sign_in_by_hand

LONG = {
    "given_name": "Anneliese-Wilhelmina-Konstantina-Ottilie",
    "family_name": "van Oosterhout-Featherstonehaugh-Lee-Ros",
}


class RecordsDesk:
    """The scenes, in an order: the later ones go on from what the earlier have made."""

    def __init__(self, stage: Stage, camera: Camera) -> None:
        self.stage, self.camera = stage, camera

    @property
    def scenes(self) -> tuple[Callable[[], None], ...]:
        return self.patients_desk, self.matches_desk, self.own_pages, self.settings_page

    def patients_desk(self) -> None:
        page = self._signed_in("reception")
        self._show(page, "staff-patients-first-look", "/staff/patients")
        self._fill()
        page.goto("/staff/patients")
        self._find(page, "")
        self.camera.take(page, "staff-patients-too-little")
        self._find(page, "wollombi")
        self.camera.take(page, "staff-patients-nobody")
        self._find(page, "oosterhout")
        self.camera.take(page, "staff-patients-found")
        page.get_by_role("link", name="Oosterhout-Featherstonehaugh").first.click()
        self.camera.take(page, "staff-patient-record")
        page.get_by_role("link", name="Correct contact details").click()
        self.camera.take(page, "staff-patient-contact")
        page.get_by_label("Mobile number").fill("12")
        page.get_by_label("E-mail address").fill("nobody")
        page.get_by_role("button", name="Save").click()
        self.camera.take(page, "staff-patient-contact-errors")

    def matches_desk(self) -> None:
        page = self._signed_in("reception")
        self._show(page, "staff-matches", "/staff/patients/matches")
        page.get_by_role("link", name="Compare").first.click()
        self.camera.take(page, "staff-matches-compare")
        page.get_by_role("button", name="Same person").first.click()
        self.camera.take(page, "staff-matches-joined")
        page.get_by_role("button", name="Undo").click()
        self.camera.take(page, "staff-matches-parted")

    def own_pages(self) -> None:
        page = self._signed_in("manager")
        self._show(page, "staff-content", "/staff/content")
        self._show(page, "staff-content-page", "/staff/content/about")
        page.get_by_label("Text", exact=True).fill(
            "## Who we are\n\nA guaranteed cure. Call {clinic_phone}.\n\n- one\n- two"
        )
        page.get_by_role("button", name="Preview").click()
        self.camera.take(page, "staff-content-preview")
        page.get_by_role("button", name="Publish").click()
        self.camera.take(page, "staff-content-second-look")
        page.get_by_label("I have looked").check()
        page.get_by_role("button", name="Publish").click()
        self.camera.take(page, "staff-content-published")
        page.get_by_role("button", name="Undo").click()
        page.locator("#versions").wait_for()
        page.locator("tbody tr a").nth(1).click()
        self.camera.take(page, "staff-content-version")
        page.goto("/staff/content/addresses")
        self._lead(page, "/our-practitioners-and-their-very-long-former-address-2019", "/about")
        self.camera.take(page, "staff-content-addresses")
        self._lead(page, "/about", "/nowhere")
        self.camera.take(page, "staff-content-addresses-error")
        page.get_by_role("button", name="Remove").first.click()
        self.camera.take(page, "staff-content-address-removed")

    def settings_page(self) -> None:
        page, owner = self._signed_in("manager"), self._signed_in("owner")
        self._show(page, "staff-settings", "/staff/settings")
        owner.goto("/staff/settings")
        owner.get_by_label("Phone", exact=True).fill("(02) 5550 0199")
        owner.get_by_role("button", name="Save the clinic").click()
        self.camera.take(owner, "staff-settings-saved")
        page.get_by_label("ABN", exact=True).fill("51 824 753 556")
        page.get_by_role("button", name="Save the clinic").click()
        self.camera.take(page, "staff-settings-changed-meanwhile")
        page.get_by_label("ABN", exact=True).fill("51 824 753 557")
        page.get_by_role("button", name="Save the clinic").click()
        self.camera.take(page, "staff-settings-errors")

    def _fill(self) -> None:
        """Somebody with a long name and visits of every kind, twice; and others of their family."""
        with self.stage.app.app_context():
            now = clock.now()
            for email in ("anneliese.van.oosterhout.featherstonehaugh@rosella.example.com", "annie@example.org"):
                patient = factories.make_patient(**LONG, preferred_name="Annie", email=email)
                visits = [
                    factories.make_booking(patient=patient, type=factories.make_type(name=LONG_TYPE)) for _ in "ab"
                ]
                factories.make_payment(visits[0])
                with transaction():
                    for visit in visits:
                        record(visit, "booking.confirmed", now, by="patient")
                        sent = Message(booking_id=visit.id, kind="confirmation", cause="1", created_at=now, sent_at=now,
                                       message_id=f"<{visit.reference}@example.com>")  # fmt: skip
                        db.session.add(sent)
            for number in range(30):
                other = factories.make_patient(given_name=f"Oda{number}", family_name=f"Oosterhout{number}",
                                               born_on=clock.now().date().replace(year=1950 + number),
                                               mobile=f"+6149157{number:04}")  # fmt: skip
                factories.make_booking(patient=other)

    def _find(self, page: Page, asked: str) -> None:
        page.get_by_label("Name, birth date").fill(asked)
        page.get_by_role("button", name="Find").click()
        page.get_by_role("heading", level=1).wait_for()

    def _lead(self, page: Page, path: str, leads_to: str) -> None:
        page.get_by_label("Old address", exact=True).fill(path)
        page.get_by_label("Leads to", exact=True).fill(leads_to)
        page.get_by_role("button", name="Add", exact=True).click()
        page.get_by_role("heading", level=1).wait_for()

    def _signed_in(self, role: str) -> Page:
        page = self.camera.tabs()
        sign_in_by_hand(page, role)
        return page

    def _show(self, page: Page, name: str, address: str) -> None:
        page.goto(address)
        self.camera.take(page, name)
