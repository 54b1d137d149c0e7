"""A new service without a developer: from the manager's first word to a visit in the past, at a real browser."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.shots import patient
from tests.shots.stage import Stage, until
from tests.support.browser import Tabs
from tests.support.staff import sign_in_by_hand

pytestmark = [pytest.mark.program, pytest.mark.browser, pytest.mark.timeout(400)]

CATALOGUE = "/staff/catalogue"
FIRST, RIDE = "equine-first-visit", "equine-follow-up-ride"
MESSAGE = "Wear closed shoes."


def test_a_new_service_is_drafted_sold_given_and_withdrawn_without_a_developer(stage: Stage, tabs: Tabs) -> None:
    manager, visitor = tabs(), tabs()
    sign_in_by_hand(manager, "manager")
    draft_equine(manager)
    set_hours(manager)
    check_mapping(manager)
    look_at_previews(manager)
    assert not_on_sale(visitor)

    publish(manager)

    visitor.goto("/services/equine")
    expect(visitor.get_by_text("$150.00")).to_be_visible()
    reference = book(visitor)
    assert_outlook_has(stage, reference)
    assert_medirecords_has(stage, reference)

    withdraw(manager)

    assert not_on_sale(visitor)
    visitor.goto(f"/bookings/{reference}")
    for words in ("You are booked", "Equine", "First visit", "$150.00", MESSAGE):
        expect(visitor.get_by_text(words).first).to_be_visible()
    stage.advance(days=8)
    visitor.goto(personal_link(stage))
    expect(visitor.get_by_role("heading", name="This visit has passed")).to_be_visible()
    for words in ("Equine", "First visit", "45 minutes", "$150.00"):
        expect(visitor.get_by_text(words).first).to_be_visible()


def draft_equine(page: Page) -> None:
    """Texts and state, two types with prices, and questions of their own."""
    page.goto(f"{CATALOGUE}/services/equine")
    page.get_by_label("State").select_option("Active")
    page.get_by_label("In one sentence").fill("A calm hour beside a horse, with somebody who knows both.")
    page.get_by_label("Description, in Markdown").fill(
        "You need no experience.\n\n- Boots help.\n- Nobody has to ride."
    )
    page.get_by_label("Horse").check()
    keep(page)
    add_type(page, "First visit", kind="First visit", minutes="45", dollars="150", code="CONSULT_ALT_45")
    keep(page)
    page.get_by_role("link", name="Write new questions for it").click()
    page.get_by_label("Title").fill("About your ride")
    page.get_by_label("Question", exact=True).fill("Have you been near a horse before?")
    page.get_by_label("How it is answered").select_option("One of several choices")
    page.get_by_label("Choices, one on each line").fill("Often\nOnce or twice\nNever")
    page.get_by_label("It needs an answer").check()
    keep(page)
    page.get_by_role("link", name="Add a question").click()
    page.get_by_label("Question", exact=True).fill("Is there anything the horse should know?")
    keep(page)
    page.goto(f"{CATALOGUE}/services/equine")
    add_type(page, "Follow-up ride", kind="Follow-up", minutes="30", dollars="90", code="CONSULT_ALT_30")
    page.get_by_label("Intake form").select_option("Medical history")
    keep(page)


def add_type(page: Page, name: str, *, kind: str, minutes: str, dollars: str, code: str) -> None:
    page.goto(f"{CATALOGUE}/services/equine/types/new")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Kind").select_option(kind)
    press(page, "Add the visit")
    page.get_by_label("Length in minutes").fill(minutes)
    page.get_by_label("Price in dollars, GST").fill(dollars)
    page.get_by_label("GST", exact=True).select_option("Includes GST")
    page.get_by_label("Confirmation message").fill(MESSAGE)
    page.get_by_label("MediRecords code (empty: no").fill(code)
    page.get_by_label("Minutes in MediRecords").fill(code[-2:])


def set_hours(page: Page) -> None:
    """Ines sees people with horses every day of the week, by video."""
    page.goto("/staff/practitioners/ines-calloway/hours?calendar=equine")
    for day in ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"):
        page.get_by_label(f"{day} range 1, from").fill("19:00")
        page.get_by_label(f"{day} range 1, until").fill("21:00")
        page.get_by_label(f"{day} range 1, where").select_option("Telehealth")
    press(page, "Save hours")
    expect(page.get_by_text("The hours are saved.")).to_be_visible()


def check_mapping(page: Page) -> None:
    page.goto(f"{CATALOGUE}/services/equine/mapping")
    page.get_by_label("What happens with its visits").select_option("They go to MediRecords")
    keep(page)
    press(page, "Check mapping")
    expect(page.get_by_text("First visit: is the appointment type “CONSULT_ALT_45” there.")).to_be_visible(
        timeout=30_000
    )
    expect(page.get_by_text("Ines Calloway is an active provider there.")).to_be_visible()
    expect(page.get_by_text("To mend")).to_have_count(0)


def look_at_previews(page: Page) -> None:
    """As a patient: the grid, the service, the details with the new questions, the confirmation."""
    page.goto(f"{CATALOGUE}/preview")
    page.get_by_role("link", name="Equine").click()
    expect(page.get_by_text("Nobody has to ride.")).to_be_visible()
    page.get_by_role("link", name="See times for First visit").click()
    expect(page.get_by_text("Have you been near a horse before?")).to_be_visible()
    press(page, "Continue")
    expect(page.get_by_text(MESSAGE)).to_be_visible()
    page.goto(f"{CATALOGUE}/preview/types/{FIRST}/mail")
    expect(page.get_by_text(MESSAGE)).to_be_visible()


def publish(page: Page) -> None:
    page.goto(f"{CATALOGUE}/changes")
    expect(page.get_by_text("Nothing to look at in what you changed")).to_be_visible()
    press(page, "Publish")
    expect(page.get_by_text("Patients see it now.")).to_be_visible()


def withdraw(page: Page) -> None:
    page.goto(f"{CATALOGUE}/services/equine")
    page.get_by_label("State").select_option("Retired")
    keep(page)
    page.goto(f"{CATALOGUE}/changes")
    press(page, "Publish")
    expect(page.get_by_text("Patients see it now.")).to_be_visible()


def not_on_sale(page: Page) -> bool:
    """Nobody can begin to book it. A page that was kept is a second old at most."""

    def gone() -> bool:
        page.goto("/")
        answer = page.request.get(f"/book/{FIRST}")
        return answer.status == 404

    return bool(until(gone, "it is still on sale"))


def book(page: Page) -> str:
    """Book and pay the first visit; -> its reference."""
    page.get_by_role("link", name="See times for First visit").click()
    patient.choose(page, 2)
    patient.press(page, "Continue")
    patient.fill_details(page)
    page.get_by_label("Never").check()
    patient.press(page, "Continue")
    patient.answer(page)
    expect(page.get_by_text("Never", exact=True)).to_be_visible()
    patient.press(page, "Pay $150.00 and book")
    patient.press(page, "Pay")
    page.get_by_role("heading", name="You are booked").wait_for(timeout=30_000)
    patient.press_link(page, "See your booking")
    return patient.reference_of(page)


def personal_link(stage: Stage) -> str:
    """The way to the visit that the confirmation's mail has."""
    found = re.search(r"/b/[\w-]+", stage.mail_about("Your appointment at Rosella Clinic")["html"])
    assert found is not None
    return found.group()


def assert_outlook_has(stage: Stage, reference: str) -> None:
    def found() -> list[Any]:
        events = requests.get(f"{stage.clinic.sandbox_url}/_emu/graph/events", timeout=10).json()
        return [each for each in events if (each["metadata"] or {}).get("b") == reference]

    [event] = until(found, "Outlook has no event")
    assert (event["metadata"]["s"], event["metadata"]["d"], event["metadata"]["c"]) == ("equine", 45, 15000)


def assert_medirecords_has(stage: Stage, reference: str) -> None:
    def found() -> list[Any]:
        rows = requests.get(f"{stage.clinic.sandbox_url}/_emu/medirecords/appointments", timeout=10).json()
        return [each for each in rows if f"[ref:{reference}]" in (each["notes"] or "")]

    [appointment] = until(found, "MediRecords has no appointment")
    assert "[bill:CONSULT_ALT_45]" in appointment["notes"]


def keep(page: Page) -> None:
    press(page, "Keep in my draft")
    assert not page.title().startswith("Error"), page.get_by_role("alert").inner_text()


def press(page: Page, words: str) -> None:
    with page.expect_navigation():
        page.get_by_role("main").get_by_role("button", name=words, exact=True).first.click()
