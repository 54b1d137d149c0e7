"""Two records of one person: found, joined, parted again exactly as they were; or remembered as two people."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from portal import clock
from portal.bookings import merge as merging
from portal.bookings import same_people
from portal.bookings.details import Details, record_details
from portal.bookings.merge import AlreadyMerged, NotTheLast
from portal.bookings.models import BookedFor, Booking
from portal.bookings.scope import patients_of
from portal.bookings.states import Status
from portal.db import db, transaction
from portal.patients import match
from portal.patients.models import Gender, Patient, PatientMerge
from portal.staff.access import Staff
from portal.staff.models import AuditEntry, StaffTask
from tests.support.factories import make_booking, make_patient

pytestmark = pytest.mark.usefixtures("ctx")


def booked(**columns: Any) -> Patient:
    patient = make_patient(**columns)
    make_booking(patient=patient)
    return patient


def merge(kept: Patient, gone: Patient, staff: Staff) -> PatientMerge:
    with transaction():
        return merging.merge(kept.id, gone.id, staff, clock.now())


def undo(made: PatientMerge, staff: Staff) -> list[str]:
    with transaction():
        return merging.undo(made, staff, clock.now())


def pair_ids() -> list[tuple[int, int]]:
    return [(one.id, other.id) for one, other in same_people.pairs()]


def holders() -> dict[str, int | None]:
    return {visit.reference: visit.patient_id for visit in db.session.scalars(select(Booking))}


def everything() -> list[tuple[Any, ...]]:
    """Both tables, row by row."""
    db.session.expire_all()
    people = [tuple(row) for row in db.session.execute(select(*Patient.__table__.c).order_by(Patient.id))]
    return people + [
        tuple(row) for row in db.session.execute(select(Booking.id, Booking.patient_id).order_by(Booking.id))
    ]


NORA = {"email": "nora@example.com", "mobile": "+61491570156", "born_on": date(1984, 3, 9)}


@pytest.mark.parametrize(
    ("other", "is_doubtful"),
    [
        ({**NORA, "email": "new@example.com"}, True),
        ({**NORA, "family_name": "Castellano-Reyes"}, True),
        ({**NORA, "given_name": "Eleonora"}, True),
        ({**NORA, "born_on": date(1984, 9, 3)}, True),  # a slip in the date
        ({**NORA, "given_name": "NORA", "email": "NORA@example.com", "mobile": "+61491570159"}, True),
        ({**NORA, "given_name": "Luca", "born_on": date(2016, 5, 5)}, False),  # her child
        ({"given_name": "Nora", "born_on": date(1990, 1, 1), "mobile": "+61491570159"}, False),  # a namesake
        (
            {"given_name": "Ivo", "family_name": "Sandhurst", "born_on": date(1984, 3, 9), "mobile": "+61491570159"},
            False,
        ),
    ],
)
def test_who_may_be_one_person_is_put_before_the_desk(other: dict[str, Any], is_doubtful: bool) -> None:
    one, another = booked(**NORA), booked(**other)
    assert pair_ids() == ([(one.id, another.id)] if is_doubtful else [])


def test_somebody_who_never_booked_is_in_no_pair() -> None:
    booked(**NORA)
    make_patient(**NORA)
    held = make_patient(**NORA)
    make_booking(patient=held, status=Status.HELD)
    assert pair_ids() == []


def test_two_people_stay_two_people(pia: Staff) -> None:
    one, other = booked(**NORA), booked(**{**NORA, "given_name": "Eleonora"})
    for _ in range(2):
        with transaction():
            same_people.keep_apart(other, one, pia, clock.now())
    assert pair_ids() == []
    assert len(db.session.scalars(select(AuditEntry).where(AuditEntry.part == "not the same person")).all()) == 2
    with transaction():
        same_people.doubt_again(one, other, pia, clock.now())
    assert pair_ids() == [(one.id, other.id)]


def test_a_merge_moves_the_visits_and_undo_brings_everything_back(pia: Staff) -> None:
    kept, gone = booked(**NORA), booked(**{**NORA, "email": "new@example.com"})
    make_booking(patient=gone, status=Status.CANCELLED)
    before = everything()
    made = merge(kept, gone, pia)
    assert set(holders().values()) == {kept.id}
    assert len(made.moved) == 2
    assert pair_ids() == []
    assert [each.id for each in db.session.scalars(patients_of(pia))] == [kept.id]
    assert undo(made, pia) == []
    assert everything() == before
    assert undo(made, pia) == []
    assert everything() == before


def test_undo_leaves_what_came_since_where_it_is(pia: Staff) -> None:
    kept, gone = booked(**NORA), booked(**{**NORA, "email": "new@example.com"})
    before = holders()
    made = merge(kept, gone, pia)
    newcomer = make_booking(patient=kept, held_at=clock.now() + timedelta(seconds=5))
    assert undo(made, pia) == [newcomer.reference]
    assert holders() == {**before, newcomer.reference: kept.id}


def test_a_visit_given_to_somebody_else_meanwhile_stays_with_them(pia: Staff) -> None:
    kept, gone, third = booked(**NORA), booked(**{**NORA, "email": "new@example.com"}), make_patient()
    made = merge(kept, gone, pia)
    with transaction():
        db.session.get_one(Booking, made.moved[0]).patient_id = third.id
    undo(made, pia)
    assert db.session.get_one(Booking, made.moved[0]).patient_id == third.id


def test_who_comes_back_as_the_record_that_went_is_the_one_that_stayed(pia: Staff) -> None:
    kept, gone = booked(**NORA), booked(**{**NORA, "email": "new@example.com"})
    merge(kept, gone, pia)
    again = make_patient(**{**NORA, "email": "new@example.com"})
    assert match.join_known(again).id == kept.id


def test_a_hold_stays_with_what_was_typed_and_changes_nothing_of_the_record(pia: Staff) -> None:
    kept, gone = booked(**NORA), booked(**{**NORA, "email": "new@example.com"})
    held = make_booking(patient=gone, status=Status.HELD)
    merge(kept, gone, pia)
    assert held.patient_id == gone.id
    typed = Details("Nina", "Other", "", date(1990, 1, 1), Gender.OTHER, "nina@example.com", "+61491570159",
                    "0491 570 159", BookedFor.SELF, "", True)  # fmt: skip
    with transaction():
        record_details(held, typed, clock.now())
    assert (gone.given_name, kept.given_name) == ("Nora", "Nora")
    assert held.patient_id not in (kept.id, gone.id)


@pytest.mark.parametrize(
    ("kept_has", "gone_has", "afterwards", "is_task"),
    [
        (None, None, None, False),
        ("mr-1", None, "mr-1", False),
        (None, "mr-2", "mr-2", False),
        ("mr-1", "mr-1", "mr-1", False),
        ("mr-1", "mr-2", "mr-1", True),
    ],
)
def test_ids_of_medirecords_are_never_guessed(
    pia: Staff, kept_has: str | None, gone_has: str | None, afterwards: str | None, is_task: bool
) -> None:
    kept = booked(**NORA, medirecords_id=kept_has)
    gone = booked(**{**NORA, "email": "new@example.com"}, medirecords_id=gone_has)
    before = everything()
    made = merge(kept, gone, pia)
    assert (kept.medirecords_id, gone.medirecords_id) == (afterwards, gone_has)
    tasks = db.session.scalars(select(StaffTask)).all()
    assert len(tasks) == is_task
    assert all("Nora" not in task.words for task in tasks)
    undo(made, pia)
    assert everything() == before
    assert all(task.done_at for task in db.session.scalars(select(StaffTask)))


def test_a_record_goes_only_once_and_later_merges_are_undone_first(pia: Staff) -> None:
    first, second, third = (booked(**{**NORA, "email": f"n{n}@example.com"}) for n in range(3))
    before = everything()
    one = merge(second, first, pia)
    with pytest.raises(AlreadyMerged):
        merge(third, first, pia)
    two = merge(third, second, pia)
    assert match.survivor(first).id == third.id
    with pytest.raises(NotTheLast):
        undo(one, pia)
    undo(two, pia)
    undo(one, pia)
    assert everything() == before
