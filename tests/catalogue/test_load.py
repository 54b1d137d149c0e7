"""Loading a catalogue: what is added, what changes, and what stays."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from portal.catalogue import offer
from portal.catalogue.document import BadDocument, read_document
from portal.catalogue.export import export
from portal.catalogue.load import load
from portal.catalogue.models import (
    AppointmentType,
    CatalogueVersion,
    FormDefinition,
    GstRule,
    Kind,
    Mode,
    Price,
    Processor,
    ProcessorKind,
    Service,
)
from portal.db import db, transaction
from tests.catalogue.seeds import clinics_own, packaged, service_in, type_in, with_type

pytestmark = pytest.mark.usefixtures("ctx")

NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)
LATER = NOW + timedelta(days=30)


def put(raw: dict[str, Any], now: datetime = NOW) -> list[str]:
    with transaction():
        return load(read_document(raw), now, "tests")


def stored_type(slug: str) -> AppointmentType:
    return db.session.scalars(select(AppointmentType).where(AppointmentType.slug == slug)).one()


def count(table: type[Any]) -> int:
    return db.session.scalar(select(func.count()).select_from(table)) or 0


ALT, WEIGHT, VIDEO, CLINIC, NEW = "alternative-medicine", "weight-loss", "telehealth", "in-person", "mini-intake"
# type, service, calendar, minutes, dollars, mode, MediRecords code, form, listed: what was settled with the clinic.
SETTLED = [
    ("initial-consult-free", "initial-consult", "consultant", 15, 0, VIDEO, None, NEW, True),
    ("initial-alternative-15min", ALT, ALT, 15, 119, VIDEO, "CONSULT_ALT_30", NEW, True),
    ("followup-alternative-10min", ALT, ALT, 10, 79, VIDEO, "CONSULT_ALT_30", "medical-history", True),
    ("initial-inperson-20min", ALT, ALT, 20, 119, CLINIC, "CONSULT_ALT_45", NEW, True),
    ("followup-inperson-15min", ALT, ALT, 15, 79, CLINIC, "CONSULT_ALT_30", "medical-history", True),
    ("followup-alternative-30min", ALT, ALT, 30, 69, VIDEO, "CONSULT_ALT_30", "medical-history", False),
    ("initial-gaps-60min", "gaps", "gaps", 60, 195, VIDEO, "CONSULT_GAPS_60", NEW, True),
    ("followup-gaps-15min", "gaps", "gaps", 15, 79, VIDEO, "CONSULT_GAPS_45", "nutrition-assessment", True),
    ("initial-weight-tbd", WEIGHT, WEIGHT, None, None, VIDEO, "CONSULT_WEIGHT_15", NEW, True),
    ("followup-weight-45min", WEIGHT, WEIGHT, 45, 89, VIDEO, "CONSULT_WEIGHT_45", "weight-lifestyle", True),
]


def test_the_packaged_catalogue_is_the_settled_one() -> None:
    put(packaged())

    loaded = []
    for each in db.session.scalars(select(AppointmentType).order_by(AppointmentType.id)):
        price = each.price_at(NOW)
        dollars = price.amount_cents // 100 if price else None
        where = (each.slug, each.service.slug, each.calendar_slug)
        loaded.append(
            (*where, each.length_minutes, dollars, each.mode, each.medi_code, each.intake_form, each.is_listed)
        )
    assert loaded == SETTLED


def test_services_keep_the_names_and_order_of_the_document() -> None:
    put(packaged())

    rows = db.session.scalars(select(Service).order_by(Service.position))
    assert [(each.name, str(each.status)) for each in rows] == [
        ("Free Initial Consult", "active"),
        ("Alternative Medicine", "active"),
        ("GAPS", "active"),
        ("Weight Loss Program", "active"),
        ("Counseling Services", "coming-soon"),
        ("Equine", "coming-soon"),
    ]


def test_each_service_has_its_processor() -> None:
    put(packaged())

    kinds = {each.service.slug: each.kind for each in db.session.scalars(select(Processor))}
    assert kinds["initial-consult"] == ProcessorKind.NONE
    assert kinds["gaps"] == ProcessorKind.MEDIRECORDS
    assert kinds["equine"] == ProcessorKind.WAITLIST


def test_in_person_types_need_a_room_and_telehealth_types_do_not() -> None:
    put(packaged())

    types = db.session.scalars(select(AppointmentType)).all()
    assert {each.mode for each in types} == {Mode.IN_PERSON, Mode.TELEHEALTH}
    for each in types:
        assert each.needs_room == (each.mode == Mode.IN_PERSON)


def test_loading_again_changes_nothing() -> None:
    assert put(packaged()) != []
    assert put(packaged(), LATER) == []
    assert count(CatalogueVersion) == 1


def test_what_is_exported_loads_without_a_change() -> None:
    put(packaged())
    exported = export(LATER)

    assert put(exported, LATER) == []
    assert [each["id"] for each in exported["services"]] == [each["id"] for each in packaged()["services"]]


def test_an_export_rebuilds_the_catalogue_elsewhere() -> None:
    put(packaged())
    exported = export(NOW)
    for table in (Price, AppointmentType, Processor, Service, FormDefinition):
        db.session.query(table).delete()
    db.session.commit()

    put(exported)

    assert export(NOW) == exported


def test_the_clinics_own_document_loads_into_an_empty_database() -> None:
    put(clinics_own())

    weight = stored_type("followup-weight-45min")
    assert (weight.kind, weight.mode, weight.name) == (Kind.FOLLOW_UP, Mode.TELEHEALTH, "Follow-up weight, 45 minutes")
    assert (weight.calendar_slug, weight.intake_form) == ("weight-loss", "weight-lifestyle")
    assert (weight.cancellation_policy.notice_hours, weight.reporting_category) == (24, "weight-loss")
    assert weight.service.processor is not None
    assert weight.service.processor.kind == ProcessorKind.MEDIRECORDS
    assert offer.current_form("weight-lifestyle") is not None
    assert offer.is_bookable(weight, NOW)
    assert offer.get_service("counseling").has_waitlist


def test_the_clinics_own_document_agrees_with_the_packaged_one() -> None:
    put(packaged())

    assert put(clinics_own()) == []


def test_what_a_document_does_not_mention_stays() -> None:
    put(packaged())
    stored_type("initial-gaps-60min").gst_rule = GstRule.GST_FREE
    db.session.commit()

    changes = put({"services": [{"id": "gaps", "summary": "New words."}]})

    assert changes == [
        'Service "gaps": summary changes.',
    ]
    assert stored_type("initial-gaps-60min").gst_rule == GstRule.GST_FREE
    assert count(Service) == 6


def test_a_change_is_told_in_words() -> None:
    put(packaged())

    changes = put(with_type("initial-gaps-60min", duration=50, medi_code="CONSULT_GAPS_45", listed=False))

    assert changes == [
        'Appointment type "initial-gaps-60min": length minutes is 50 instead of 60.',
        'Appointment type "initial-gaps-60min": medi code is CONSULT_GAPS_45 instead of CONSULT_GAPS_60.',
        'Appointment type "initial-gaps-60min": is listed is no instead of yes.',
    ]


def test_the_first_price_holds_for_all_time_before() -> None:
    put(packaged())

    price = stored_type("initial-gaps-60min").price_at(NOW - timedelta(days=5 * 365))
    assert price is not None
    assert price.amount_cents == 19500


def test_a_changed_price_holds_from_now_on_and_the_old_one_is_kept() -> None:
    put(packaged())

    changes = put(with_type("initial-gaps-60min", price=205), LATER)

    assert changes == ['Appointment type "initial-gaps-60min": the price is $205.00 instead of $195.00.']
    gaps = stored_type("initial-gaps-60min")
    assert [price.amount_cents for price in gaps.prices] == [19500, 20500]
    assert gaps.prices[1].valid_from == LATER
    before = gaps.price_at(LATER - timedelta(seconds=1))
    assert before is not None
    assert before.amount_cents == 19500


def test_two_price_changes_at_the_same_instant_leave_the_last_one() -> None:
    put(packaged())
    put(with_type("initial-gaps-60min", price=205), LATER)
    put(with_type("initial-gaps-60min", price=210), LATER)

    assert [price.amount_cents for price in stored_type("initial-gaps-60min").prices] == [19500, 21000]


def test_a_price_cannot_be_taken_away() -> None:
    put(packaged())

    with pytest.raises(BadDocument, match="has a price, which can be changed but not taken away"):
        put(with_type("initial-gaps-60min", price=None))


def test_announcing_length_and_price_opens_a_type_for_booking() -> None:
    put(packaged())
    assert not offer.is_bookable(stored_type("initial-weight-tbd"), NOW)

    put(with_type("initial-weight-tbd", duration=30, price=99), LATER)

    assert offer.is_bookable(stored_type("initial-weight-tbd"), LATER)


def test_a_changed_form_is_a_new_version_and_the_old_one_stays() -> None:
    put(packaged())
    document = copy.deepcopy(packaged())
    form = next(each for each in document["forms"] if each["id"] == "mini-intake")
    form["definition"]["sections"][0]["title"] = "Before we meet"

    assert put(document) == ['Add form "mini-intake", version 2.']

    versions = db.session.scalars(select(FormDefinition).where(FormDefinition.slug == "mini-intake"))
    titles = {each.version: each.definition["sections"][0]["title"] for each in versions}
    assert titles == {1: "About your visit", 2: "Before we meet"}
    current = offer.current_form("mini-intake")
    assert current is not None
    assert current.version == 2


def test_a_new_service_is_data_alone() -> None:
    put(packaged())

    put(
        {
            "services": [
                {
                    "id": "sleep",
                    "name": "Sleep",
                    "status": "active",
                    "appointments": [{"type": "initial-sleep-30min", "duration": 30, "price": 99}],
                }
            ]
        }
    )

    assert [each.slug for each in offer.services_on_show()][-1] == "sleep"
    sleep = offer.get_bookable("initial-sleep-30min", NOW)
    assert (sleep.calendar_slug, sleep.intake_form) == ("sleep", "mini-intake")
    assert sleep.service.processor is not None
    assert sleep.service.processor.kind == ProcessorKind.NONE


def test_a_service_launches_by_its_status() -> None:
    put(packaged())
    document = copy.deepcopy(packaged())
    service_in(document, "equine").update(status="active", processor={"kind": "none"})

    assert put(document) == [
        'Service "equine": status is active instead of coming-soon.',
        'Processor of "equine": kind is none instead of waitlist.',
    ]
    assert offer.get_service("equine").is_active


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"form": "no-such-form"}, 'there is no form "no-such-form".'),
        ({"questions": "no-such-form"}, 'there is no form "no-such-form".'),
        ({"cancellation_policy": "harsh"}, 'there is no cancellation policy "harsh".'),
    ],
)
def test_a_reference_to_nothing_is_refused_and_nothing_is_written(values: dict[str, str], words: str) -> None:
    with pytest.raises(BadDocument, match=f'Appointment type "initial-gaps-60min": {words}'):
        put(with_type("initial-gaps-60min", **values))

    assert count(Service) == 0


def test_a_type_cannot_move_to_another_service() -> None:
    put(packaged())
    moved = {"id": "equine", "appointments": [{"type": "initial-gaps-60min"}]}

    with pytest.raises(BadDocument, match='"initial-gaps-60min" belongs to the service "gaps" already'):
        put({"services": [moved]})


def test_each_change_of_the_catalogue_is_kept_with_who_and_when() -> None:
    put(packaged())
    put(with_type("initial-gaps-60min", price=205), LATER)

    versions = list(db.session.scalars(select(CatalogueVersion).order_by(CatalogueVersion.id)))
    assert [(each.made_at, each.made_by) for each in versions] == [(NOW, "tests"), (LATER, "tests")]
    assert [type_in(each.document, "initial-gaps-60min")["price"] for each in versions] == [195, 205]


def test_pages_and_old_addresses_are_loaded() -> None:
    put(packaged())

    privacy = offer.content_page("privacy")
    assert privacy is not None
    assert "What our system decides by rule" in privacy.body
    assert offer.old_address("/services/counselling") == "/services/counseling"
    assert offer.old_address("/services/counselling/") == "/services/counseling"
    assert offer.old_address("/nowhere") is None
