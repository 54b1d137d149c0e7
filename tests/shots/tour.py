"""The walk past every page and state, as people meet them: in Chromium, through the portal's own forms."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.sync_api import Page

from tests.shots.camera import Camera
from tests.shots.stage import Stage, until

TELEHEALTH, IN_PERSON, FREE = "initial-alternative-15min", "initial-inperson-20min", "initial-consult-free"
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
DETAILS = {
    "given_name": "Marlo",
    "family_name": "Testington",
    "born-day": "3",
    "born-month": "March",
    "born-year": "1984",
    "mobile": "0491 570 006",
    "email": "marlo.testington@example.com",
}
REASON = "I have been tired for months and sleep badly. I would like to know what I could change."
# Everything that is still empty gets an answer, so that a form can be sent whatever it asks.
ANSWER_ALL = """reason => {
  for (const box of document.querySelectorAll("main textarea")) if (!box.value) box.value = reason;
  const groups = new Set([...document.querySelectorAll("main [type=radio]")].map((radio) => radio.name));
  for (const name of groups) {
    const radios = [...document.getElementsByName(name)];
    if (!radios.some((radio) => radio.checked)) radios[radios.length > 2 ? 1 : radios.length - 1].checked = true;
  }
}"""


class Tour:
    """The scenes in an order that lets the clock only go forward."""

    def __init__(self, stage: Stage, camera: Camera, only: list[str]) -> None:
        self.stage, self.camera, self.only = stage, camera, only

    def walk(self) -> None:
        """Every scene, or only those that are named."""
        scenes = (
            self.public_pages,
            self.times,
            self.funnel,
            self.other_visits,
            self.payments_that_go_wrong,
            self.finding,
            self.changes,
            self.too_late,
            self.mails,
            self.rare_times,
            self.nothing_on_sale,
            self.closed,
        )
        for scene in scenes:
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
        self._press(page, "Continue")
        self.camera.take(page, "times-error")
        page.goto(f"/book/{TELEHEALTH}")
        _choose(page, 3)
        self.camera.take(page, "times-chosen", whole=False)
        self.stage.take(TELEHEALTH, page.locator("input[name=slot]:checked").input_value())
        self._press(page, "Continue")
        self.camera.take(page, "times-taken")
        self._show(page, "times-nothing-fits", f"/book/{TELEHEALTH}?practitioner=tobias-wren&part=evening")

    def rare_times(self) -> None:
        """One time, none, and dozens of them with names that are as long as names get."""
        page = self.camera.tabs()
        self._show(page, "times-one", f"/book/{self.stage.quiet_type(with_one_time=True)}")
        self._show(page, "times-none", f"/book/{self.stage.quiet_type(with_one_time=False)}")
        busy = self.stage.busy_type()
        self._show(page, "times-many", f"/book/{busy}")
        self.hold(page, busy)
        self.camera.take(page, "details-long-names")

    def funnel(self) -> None:
        """A paid first visit from the details to the confirmation, with what can go wrong on the way."""
        page = self.camera.tabs()
        self.hold(page, TELEHEALTH)
        self.camera.take(page, "details")
        self._press(page, "Continue")
        self.camera.take(page, "details-errors")
        _fill_details(page)
        self._press(page, "Continue")
        self.camera.take(page, "intake")
        self._press(page, "Continue")
        self.camera.take(page, "intake-errors")
        self._answer(page)
        self.camera.take(page, "check")
        reference = _reference(page)
        self._show(page, "return-open", f"/bookings/{reference}/return")
        page.goto(f"/bookings/{reference}/check")
        self.stage.spoil(match="POST /stripe/v1/checkout/sessions", kind="error", status=400, times=20)
        self._press(page, "Pay ")
        self.camera.take(page, "check-payment-service-away")
        self.stage.mend()
        self._press(page, "Pay ")
        self.camera.take(page, "sandbox-payment-page")
        pays_at = page.url
        self._show(page, "check-payment-open", f"/bookings/{reference}/check")
        self._show(page, "return-waiting", f"/bookings/{reference}/return")
        page.goto(pays_at)
        self._press(page, "Pay")
        page.get_by_role("heading", name="You are booked").wait_for()
        self.camera.take(page, "return-booked")
        self._show(page, "booked-telehealth", f"/bookings/{reference}")
        self.camera.take_print(page, "booked-print")

    def other_visits(self) -> None:
        page = self.camera.tabs()
        self.book_free(page)
        self.camera.take(page, "booked-free")
        page = self.camera.tabs()
        self.book(page, IN_PERSON)
        self.camera.take(page, "booked-in-person")

    def payments_that_go_wrong(self) -> None:
        page = self.camera.tabs()
        self.to_check(page, "initial-gaps-60min")
        reference = _reference(page)
        self._press(page, "Pay ")
        self.stage.lose(reference)
        self._press(page, "Pay")
        self._wait_on(page, f"/bookings/{reference}/return", "Your time was taken")
        self.camera.take(page, "return-unplaced")

        page = self.camera.tabs()
        self.hold(page, TELEHEALTH)
        reference = _reference(page)
        self.stage.advance(minutes=20)
        self._show(page, "hold-expired", f"/bookings/{reference}/details")

        page = self.camera.tabs()
        self.to_check(page, TELEHEALTH)
        reference = _reference(page)
        self._press(page, "Pay ")
        self.stage.advance(minutes=40)
        self._wait_on(page, f"/bookings/{reference}/return", "We could not keep")
        self.camera.take(page, "return-lapsed")

    def finding(self) -> None:
        page = self.camera.tabs()
        page.goto("/find-my-visit")
        self._press(page, "Send me the link")
        self.camera.take(page, "find-error")
        page.fill("#email", DETAILS["email"])
        self._press(page, "Send me the link")
        self.camera.take(page, "find-sent")
        while page.get_by_role("heading", name="That was a lot of tries").count() == 0:
            page.goto("/find-my-visit")
            page.fill("#email", "nobody@example.org")
            self._press(page, "Send me the link")
        self.camera.take(page, "too-many-tries")

    def changes(self) -> None:
        """A paid visit is moved, then cancelled without a fee."""
        page = self.camera.tabs()
        self.book(page, TELEHEALTH, later=True)
        own = page.url
        self._show(page, "move", f"{own}/move")
        _choose(page, 5)
        self._press(page, "Move my visit")
        self.camera.take(page, "booked-moved")
        self._show(page, "cancel", f"{own}/cancel")
        self._press(page, "Cancel this visit")
        self.camera.take(page, "cancelled")

    def too_late(self) -> None:
        """The same a few hours before the visit, and afterwards."""
        page = self.camera.tabs()
        self.book(page, TELEHEALTH)
        own = page.url
        self.stage.advance(hours=1.2)
        self._show(page, "move-too-late", f"{own}/move")
        self._show(page, "cancel-with-fee", f"{own}/cancel")
        kept = self.camera.tabs()
        self.book_free(kept)
        self._press_link(page, "Keep this visit")
        page.goto(f"{own}/cancel")
        self._press(page, "Cancel this visit")
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
            found = until(lambda words=words: [m for m in self.stage.mails() if words in m["subject"]], f"no {name}")
            page = self.camera.tabs()
            page.set_content(found[-1]["html"])
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

    def hold(self, page: Page, type_slug: str, *, later: bool = False) -> None:
        """Choose a time, the first one or one near the end of the page; -> the details page."""
        page.goto(f"/book/{type_slug}")
        _choose(page, -1 if later else 0)
        self._press(page, "Continue")

    def to_check(self, page: Page, type_slug: str, *, later: bool = False) -> None:
        self.hold(page, type_slug, later=later)
        _fill_details(page)
        self._press(page, "Continue")
        self._answer(page)

    def book(self, page: Page, type_slug: str, *, later: bool = False) -> None:
        """A paid visit; the page is then its own."""
        self.to_check(page, type_slug, later=later)
        self._press(page, "Pay ")
        self._press(page, "Pay")
        page.get_by_role("heading", name="You are booked").wait_for(timeout=30_000)
        self._press_link(page, "See your booking")

    def book_free(self, page: Page) -> None:
        self.to_check(page, FREE)
        self._press(page, "Book free consult")

    def _answer(self, page: Page) -> None:
        page.evaluate(ANSWER_ALL, REASON)
        self._press(page, "Continue")

    def _show(self, page: Page, name: str, address: str) -> None:
        page.goto(address)
        self.camera.take(page, name)

    def _wait_on(self, page: Page, address: str, heading: str) -> None:
        """Open a page again and again until it says this."""

        def says_it() -> bool:
            page.goto(address)
            return page.get_by_role("heading", name=heading).count() > 0

        until(says_it, f"{address} never said {heading!r}")

    def _press(self, page: Page, words: str) -> None:
        with page.expect_navigation():
            page.get_by_role("main").get_by_role("button", name=words).first.click()

    def _press_link(self, page: Page, words: str) -> None:
        with page.expect_navigation():
            page.get_by_role("main").get_by_role("link", name=words).first.click()


def _choose(page: Page, place: int) -> None:
    """Choose one of the times on the page, by its place in the list."""
    page.locator("input[name=slot]").nth(place).evaluate("radio => radio.click()")


def _fill_details(page: Page) -> None:
    for name, words in DETAILS.items():
        page.fill(f"[name={name}]", words)
    page.evaluate(ANSWER_ALL, REASON)
    page.check("[name=booked_for][value=self]")


def _reference(page: Page) -> str:
    """The booking whose page this is."""
    return urlsplit(page.url).path.split("/")[2]
