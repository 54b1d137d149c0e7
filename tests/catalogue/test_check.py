"""The doubts that staff are told about."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from portal.catalogue.check import warnings
from portal.catalogue.document import read_document
from portal.catalogue.load import load
from portal.catalogue.models import Processor, ProcessorKind, ServiceStatus
from portal.db import db, transaction
from tests.catalogue.seeds import packaged
from tests.support.factories import make_service, make_type

pytestmark = pytest.mark.usefixtures("ctx")

NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)
TODAY = date(2026, 3, 2)


def sound_type(**columns: Any) -> str:
    """A free type that nobody has a doubt about, with these columns instead."""
    with transaction():
        load(read_document({"forms": packaged()["forms"]}), NOW, "tests")
    return make_type(**({"price_cents": 0, "intake_form": "mini-intake"} | columns)).slug


def test_a_sound_catalogue_raises_no_doubt() -> None:
    sound_type()

    assert warnings(NOW, TODAY) == []


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"length_minutes": None}, "has no length: it is shown and cannot be booked."),
        ({"price_cents": None}, "has no price: it is shown and cannot be booked."),
        ({"price_cents": 100}, "is paid and has no GST rule: receipts show no GST line."),
        ({"intake_form": None}, "has no intake form."),
        ({"questions_form": "lost"}, 'asks for the form "lost", which does not exist.'),
    ],
)
def test_a_doubt_about_a_type_is_told(columns: dict[str, Any], words: str) -> None:
    slug = sound_type(**columns)

    assert warnings(NOW, TODAY) == [f'"{slug}" {words}']


def test_a_missing_medirecords_code_is_told_where_the_service_goes_there() -> None:
    service = make_service()
    db.session.add(Processor(service_id=service.id, kind=ProcessorKind.MEDIRECORDS))
    db.session.commit()
    slug = sound_type(service=service)

    told = f'"{slug}" has no MediRecords code, although its service goes to MediRecords: no appointment is made there.'
    assert warnings(NOW, TODAY) == [told]


def test_a_launch_date_that_has_passed_is_told() -> None:
    make_service(slug="counseling", status=ServiceStatus.COMING_SOON, launch_on=date(2024, 6, 1))

    assert warnings(NOW, TODAY) == ['"counseling" is coming soon, and its launch date 01/06/2024 is past: not shown.']


def test_an_active_service_with_nothing_to_book_is_told() -> None:
    make_service(slug="empty")

    assert warnings(NOW, TODAY) == ['"empty" is active, but has nothing to book.']


def test_what_is_retired_or_switched_off_is_left_alone() -> None:
    sound_type(service=make_service(status=ServiceStatus.RETIRED), price_cents=None)
    service = make_service()
    sound_type(service=service)
    sound_type(service=service, price_cents=None, is_active=False)

    assert warnings(NOW, TODAY) == []
