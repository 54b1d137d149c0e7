"""The catalogue editor, as a manager meets it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from portal import clock
from portal.catalogue.export import export
from portal.catalogue.models import AppointmentType, Calendar, CatalogueVersion, Service
from portal.db import db
from portal.staff.access import Role
from portal.staff.models import AuditEntry
from tests.support.funnel import DETAILS, booking_of, hold
from tests.support.visitor import Visitor

pytestmark = pytest.mark.usefixtures("rosella")

AsRole = Callable[..., Visitor]
HOME = "/staff/catalogue"
GAPS = "followup-gaps-15min"


@pytest.fixture
def odette(as_role: AsRole) -> Visitor:
    return as_role(Role.OWNER)


def keep(visitor: Visitor, path: str, **fields: Any) -> Any:
    return visitor.page(path).submit("Keep in my draft", **fields)


def publish(visitor: Visitor, **fields: Any) -> Any:
    return visitor.page(f"{HOME}/changes").submit("Publish", **fields)


def stored(slug: str) -> AppointmentType:
    db.session.expire_all()
    return db.session.scalars(select(AppointmentType).where(AppointmentType.slug == slug)).one()


PAGES = [
    "", "/services/new", "/services/gaps", "/services/gaps/types/new", "/services/gaps/mapping", f"/types/{GAPS}",
    "/questions/new", "/questions/telehealth-questions", "/questions/telehealth-questions/new",
    "/questions/telehealth-questions/place", "/policies/new", "/policies/standard", "/changes", "/versions", "/import",
    "/preview", "/preview/services/gaps", "/preview/services/equine", f"/preview/types/{GAPS}/details",
    f"/preview/types/{GAPS}/confirmation", f"/preview/types/{GAPS}/mail",
]  # fmt: skip


def test_every_page_opens_for_a_manager_with_and_without_a_draft(milo: Visitor) -> None:
    for _ in range(2):
        assert [path for path in PAGES if not milo.page(HOME + path).heading] == []
        keep(milo, f"{HOME}/services/gaps", summary="Eating well.")


def test_what_is_not_there_is_not_found(milo: Visitor) -> None:
    for path in (
        "/services/nothing",
        "/types/nothing",
        "/questions/nothing",
        "/questions/mini-intake",  # a form, and no questions of a type's own
        "/questions/telehealth-questions/nothing",
        "/policies/nothing",
        "/versions/99999",
        "/preview/services/nothing",
    ):
        assert milo.get(HOME + path).status_code == 404, path


def test_the_desk_does_not_change_what_is_sold(as_role: AsRole) -> None:
    assert as_role(Role.RECEPTION).get(HOME).status_code == 403


def test_a_change_is_drafted_shown_and_published(milo: Visitor, client: Visitor) -> None:
    page = keep(milo, f"{HOME}/services/gaps", summary="Eating well.")
    assert page.has("Kept in your draft. 1 change of yours is not published yet.")
    assert not client.page("/services/gaps").has("Eating well.")
    assert milo.page(f"{HOME}/preview/services/gaps").has("Eating well.")

    changes = milo.page(f"{HOME}/changes")
    assert changes.part("section[aria-labelledby=mine-heading]").has("GAPS In one sentence")
    published = publish(milo)

    assert published.has("is published. Patients see it now.")
    assert client.page("/services/gaps").has("Eating well.")
    latest = db.session.scalars(select(CatalogueVersion).order_by(CatalogueVersion.id.desc())).first()
    assert latest is not None
    assert latest.made_by == "Milo Ashgrove"
    noted = db.session.scalars(select(AuditEntry).where(AuditEntry.kind == "catalogue")).all()
    assert [(each.action, each.part) for each in noted] == [("changed", "published")]


def test_a_publication_is_taken_back_with_one_button(milo: Visitor, client: Visitor) -> None:
    keep(milo, f"{HOME}/services/gaps", summary="Eating well.")
    page = publish(milo).submit(next(each for each in publish_buttons(milo) if each.startswith("Take version")))

    assert page.has("is published")
    assert not client.page("/services/gaps").has("Eating well.")
    assert milo.page(f"{HOME}/versions").has("Takes back version")


def publish_buttons(visitor: Visitor) -> list[str]:
    newest = db.session.scalars(select(CatalogueVersion.id).order_by(CatalogueVersion.id.desc())).first()
    return visitor.page(f"{HOME}?published={newest}").buttons


def test_what_is_wrong_stands_at_the_field_and_what_was_typed_stays(milo: Visitor) -> None:
    page = keep(milo, f"{HOME}/types/{GAPS}", duration="a while", price="$12.345", daily_cap="900", name="Short")

    assert page.status == 422
    assert page.error_for("duration") == "Length must be a whole number from 1 to 480."
    assert page.error_for("price") == "Price must be an amount in dollars such as 119 or 79.50."
    assert page.error_for("daily_cap") == "Most a day must be a whole number from 1 to 200."
    assert (page.value("duration"), page.value("name")) == ("a while", "Short")
    assert milo.page(f"{HOME}/types/{GAPS}").value("name") != "Short"


def test_every_rule_of_a_type_can_be_changed(milo: Visitor) -> None:
    with_them = milo.page(f"{HOME}/types/{GAPS}").choices("practitioners")
    chosen = sorted(with_them)[:1]
    typed = {
        "name": "Short", "summary": "A look back.", "kind": "consult", "mode": "in-person", "who_may_book": "anyone",
        "active": True, "listed": False, "duration": "25", "price": "88.50", "gst_rule": "taxable", "payment": "full",
        "cancellation_policy": "free", "calendar": "consultant", "practitioners": chosen, "buffer_before_minutes": "3",
        "buffer_after_minutes": "4", "notice_minutes": "60", "horizon_days": "30", "daily_cap": "5",
        "step_minutes": "20", "start_alignment": "hours", "needs_room": True, "form": "mini-intake",
        "questions": "clinic-questions", "confirmation_message": "Come early.", "medi_code": "CONSULT_ALT_30",
        "medi_minutes": "30", "medi_type_id": "7", "billing_code": "B1", "reporting_category": "food",
        "calendly_event": "gaps-short",
    }  # fmt: skip
    keep(milo, f"{HOME}/types/{GAPS}", **typed)
    publish(milo)

    [told] = [each for one in export(clock.now())["services"] for each in one["appointments"] if each["type"] == GAPS]
    position = told.pop("position")
    expected: dict[str, Any] = typed | {"type": GAPS, "duration": 25, "price": 88.5, "coming_prices": []}
    for name in ("buffer_before_minutes", "buffer_after_minutes", "notice_minutes", "horizon_days", "daily_cap"):
        expected[name] = int(expected[name])
    assert told == expected | {"step_minutes": 20, "medi_minutes": 30}
    assert position == stored(GAPS).position


def test_a_price_from_a_day_to_come_is_kept_with_the_clinics_midnight(milo: Visitor) -> None:
    page = milo.page(f"{HOME}/types/{GAPS}")
    year = clock.now().year + 1
    page.submit("Keep in my draft", **{"coming-0-starts": f"{year}-07-01", "coming-0-price": "89"})
    assert milo.page(f"{HOME}/changes").has("Prices to come Empty $89.00 from")
    publish(milo)

    [_, to_come] = stored(GAPS).prices
    assert (to_come.amount_cents, to_come.valid_from.isoformat()) == (8900, f"{year}-06-30T14:00:00+00:00")
    assert milo.page(f"{HOME}/types/{GAPS}").value("coming-0-starts") == f"{year}-07-01"


@pytest.mark.parametrize(
    ("starts", "price", "words"),
    [
        ("2020-07-01", "89", "must begin on a day to come"),
        ("", "89", "must say from which day on"),
        ("2090-07-01", "", "must say how much it is"),
        ("soon", "89", "must say from which day on"),
    ],
)
def test_a_price_to_come_says_when_and_how_much(milo: Visitor, starts: str, price: str, words: str) -> None:
    page = keep(milo, f"{HOME}/types/{GAPS}", **{"coming-0-starts": starts, "coming-0-price": price})

    assert page.status == 422
    assert words in (page.error_for("coming") or "")


def test_the_second_of_two_managers_sees_what_changed_and_settles_it(milo: Visitor, odette: Visitor) -> None:
    keep(odette, f"{HOME}/types/{GAPS}", price="85")
    page = keep(milo, f"{HOME}/types/{GAPS}", price="95", summary="To see how it goes.")
    assert milo.page(HOME).has("Odette Farrow has a draft too")
    publish(odette)

    page = milo.page(f"{HOME}/types/{GAPS}")
    assert page.has("Somebody else has published other words for 1 of these fields.")
    page = milo.page(f"{HOME}/changes")
    assert page.has("GAPS: GAPS follow-up: Price")
    assert page.has("Mine: $95.00") and page.has("Theirs, published now: $85.00")
    assert "Publish" not in page.buttons
    assert page.submit("Go on with these").status == 422
    [key] = {each["name"] for each in page.soup.select(".settle input")}
    page = page.submit("Go on with these", **{str(key): "theirs"})
    assert page.has("In one sentence") and not page.has("$95.00")
    page.submit("Publish")

    assert (stored(GAPS).summary, stored(GAPS).prices[-1].amount_cents) == ("To see how it goes.", 8500)


def test_publishing_over_a_fresh_contradiction_loses_nothing(milo: Visitor, odette: Visitor) -> None:
    keep(odette, f"{HOME}/types/{GAPS}", price="85")
    keep(milo, f"{HOME}/types/{GAPS}", price="95")
    ready = milo.page(f"{HOME}/changes")
    publish(odette)

    page = ready.submit("Publish")

    assert page.status == 409
    assert page.has("Mine: $95.00") and page.has("Theirs, published now: $85.00")
    assert stored(GAPS).prices[-1].amount_cents == 8500


def test_words_that_advertising_forbids_are_named_and_need_a_second_look(milo: Visitor, client: Visitor) -> None:
    keep(milo, f"{HOME}/services/gaps", summary="A guaranteed cure.")
    page = milo.page(f"{HOME}/changes")
    assert page.has("GAPS says “guaranteed”. A result cannot be guaranteed")
    assert "#summary" in page.links["GAPS"]

    assert page.submit("Publish").status == 422
    assert not client.page("/services/gaps").has("A guaranteed cure.")
    publish(milo, wording=True)
    assert client.page("/services/gaps").has("A guaranteed cure.")


def test_a_new_service_and_its_calendar_come_with_all_that_is_usual(milo: Visitor) -> None:
    page = milo.page(HOME).follow("Add a service").submit("Add the service", name="Music Therapy")
    assert page.heading == "Music Therapy"
    page = page.follow("Add a visit").submit("Add the visit", name="First visit", kind="initial", mode="telehealth")
    assert page.heading == "First visit"
    assert page.value("form") == "mini-intake"
    assert page.value("calendar") == "music-therapy"
    assert db.session.get(Calendar, "music-therapy") is not None
    assert db.session.scalars(select(Service).where(Service.slug == "music-therapy")).first() is None

    again = milo.page(f"{HOME}/services/new").submit("Add the service", name="Music Therapy")
    assert again.error_for("address") == "“music-therapy” is taken. Choose another, such as music-therapy-2."
    page = milo.page(f"{HOME}/services/music-therapy").submit("Remove from my draft")
    assert not page.has("Music Therapy")


def test_a_visit_begins_with_the_rules_of_another(milo: Visitor) -> None:
    page = milo.page(f"{HOME}/services/gaps/types/new").submit(
        "Add the visit", name="Walk", source="initial-inperson-20min", kind="follow-up", mode="in-person"
    )
    assert (page.value("duration"), page.value("price"), page.value("needs_room")) == ("20", "119", ["y"])


def test_what_was_published_is_retired_and_never_removed(milo: Visitor) -> None:
    for path in (f"/types/{GAPS}", "/services/gaps"):
        assert "Remove from my draft" not in milo.page(HOME + path).buttons
        token = milo.page(HOME).value("csrf_token")
        answer = milo.post(f"{HOME}{path}/removal", data={"csrf_token": token}, headers={"Origin": milo.portal_url})
        assert answer.status_code == 404


def test_the_order_is_changed_with_a_button(milo: Visitor) -> None:
    page = milo.page(HOME).submit("Move GAPS up")
    names = [each.get_text(strip=True) for each in page.soup.select("tr[id^=service-] th")]
    assert names.index("GAPS") < names.index("Alternative Medicine")


def test_a_draft_is_thrown_away_as_a_whole(milo: Visitor) -> None:
    keep(milo, f"{HOME}/services/gaps", summary="Eating well.")
    page = milo.page(f"{HOME}/changes").submit("Throw them away")
    assert not page.has("not published yet")
    assert milo.page(f"{HOME}/services/gaps").value("summary") != "Eating well."


def test_questions_are_written_reordered_and_seen_as_patients_see_them(milo: Visitor) -> None:
    page = milo.page(f"{HOME}/types/{GAPS}").follow("Write new questions for it")
    page = page.submit(
        "Keep in my draft", title="About meals", label="What do you eat?", kind="choice", choices="Little\nMuch"
    )
    assert page.has("As patients see them") and page.part(".seen").has("What do you eat? (optional)")
    page = page.follow("Add a question").submit(
        "Keep in my draft", label="Who cooks?", kind="text", required=True, hint="A name."
    )
    page = page.follow("Add a question").submit(
        "Keep in my draft", label="How much?", kind="text",
        asked="Only who answers “Much” to “What do you eat?”",
    )  # fmt: skip
    assert page.has("If “Much”: How much?")
    page = page.submit("Move Who cooks? up")
    labels = [each.get_text() for each in page.soup.select("tr[id^=question-] th > a")]
    assert labels == ["Who cooks?", "What do you eat?", "How much?"]

    page = page.follow("What do you eat?").submit("Keep in my draft", label="What do you like to eat?")
    page = page.submit("Remove: Who cooks?")
    assert not page.has("Who cooks?") and page.has("If “Much”: How much?")
    publish(milo)
    form = next(each for each in export(clock.now())["forms"] if each["id"] == "about-meals-questions")
    [asked] = form["definition"]["sections"][0]["questions"]
    assert asked["id"] == "what_do_you_eat"
    assert [each["value"] for each in asked["options"]] == ["little", "much"]
    assert stored(GAPS).questions_form == "about-meals-questions"


def test_a_question_with_choices_needs_two_of_them(milo: Visitor) -> None:
    page = keep(milo, f"{HOME}/questions/telehealth-questions/new", label="Which?", kind="choice", choices="One")
    assert page.status == 422
    assert page.error_for("choices") == "Write at least two choices, each on a line of its own and no two alike."


def test_a_policy_is_read_as_patients_read_it(milo: Visitor) -> None:
    page = keep(milo, f"{HOME}/policies/new", name="Strict", notice_hours="48", late_fee_percent="100")
    assert page.has("until 48 hours before your visit") and page.has("cancelling costs $100.00")
    page = keep(milo, f"{HOME}/policies/strict", late_fee_percent="200")
    assert page.error_for("late_fee_percent") == "Late fee must be a whole number from 0 to 100."


def test_a_file_goes_out_and_comes_back_through_the_draft(milo: Visitor) -> None:
    page = milo.page(f"{HOME}/import")
    out = page.submit("Download").response
    assert out.headers["Content-Disposition"].startswith("attachment")
    document = json.loads(out.text)
    assert document == json.loads(json.dumps(export(clock.now())))
    gaps = next(each for each in document["services"] if each["id"] == "gaps")
    part = {"services": [{"id": gaps["id"], "summary": "From a file."}]}

    page = page.submit("Compare with my draft", file=(io.BytesIO(json.dumps(part).encode()), "part.json"))
    assert page.has("What the file would change in your draft") and page.has("From a file.")
    assert milo.page(f"{HOME}/services/gaps").value("summary") != "From a file."
    page.submit("Take it into my draft")
    assert milo.page(f"{HOME}/services/gaps").value("summary") == "From a file."


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"no json", "This is not a JSON file."),
        (b"[]", "The catalogue must be an object with keys and values."),
        (b'{"services": [{"id": "gaps", "colour": "red"}]}', "has a key that is not known: colour."),
        (b'{"services": [1]}', "must be an object"),
        (b"[" * 50_000, "This is not a JSON file."),
    ],
)
def test_a_file_that_is_no_catalogue_is_refused_in_words(milo: Visitor, body: bytes, words: str) -> None:
    page = milo.page(f"{HOME}/import").submit("Compare with my draft", file=(io.BytesIO(body), "x.json"))
    assert page.status == 422
    assert words in (page.error_for("file") or "")


def test_the_preview_keeps_to_itself(milo: Visitor, client: Visitor) -> None:
    keep(milo, f"{HOME}/services/equine", status="active", summary="With horses.")
    versions = db.session.scalars(select(CatalogueVersion.id)).all()
    page = milo.page(f"{HOME}/preview")
    assert page.has("With horses.")
    page = page.follow("GAPS")
    assert page.url == f"{HOME}/preview/services/gaps"
    page = page.follow("See times for GAPS follow-up")
    assert page.heading == "Your details"
    page = page.submit("Continue")
    assert page.heading == "You are booked"

    db.session.expire_all()
    assert db.session.scalars(select(CatalogueVersion.id)).all() == versions
    assert not client.page("/").has("With horses.")


def test_a_type_without_a_price_has_no_preview_of_a_visit_yet(milo: Visitor) -> None:
    page = milo.page(f"{HOME}/preview/types/initial-weight-tbd/mail")
    assert page.has("It has no length or no price yet, so nobody can book it.")


def test_a_mapping_is_asked_for_by_a_job(milo: Visitor) -> None:
    page = milo.page(f"{HOME}/services/gaps/mapping").submit("Check mapping")
    assert page.has("We are asking MediRecords.")
    assert page.soup.select("#answer[hx-get]")
    page = keep(milo, f"{HOME}/services/gaps/mapping", kind="none")
    assert page.value("kind") == "none"


def test_a_visit_that_is_held_can_be_booked_after_its_type_is_taken_off_sale(milo: Visitor, client: Visitor) -> None:
    consult = "initial-consult-free"
    held = hold(client, consult)
    for path, fields in (
        (f"/types/{consult}", {"active": False}),
        ("/services/initial-consult", {"status": "retired"}),
    ):
        keep(milo, HOME + path, **fields)
        publish(milo)

    intake = held.submit("Continue", **(DETAILS | {"place": "qld"}))
    booked = intake.submit("Continue", reason="Sleep").submit("Book free consult")

    assert booked.heading == "You are booked"
    assert client.page(f"/bookings/{booking_of(booked).reference}").has("Free initial consult")
    assert client.get(f"/book/{consult}").status_code == 404
    assert client.get("/services/initial-consult").status_code == 404


def test_a_held_visit_keeps_its_price_when_another_is_published(milo: Visitor, client: Visitor) -> None:
    held = booking_of(hold(client, "initial-alternative-15min"))
    keep(milo, f"{HOME}/types/initial-alternative-15min", price="149")
    publish(milo)

    assert client.page(f"/bookings/{held.reference}/details").has("$119.00")
    assert client.page("/services/alternative-medicine").has("$149.00")
