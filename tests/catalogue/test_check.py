"""The doubts that staff are told about."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import select

from portal.catalogue import people
from portal.catalogue.check import Part, Weight, findings, warnings
from portal.catalogue.document import read_document
from portal.catalogue.load import load
from portal.catalogue.models import AppointmentType, Processor, ProcessorKind, ServiceStatus
from portal.db import db, transaction
from portal.staff.models import Practitioner
from tests.catalogue.seeds import packaged
from tests.support.factories import make_hours, make_location, make_practitioner, make_service, make_type

pytestmark = pytest.mark.usefixtures("ctx")

NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)
TODAY = date(2026, 3, 2)


def sound_type(*, has_hours: bool = True, **columns: Any) -> str:
    """A free type that nobody has a doubt about, with these columns instead."""
    with transaction():
        load(read_document({"forms": packaged()["forms"]}), NOW, "tests")
    if has_hours:
        make_hours(make_practitioner(), make_location(), weekdays=range(1))
    known: dict[str, Any] = {"price_cents": 0, "intake_form": "mini-intake"}
    return make_type(**(known | columns)).slug


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
        (
            {"price_cents": 100, "gst_rule": "gst_free", "payment_policy": "none"},
            "has a price, and nobody is asked to pay it.",
        ),
        ({"needs_room": True}, "needs a room, and there is none."),
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


def test_a_code_whose_service_goes_elsewhere_is_told() -> None:
    service = make_service(name="Equine")
    sound_type(service=service, medi_code="CONSULT_ALT_30", name="Riding")

    [found] = findings(NOW, TODAY)
    assert (found.part, found.slug) == (Part.PROCESSOR, service.slug)
    assert found.says == 'has visits with a MediRecords code, such as "Riding", and they do not go to MediRecords.'


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


def test_a_type_that_nobody_offers_is_told() -> None:
    slug = sound_type(has_hours=False)

    assert warnings(NOW, TODAY) == [f'"{slug}" has no practitioner who offers it.']


def test_a_type_without_working_hours_is_told() -> None:
    make_hours(make_practitioner(), make_location(), calendar_slug="other")
    slug = sound_type(has_hours=False)

    doubt = 'has no working hours: nobody who offers it works in the calendar "test-calendar".'
    assert warnings(NOW, TODAY) == [f'"{slug}" {doubt}']


def test_hours_that_are_over_count_for_nothing() -> None:
    make_hours(make_practitioner(), make_location(), valid_until=date(2026, 3, 1))
    sound_type(has_hours=False)

    assert [each.part for each in findings(NOW, TODAY)] == [Part.HOURS]


def test_somebody_who_is_named_and_has_no_hours_is_told() -> None:
    slug = sound_type()
    idle = make_practitioner(name="Lena Lark")
    busy = db.session.scalars(select(Practitioner).where(Practitioner.id != idle.id)).one()
    with transaction():
        type_id = db.session.scalars(select(AppointmentType.id).where(AppointmentType.slug == slug)).one()
        people.let_offer(type_id, [idle.slug, busy.slug])

    assert warnings(NOW, TODAY) == [
        f'"{slug}" is offered by Lena Lark, who has no hours in the calendar "test-calendar".'
    ]


def test_wording_is_found_in_every_text_that_patients_read() -> None:
    form = {"sections": [{"id": "s", "title": "You", "questions": [{"id": "q", "kind": "text", "label": "A cure?"}]}]}
    service = make_service(summary="Guaranteed.", description="Before and after.")
    slug = sound_type(service=service, summary="Hurry!", confirmation_message="A miracle.", questions_form="own")
    with transaction():
        load(
            read_document({"forms": [{"id": "own", "purpose": "questions", "title": "You", "definition": form}]}),
            NOW,
            "tests",
        )

    found = [each for each in findings(NOW, TODAY) if each.weight == Weight.WORDING]
    assert [(each.slug, each.field) for each in found] == [
        (service.slug, "summary"),
        (service.slug, "description"),
        (slug, "summary"),
        (slug, "confirmation_message"),
        ("own", ""),
    ]


def test_a_form_that_does_not_exist_is_an_error_and_not_a_doubt() -> None:
    sound_type(questions_form="lost")

    assert [each.weight for each in findings(NOW, TODAY)] == [Weight.ERROR]
