"""The JSON interface: true to the pages, described as it is, and the same for everybody."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from jsonschema import Draft202012Validator, FormatChecker

from portal import clock
from portal.bookings import hold
from portal.catalogue import offer
from portal.catalogue.models import AppointmentType, ServiceStatus
from portal.config import Settings
from portal.db import db, transaction
from portal.staff.models import Practitioner
from portal.web import openapi
from tests.support.factories import (
    make_booking,
    make_hours,
    make_location,
    make_practitioner,
    make_service,
    make_type,
    today,
)
from tests.support.funnel import free_times, make_offer
from tests.support.visitor import Visitor

SYDNEY = ZoneInfo("Australia/Sydney")
DESCRIPTION = "/api/v1/openapi.json"
ADDRESSES = ("/api/v1/services", DESCRIPTION)


def times_of(made: AppointmentType | str, **parameters: object) -> str:
    slug = made if isinstance(made, str) else made.slug
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    return f"/api/v1/types/{slug}/times" + (f"?{query}" if query else "")


def read(client: Visitor, path: str) -> Any:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.content_type == "application/json"
    return answer.json


def starts_in(told: Any) -> list[tuple[str, str]]:
    """Every time in an answer, with who is free then."""
    return [(each["starts_at"], each["practitioner"]) for day in told["days"] for each in day["times"]]


def problem(client: Visitor, path: str, status: int = 400) -> Any:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    return answer.json


# --- services


def test_the_services_are_those_of_the_grid_in_its_order(rosella: None, client: Visitor) -> None:
    told = read(client, "/api/v1/services")["services"]
    assert [each["name"] for each in told] == [each.name for each in offer.services_on_show()]
    paths = [each["page_url"].removeprefix(client.portal_url) for each in told]
    assert [client.page(path).heading for path in paths] == [each["name"] for each in told]


def test_a_type_is_told_with_length_price_and_where_to_book_it(rosella: None, client: Visitor) -> None:
    told = read(client, "/api/v1/services")["services"]
    types = {each["slug"]: each for service in told for each in service["types"]}
    first = types["initial-alternative-15min"]
    assert (first["length_minutes"], first["price_cents"], first["mode"]) == (15, 11900, "telehealth")
    assert client.page(first["book_url"].removeprefix(client.portal_url)).heading == "Choose a time"
    assert starts_in(read(client, first["times_url"].removeprefix(client.portal_url)))


def test_a_type_to_be_announced_has_no_price_and_no_times(rosella: None, client: Visitor) -> None:
    told = read(client, "/api/v1/services")["services"]
    [later] = [each for service in told for each in service["types"] if each["slug"] == "initial-weight-tbd"]
    assert (later["price_cents"], later["book_url"], later["times_url"]) == (None, None, None)
    assert problem(client, times_of("initial-weight-tbd"), 404)["detail"].startswith(
        "There is no such appointment type"
    )


def test_an_unlisted_type_is_not_told_and_has_times_for_those_who_know_it(rosella: None, client: Visitor) -> None:
    assert "followup-alternative-30min" not in client.get("/api/v1/services").text
    assert starts_in(read(client, times_of("followup-alternative-30min")))


def test_hidden_services_and_types_are_not_told(ctx: None, client: Visitor) -> None:
    hidden = make_type(service=make_service(status=ServiceStatus.DRAFT, name="Hidden away"))
    gone = make_type(is_active=False, name="Gone away")
    assert "away" not in client.get("/api/v1/services").text
    for made in (hidden, gone):
        problem(client, times_of(made), 404)


def test_a_launch_day_is_told_while_it_lies_ahead(ctx: None, client: Visitor) -> None:
    opens_on = today() + timedelta(days=30)
    service = make_service(status=ServiceStatus.COMING_SOON, launch_on=opens_on)
    assert read(client, "/api/v1/services")["services"][0]["opens_on"] == opens_on.isoformat()
    with transaction():
        service.launch_on = today() - timedelta(days=1)
    assert read(client, "/api/v1/services")["services"][0]["opens_on"] is None


# --- times


def test_the_times_are_those_of_the_page(consult: AppointmentType, client: Visitor) -> None:
    page = client.page(f"/book/{consult.slug}")
    shown = [datetime.fromisoformat(value.split("/")[0]) for value in free_times(page)]
    told = [datetime.fromisoformat(start) for start, _ in starts_in(read(client, times_of(consult, days=28)))]
    assert shown == [start for start in told if start <= shown[-1]]
    assert {start.utcoffset() for start in told} == {start.astimezone(SYDNEY).utcoffset() for start in told}


def test_every_time_that_is_told_can_be_held(rosella: None, client: Visitor) -> None:
    """Each in its turn, as the next request would; then it is let go."""
    ids = {who.slug: who.id for who in db.session.scalars(db.select(Practitioner))}
    tried = 0
    for slug in ("initial-alternative-15min", "initial-inperson-20min", "initial-gaps-60min"):
        told = starts_in(read(client, times_of(slug, days=3, **{"from": today() + timedelta(days=3)})))
        for starts_at, who in told:
            made = offer.get_bookable(slug, clock.now())
            held = hold.hold(made, datetime.fromisoformat(starts_at), clock.now(), practitioner_id=ids[who])
            assert held.practitioner.slug == who
            db.session.rollback()
        tried += len(told)
    assert tried > 50


def test_a_time_that_is_taken_is_not_told_again(consult: AppointmentType, client: Visitor) -> None:
    (starts_at, who), *rest = starts_in(read(client, times_of(consult)))
    practitioner = db.session.scalars(db.select(Practitioner).filter_by(slug=who)).one()
    make_booking(type=consult, practitioner=practitioner, starts_at=datetime.fromisoformat(starts_at))
    after = starts_in(read(client, times_of(consult)))
    assert (starts_at, who) not in after
    assert after == [one for one in rest if one in after]


def test_every_day_that_was_asked_for_is_there_also_without_times(ctx: None, client: Visitor) -> None:
    made = make_type(horizon_days=3)
    make_hours(make_practitioner(), make_location(is_telehealth=True), calendar_slug=made.calendar_slug)
    asked = [today() + timedelta(days=n) for n in range(-2, 8)]
    told = read(client, times_of(made, days=10, **{"from": asked[0]}))
    assert [day["date"] for day in told["days"]] == [day.isoformat() for day in asked]
    free = [date.fromisoformat(day["date"]) for day in told["days"] if day["times"]]
    assert set(free) <= {today() + timedelta(days=n) for n in range(4)}
    assert len(free) >= 3


def test_a_day_is_the_clinics_day(ctx: None, client: Visitor) -> None:
    made = make_type()
    place = make_location(is_telehealth=True)
    make_hours(make_practitioner(), place, calendar_slug=made.calendar_slug, starts=time(0), ends=time(23, 59))
    told = read(client, times_of(made, days=3, **{"from": today() + timedelta(days=2)}))
    assert told["zone"] == "Australia/Sydney"
    for day in told["days"]:
        assert {start[:10] for start, _ in starts_in({"days": [day]})} == {day["date"]}
        assert day["times"][0]["starts_at"][11:16] == "00:00"
        assert len(day["times"]) > 40


def test_times_can_be_asked_for_with_one_practitioner(ctx: None, client: Visitor) -> None:
    made = make_offer()
    other = make_practitioner()
    make_hours(other, make_location(is_telehealth=True), calendar_slug=made.calendar_slug, starts=time(10))
    everybody, theirs = (read(client, times_of(made, **more)) for more in ({}, {"practitioner": other.slug}))
    assert starts_in(theirs) == [one for one in starts_in(everybody) if one[1] == other.slug]
    assert 0 < len(starts_in(theirs)) < len(starts_in(everybody))


def test_no_id_of_ours_is_told(rosella: None, client: Visitor) -> None:
    shape = re.compile(r'"(id|\w+_id|email|mailbox|medi\w*|billing\w*)":')
    for path in (*ADDRESSES, times_of("initial-gaps-60min")):
        assert not shape.search(client.get(path).text)


# --- wrong questions


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("from=tomorrow", {"from": "from must be a day such as 2026-12-01."}),
        ("from=", {"from": "from must be a day such as 2026-12-01."}),
        ("from=2026-02-30", {"from": "from must be a day such as 2026-12-01."}),
        ("from=20261201", {"from": "from must be a day such as 2026-12-01."}),
        ("from=9999-12-31", {"from": "from must be a day such as 2026-12-01."}),
        ("from=%00", {"from": "from must be a day such as 2026-12-01."}),
        ("days=0", {"days": "days must be a whole number from 1 to 28."}),
        ("days=29", {"days": "days must be a whole number from 1 to 28."}),
        ("days=-1", {"days": "days must be a whole number from 1 to 28."}),
        ("days=1e1", {"days": "days must be a whole number from 1 to 28."}),
        ("days=%D9%A3", {"days": "days must be a whole number from 1 to 28."}),  # three, in Arabic digits
        ("days=7&days=8", {"days": "days may be given only once."}),
        ("practitioner=nobody", {"practitioner": "practitioner must be the slug of somebody who offers this type."}),
        ("practitioner=", {"practitioner": "practitioner must be the slug of somebody who offers this type."}),
        ("day=3", {"day": "day is no parameter; known here: from, days, practitioner."}),
        (
            "from=x&days=x",
            {"from": "from must be a day such as 2026-12-01.", "days": "days must be a whole number from 1 to 28."},
        ),
    ],
)
def test_a_wrong_parameter_is_answered_with_a_sentence(
    consult: AppointmentType, client: Visitor, query: str, wrong: dict[str, str]
) -> None:
    told = problem(client, f"{times_of(consult)}?{query}")
    assert (told["type"], told["title"], told["status"]) == ("about:blank", "Bad Request", 400)
    assert {each["parameter"]: each["detail"] for each in told["errors"]} == wrong
    assert told["detail"] == " ".join(wrong.values())


def test_the_far_ends_of_the_calendar_have_no_times_and_break_nothing(
    consult: AppointmentType, client: Visitor
) -> None:
    for day in ("2000-01-01", "2999-12-31"):
        assert starts_in(read(client, times_of(consult, days=28, **{"from": day}))) == []


def test_other_addresses_have_no_parameters(ctx: None, client: Visitor) -> None:
    for path in ADDRESSES:
        assert problem(client, f"{path}?callback=x")["detail"] == "callback is no parameter; there are none here."


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/api/v1/nothing", "There is nothing at this address."),
        ("/api/v2/services", "There is nothing at this address."),
        ("/api/v1/types/no-such-type/times", "There is no such appointment type"),
        ("/api/v1/types/%00/times", "There is nothing at this address."),
    ],
)
def test_what_is_not_there_is_a_problem_and_not_a_page(ctx: None, client: Visitor, path: str, words: str) -> None:
    assert problem(client, path, 404)["detail"].startswith(words)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_can_be_changed_here(consult: AppointmentType, client: Visitor, method: str) -> None:
    for path in (*ADDRESSES, times_of(consult)):
        answer = client.open(path, method=method)
        assert answer.status_code == 405
        assert answer.content_type == "application/problem+json"
        assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"


def test_who_asks_too_often_is_told_to_wait(
    consult: AppointmentType, client: Visitor, limits: Callable[[str, str], None]
) -> None:
    limits("api", "2 per minute")
    path = times_of(consult)
    assert [client.get(path).status_code for _ in range(2)] == [200, 200]
    assert problem(client, path, 429)["detail"].startswith("Too many requests.")


# --- kept, and for everybody


def test_an_answer_is_kept_for_a_minute_and_checked_by_its_tag(consult: AppointmentType, client: Visitor) -> None:
    for path in (*ADDRESSES, times_of(consult)):
        answer = client.get(path)
        assert answer.headers["Cache-Control"] == "public, max-age=60"
        again = client.get(path, headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
        assert again.headers["Cache-Control"] == "public, max-age=60"
        assert again.headers["ETag"] == answer.headers["ETag"]
        assert client.get(path, headers={"If-None-Match": '"another"'}).status_code == 200


def test_a_tag_changes_with_the_times(consult: AppointmentType, client: Visitor) -> None:
    before = client.get(times_of(consult))
    [practitioner] = db.session.scalars(db.select(Practitioner))
    starts_at = datetime.fromisoformat(starts_in(before.json)[0][0])
    make_booking(type=consult, practitioner=practitioner, starts_at=starts_at)
    after = client.get(times_of(consult), headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200


def test_pages_of_other_sites_may_read_answers_and_problems(consult: AppointmentType, client: Visitor) -> None:
    for path in (*ADDRESSES, times_of(consult), times_of(consult, days=0), "/api/v1/nothing"):
        answer = client.get(path, headers={"Origin": "https://www.example.org"})
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert "Set-Cookie" not in answer.headers
    for path in ("/", f"/book/{consult.slug}"):
        assert "Access-Control-Allow-Origin" not in client.get(path).headers


def test_head_answers_as_get_does_without_a_body(consult: AppointmentType, client: Visitor) -> None:
    for path in (*ADDRESSES, times_of(consult)):
        head, get = client.head(path), client.get(path)
        assert (head.status_code, head.data) == (200, b"")
        for name in ("Content-Type", "Content-Length", "ETag", "Cache-Control"):
            assert head.headers[name] == get.headers[name]


# --- described


def fits(schema: dict[str, Any], value: Any, described: Any) -> None:
    """The value is what this schema of the description says, formats included."""
    whole = {**schema, "components": described["components"]}
    Draft202012Validator(whole, format_checker=FormatChecker()).validate(value)


def answers_of(described: Any, path: str) -> Any:
    return described["paths"][path]["get"]["responses"]


def test_the_description_names_every_address_and_no_other(app: Flask, settings: Settings) -> None:
    routes = {route.rule for route in app.url_map.iter_rules() if route.endpoint.startswith("api.")}
    described = openapi.document(settings.public_url)
    assert {path.replace("{", "<").replace("}", ">") for path in described["paths"]} == routes
    assert described["openapi"].startswith("3.1.")
    assert described["servers"] == [{"url": settings.public_url}]


def test_the_description_is_what_is_served(ctx: None, client: Visitor) -> None:
    assert read(client, DESCRIPTION) == openapi.document(client.portal_url)


def test_each_schema_is_one_and_leads_nowhere_that_is_not_there(settings: Settings) -> None:
    described = openapi.document(settings.public_url)
    for name, schema in described["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert name.isalpha()
    led_to = set(re.findall(r"#/components/schemas/(\w+)", repr(described)))
    assert led_to == described["components"]["schemas"].keys()


def test_the_operations_are_whole(settings: Settings) -> None:
    described = openapi.document(settings.public_url)
    operations = [path["get"] for path in described["paths"].values()]
    assert len({each["operationId"] for each in operations}) == len(operations)
    for path, operation in zip(described["paths"], operations, strict=True):
        assert operation["summary"]
        assert all(answer["description"] for answer in operation["responses"].values())
        in_path = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"}
        assert in_path == set(re.findall(r"{(\w+)}", path))
        assert all(each["required"] for each in operation.get("parameters", ()) if each["in"] == "path")


def test_the_answers_are_as_described(rosella: None, client: Visitor) -> None:
    described = read(client, DESCRIPTION)
    answers = {
        "/api/v1/services": read(client, "/api/v1/services"),
        "/api/v1/types/{type_slug}/times": read(client, times_of("initial-gaps-60min", days=28)),
        DESCRIPTION: described,
    }
    assert answers.keys() == described["paths"].keys()
    for path, answer in answers.items():
        fits(answers_of(described, path)["200"]["content"]["application/json"]["schema"], answer, described)


def test_the_problems_are_as_described(
    consult: AppointmentType, client: Visitor, limits: Callable[[str, str], None]
) -> None:
    described = read(client, DESCRIPTION)
    bad, missing = problem(client, times_of(consult, days=99)), problem(client, times_of("nothing"), 404)
    limits("api", "1 per day")
    client.get(times_of(consult))
    told = {"400": bad, "404": missing, "429": problem(client, times_of(consult), 429)}
    responses = answers_of(described, "/api/v1/types/{type_slug}/times")
    assert told.keys() == responses.keys() - {"200", "304"}
    for status, answer in told.items():
        fits(responses[status]["content"]["application/problem+json"]["schema"], answer, described)


def test_the_parameters_are_taken_as_described(consult: AppointmentType, client: Visitor) -> None:
    described = openapi.document(client.portal_url)
    parameters = described["paths"]["/api/v1/types/{type_slug}/times"]["get"]["parameters"]
    query = {each["name"]: each["schema"] for each in parameters if each["in"] == "query"}
    days = query["days"]
    assert len(read(client, times_of(consult))["days"]) == days["default"]
    for count in (days["minimum"], days["maximum"]):
        assert len(read(client, times_of(consult, days=count))["days"]) == count
    known = problem(client, times_of(consult, other="x"))["detail"].partition("known here: ")[2].rstrip(".").split(", ")
    assert set(known) == query.keys()
