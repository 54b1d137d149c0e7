"""From a draft to a version and back; two managers at once; prices to come; what is retired."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from portal.catalogue import drafts, offer, publish
from portal.catalogue.document import BadDocument, read_document
from portal.catalogue.entries import service, type_and_service
from portal.catalogue.export import export
from portal.catalogue.load import load
from portal.catalogue.merge import Side
from portal.catalogue.models import AppointmentType, CatalogueVersion, FormDefinition, Service, ServiceStatus
from portal.catalogue.publish import Contradiction, DraftInTheWay, NothingToPublish
from portal.catalogue.trial import as_if_published, laid_over
from portal.db import Json, db, transaction
from portal.staff.models import StaffMember
from tests.catalogue.seeds import packaged
from tests.support import factories

pytestmark = pytest.mark.usefixtures("ctx")

NOW = datetime(2026, 6, 1, 1, tzinfo=UTC)
JULY = datetime(2026, 6, 30, 14, tzinfo=UTC)  # midnight in Sydney
GAPS = "followup-gaps-15min"


@pytest.fixture(autouse=True)
def _catalogue(ctx: None) -> None:
    with transaction():
        load(read_document(packaged()), NOW, "tests")


def make_manager(name: str) -> int:
    with transaction():
        row = StaffMember(
            tenant_id="tenant", oid=name, name=name, email=f"{name}@example.com", roles=["manager"],
            first_signed_in_at=NOW, signed_in_at=NOW,
        )  # fmt: skip
        db.session.add(row)
    return row.id


def change(manager: int, act: Callable[[Json], None], now: datetime = NOW) -> None:
    with transaction():
        drafts.edit(manager, now, act)


def set_type(slug: str, **values: Any) -> Callable[[Json], None]:
    def act(document: Json) -> None:
        found = type_and_service(document, slug)
        assert found is not None
        found[0].update(values)

    return act


def set_service(slug: str, **values: Any) -> Callable[[Json], None]:
    def act(document: Json) -> None:
        found = service(document, slug)
        assert found is not None
        found.update(values)

    return act


def published(manager: int, now: datetime = NOW, name: str = "Odette Farrow") -> CatalogueVersion:
    with transaction():
        return publish.publish(manager, name, now)


def stored(slug: str) -> AppointmentType:
    return db.session.scalars(select(AppointmentType).where(AppointmentType.slug == slug)).one()


def price(slug: str, when: datetime) -> int:
    found = stored(slug).price_at(when)
    assert found is not None
    return found.amount_cents


def test_a_draft_changes_nothing_until_it_is_published() -> None:
    odette = make_manager("odette")

    change(odette, set_type(GAPS, name="Follow-up, short"))
    assert stored(GAPS).name != "Follow-up, short"
    version = published(odette)

    assert stored(GAPS).name == "Follow-up, short"
    assert (version.made_by, version.made_at) == ("Odette Farrow", NOW)
    assert [(each.path[-1], each.after) for each in publish.changes_of(version)] == [("name", "Follow-up, short")]
    assert drafts.find(odette) is None


def test_a_draft_that_says_nothing_new_makes_no_version() -> None:
    odette = make_manager("odette")
    with pytest.raises(NothingToPublish):
        published(odette)
    change(odette, set_type(GAPS, duration=15))
    with pytest.raises(NothingToPublish):
        published(odette)


def test_what_would_be_no_catalogue_is_not_kept() -> None:
    odette = make_manager("odette")
    change(odette, set_type(GAPS, name="Better"))
    with pytest.raises(BadDocument):
        change(odette, set_type(GAPS, duration="long"))
    found = type_and_service(drafts.document(odette, NOW), GAPS)
    assert found is not None
    assert (found[0]["name"], found[0]["duration"]) == ("Better", 15)


def test_two_managers_who_change_other_fields_of_one_type_both_keep_theirs() -> None:
    odette, milo = make_manager("odette"), make_manager("milo")
    change(odette, set_type(GAPS, price=85))
    change(milo, set_type(GAPS, summary="To see how it goes."))
    published(odette)

    draft = drafts.find(milo)
    assert draft is not None
    assert [(each.path[-1], each.after) for each in drafts.state(draft, NOW).theirs] == [("price", 85)]
    version = published(milo)

    assert (stored(GAPS).summary, price(GAPS, NOW)) == ("To see how it goes.", 8500)
    assert [each.path[-1] for each in publish.changes_of(version)] == ["summary"]


def test_the_second_manager_sees_a_contradiction_and_loses_nothing() -> None:
    odette, milo = make_manager("odette"), make_manager("milo")
    change(odette, set_type(GAPS, price=85))
    change(milo, set_type(GAPS, price=95, summary="To see how it goes."))
    published(odette)

    with pytest.raises(Contradiction) as caught:
        published(milo)
    [conflict] = caught.value.conflicts
    assert (conflict.base, conflict.mine, conflict.theirs) == (79, 95, 85)
    draft = drafts.find(milo)
    assert draft is not None
    found = type_and_service(draft.document, GAPS)
    assert found is not None
    assert (found[0]["price"], found[0]["summary"]) == (95, "To see how it goes.")

    with transaction():
        assert drafts.take_in(draft, NOW, {conflict.path: Side.THEIRS}) == []
    published(milo)
    assert (stored(GAPS).summary, price(GAPS, NOW)) == ("To see how it goes.", 8500)


def test_a_price_from_july_is_asked_for_what_is_held_from_july_on() -> None:
    odette = make_manager("odette")
    change(odette, set_type(GAPS, coming_prices=[{"from": "2026-07-01T00:00+10:00", "price": 89}]))
    published(odette)

    held_before = offer.terms_of(stored(GAPS), JULY - timedelta(seconds=1))
    held_after = offer.terms_of(stored(GAPS), JULY)
    assert (held_before["price_cents"], held_after["price_cents"]) == (7900, 8900)


def test_a_price_to_come_can_be_changed_and_taken_away() -> None:
    odette = make_manager("odette")
    for prices in ([{"from": JULY.isoformat(), "price": 89}], [{"from": JULY.isoformat(), "price": 91}], []):
        change(odette, set_type(GAPS, coming_prices=prices))
        published(odette)
        [exported] = [each for each in _types(export(NOW)) if each["type"] == GAPS]
        assert exported["coming_prices"] == prices
    assert [each.amount_cents for each in stored(GAPS).prices] == [7900]


def test_a_price_whose_day_comes_while_a_draft_waits_is_no_contradiction() -> None:
    odette, milo = make_manager("odette"), make_manager("milo")
    change(odette, set_type(GAPS, coming_prices=[{"from": JULY.isoformat(), "price": 89}]))
    published(odette)
    change(milo, set_type(GAPS, summary="To see how it goes."))

    version = published(milo, JULY + timedelta(days=1))

    assert [each.path[-1] for each in publish.changes_of(version)] == ["summary"]
    assert price(GAPS, JULY) == 8900


def test_a_price_to_come_whose_day_has_passed_in_a_draft_counts_from_its_publication() -> None:
    odette = make_manager("odette")
    change(odette, set_type(GAPS, coming_prices=[{"from": JULY.isoformat(), "price": 89}]))
    later = JULY + timedelta(days=2)
    published(odette, later)

    assert price(GAPS, later - timedelta(hours=1)) == 7900
    assert price(GAPS, later) == 8900


def test_a_version_that_is_taken_back_restores_the_former_as_one_more_version() -> None:
    odette = make_manager("odette")
    change(odette, set_type(GAPS, price=85, name="Short"))
    version = published(odette)
    change(odette, set_service("gaps", summary="Eating well."))
    published(odette)

    with transaction():
        back = publish.take_back(version, "Odette Farrow", NOW)

    assert back.note == f"Takes back version {version.id}."
    assert (price(GAPS, NOW), stored(GAPS).name) == (7900, "GAPS follow-up")
    assert stored(GAPS).service.summary == "Eating well."


def test_what_was_changed_since_is_not_taken_back_without_being_asked() -> None:
    odette = make_manager("odette")
    change(odette, set_type(GAPS, price=85))
    version = published(odette)
    change(odette, set_type(GAPS, price=95))
    published(odette)

    with pytest.raises(Contradiction), transaction():
        publish.take_back(version, "Odette Farrow", NOW)
    with transaction():
        publish.take_back_in_draft(version, odette, NOW)
    draft = drafts.find(odette)
    assert draft is not None
    [conflict] = drafts.state(draft, NOW).conflicts
    assert (conflict.mine, conflict.theirs) == (79, 95)
    with pytest.raises(DraftInTheWay):
        publish.take_back_in_draft(version, odette, NOW)


def test_what_a_version_added_is_retired_when_it_is_taken_back() -> None:
    odette = make_manager("odette")
    music = {"id": "music", "status": "active", "appointments": [{"type": "music-60", "duration": 60}]}
    walk = {"id": "gaps", "appointments": [{"type": "gaps-walk", "duration": 30}]}
    addition = {"services": [music, walk]}
    with transaction():
        drafts.edit(odette, NOW, lambda document: laid_over(document, addition, NOW))
    version = published(odette)

    with transaction():
        publish.take_back(version, "Odette Farrow", NOW)

    added = db.session.scalars(select(Service).where(Service.slug == "music")).one()
    assert added.status == ServiceStatus.RETIRED
    assert not stored("gaps-walk").is_active
    assert stored(GAPS).is_active


def test_a_trial_reads_as_if_published_and_leaves_nothing() -> None:
    before = export(NOW)
    document = export(NOW)
    set_type(GAPS, name="Short", price=85)(document)
    forms = db.session.query(FormDefinition).count()

    with as_if_published(document, now=NOW):
        assert (stored(GAPS).name, price(GAPS, NOW)) == ("Short", 8500)
    db.session.commit()

    assert export(NOW) == before
    assert db.session.query(CatalogueVersion).count() == 1
    assert db.session.query(FormDefinition).count() == forms


def test_a_type_can_be_given_to_some_and_back_to_all() -> None:
    odette, wren = make_manager("odette"), factories.make_practitioner(slug="wren")
    for names in ([wren.slug], []):
        change(odette, set_type(GAPS, practitioners=names))
        published(odette)
        [exported] = [each for each in _types(export(NOW)) if each["type"] == GAPS]
        assert exported["practitioners"] == names


def test_nobody_can_offer_a_type_who_is_not_there() -> None:
    odette = make_manager("odette")
    change(odette, set_type(GAPS, practitioners=["nobody"]))
    with pytest.raises(BadDocument, match='no practitioner "nobody"'):
        published(odette)


def _types(document: Json) -> list[Json]:
    return [each for one in document["services"] for each in one["appointments"]]
