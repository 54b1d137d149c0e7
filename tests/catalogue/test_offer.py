"""What is on sale now, and on what terms."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text

from portal.catalogue import offer
from portal.catalogue.models import FormDefinition, FormPurpose, GstRule, Price, Service, ServiceStatus
from portal.db import db, transaction
from tests.support.database import counted_queries
from tests.support.factories import make_policy, make_service, make_type

pytestmark = pytest.mark.usefixtures("ctx")

NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)


def test_active_and_coming_soon_services_are_on_show_in_the_clinics_order() -> None:
    for position, (slug, status) in enumerate(
        [("soon", "coming-soon"), ("open", "active"), ("draft", "draft"), ("gone", "retired")]
    ):
        make_service(slug=slug, status=ServiceStatus(status), position=10 - position)

    assert [each.slug for each in offer.services_on_show()] == ["open", "soon"]


@pytest.mark.parametrize("status", [ServiceStatus.DRAFT, ServiceStatus.RETIRED])
def test_a_service_that_is_not_on_show_is_unknown_to_visitors(status: ServiceStatus) -> None:
    service = make_service(status=status)
    appointment_type = make_type(service=service)

    with pytest.raises(offer.NoSuchService):
        offer.get_service(service.slug)
    with pytest.raises(offer.NoSuchType):
        offer.get_type(appointment_type.slug)


def test_an_unknown_slug_is_no_service_and_no_type() -> None:
    with pytest.raises(offer.NoSuchService):
        offer.get_service("nothing")
    with pytest.raises(offer.NoSuchType):
        offer.get_bookable("nothing", NOW)


def test_a_type_with_length_and_price_can_be_booked() -> None:
    appointment_type = make_type()

    assert offer.get_bookable(appointment_type.slug, NOW) is appointment_type


@pytest.mark.parametrize("missing", [{"length_minutes": None}, {"price_cents": None}])
def test_a_type_without_length_or_price_is_shown_and_cannot_be_booked(missing: dict[str, None]) -> None:
    appointment_type = make_type(**missing)

    assert offer.get_type(appointment_type.slug) is appointment_type
    with pytest.raises(offer.NotOnSale):
        offer.get_bookable(appointment_type.slug, NOW)
    with pytest.raises(offer.NotOnSale):
        offer.terms_of(appointment_type, NOW)


def test_a_type_of_a_coming_soon_service_cannot_be_booked() -> None:
    appointment_type = make_type(service=make_service(status=ServiceStatus.COMING_SOON))

    assert offer.get_type(appointment_type.slug) is appointment_type
    assert not offer.is_bookable(appointment_type, NOW)


def test_a_type_that_is_switched_off_is_gone() -> None:
    appointment_type = make_type(is_active=False)

    with pytest.raises(offer.NoSuchType):
        offer.get_type(appointment_type.slug)


def test_an_unlisted_type_is_reached_by_its_link_only() -> None:
    service = make_service()
    listed, hidden = make_type(service=service), make_type(service=service, is_listed=False)
    make_type(service=service, is_active=False)

    assert offer.listed_types(offer.get_service(service.slug)) == [listed]
    assert offer.get_bookable(hidden.slug, NOW) is hidden


def test_a_price_that_starts_later_is_not_charged_yet() -> None:
    appointment_type = make_type(price_cents=11900)
    db.session.add(Price(type_id=appointment_type.id, amount_cents=12900, valid_from=NOW + timedelta(days=1)))
    db.session.commit()
    db.session.refresh(appointment_type)

    assert offer.terms_of(appointment_type, NOW)["price_cents"] == 11900
    assert offer.terms_of(appointment_type, NOW + timedelta(days=1))["price_cents"] == 12900


def test_terms_hold_everything_that_was_agreed() -> None:
    policy = make_policy("strict", name="Strict", notice_hours=48, late_fee_percent=80, grace_minutes=30)
    service = make_service(slug="gaps", name="GAPS")
    appointment_type = make_type(
        service=service,
        slug="initial-gaps-60min",
        name="First GAPS visit",
        price_cents=19500,
        length_minutes=60,
        gst_rule=GstRule.GST_FREE,
        cancellation_policy_slug=policy.slug,
        medi_code="CONSULT_GAPS_60",
    )

    assert offer.terms_of(appointment_type, NOW) == {
        "service_slug": "gaps",
        "service_name": "GAPS",
        "type_slug": "initial-gaps-60min",
        "type_name": "First GAPS visit",
        "length_minutes": 60,
        "price_cents": 19500,
        "gst_rule": "gst_free",
        "payment_policy": "full",
        "cancellation": {
            "notice_hours": 48,
            "late_fee_percent": 80,
            "no_show_fee_percent": 100,
            "grace_minutes": 30,
        },
        "medi_code": "CONSULT_GAPS_60",
        "medi_minutes": 60,
        "billing_code": "CONSULT_GAPS_60",
    }


def test_medirecords_minutes_and_billing_code_may_differ_from_the_visit() -> None:
    terms = offer.terms_of(make_type(medi_code="CONSULT_ALT_30", medi_minutes=20, billing_code="ALT_SHORT"), NOW)

    assert (terms["medi_minutes"], terms["billing_code"]) == (20, "ALT_SHORT")


def test_a_launch_day_in_the_past_is_never_promised() -> None:
    service = Service(slug="soon", name="Soon", status=ServiceStatus.COMING_SOON, launch_on=date(2026, 6, 1))

    assert offer.launch_day(service, date(2026, 5, 31)) == date(2026, 6, 1)
    assert offer.launch_day(service, date(2026, 6, 2)) is None


def test_the_grid_takes_the_same_number_of_queries_however_much_is_on_sale() -> None:
    def queries() -> int:
        db.session.expunge_all()
        with counted_queries() as sent:
            for service in offer.services_on_show():
                for each in offer.listed_types(service):
                    assert each.price_at(NOW)
                    assert each.cancellation_policy.name
        return len(sent)

    make_type()
    few = queries()
    for _ in range(5):
        make_type()

    assert queries() == few


def test_what_is_on_sale_is_one_copy_until_something_about_it_changes() -> None:
    made = make_type(price_cents=11900)

    kept = offer.on_sale(made.slug, NOW)
    assert (kept.id, kept.service.name, kept.cancellation_policy.slug) == (
        made.id,
        made.service.name,
        made.cancellation_policy_slug,
    )
    assert offer.on_sale(made.slug, NOW) is kept

    changes: list[tuple[str, str, object]] = [
        ("appointment_type", "name", "Another name"),
        ("service", "name", "Another service"),
        ("cancellation_policy", "notice_hours", 72),
        ("price", "amount_cents", 100),
    ]
    for table, column, value in changes:
        db.session.execute(text(f"update {table} set {column} = :value"), {"value": value})
        db.session.commit()
        found = offer.on_sale(made.slug, NOW)
        assert found is not kept
        kept = found
    assert (kept.name, kept.service.name) == ("Another name", "Another service")
    assert (kept.cancellation_policy.notice_hours, kept.prices[0].amount_cents) == (72, 100)


def test_what_is_on_sale_follows_a_transaction_and_its_end() -> None:
    made = make_type()
    made.name = "Not yet decided"
    assert offer.on_sale(made.slug, NOW).name == "Not yet decided"
    db.session.rollback()
    assert offer.on_sale(made.slug, NOW).name != "Not yet decided"


def test_a_form_in_use_is_one_copy_until_there_is_a_newer_version() -> None:
    def add(version: int) -> None:
        with transaction():
            db.session.add(
                FormDefinition(slug="short", version=version, purpose=FormPurpose.INTAKE, title="Short", definition={})
            )

    assert offer.form_in_use("short") is None
    add(1)
    kept = offer.form_in_use("short")
    assert kept is not None
    assert (kept.version, offer.form_in_use("short") is kept) == (1, True)
    add(2)
    newer = offer.form_in_use("short")
    assert newer is not None
    assert newer.version == 2


def test_the_names_on_show_follow_what_is_on_show() -> None:
    made = make_type()
    assert (made.service.slug, made.service.name) in offer.names_on_show()
    with transaction():
        made.service.name = "Another name"
    assert (made.service.slug, "Another name") in offer.names_on_show()


def test_a_copy_needs_no_session() -> None:
    made = make_type()
    copy = offer.on_sale(made.slug, NOW)
    db.session.rollback()
    db.session.remove()
    assert offer.terms_of(copy, NOW)["type_slug"] == copy.slug


def test_what_is_not_on_sale_has_no_copy() -> None:
    with pytest.raises(offer.NoSuchType):
        offer.on_sale("nothing", NOW)
    with pytest.raises(offer.NotOnSale):
        offer.on_sale(make_type(price_cents=None).slug, NOW)
