"""Doubtful matches at the desk: side by side, joined and undone, or kept apart."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from portal import clock
from portal.bookings.models import Booking
from portal.db import db
from portal.patients.models import Patient
from portal.staff.access import Role
from portal.staff.models import Action, AuditEntry
from tests.support.factories import make_booking, make_patient
from tests.support.visitor import Visitor

AsRole = Callable[..., Visitor]
pytestmark = pytest.mark.usefixtures("ctx")
HOME = "/staff/patients"
QUEUE = f"{HOME}/matches"
PART = "Undo: part the two records of Nora Castellano"


@pytest.fixture
def noras() -> tuple[Patient, Patient]:
    one, other = (make_patient(email=f"nora.{name}@example.com") for name in ("old", "new"))
    make_booking(patient=one, reference="BK-AAAAAA")
    make_booking(patient=other, reference="BK-BBBBBB")
    return one, other


def holders() -> list[int | None]:
    db.session.expire_all()
    return [visit.patient_id for visit in db.session.scalars(select(Booking).order_by(Booking.id))]


@pytest.mark.parametrize("role", [Role.PRACTITIONER, Role.BOOKKEEPER])
def test_others_may_not_join_records(as_role: AsRole, noras: tuple[Patient, Patient], role: Role) -> None:
    visitor = as_role(role)
    assert visitor.get(QUEUE).status_code == 403
    assert visitor.get(f"{QUEUE}/{noras[0].id}/{noras[1].id}").status_code == 403


def test_two_records_stand_side_by_side(pia: Visitor, noras: tuple[Patient, Patient]) -> None:
    page = pia.page(HOME).follow("Doubtful matches").follow("Compare Nora Castellano and Nora Castellano")
    row = next(each.get_text(" ", strip=True) for each in page.soup.select("tbody tr") if "E-mail" in each.get_text())
    assert row == "E-mail nora.old@example.com nora.new@example.com Differs"
    read = db.session.scalars(select(AuditEntry).where(AuditEntry.part == "comparison")).all()
    assert {entry.patient_id for entry in read} == {each.id for each in noras}
    assert {entry.action for entry in read} == {Action.READ}


@pytest.mark.parametrize("which", [0, 1])
def test_joining_takes_one_click_and_undoing_another(pia: Visitor, noras: tuple[Patient, Patient], which: int) -> None:
    kept, gone = noras[which], noras[1 - which]
    before = holders()
    page = pia.page(f"{QUEUE}/{noras[0].id}/{noras[1].id}")
    page = page.submit(f"Same person: keep “{kept.full_name}, {kept.email}”")
    assert page.has("Joined: 1 visit is with Nora Castellano now.")
    assert page.has("No record looks like another one.")
    assert holders() == [kept.id, kept.id]
    assert pia.page(HOME).submit("Find", asked="castellano").has("1 person")
    assert pia.get(f"{HOME}/{gone.id}").headers["Location"] == f"{HOME}/{kept.id}"
    page = page.submit(PART)
    assert page.has("Parted: both records are as they were.")
    assert holders() == before
    assert pia.get(f"{HOME}/{gone.id}").status_code == 200
    changes = db.session.scalars(select(AuditEntry.part).where(AuditEntry.action == Action.CHANGED)).all()
    assert sorted(changes) == ["joined with another record"] * 2 + ["parted from another record"] * 2


def test_parting_names_what_was_booked_since(pia: Visitor, noras: tuple[Patient, Patient]) -> None:
    one, other = noras
    page = pia.page(f"{QUEUE}/{one.id}/{other.id}").submit(f"Same person: keep “{one.full_name}, {one.email}”")
    make_booking(patient=one, reference="BK-CCCCCC", held_at=clock.now())
    assert page.submit(PART).has("What was booked since stays with Nora Castellano: BK-CCCCCC.")
    assert holders() == [one.id, other.id, one.id]


def test_two_people_are_remembered_and_can_be_doubted_again(pia: Visitor, noras: tuple[Patient, Patient]) -> None:
    page = pia.page(f"{QUEUE}/{noras[0].id}/{noras[1].id}").submit("Two different people")
    assert page.has("are two people. Nobody is asked again.")
    assert pia.page(QUEUE).has("No record looks like another one.")
    page = page.submit("Undo: ask about them again")
    assert "Compare Nora Castellano and Nora Castellano" in page.links


def test_the_queue_is_one_entry_with_all_whom_it_names(pia: Visitor, noras: tuple[Patient, Patient]) -> None:
    pia.page(QUEUE)
    [entry] = db.session.scalars(select(AuditEntry).where(AuditEntry.kind == "patient search"))
    assert (entry.part, entry.patient_ids) == ("1 doubtful matches", sorted(each.id for each in noras))


def test_an_address_names_nobody_who_was_not_kept_apart(pia: Visitor, noras: tuple[Patient, Patient]) -> None:
    stranger = make_patient(given_name="Percy", family_name="Lilly", email="percy@example.com")
    page = pia.page(f"{QUEUE}?one={noras[0].id}&other={stranger.id}")
    assert not page.has("Percy Lilly")
    assert not page.soup.select(".notice")


def test_who_comes_second_is_told(as_role: AsRole, pia: Visitor, noras: tuple[Patient, Patient]) -> None:
    one, other = noras
    address = f"{QUEUE}/{one.id}/{other.id}"
    slow, button = pia.page(address), f"Same person: keep “{one.full_name}, {one.email}”"
    as_role(Role.MANAGER).page(address).submit(button)
    answer = pia.post(f"{address}/merge", data={"csrf_token": slow.value("csrf_token"), "keep": str(one.id)})
    assert answer.status_code == 404
    assert holders() == [one.id, one.id]


@pytest.mark.parametrize("keep", ["", "999", "x"])
def test_a_merge_names_the_record_that_stays(pia: Visitor, noras: tuple[Patient, Patient], keep: str) -> None:
    address, before = f"{QUEUE}/{noras[0].id}/{noras[1].id}", holders()
    token = pia.page(address).value("csrf_token")
    assert pia.post(f"{address}/merge", data={"csrf_token": token, "keep": keep}).status_code == 400
    assert holders() == before


@pytest.mark.parametrize("path", ["1/1", "1/999", f"1/{2**63}"])
def test_a_pair_that_is_none_is_a_404(pia: Visitor, noras: tuple[Patient, Patient], path: str) -> None:
    assert pia.get(f"{QUEUE}/{path}").status_code == 404


@pytest.mark.parametrize("query", ["joined=x", "joined=99", f"parted={9 * 10**18}", "one=1&other=1", "since=<b>"])
def test_an_address_somebody_has_changed_says_nothing(pia: Visitor, query: str) -> None:
    page = pia.page(f"{QUEUE}?{query}")
    assert page.heading == "Doubtful matches"
    assert not page.soup.select(".notice")
