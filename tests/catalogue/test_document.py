"""What a catalogue document may say."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from portal.catalogue.document import BadDocument, read_document
from portal.intake.definition import parse
from tests.catalogue.seeds import clinics_own, packaged

GAPS = {"id": "gaps", "name": "GAPS", "status": "active"}
TYPE = {"type": "initial-gaps-60min", "duration": 60, "price": 195}


def services(*entries: Any) -> dict[str, Any]:
    return {"services": list(entries)}


def with_type(**values: Any) -> dict[str, Any]:
    return services({**GAPS, "appointments": [{**TYPE, **values}]})


def test_the_clinics_own_document_reads_unchanged() -> None:
    document = read_document(clinics_own())

    assert [service.slug for service in document.services] == ["alternative-medicine", "weight-loss", "counseling"]
    assert document.services[0].types[0].values == {
        "length_minutes": 30,
        "price_cents": 6900,
        "calendly_event": "alt-med-30",
        "medi_code": "CONSULT_ALT_30",
    }
    assert document.services[2].values["launch_on"] == date(2024, 6, 1)


def test_the_packaged_catalogue_reads() -> None:
    document = read_document(packaged())

    assert len(list(document.types)) == 10
    assert document.services[0].slug == "initial-consult"


@pytest.mark.parametrize("form", packaged()["forms"], ids=lambda form: form["id"])
def test_each_packaged_form_is_a_valid_definition(form: dict[str, Any]) -> None:
    assert parse(form["definition"], [("gaps", "GAPS")]).questions


def test_a_long_text_may_come_in_paragraphs() -> None:
    document = read_document(services({**GAPS, "description": ["One.", "Two."]}))

    assert document.services[0].values["description"] == "One.\n\nTwo."


@pytest.mark.parametrize(("price", "cents"), [(0, 0), (119, 11900), (79.5, 7950), (19.99, 1999), (None, None)])
def test_prices_are_dollars(price: float | None, cents: int | None) -> None:
    assert next(read_document(with_type(price=price)).types).values["price_cents"] == cents


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ([], "The catalogue must be an object with keys and values."),
        ({"service": []}, "The catalogue has a key that is not known: service."),
        ({"services": {}}, "services must be a list."),
        (services("gaps"), "Service number 1 must be an object with keys and values."),
        (services({"name": "GAPS"}), "Service number 1: id must be small letters and digits"),
        (services({**GAPS, "id": "GAPS!"}), "not 'GAPS!'."),
        (services({**GAPS, "prise": 3}), 'Service "gaps" has a key that is not known: prise.'),
        (
            services({**GAPS, "status": "open"}),
            "status must be one of draft, active, coming-soon, retired, not 'open'.",
        ),
        (services({**GAPS, "launch_date": "June"}), "launch_date must be a date such as 2026-12-01, not 'June'."),
        (services({**GAPS, "waitlist": "yes"}), "waitlist must be true or false, not 'yes'."),
        (services({**GAPS, "name": " "}), "name must not be empty"),
        (services({**GAPS, "name": "a\x00"}), "name must be a text without unprintable characters"),
        (services(GAPS, GAPS), 'Service "gaps" stands in the catalogue twice.'),
        (services({**GAPS, "appointments": [{"duration": 60}]}), 'Service "gaps", appointment number 1: type must be'),
        (services({**GAPS, "appointments": [TYPE, TYPE]}), '"initial-gaps-60min" stands in the catalogue twice.'),
        (services({**GAPS, "processor": {"kind": "fax"}}), 'Service "gaps", processor: kind must be one of'),
        (with_type(price="195"), 'Appointment type "initial-gaps-60min": price must be an amount in dollars'),
        (with_type(price=19.999), "price must be an amount in dollars"),
        (with_type(price=-1), "price must be an amount in dollars"),
        (with_type(price=True), "price must be an amount in dollars"),
        (with_type(price=float("nan")), "price must be an amount in dollars"),
        (with_type(duration=0), "duration must be a whole number from 1 to 480, not 0."),
        (with_type(duration=7.5), "duration must be a whole number from 1 to 480, not 7.5."),
        (with_type(mode="phone"), "mode must be one of telehealth, in-person, not 'phone'."),
        ({"calendars": [{"id": "gaps"}]}, 'Calendar "gaps" lacks name.'),
        ({"forms": [{"id": "f", "title": "F", "purpose": "intake", "definition": []}]}, "definition must be an object"),
        ({"old_addresses": {"/x": "//elsewhere.example.com"}}, "must be a path on this site"),
        ({"old_addresses": {"x": "/"}}, "Old address 'x' and where it leads must be a path on this site"),
    ],
)
def test_a_wrong_document_is_refused_in_one_sentence(raw: object, words: str) -> None:
    with pytest.raises(BadDocument) as caught:
        read_document(raw)

    assert words in str(caught.value)
