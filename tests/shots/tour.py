"""The walk past every page and state, as people meet them: in Chromium, through the portal's own forms."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from playwright.sync_api import Page

from tests.shots import patient
from tests.shots.arranging import ArrangingDesk
from tests.shots.bookings import Bookings
from tests.shots.camera import Camera
from tests.shots.catalogue import CatalogueDesk
from tests.shots.desk import Desk
from tests.shots.diary import DiaryPictures
from tests.shots.patient import DETAILS, IN_PERSON, TELEHEALTH
from tests.shots.records import RecordsDesk
from tests.shots.stage import Stage, until

PUBLIC = {
    "grid": "/",
    "service": "/services/alternative-medicine",
    "service-to-be-announced": "/services/weight-loss",
    "service-coming-soon": "/services/counseling",
    "about": "/about",
    "contact": "/contact",
    "privacy": "/privacy",
    "practitioner": "/practitioners/tobias-wren",
    "find": "/find-my-visit",
    "not-found": "/nowhere",
}


class Tour:
    """The scenes in an order that lets the clock only go forward."""

    def __init__(self, stage: Stage, camera: Camera, only: list[str]) -> None:
        self.stage, self.camera, self.only = stage, camera, only

    @property
    def scenes(self) -> tuple[Callable[[], None], ...]:
        """All of them; those of the back office stand in modules of their own."""
        return (
            self.public_pages,
            self.times,
            self.times_by_date,
            self.times_elsewhere,
            self.funnel,
            self.other_visits,
            self.payments_that_go_wrong,
            self.finding,
            self.changes,
            self.too_late,
            self.mails,
            self.rare_times,
            *Desk(self.stage, self.camera).scenes,
            *Bookings(self.stage, self.camera).scenes,
            *DiaryPictures(self.stage, self.camera).scenes,
            *CatalogueDesk(self.stage, self.camera).scenes,
            *ArrangingDesk(self.stage, self.camera).scenes,
            *RecordsDesk(self.stage, self.camera).scenes,
            self.nothing_on_sale,
            self.closed,
        )

    def walk(self) -> None:
        """Every scene, or only those that are named."""
        for scene in self.scenes:
            if not self.only or scene.__name__ in self.only:
                print(f"  {scene.__name__.replace('_', ' ')}", flush=True)
                scene()
                self.camera.tabs.close()

    def public_pages(self) -> None:
        self.stage.load({"id": "equine", "launch_date": "2099-03-02"})
        page = self.camera.tabs()
        for name, path in PUBLIC.items():
            self._show(page, name, path)
        self._show(page, "service-with-launch-day", "/services/equine")

    def times(self) -> None:
        page = self.camera.tabs()
        self._show(page, "times", f"/book/{TELEHEALTH}")
        patient.press(page, "Continue")
        self.camera.take(page, "times-error")
        page.goto(f"/book/{TELEHEALTH}")
        patient.choose(page, 3)
        self.camera.take(page, "times-chosen", whole=False)
        self.stage.take(TELEHEALTH, page.locator("input[name=slot]:checked").input_value())
        patient.press(page, "Continue")
        self.camera.take(page, "times-taken")
        self._show(
            page, "times-nothing-fits", f"/book/{TELEHEALTH}?practitioner=tobias-wren&part=evening&weekday=sunday"
        )

    def times_by_date(self) -> None:
        """A month with days off, a day that is chosen, one that is closed, and times that are narrowed."""
        page, today = self.camera.tabs(), self.stage.today()
        wednesday = today + timedelta(days=(2 - today.weekday()) % 7 + 7)
        holiday, closed = wednesday + timedelta(days=1), wednesday + timedelta(days=7)
        self.stage.close(holiday, holiday="Show Day")
        self.stage.close(closed)
        path = f"/book/{TELEHEALTH}"
        self._show(page, "times-month", f"{path}?month={today:%Y-%m}")
        self._show(page, "times-day", f"{path}?from={wednesday}&month={wednesday:%Y-%m}")
        self._show(page, "times-day-closed", f"{path}?from={closed}&month={closed:%Y-%m}")
        page.goto(f"{path}?part=afternoon&weekday=wednesday&practitioner=tobias-wren")
        page.get_by_text("Narrow the times").click()
        self.camera.take(page, "times-narrowed")

    def times_elsewhere(self) -> None:
        """Somebody in Perth sees both clocks on every step."""
        page = self.camera.tabs()
        self._show(page, "zone", f"/book/{TELEHEALTH}/zone")
        page.select_option("#zone", "Australia/Perth")
        patient.press(page, "Show times this way")
        self.camera.take(page, "times-elsewhere")
        patient.choose(page, 0)
        patient.press(page, "Continue")
        self.camera.take(page, "details-elsewhere")
        patient.press(page, "Let this time go")
        self.camera.take(page, "let-go")

    def rare_times(self) -> None:
        """One time, none, twenty, and hundreds of them with names that are as long as names get."""
        page = self.camera.tabs()
        self._show(page, "times-one", f"/book/{self.stage.quiet_type(1)}")
        self._show(page, "times-none", f"/book/{self.stage.quiet_type(0)}")
        self._show(page, "times-twenty", f"/book/{self.stage.quiet_type(20)}")
        busy = self.stage.busy_type()
        self._show(page, "times-many", f"/book/{busy}")
        patient.hold(page, busy)
        self.camera.take(page, "details-long-names")

    def funnel(self) -> None:
        """A paid first visit from the details to the confirmation, with what can go wrong on the way."""
        page = self.camera.tabs()
        patient.hold(page, TELEHEALTH)
        self.camera.take(page, "details")
        patient.press(page, "Continue")
        self.camera.take(page, "details-errors")
        patient.fill_details(page)
        patient.press(page, "Continue")
        self.camera.take(page, "intake")
        patient.press(page, "Continue")
        self.camera.take(page, "intake-errors")
        patient.answer(page)
        self.camera.take(page, "check")
        reference = patient.reference_of(page)
        self._show(page, "return-open", f"/bookings/{reference}/return")
        page.goto(f"/bookings/{reference}/check")
        self.stage.spoil(match="POST /stripe/v1/checkout/sessions", kind="error", status=400, times=20)
        patient.press(page, "Pay ")
        self.camera.take(page, "check-payment-service-away")
        self.stage.mend()
        patient.press(page, "Pay ")
        self.camera.take(page, "sandbox-payment-page")
        pays_at = page.url
        self._show(page, "check-payment-open", f"/bookings/{reference}/check")
        self._show(page, "return-waiting", f"/bookings/{reference}/return")
        page.goto(pays_at)
        patient.press(page, "Pay")
        page.get_by_role("heading", name="You are booked").wait_for()
        self.camera.take(page, "return-booked")
        self._show(page, "booked-telehealth", f"/bookings/{reference}")
        self.camera.take_print(page, "booked-print")

    def other_visits(self) -> None:
        page = self.camera.tabs()
        patient.book_free(page)
        self.camera.take(page, "booked-free")
        page = self.camera.tabs()
        patient.book(page, IN_PERSON)
        self.camera.take(page, "booked-in-person")

    def payments_that_go_wrong(self) -> None:
        page = self.camera.tabs()
        patient.to_check(page, "initial-gaps-60min")
        reference = patient.reference_of(page)
        patient.press(page, "Pay ")
        self.stage.lose(reference)
        patient.press(page, "Pay")
        self._wait_on(page, f"/bookings/{reference}/return", "Your time was taken")
        self.camera.take(page, "return-unplaced")

        page = self.camera.tabs()
        patient.hold(page, TELEHEALTH)
        reference = patient.reference_of(page)
        self.stage.advance(minutes=20)
        self._show(page, "hold-expired", f"/bookings/{reference}/details")

        page = self.camera.tabs()
        patient.to_check(page, TELEHEALTH)
        reference = patient.reference_of(page)
        patient.press(page, "Pay ")
        self.stage.advance(minutes=40)
        self._wait_on(page, f"/bookings/{reference}/return", "We could not keep")
        self.camera.take(page, "return-lapsed")

    def finding(self) -> None:
        page = self.camera.tabs()
        page.goto("/find-my-visit")
        patient.press(page, "Send me the link")
        self.camera.take(page, "find-error")
        page.fill("#email", DETAILS["email"])
        patient.press(page, "Send me the link")
        self.camera.take(page, "find-sent")
        while page.get_by_role("heading", name="That was a lot of tries").count() == 0:
            page.goto("/find-my-visit")
            page.fill("#email", "nobody@example.org")
            patient.press(page, "Send me the link")
        self.camera.take(page, "too-many-tries")

    def changes(self) -> None:
        """A paid visit is moved, then cancelled without a fee."""
        page = self.camera.tabs()
        patient.book(page, TELEHEALTH, later=True)
        own = page.url
        self._show(page, "move", f"{own}/move")
        patient.choose(page, 5)
        patient.press(page, "Move my visit")
        self.camera.take(page, "booked-moved")
        self._show(page, "cancel", f"{own}/cancel")
        patient.press(page, "Cancel this visit")
        self.camera.take(page, "cancelled")

    def too_late(self) -> None:
        """The same a few hours before the visit, and afterwards."""
        page = self.camera.tabs()
        patient.book(page, TELEHEALTH)
        own = page.url
        self.stage.advance(hours=1.2)
        self._show(page, "move-too-late", f"{own}/move")
        self._show(page, "cancel-with-fee", f"{own}/cancel")
        kept = self.camera.tabs()
        patient.book_free(kept)
        patient.press_link(page, "Keep this visit")
        page.goto(f"{own}/cancel")
        patient.press(page, "Cancel this visit")
        self.camera.take(page, "cancelled-with-fee")
        self.stage.advance(days=3)
        self._show(kept, "past", kept.url)

    def mails(self) -> None:
        """The HTML part of each kind of mail that was sent on the way."""
        wanted = {
            "mail-confirmation": "Your appointment at",
            "mail-moved": "has moved",
            "mail-cancelled": "is cancelled",
            "mail-not-placed": "on its way back",
            "mail-link": "Your link",
        }
        for name, words in wanted.items():
            page = self.camera.tabs()
            page.set_content(self.stage.mail_about(words)["html"])
            self.camera.take(page, name)
        page = self.camera.tabs()
        page.goto(self.stage.clinic.sandbox_url)
        self.camera.take(page, "sandbox", whole=False)

    def nothing_on_sale(self) -> None:
        self.stage.sell_nothing()
        self._show(self.camera.tabs(), "grid-nothing-on-sale", "/")

    def closed(self) -> None:
        page = self.camera.tabs()
        self.stage.lose_database()
        self._show(page, "right-back", "/")

    def _show(self, page: Page, name: str, address: str) -> None:
        page.goto(address)
        self.camera.take(page, name)

    def _wait_on(self, page: Page, address: str, heading: str) -> None:
        """Open a page again and again until it says this."""

        def says_it() -> bool:
            page.goto(address)
            return page.get_by_role("heading", name=heading).count() > 0

        until(says_it, f"{address} never said {heading!r}")
