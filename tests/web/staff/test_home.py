"""Home of the back office: what needs a person today, and where there is room in the week."""

from __future__ import annotations

from collections.abc import Callable
from datetime import time, timedelta

import pytest

from portal import clock
from portal.db import transaction
from portal.staff.access import Role
from portal.staff.tasks import raise_task
from tests.support import factories
from tests.support.visitor import Visitor

SignIn = Callable[..., Visitor]
pytestmark = pytest.mark.usefixtures("ctx")


def test_it_says_who_is_signed_in_and_with_which_role(as_role: SignIn) -> None:
    page = as_role(Role.RECEPTION).page("/staff")
    assert page.heading == "Today"
    assert page.has("Pia Wattle")
    assert page.has("Reception")
    assert "Sign out" in page.buttons


def test_what_needs_somebody_is_listed_with_the_oldest_first(as_role: SignIn) -> None:
    now = clock.now()
    with transaction():
        raise_task("refund-failed", "Stripe could not give back the money for BK-000001.", now, about="1")
        raise_task("mail-unsure", "A mail may not have arrived.", now - timedelta(hours=1), about="2")
    page = as_role(Role.RECEPTION).page("/staff")
    rows = [row.get_text(" ", strip=True) for row in page.soup.select("tbody tr")]
    assert rows[0].startswith("A mail may not have arrived.")
    assert rows[1].startswith("Stripe could not give back")


def test_an_empty_list_says_so(as_role: SignIn) -> None:
    page = as_role(Role.RECEPTION).page("/staff")
    assert page.has("Nothing needs you right now.")
    assert page.has("Nobody has working hours yet")


def test_gaps_are_told_in_minutes_by_practitioner_and_day(as_role: SignIn) -> None:
    person, place = factories.make_practitioner(name="Ines Calloway"), factories.make_location(is_telehealth=True)
    factories.make_hours(person, place, starts=time(9), ends=time(11))
    factories.make_type(start_step_minutes=30)
    factories.make_type(start_step_minutes=30, length_minutes=60)  # the same minutes are not open twice
    page = as_role(Role.RECEPTION).page("/staff")
    cells = [
        cell.get_text(strip=True)
        for cell in page.part("section[aria-labelledby=gaps-heading] tbody tr").soup.select("td")
    ]
    assert len(cells) == 7
    assert set(cells[1:]) == {"120"}


def test_a_bookkeeper_sees_what_is_about_money_and_no_diary(as_role: SignIn) -> None:
    with transaction():
        raise_task("refund-failed", "Money went nowhere.", clock.now(), about="1")
        raise_task("mail-unsure", "A mail may be lost.", clock.now(), about="2")
    page = as_role(Role.BOOKKEEPER).page("/staff")
    assert page.has("Money went nowhere.")
    assert not page.has("A mail may be lost.")
    assert not page.has("Gaps in the next 7 days")


def test_a_practitioner_sees_the_gaps_of_their_own_diary_only(as_role: SignIn) -> None:
    place = factories.make_location(is_telehealth=True)
    own = factories.make_practitioner(name="Ines Calloway", graph_user_id="11111111-0000-4000-8000-000000000001")
    other = factories.make_practitioner(name="Ravi Fernside")
    for person in (own, other):
        factories.make_hours(person, place)
    factories.make_type()
    page = as_role(Role.PRACTITIONER, practitioner=own).page("/staff")
    assert [head.get_text(strip=True) for head in page.soup.select("tbody th")] == ["Ines Calloway"]
