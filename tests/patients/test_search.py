"""The desk finds people by whatever they say of themselves on the phone."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import select

from portal.db import db
from portal.patients import search
from portal.patients.contact import Contact
from portal.patients.models import Gender, Patient
from tests.support.factories import make_patient

pytestmark = pytest.mark.usefixtures("ctx")


@pytest.fixture(autouse=True)
def people(ctx: None) -> None:
    make_patient(given_name="Nora", family_name="Castellano", email="nora@example.com", mobile="+61491570156")
    make_patient(
        given_name="Percival",
        family_name="van der Lilly",
        preferred_name="Percy",
        born_on=date(1961, 12, 24),
        email="percy_lilly@example.org",
        mobile="+61491570157",
    )
    make_patient(given_name="Nora", family_name="Brightwater", born_on=date(2015, 1, 2), mobile="+61491570158")


def found(asked: str) -> list[str]:
    wanted = search.matching(select(Patient), asked)
    assert wanted is not None
    return [patient.full_name for patient in db.session.scalars(wanted)]


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("nora", ["Nora Brightwater", "Nora Castellano"]),
        ("Castellano", ["Nora Castellano"]),
        ("castel nor", ["Nora Castellano"]),
        ("Castellano, Nora", ["Nora Castellano"]),
        ("percy", ["Percival van der Lilly"]),
        ("lilly", ["Percival van der Lilly"]),
        ("24/12/1961", ["Percival van der Lilly"]),
        ("24.12.1961", ["Percival van der Lilly"]),
        ("1961-12-24", ["Percival van der Lilly"]),
        ("nora 2/1/2015", ["Nora Brightwater"]),
        ("0491 570 157", ["Percival van der Lilly"]),
        ("+61 491 570 157", ["Percival van der Lilly"]),
        ("570158", ["Nora Brightwater"]),
        ("nora@", ["Nora Castellano"]),
        ("percy_", []),
        ("percy_l@", []),
        ("percy_lilly@example", ["Percival van der Lilly"]),
        ("31/2/1984", []),
        ("stella", []),
        ("%", []),
    ],
)
def test_people_are_found_by_what_they_say(asked: str, names: list[str]) -> None:
    if asked == "%":
        assert search.matching(select(Patient), asked) is None
    else:
        assert found(asked) == names


@pytest.mark.parametrize("asked", ["", "   ", "n", ","])
def test_too_little_is_not_looked_for(asked: str) -> None:
    assert search.matching(select(Patient), asked) is None


NORA = Contact(
    given_name="Nora",
    family_name="Castellano",
    preferred_name="",
    born_on=date(1984, 3, 9),
    gender=Gender.FEMALE,
    email="nora@example.com",
    mobile="+61491570156",
    mobile_as_typed="0491 570 156",
)


@pytest.mark.parametrize(
    ("changes", "is_found"),
    [
        ({}, True),
        ({"family_name": "Castellano-Reyes"}, True),  # married since
        ({"email": "new@example.com", "mobile": "+61491570159"}, True),
        ({"born_on": date(1984, 9, 3)}, True),  # day and month exchanged: same name and mail
        ({"given_name": "Luca", "born_on": date(2016, 5, 5)}, False),  # her child, with her mail and phone
        ({"born_on": date(1990, 1, 1), "email": "x@example.com", "mobile": "+61491570159"}, False),
    ],
)
def test_who_may_be_known_already_is_shown(changes: dict[str, object], is_found: bool) -> None:
    person = replace(NORA, **changes)  # type: ignore[arg-type]
    names = [patient.full_name for patient in db.session.scalars(search.alike(select(Patient), person))]
    assert ("Nora Castellano" in names) == is_found
