"""The clinic's settings: check digits of an ABN, defaults, and two who change at once."""

from __future__ import annotations

import pytest

from portal import clinic
from portal.clinic import Holds
from portal.db import transaction


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("51 824 753 556", "51 824 753 556"),
        ("51824753556", "51 824 753 556"),
        (" 5182 4753 556 ", "51 824 753 556"),
        ("10 000 000 000", "10 000 000 000"),
        ("51 824 753 557", None),
        ("15 824 753 556", None),
        ("51 824 753 55", None),
        ("51 824 753 5566", None),
        ("51 824 753 55a", None),
        ("٥١ 824 753 556", None),
        ("", None),
    ],
)
def test_an_abn_is_known_by_its_check_digits(typed: str, read: str | None) -> None:
    assert clinic.read_abn(typed) == read


@pytest.mark.usefixtures("ctx")
def test_what_nobody_has_set_has_its_default() -> None:
    assert clinic.holds() == Holds(15, 45)
    assert clinic.details().mail_footer == ""


@pytest.mark.usefixtures("ctx")
def test_setting_one_key_leaves_the_others() -> None:
    for values in ({"minutes": 20}, {"longest_minutes": 60, "of_another_release": 1}, {"minutes": 25}):
        with transaction():
            clinic.read_locked("holds")
            clinic.change("holds", values)
    assert clinic.holds() == Holds(25, 60)
    assert clinic.read("holds")["of_another_release"] == 1
