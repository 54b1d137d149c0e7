"""What a patient does on the portal's pages, each act until the page that answers it."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.sync_api import Page

TELEHEALTH, IN_PERSON, FREE = "initial-alternative-15min", "initial-inperson-20min", "initial-consult-free"
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


def hold(page: Page, type_slug: str, *, later: bool = False) -> None:
    """Choose a time, the first one or one near the end of the page; -> the details page."""
    page.goto(f"/book/{type_slug}")
    choose(page, -1 if later else 0)
    press(page, "Continue")


def to_check(page: Page, type_slug: str, *, later: bool = False) -> None:
    hold(page, type_slug, later=later)
    fill_details(page)
    press(page, "Continue")
    answer(page)


def book(page: Page, type_slug: str, *, later: bool = False) -> None:
    """A paid visit; the page is then its own."""
    to_check(page, type_slug, later=later)
    press(page, "Pay ")
    press(page, "Pay")
    page.get_by_role("heading", name="You are booked").wait_for(timeout=30_000)
    press_link(page, "See your booking")


def book_free(page: Page) -> None:
    to_check(page, FREE)
    press(page, "Book free consult")


def answer(page: Page) -> None:
    page.evaluate(ANSWER_ALL, REASON)
    press(page, "Continue")


def press(page: Page, words: str) -> None:
    with page.expect_navigation():
        page.get_by_role("main").get_by_role("button", name=words).first.click()


def press_link(page: Page, words: str) -> None:
    with page.expect_navigation():
        page.get_by_role("main").get_by_role("link", name=words).first.click()


def choose(page: Page, place: int) -> None:
    """Choose one of the times on the page, by its place in the list."""
    page.locator("input[name=slot]").nth(place).evaluate("radio => radio.click()")


def fill_details(page: Page) -> None:
    for name, words in DETAILS.items():
        page.fill(f"[name={name}]", words)
    page.evaluate(ANSWER_ALL, REASON)
    page.check("[name=booked_for][value=self]")


def reference_of(page: Page) -> str:
    """The booking whose page this is."""
    return urlsplit(page.url).path.split("/")[2]
