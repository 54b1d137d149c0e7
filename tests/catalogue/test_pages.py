"""The clinic's details in its own pages."""

from __future__ import annotations

import re

import pytest

from portal.catalogue.pages import fill_in
from portal.clinic import Clinic
from tests.catalogue.seeds import packaged

BODY = "Welcome to {clinic_name}.\n\n- Phone: {clinic_phone}\n- E-mail: {clinic_email}"


def test_the_clinics_details_take_their_places() -> None:
    clinic = Clinic(name="Rosella Clinic", phone="(02) 5550 0100", email="hello@rosella-clinic.example.com")

    assert fill_in(BODY, clinic) == (
        "Welcome to Rosella Clinic.\n\n- Phone: (02) 5550 0100\n- E-mail: hello@rosella-clinic.example.com"
    )


def test_a_line_about_an_unknown_detail_is_left_out() -> None:
    assert fill_in(BODY, Clinic(name="Rosella Clinic", phone="(02) 5550 0100")).endswith("- Phone: (02) 5550 0100")


def test_a_detail_that_looks_like_a_placeholder_stays_as_it_is() -> None:
    assert fill_in("{clinic_name}", Clinic(name="{clinic_phone}", phone="1")) == "{clinic_phone}"


@pytest.mark.parametrize("page", packaged()["pages"], ids=lambda page: page["id"])
def test_no_packaged_page_has_an_unknown_placeholder(page: dict[str, list[str]]) -> None:
    clinic = Clinic("Rosella Clinic", "1", "2", "3", "4")

    assert not re.search(r"[{}]", fill_in("\n\n".join(page["body"]), clinic))
