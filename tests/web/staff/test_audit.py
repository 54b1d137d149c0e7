"""The owner's search through the audit: who read or changed what, by person, patient and period, and as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from portal import clock
from portal.db import db, transaction
from portal.staff import audit
from portal.staff.access import Role
from portal.staff.models import Action, AuditEntry
from tests.support import factories
from tests.support.page import Page
from tests.support.staff import admitted
from tests.support.visitor import Visitor

SignIn = Callable[..., Visitor]
pytestmark = pytest.mark.usefixtures("ctx")


def rows(page: Page) -> list[str]:
    return [row.get_text(" ", strip=True) for row in page.soup.select("tbody tr")]


def note(role: Role = Role.RECEPTION, at: datetime | None = None, **what: object) -> None:
    staff = admitted(role)
    with transaction():
        audit.record(staff, Action.READ, "patient", at or clock.now(), **what)  # type: ignore[arg-type]


def test_who_read_what_of_whom_and_why(as_role: SignIn) -> None:
    nora = factories.make_patient()
    note(patient_id=nora.id, part="answers", why="She asked about her plan")
    (row,) = rows(as_role(Role.OWNER).page("/staff/audit"))
    assert row.endswith("Pia Wattle Read Patient, answers Nora Castellano She asked about her plan")


def test_it_is_searched_by_person(as_role: SignIn) -> None:
    note(Role.RECEPTION)
    note(Role.MANAGER)
    page = as_role(Role.OWNER).page("/staff/audit").submit("Search", person="Milo Ashgrove")
    assert len(rows(page)) == 1
    assert "Milo Ashgrove" in rows(page)[0]


@pytest.mark.parametrize("typed", ["Nora", "castellano nora", "NORA@EXAMPLE.COM", "bk-000777"])
def test_it_is_searched_by_patient(as_role: SignIn, typed: str) -> None:
    nora = factories.make_patient(email="nora@example.com")
    other = factories.make_patient(given_name="Ada", family_name="Lim", email="ada@example.com")
    factories.make_booking(patient=nora, reference="BK-000777")
    note(patient_id=nora.id)
    note(patient_id=other.id)
    page = as_role(Role.OWNER).page("/staff/audit").submit("Search", patient=typed)
    assert len(rows(page)) == 1
    assert "Nora Castellano" in rows(page)[0]


def test_a_list_that_showed_a_patient_is_found_as_well(as_role: SignIn) -> None:
    people = [
        factories.make_patient(given_name=name, email=f"{name}@example.com") for name in ("Ada", "Bo", "Cy", "Di")
    ]
    note(patient_ids=[each.id for each in people[:2]], part="two")
    note(patient_ids=[each.id for each in people], part="four")
    owner = as_role(Role.OWNER)
    (both,) = rows(owner.page("/staff/audit").submit("Search", patient="Cy"))
    assert both.endswith("Patient, four 4 patients")
    page = owner.page("/staff/audit").submit("Search", patient="bo castellano")
    assert [row.split("Read Patient, ")[1] for row in rows(page)] == [
        "four 4 patients",
        "two Ada Castellano, Bo Castellano",
    ]
    lines = list(csv.reader(io.StringIO(page.submit("Download as CSV").response.text)))
    assert lines[1][5] == "Ada Castellano; Bo Castellano; Cy Castellano; Di Castellano"


@pytest.mark.parametrize("typed", ["%", "_", "nobody", "'; drop table patient; --"])
def test_odd_words_find_nobody(as_role: SignIn, typed: str) -> None:
    note(patient_id=factories.make_patient().id)
    page = as_role(Role.OWNER).page("/staff/audit").submit("Search", patient=typed)
    assert rows(page) == []
    assert page.has("Nothing in the audit fits this search.")


def test_a_period_is_of_whole_days_in_the_clinics_zone(as_role: SignIn) -> None:
    """11 pm on the last day in Sydney is noon in UTC; half past midnight is the next day."""
    note(at=datetime(2026, 3, 4, 12, 0, tzinfo=UTC), part="late on the 4th")
    note(at=datetime(2026, 3, 4, 13, 30, tzinfo=UTC), part="early on the 5th")
    page = as_role(Role.OWNER).page("/staff/audit?first=2026-03-04&last=2026-03-04")
    assert [("late on the 4th" in row, "early" in row) for row in rows(page)] == [(True, False)]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("first=yesterday", "Please choose a day from the calendar."),
        ("person=99", "Please choose one from the list."),
        ("person=x", "Please choose one from the list."),
        ("action=flew", "Please choose one from the list."),
        ("patient=" + "x" * 101, "Please use 100 characters at most."),
    ],
)
def test_junk_gives_the_form_again(as_role: SignIn, query: str, words: str) -> None:
    page = as_role(Role.OWNER).page(f"/staff/audit?{query}", status=422)
    assert page.errors == [words]


def test_it_comes_as_a_file_that_runs_nothing(as_role: SignIn) -> None:
    evil = factories.make_patient(given_name='=HYPERLINK("http://evil.example.com")', family_name="Lim")
    note(patient_id=evil.id, why='-2+3", or so')
    page = as_role(Role.OWNER).page("/staff/audit").submit("Download as CSV")
    answer = page.response
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="audit-20')
    lines = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert lines[0][:4] == ["When (UTC)", "Who", "Action", "What"]
    assert lines[1][5] == '\'=HYPERLINK("http://evil.example.com") Lim'
    assert lines[1][7] == "'-2+3\", or so"


def test_the_file_holds_what_was_searched_for_and_is_noted_itself(as_role: SignIn) -> None:
    note(Role.RECEPTION)
    note(Role.MANAGER)
    owner = as_role(Role.OWNER)
    page = owner.page("/staff/audit").submit("Search", person="Milo Ashgrove").submit("Download as CSV")
    assert len(page.response.text.splitlines()) == 2
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == Action.EXPORTED)).one()
    assert (entry.kind, entry.part) == ("audit", "1 entries")


def test_long_lists_come_in_pages_the_newest_first(as_role: SignIn) -> None:
    staff, now = admitted(Role.RECEPTION), clock.now()
    with transaction():
        for number in range(51):
            audit.record(staff, Action.READ, "patient", now - timedelta(minutes=number), part=f"part {number}.")
    page = as_role(Role.OWNER).page("/staff/audit?action=read")
    assert len(rows(page)) == 50
    assert "part 0." in rows(page)[0]
    page = page.follow("Next")
    assert "part 50." in rows(page)[0]
    assert page.url == "/staff/audit?action=read&page=2"
