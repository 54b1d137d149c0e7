"""Scripted patients: each books over HTTP as some people do, and few of them in a straight line."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.page import Page
from tests.support.sandbox import Controls
from tests.torture.browser import Browser, GaveUp

PAID_TYPES = (
    "initial-alternative-15min",
    "followup-alternative-10min",
    "initial-inperson-20min",
    "initial-gaps-60min",
    "followup-weight-45min",
)
FREE_TYPE = "initial-consult-free"
MOBILES = ("0491 570 006", "0491 570 156", "0491 570 157", "0491 570 158", "0491 570 159")
GIVEN = ("Ada", "Bruno", "Cleo", "Dario", "Esme", "Fergus", "Greta", "Hugo", "Iris", "Jonas", "Kaya", "Lino")
GENDERS = ("female", "male", "other", "not-said")
# The whole run, clock advances included, ends before the first visit begins.
NOT_BEFORE = timedelta(hours=14)
STEPS = ("times", "details", "intake", "check", "payment page")


class Changed(Exception):
    """The page is not the one this script wants: the time is gone, or the booking is. That is the end of this story."""


class Patient:
    """One person with one browser. `number` makes name and address theirs alone."""

    def __init__(self, number: int, rng: random.Random, portal_url: str, sandbox: Controls) -> None:
        self.number, self.rng, self.sandbox = number, rng, sandbox
        self.browser = Browser(portal_url)
        self.reference = ""

    def run(self, story: Callable[[Patient], None]) -> str:
        """-> how it ended for this person"""
        try:
            story(self)
        except Changed as changed:
            return f"ended early: {changed}"
        except GaveUp:
            return "gave up waiting"
        return "done"

    # Steps

    def take_time(self, type_slug: str) -> Page:
        """Hold a time. -> the details page"""
        page = self.browser.page(f"/book/{type_slug}")
        return self.hold(page, self.choose(page))

    def hold(self, page: Page, slot: str) -> Page:
        """Hold this time of a page, or another one if it is taken. -> the details page"""
        for _ in range(4):
            page = self.browser.press(page, "Continue", slot=slot)
            if page.url.endswith("/details"):
                self.reference = page.url.split("/bookings/")[1].split("/")[0]
                return page
            slot = self.choose(page)
        raise Changed("every time was taken")

    def choose(self, page: Page) -> str:
        """One of the times that a page offers, rather an early one: that is where people meet."""
        offered = [value for value in page.choices("slot") if self._is_late_enough(value)] if _offers(page) else []
        if not offered:
            raise Changed("no time is left")
        return offered[min(int(self.rng.expovariate(1 / 8)), len(offered) - 1)]

    def fill_in(self, page: Page, until: str = "check") -> Page:
        """From the details page to the check page, or to an earlier step."""
        if until == "details":
            return page
        if page.soup.select_one("[name=given_name]") is None:
            raise Changed(f"{page.heading!r} instead of the details")
        page = self.browser.press(page, "Continue", **(answers(page) | self.details()))
        if page.url.endswith("/intake") and until != "intake":
            page = self.browser.press(page, "Continue", **answers(page))
        return self.expect(page, f"/{until}")

    def expect(self, page: Page, ending: str) -> Page:
        if not page.url.split("?")[0].endswith(ending):
            raise Changed(f"{page.heading!r} instead of {ending} {page.errors or ''}".strip())
        return page

    def details(self) -> dict[str, Any]:
        rng = random.Random(self.number)
        return {
            "booked_for": "self",
            "visited": "no",
            "given_name": GIVEN[self.number % len(GIVEN)],
            "family_name": f"Tester{spelled(self.number)}",
            "born-day": str(rng.randint(1, 28)),
            "born-month": str(rng.randint(1, 12)),
            "born-year": str(rng.randint(1940, 2005)),
            "gender": GENDERS[self.number % len(GENDERS)],
            "mobile": MOBILES[self.number % len(MOBILES)],
            "email": f"patient.{self.number}@example.com",
        }

    def to_check(self, type_slug: str | None = None) -> Page:
        return self.fill_in(self.take_time(type_slug or self.rng.choice(PAID_TYPES)))

    def to_payment_page(self, check: Page | None = None) -> Page:
        """-> Stripe's page"""
        page = self.browser.press(check or self.to_check(), "Pay ")
        if "/stripe/" not in page.url:
            raise Changed(f"{page.heading!r} instead of the payment page")
        return page

    def pay(self, stripe_page: Page, outcome: str = "Pay A$") -> Page:
        return self.browser.press(stripe_page, outcome)

    def wait_until_booked(self, seconds: float = 20.0) -> None:
        """Stay on the return page until the visit is booked."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if "You are booked" in self.browser.page(f"/bookings/{self.reference}/return").heading:
                return
            time.sleep(0.7)
        raise Changed("not booked yet")

    def book(self, type_slug: str | None = None) -> None:
        """A paid or free visit, as straight as it goes, until it is booked."""
        self.order(type_slug)
        self.wait_until_booked()

    def order(self, type_slug: str | None = None) -> None:
        """A paid or free visit; what becomes of it is not waited for."""
        if type_slug == FREE_TYPE:
            self.browser.press(self.to_check(FREE_TYPE), "Book ")
        else:
            self.pay(self.to_payment_page(self.to_check(type_slug)))

    def move(self) -> Page:
        page = self.browser.page(f"/bookings/{self.reference}/move")
        for _ in range(4):
            page = self.browser.press(page, "Move my visit", slot=self.choose(page))
            if not _offers(page):
                return page
        raise Changed("every time was taken")

    def cancel(self) -> Page:
        page = self.browser.page(f"/bookings/{self.reference}/cancel")
        return self.browser.press(page, "Cancel this visit", reason="Something came up")

    def twice_at_once(self, act: Callable[[Browser], Page]) -> None:
        """Two clicks, so close together that neither knows of the other: two connections with the same cookies."""
        twin = Browser(self.browser.portal_url)
        twin.session.cookies.update(self.browser.session.cookies)
        together = threading.Barrier(2)

        def click(browser: Browser) -> None:
            together.wait(10)
            with suppress(GaveUp):
                act(browser)

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(click, (self.browser, twin)))
        self.browser.session.cookies.update(twin.session.cookies)
        self.browser.mishaps += twin.mishaps

    def _is_late_enough(self, value: str) -> bool:
        starts_at = datetime.strptime(value.partition("/")[0], "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC)
        return starts_at > self.not_before

    not_before = datetime.min.replace(tzinfo=UTC)


def _offers(page: Page) -> bool:
    return page.soup.select_one("[name=slot]") is not None


def answers(page: Page) -> dict[str, Any]:
    """Something for every question of an intake form."""
    given: dict[str, Any] = {}
    for control in page.soup.select("form[method=post] [name]"):
        name, kind = str(control["name"]), str(control.get("type", control.name))
        if kind in ("hidden", "button", "submit") or control.name == "button":
            continue
        if kind in ("radio", "checkbox", "select"):
            given.setdefault(name, next(value for value in page.choices(name) if value))
        else:
            is_number = kind == "number" or control.get("inputmode") in ("numeric", "decimal")
            given[name] = "20" if is_number else "An invented answer"
    return given


def spelled(number: int) -> str:
    """A number in letters, because names have no digits: 0 is a, 26 is ba."""
    rest, last = divmod(number, 26)
    return (spelled(rest) if rest else "") + chr(ord("a") + last)


# Stories


def pays(patient: Patient) -> None:
    patient.book()


def books_free(patient: Patient) -> None:
    patient.book(FREE_TYPE)


def leaves(patient: Patient) -> None:
    """Stops at one of the steps and never comes back."""
    step = patient.rng.choice(STEPS)
    if step == "times":
        patient.browser.page(f"/book/{patient.rng.choice(PAID_TYPES)}")
    elif step == "payment page":
        patient.to_payment_page()
    else:
        with suppress(Changed):
            patient.fill_in(patient.take_time(patient.rng.choice(PAID_TYPES)), until=step)


def is_declined_then_pays(patient: Patient) -> None:
    page = patient.to_payment_page()
    for _ in range(patient.rng.randint(1, 3)):
        page = patient.pay(page, "Card is declined")
    patient.pay(page)


def pays_late(patient: Patient) -> None:
    """Looks for the card until the page is nearly or quite closed."""
    page = patient.to_payment_page()
    opened_at = patient.sandbox.get("/_emu/clock")["offset_seconds"]
    until = time.monotonic() + 12
    while time.monotonic() < until and patient.sandbox.get("/_emu/clock")["offset_seconds"] < opened_at + 1800:
        time.sleep(0.5)
    patient.pay(page)


def goes_back_and_pays(patient: Patient) -> None:
    """Back from Stripe's page to the check page, and on again."""
    page = patient.to_payment_page()
    for _ in range(patient.rng.randint(1, 2)):
        check = patient.expect(patient.browser.press(page, "Back"), "/check")
        page = patient.to_payment_page(check)
    patient.pay(page)


