"""The emulated Graph keeps events as the contract says, and refuses what the contract refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests

from portal.config import LOCAL_IDS, LOCAL_SECRETS
from tests.support.microsoft import LARK, PEOPLE, TENANT, WREN, RawGraph, event_json, refusal
from tests.support.sandbox import RunningSandbox

PROPERTY = "String {11111111-2222-4333-8444-555555555555} Name clinicBooking"
EVENTS = f"/users/{WREN}/events"


def tagged(value: str, name: str = PROPERTY) -> dict[str, Any]:
    return {"singleValueExtendedProperties": [{"id": name, "value": value}]}


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer of-nothing", "Basic c3RhZmY6eA=="])
def test_no_call_passes_without_a_known_token(sandbox: RunningSandbox, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    for path in (f"/users/{WREN}/events", "/subscriptions", "/nothing/here"):
        answer = requests.get(f"{sandbox.url}/graph/v1.0{path}", headers=headers, timeout=5)
        assert refusal(answer) == (401, "InvalidAuthenticationToken")


def test_an_expired_token_is_refused(sandbox: RunningSandbox) -> None:
    sandbox.seed(PEOPLE)
    sandbox.knob("entra", "token_seconds", 0)

    assert refusal(RawGraph(sandbox).get(EVENTS)) == (401, "InvalidAuthenticationToken")


def test_tokens_keep_real_time_when_the_clock_moves(sandbox: RunningSandbox, graph: RawGraph) -> None:
    sandbox.advance(days=3)

    assert graph.get(EVENTS).status_code == 200


def test_an_unknown_mailbox_and_one_out_of_reach_are_told_apart(sandbox: RunningSandbox, graph: RawGraph) -> None:
    sandbox.knob("graph", "allowed_mailboxes", ["wren@rosella-clinic.example.com"])

    assert graph.get(EVENTS).status_code == 200
    assert refusal(graph.get(f"/users/{LARK}/events")) == (403, "ErrorAccessDenied")
    assert refusal(graph.get("/users/nobody/events")) == (404, "MailboxNotEnabledForRESTAPI")


def test_a_mailbox_answers_to_its_address_too(graph: RawGraph) -> None:
    event = graph.make_event()

    assert graph.get(f"/users/Wren@rosella-clinic.example.com/events/{event['id']}").json()["id"] == event["id"]


def test_paths_of_a_signed_in_person_do_not_work_for_an_application(graph: RawGraph) -> None:
    assert refusal(graph.get("/me/events")) == (400, "BadRequest")


def test_a_new_event_is_filled_in_and_hides_its_extended_property(graph: RawGraph) -> None:
    event = graph.make_event(transactionId="t1", **tagged("{}"))

    assert event["reminderMinutesBeforeStart"] == 15
    assert (event["importance"], event["type"], event["transactionId"]) == ("normal", "singleInstance", "t1")
    assert event["responseStatus"]["response"] == "organizer"
    assert event["@odata.etag"] == f'W/"{event["changeKey"]}"'
    assert "singleValueExtendedProperties" not in event


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (event_json(zone="Australia/Melbourne"), "TimeZoneNotSupportedException"),
        (event_json(zone="Australia/Canberra"), "TimeZoneNotSupportedException"),
        (event_json(zone="AEST"), "TimeZoneNotSupportedException"),
        (event_json() | {"start": {"dateTime": "2026-03-02T09:00:00"}}, "TimeZoneNotSupportedException"),
        (
            event_json() | {"start": {"dateTime": "2026-03-02T09:00:00+11:00", "timeZone": "UTC"}},
            "ErrorPropertyValidationFailure",
        ),
        (event_json(end="08:59"), "ErrorPropertyValidationFailure"),
        ({"subject": "No times"}, "ErrorPropertyValidationFailure"),
        (event_json(sensitivity="secret"), "ErrorPropertyValidationFailure"),
        (event_json(showAs="away"), "ErrorPropertyValidationFailure"),
        (event_json(categories="GAPS"), "ErrorPropertyValidationFailure"),
        (event_json(attendees=[{"emailAddress": {"address": "nobody"}}]), "ErrorPropertyValidationFailure"),
        (event_json(transactionId=7), "ErrorPropertyValidationFailure"),
        (event_json(**tagged("x", "clinicBooking")), "ErrorPropertyValidationFailure"),
        (event_json(colour="green"), "RequestBodyRead"),
        (event_json(organizer={}), "RequestBodyRead"),
        (event_json(recurrence={}), "ErrorPropertyValidationFailure"),
    ],
)
def test_an_event_that_graph_would_not_take_is_refused(
    sandbox: RunningSandbox, graph: RawGraph, body: dict[str, Any], code: str
) -> None:
    assert refusal(graph.post(EVENTS, body)) == (400, code)
    assert sandbox.get("/_emu/graph/events") == []


def test_a_body_that_is_no_json_is_refused(graph: RawGraph) -> None:
    assert refusal(graph.post(EVENTS, None, data="subject=x")) == (400, "BadRequest")


@pytest.mark.parametrize(
    ("zone", "utc"),
    [
        ("AUS Eastern Standard Time", "2026-03-01T22:00:00.0000000"),
        ("Australia/Sydney", "2026-03-01T22:00:00.0000000"),
        ("E. Australia Standard Time", "2026-03-01T23:00:00.0000000"),
        ("Cen. Australia Standard Time", "2026-03-01T22:30:00.0000000"),
        ("Lord Howe Standard Time", "2026-03-01T22:00:00.0000000"),
        ("UTC", "2026-03-02T09:00:00.0000000"),
    ],
)
def test_times_come_back_in_utc_with_seven_digits(graph: RawGraph, zone: str, utc: str) -> None:
    event = graph.make_event(zone=zone)

    assert event["start"] == {"dateTime": utc, "timeZone": "UTC"}
    assert event["originalStartTimeZone"] == zone


def test_times_come_back_in_the_preferred_zone(graph: RawGraph) -> None:
    event = graph.make_event()
    prefer = 'IdType="ImmutableId", outlook.timezone="W. Australia Standard Time"'

    start = graph.get(f"{EVENTS}/{event['id']}", prefer=prefer).json()["start"]

    assert start == {"dateTime": "2026-03-02T06:00:00.0000000", "timeZone": "W. Australia Standard Time"}
    bad = graph.get(f"{EVENTS}/{event['id']}", prefer='outlook.timezone="Australia/Melbourne"')
    assert refusal(bad) == (400, "TimeZoneNotSupportedException")


def test_both_id_formats_name_the_event_and_letters_count(graph: RawGraph) -> None:
    immutable = graph.make_event()["id"]
    regular = graph.get(f"{EVENTS}/{immutable}", prefer="").json()["id"]

    assert regular != immutable
    assert graph.get(f"{EVENTS}/{regular}").json()["id"] == immutable
    assert refusal(graph.get(f"{EVENTS}/{immutable.swapcase()}")) == (400, "ErrorInvalidIdMalformed")
    twin = immutable[:36] + immutable[36:].swapcase()
    assert refusal(graph.get(f"{EVENTS}/{twin}")) == (404, "ErrorItemNotFound")
    assert refusal(graph.get(f"/users/{LARK}/events/{immutable}")) == (404, "ErrorItemNotFound")


def test_the_property_shows_only_under_its_exact_id(graph: RawGraph) -> None:
    event = graph.make_event(**tagged('{"b":"BK-7F3K2Q"}'))
    path = f"{EVENTS}/{event['id']}"

    shown = graph.get(path, expand=f"singleValueExtendedProperties($filter=id eq '{PROPERTY}')").json()
    other = graph.get(path, expand=f"singleValueExtendedProperties($filter=id eq '{PROPERTY.lower()}')").json()

    assert shown["singleValueExtendedProperties"] == [{"id": PROPERTY, "value": '{"b":"BK-7F3K2Q"}'}]
    assert "singleValueExtendedProperties" not in other
    assert "singleValueExtendedProperties" not in graph.get(path).json()


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("ep/value eq 'one'", 1),
        ("ep/value ne 'one'", 2),
        ("contains(ep/value, 'o')", 2),
        ("startswith(ep/value, 'tw')", 1),
        ("contains(ep/value, 'O''Hara')", 1),
        ("ep/value eq 'o'", 0),
    ],
)
def test_events_are_found_by_the_value_of_a_property(graph: RawGraph, condition: str, found: int) -> None:
    for value in ("one", "two", "O'Hara"):
        graph.make_event(**tagged(value))
    graph.make_event()

    answer = graph.get(
        EVENTS, filter=f"singleValueExtendedProperties/Any(ep: ep/id eq '{PROPERTY}' and {condition})", select="subject"
    ).json()

    assert len(answer["value"]) == found
    assert all(set(row) == {"@odata.etag", "id", "subject"} for row in answer["value"])


@pytest.mark.parametrize(
    "query",
    [
        {"filter": "transactionId eq 't1'"},
        {"filter": "subject eq 'x' or 1 eq 1"},
        {"expand": "extensions"},
        {"$orderby": "subject"},
        {"$search": "x"},
        {"top": "0"},
        {"skip": "x"},
    ],
)
def test_a_query_that_nobody_would_honour_is_refused(graph: RawGraph, query: dict[str, str]) -> None:
    assert refusal(graph.get(EVENTS, **query)) == (400, "ErrorInvalidUrlQuery")


def test_each_write_gives_a_new_change_key_and_changes_only_what_was_sent(graph: RawGraph) -> None:
    event = graph.make_event(location={"displayName": "Room 2"}, **tagged("one"))

    changed = graph.call("PATCH", f"{EVENTS}/{event['id']}", {"subject": "Lunch"}).json()

    assert changed["changeKey"] != event["changeKey"]
    assert (changed["subject"], changed["location"]["displayName"]) == ("Lunch", "Room 2")
    assert (changed["start"], changed["id"]) == (event["start"], event["id"])
    shown = graph.get(
        f"{EVENTS}/{event['id']}", expand=f"singleValueExtendedProperties($filter=id eq '{PROPERTY}')"
    ).json()
    assert shown["singleValueExtendedProperties"][0]["value"] == "one"


def test_a_change_on_an_old_etag_is_refused(graph: RawGraph) -> None:
    event = graph.make_event()
    path, old = f"{EVENTS}/{event['id']}", {"If-Match": event["@odata.etag"]}

    assert graph.call("PATCH", path, {"subject": "First"}, headers=old).status_code == 200
    second = graph.call("PATCH", path, {"subject": "Second"}, headers=old)

    assert refusal(second) == (412, "ErrorIrresolvableConflict")
    assert graph.get(path).json()["subject"] == "First"


def test_a_transaction_id_is_set_once(graph: RawGraph) -> None:
    event = graph.make_event(transactionId="t1")
    answer = graph.call("PATCH", f"{EVENTS}/{event['id']}", {"transactionId": "t2"})

    assert refusal(answer) == (400, "ErrorPropertyValidationFailure")


@pytest.mark.parametrize(("knob", "named"), [(400, True), (409, False)])
def test_a_repeated_transaction_id_is_refused(sandbox: RunningSandbox, graph: RawGraph, knob: int, named: bool) -> None:
    sandbox.knob("graph", "transaction_repeat", knob)
    event = graph.make_event(transactionId="t1")

    answer = graph.post(EVENTS, event_json(transactionId="t1"))

    assert refusal(answer) == (knob, "ErrorDuplicateTransactionId")
    assert answer.json()["error"].get("@event.existingEventId") == (event["id"] if named else None)
    assert graph.post(f"/users/{LARK}/events", event_json(transactionId="t1")).status_code == 201


def test_a_repeated_transaction_id_may_also_be_answered_as_if_new(sandbox: RunningSandbox, graph: RawGraph) -> None:
    sandbox.knob("graph", "transaction_repeat", 201)
    event = graph.make_event(transactionId="t1")

    assert graph.make_event(transactionId="t1")["id"] == event["id"]
    assert len(sandbox.get("/_emu/graph/events")) == 1


def test_events_at_the_same_time_both_stand(sandbox: RunningSandbox, graph: RawGraph) -> None:
    graph.make_event()
    graph.make_event()

    assert len(sandbox.get("/_emu/graph/events")) == 2


def test_a_deleted_event_is_gone(sandbox: RunningSandbox, graph: RawGraph) -> None:
    path = f"{EVENTS}/{graph.make_event()['id']}"

    assert graph.call("DELETE", path).status_code == 204
    assert refusal(graph.call("DELETE", path)) == (404, "ErrorItemNotFound")
    assert refusal(graph.get(path)) == (404, "ErrorItemNotFound")
    assert sandbox.get("/_emu/graph/events") == []
    assert [row["isDeleted"] for row in sandbox.get("/_emu/graph/events", deleted=1)] == [True]


def test_only_the_organizer_can_cancel(sandbox: RunningSandbox, graph: RawGraph) -> None:
    invited = sandbox.post("/_emu/graph/staff-event", {
        "user": WREN, "action": "create", "start": "2026-03-02T01:00:00Z", "end": "2026-03-02T02:00:00Z",
        "organizer": {"name": "Noel Crake", "address": "crake@example.com"},
    })  # fmt: skip
    own = graph.make_event()

    assert refusal(graph.post(f"{EVENTS}/{invited['id']}/cancel", {})) == (400, "ErrorInvalidRequest")
    assert graph.post(f"{EVENTS}/{own['id']}/cancel", {"comment": "x"}).status_code == 202
    assert refusal(graph.get(f"{EVENTS}/{own['id']}")) == (404, "ErrorItemNotFound")


def test_attendees_are_mailed_on_every_write(sandbox: RunningSandbox, graph: RawGraph) -> None:
    attendees = [{"type": "required", "emailAddress": {"address": "pat@example.org", "name": "Pat"}}]
    path = f"{EVENTS}/{graph.make_event(attendees=attendees)['id']}"
    graph.call("PATCH", path, {"subject": "Lunch"})
    graph.call("DELETE", path)

    mails = sandbox.get("/_emu/graph/messages")
    assert [mail["subject"].split(":")[0] for mail in mails] == ["Invitation", "Updated", "Cancelled"]
    assert {tuple(mail["to"]) for mail in mails} == {("pat@example.org",)}


def test_the_body_comes_as_html_unless_text_is_preferred(graph: RawGraph) -> None:
    event = graph.make_event(body={"contentType": "text", "content": "5 < 6"})
    answer = graph.get(f"{EVENTS}/{event['id']}", prefer='outlook.body-content-type="text"')

    assert event["body"]["contentType"] == "html"
    assert "5 &lt; 6" in event["body"]["content"]
    assert answer.json()["body"] == {"contentType": "text", "content": "5 < 6"}
    assert answer.headers["Preference-Applied"] == 'outlook.body-content-type="text"'


def test_the_sandbox_remembers_after_a_restart(tmp_path: Path) -> None:
    """Our database remembers an event id for months; the calendar must too."""
    first = RunningSandbox.start(tmp_path)
    try:
        first.seed(PEOPLE)
        event = RawGraph(first).make_event(transactionId="t1")
    finally:
        assert first.stop() == 0
    second = RunningSandbox.start(tmp_path)
    try:
        graph = RawGraph(second)
        assert graph.get(f"{EVENTS}/{event['id']}").json()["@odata.etag"] == event["@odata.etag"]
        assert graph.post(EVENTS, event_json(transactionId="t1")).status_code == 400
    finally:
        assert second.stop() == 0


def test_a_token_of_the_staff_registration_opens_no_mailbox(sandbox: RunningSandbox) -> None:
    answer = requests.post(
        f"{sandbox.url}/{TENANT}/oauth2/v2.0/token",
        data={
            "client_id": LOCAL_IDS["ENTRA_STAFF_CLIENT_ID"],
            "client_secret": LOCAL_SECRETS["ENTRA_STAFF_CLIENT_SECRET"],
            "grant_type": "client_credentials",
            "scope": "https://graph.microsoft.com/.default",
        },
        timeout=5,
    )

    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")
