"""The list of tasks: narrowing it, marking one as done and taking that back, page by page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from portal import clock
from portal.db import db, transaction
from portal.staff.access import Role
from portal.staff.models import AuditEntry, StaffTask
from portal.staff.tasks import raise_task, settle_task
from tests.support import factories
from tests.support.page import Page
from tests.support.visitor import Visitor

SignIn = Callable[..., Visitor]
pytestmark = pytest.mark.usefixtures("ctx")


def open_task(kind: str, words: str, about: str = "1", minutes_ago: int = 0) -> None:
    with transaction():
        raise_task(kind, words, clock.now() - timedelta(minutes=minutes_ago), about=about)


def words_on(page: Page) -> list[str]:
    return [cell.get_text(strip=True) for cell in page.soup.select("tbody td:first-child")]


def test_marking_one_as_done_can_be_taken_back(as_role: SignIn) -> None:
    open_task("mail-unsure", "A mail may not have arrived.")
    page = as_role(Role.RECEPTION).page("/staff/tasks").submit("Done: A mail may not have arrived.")
    assert page.has("Marked as done: A mail may not have arrived.")
    assert page.has("Nothing needs you right now.")
    page = page.submit("Undo: open the task again")
    assert words_on(page) == ["A mail may not have arrived."]
    entries = db.session.scalars(select(AuditEntry).where(AuditEntry.kind == "task").order_by(AuditEntry.id))
    assert [entry.part for entry in entries] == ["done", "opened again"]


def test_a_trouble_that_came_back_is_one_open_task(as_role: SignIn) -> None:
    open_task("mail-unsure", "A mail may not have arrived.")
    page = as_role(Role.RECEPTION).page("/staff/tasks").submit("Done: A mail may not have arrived.")
    open_task("mail-unsure", "A mail may not have arrived.")
    page.submit("Undo: open the task again")
    open_ones = db.session.scalars(select(StaffTask).where(StaffTask.done_at.is_(None))).all()
    assert len(open_ones) == 1


def test_done_ones_stay_to_be_found(as_role: SignIn) -> None:
    open_task("mail-unsure", "A mail may not have arrived.")
    with transaction():
        settle_task("mail-unsure", clock.now(), about="1")
    page = as_role(Role.RECEPTION).page("/staff/tasks").follow("Done")
    assert words_on(page) == ["A mail may not have arrived."]
    page = page.submit("Open again: A mail may not have arrived.")
    assert words_on(page) == ["A mail may not have arrived."]


def test_a_list_can_be_narrowed_to_one_subject(as_role: SignIn) -> None:
    open_task("mail-unsure", "A mail.")
    open_task("refund-failed", "A refund.")
    page = as_role(Role.RECEPTION).page("/staff/tasks").submit("Show", about="Money")
    assert words_on(page) == ["A refund."]
    assert page.url == "/staff/tasks?state=open&about=Money"
    page = page.submit("Show", about="Outlook")
    assert page.has("No open task is about this.")
    assert words_on(page.follow("Clear")) == ["A mail.", "A refund."]


def test_two_hundred_stand_on_a_page(as_role: SignIn) -> None:
    with transaction():
        for number in range(201):
            raise_task("mail-unsure", f"Mail {number}.", clock.now() + timedelta(seconds=number), about=str(number))
    page = as_role(Role.RECEPTION).page("/staff/tasks")
    assert (len(words_on(page)), words_on(page)[0]) == (200, "Mail 0.")
    assert page.has("1 to 200 of 201")
    page = page.follow("Next")
    assert words_on(page) == ["Mail 200."]
    assert len(words_on(page.follow("Previous"))) == 200


@pytest.mark.parametrize("asked", ["0", "-1", "x", "99999", "9" * 40])
def test_a_page_that_is_not_there_is_one_that_is(as_role: SignIn, asked: str) -> None:
    open_task("mail-unsure", "A mail.")
    assert words_on(as_role(Role.RECEPTION).page(f"/staff/tasks?page={asked}")) == ["A mail."]


def test_what_is_not_their_work_is_not_theirs_to_settle(as_role: SignIn) -> None:
    open_task("mail-unsure", "A mail.")
    bookkeeper = as_role(Role.BOOKKEEPER)
    page = bookkeeper.page("/staff/tasks")
    assert words_on(page) == []
    answer = bookkeeper.post("/staff/tasks/1/completion", data={"csrf_token": page.value("csrf_token")})
    assert answer.status_code == 404
    assert bookkeeper.page("/staff/tasks?done=1").has("Marked") is False


def test_a_task_names_its_booking(as_role: SignIn) -> None:
    booking = factories.make_booking()
    with transaction():
        raise_task("dispute", "The payment is disputed.", clock.now(), booking_id=booking.id)
    page = as_role(Role.BOOKKEEPER).page("/staff/tasks")
    assert words_on(page) == [f"The payment is disputed.Open {booking.reference}"]