def double_clicks(patient: Patient) -> None:
    """Presses everything twice at once: the time, the payment, and Stripe's own button."""
    times = patient.browser.page(f"/book/{patient.rng.choice(PAID_TYPES)}")
    slot = patient.choose(times)
    patient.twice_at_once(lambda browser: _again(times, browser, "Continue", slot=slot))
    check = patient.fill_in(patient.hold(times, slot))
    patient.twice_at_once(lambda browser: _again(check, browser, "Pay "))
    stripe_page = patient.to_payment_page(patient.browser.page(check.url))
    patient.twice_at_once(lambda browser: _again(stripe_page, browser, "Pay A$"))


def pays_in_two_tabs(patient: Patient) -> None:
    """Pays, then presses the old check page's button once more."""
    check = patient.to_check()
    patient.pay(patient.to_payment_page(check))
    patient.browser.press(check, "Pay ")


def chooses_another_time(patient: Patient) -> None:
    """At the check page, goes back to the times and takes another one; the answers go along."""
    kind = patient.rng.choice(PAID_TYPES)
    check = patient.to_check(kind)
    old_page = patient.to_payment_page(check) if patient.rng.random() < 0.6 else None
    details = patient.take_time(kind)
    if old_page is not None and patient.rng.random() < 0.5:
        # The old payment page is still open in the other tab, and that is where the card goes in.
        patient.pay(old_page)
        return
    page = patient.browser.page(f"/bookings/{patient.reference}/check") if patient.rng.random() < 0.5 else details
    page = page if page.url.endswith("/check") else patient.fill_in(page)
    patient.pay(patient.to_payment_page(page))


def moves(patient: Patient) -> None:
    """Books and moves, once or twice, at once or a little later."""
    patient.book(patient.rng.choice([None, None, FREE_TYPE]))
    for _ in range(patient.rng.randint(1, 2)):
        time.sleep(patient.rng.choice([0, 0, 1, 4]))
        patient.move()


def cancels(patient: Patient) -> None:
    """Books and cancels, at once, later, or twice."""
    patient.book(patient.rng.choice([None, None, None, FREE_TYPE]))
    time.sleep(patient.rng.choice([0, 0, 1, 4]))
    patient.cancel()
    if patient.rng.random() < 0.3:
        patient.browser.page(f"/bookings/{patient.reference}/cancel")


def moves_then_cancels(patient: Patient) -> None:
    patient.book()
    patient.move()
    time.sleep(patient.rng.choice([0, 2]))
    patient.cancel()


def cancels_late(patient: Patient) -> None:
    """Keeps the visit beyond the time in which a change of mind is free, as far as the clock goes meanwhile."""
    patient.book()
    booked_at = patient.sandbox.get("/_emu/clock")["offset_seconds"]
    until = time.monotonic() + 15
    while time.monotonic() < until and patient.sandbox.get("/_emu/clock")["offset_seconds"] < booked_at + 3600:
        time.sleep(0.5)
    patient.cancel()


def asks_for_the_link(patient: Patient) -> None:
    """Books, loses the mail, and asks for it."""
    patient.book()
    page = patient.browser.page("/find-my-visit")
    patient.browser.press(page, page.buttons[-1], email=patient.details()["email"])


class Race:
    """A story for several people who want the very same time, and press at the same moment."""

    def __init__(self, type_slug: str, racers: int) -> None:
        self._type_slug, self._slot = type_slug, ""
        self._lock, self._start = threading.Lock(), threading.Barrier(racers)

    def __call__(self, patient: Patient) -> None:
        page = patient.browser.page(f"/book/{self._type_slug}")
        with self._lock:
            self._slot = self._slot or patient.choose(page)
        with suppress(threading.BrokenBarrierError):
            self._start.wait(5)
        wanted = self._slot if self._slot in page.choices("slot") else patient.choose(page)
        patient.pay(patient.to_payment_page(patient.fill_in(patient.hold(page, wanted))))


# Each with how many of a hundred do so.
STORIES: dict[Callable[[Patient], None], int] = {
    pays: 14,
    books_free: 8,
    leaves: 14,
    is_declined_then_pays: 7,
    pays_late: 6,
    goes_back_and_pays: 6,
    double_clicks: 7,
    pays_in_two_tabs: 4,
    chooses_another_time: 8,
    moves: 9,
    cancels: 8,
    moves_then_cancels: 4,
    cancels_late: 3,
    asks_for_the_link: 2,
}


def _again(page: Page, browser: Browser, button: str, **fields: Any) -> Page:
    """The same page in another browser's hands."""
    return browser.press(Page(browser, page.response), button, **fields)  # type: ignore[arg-type]
