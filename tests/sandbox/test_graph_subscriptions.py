"""Subscriptions of the emulated Graph: the handshake, the limits, what is told and when."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from tests.support.microsoft import LARK, TENANT, WREN, RawGraph, refusal
from tests.support.receiver import Receiver
from tests.support.sandbox import RunningSandbox


def wanted(receiver: Receiver, user_id: str = WREN, minutes: float = 60, **changed: Any) -> dict[str, Any]:
    return {
        "changeType": "created,updated,deleted",
        "resource": f"users/{user_id}/events",
        "notificationUrl": f"{receiver.url}/hook?clinic=1",
        "lifecycleNotificationUrl": f"{receiver.url}/life",
        "expirationDateTime": (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat(),
        "clientState": "kookaburra",
        **changed,
    }


def subscribe(graph: RawGraph, receiver: Receiver, **changed: Any) -> Any:
    """A live subscription; the handshakes are forgotten."""
    prefer = changed.pop("prefer", 'IdType="ImmutableId"')
    answer = graph.post("/subscriptions", wanted(receiver, **changed), prefer=prefer)
    assert answer.status_code == 201, answer.text
    receiver.clear()
    return answer.json()


def items(receiver: Receiver, count: int, path: str = "/hook") -> list[Any]:
    return [item for one in receiver.wait_for(count, path) for item in one.json["value"]]


def test_the_client_state_is_told_at_creation_only(graph: RawGraph, receiver: Receiver) -> None:
    made = subscribe(graph, receiver)

    assert made["clientState"] == "kookaburra"
    assert made["latestSupportedTlsVersion"] == "v1_2"
    assert made["includeResourceData"] is False
    (row,) = graph.get("/subscriptions").json()["value"]
    assert row == {name: value for name, value in made.items() if name != "@odata.context"} | {"clientState": None}


def test_both_hooks_are_asked_to_echo_an_awkward_token(graph: RawGraph, receiver: Receiver) -> None:
    assert graph.post("/subscriptions", wanted(receiver)).status_code == 201

    asked = receiver.received()
    assert sorted(one.path for one in asked) == ["/hook", "/life"]
    assert {(one.headers["content-type"], one.body) for one in asked} == {("text/plain; charset=utf-8", b"")}


@pytest.mark.parametrize("answers", [(500,), (200, 404), (302,)])
def test_a_hook_that_does_not_say_200_gets_nothing(
    graph: RawGraph, receiver: Receiver, answers: tuple[int, ...]
) -> None:
    receiver.answer_next(*answers)

    answer = graph.post("/subscriptions", wanted(receiver))

    assert answer.status_code == 400
    assert "validation request failed" in answer.json()["error"]["message"]
    assert graph.get("/subscriptions").json()["value"] == []


def test_a_hook_that_nobody_serves_gets_nothing(graph: RawGraph, receiver: Receiver) -> None:
    assert graph.post("/subscriptions", wanted(receiver, notificationUrl="http://127.0.0.1:9/x")).status_code == 400


@pytest.mark.parametrize(
    ("changed", "refused"),
    [
        ({"minutes": 10_071}, (400, "ExtensionError")),
        ({"minutes": -1}, (400, "ExtensionError")),
        ({"changeType": "created,moved"}, (400, "ExtensionError")),
        ({"resource": "me/events"}, (400, "ExtensionError")),
        ({"resource": f"users/{WREN}/calendars"}, (400, "ExtensionError")),
        ({"resource": "users/nobody/events"}, (404, "MailboxNotEnabledForRESTAPI")),
        ({"clientState": "x" * 129}, (400, "ExtensionError")),
        ({"notificationUrl": "http://portal.example.com/hook"}, (400, "ExtensionError")),
        ({"notificationUrl": None}, (400, "InvalidRequest")),
        ({"includeResourceData": True}, (400, "InvalidRequest")),
        ({"expirationDateTime": "soon"}, (400, "ErrorInvalidParameter")),
    ],
)
def test_a_subscription_that_graph_would_not_take_is_refused(
    graph: RawGraph, receiver: Receiver, changed: dict[str, Any], refused: tuple[int, str]
) -> None:
    assert refusal(graph.post("/subscriptions", wanted(receiver, **changed))) == refused
    assert receiver.received() == []


def test_the_longest_life_is_10070_minutes(graph: RawGraph, receiver: Receiver) -> None:
    made = subscribe(graph, receiver, minutes=10_069.5)
    late = (datetime.now(UTC) + timedelta(minutes=10_071)).isoformat()

    answer = graph.call("PATCH", f"/subscriptions/{made['id']}", {"expirationDateTime": late})

    assert refusal(answer) == (400, "ExtensionError")


def test_a_second_one_for_the_same_calendar_is_refused(graph: RawGraph, receiver: Receiver) -> None:
    made = subscribe(graph, receiver)

    answer = graph.post("/subscriptions", wanted(receiver))

    assert answer.status_code == 409
    assert made["id"] in answer.json()["error"]["message"]
    assert graph.post("/subscriptions", wanted(receiver, LARK)).status_code == 201


def test_a_mailbox_out_of_reach_cannot_be_watched(sandbox: RunningSandbox, graph: RawGraph, receiver: Receiver) -> None:
    sandbox.knob("graph", "allowed_mailboxes", [LARK])

    assert refusal(graph.post("/subscriptions", wanted(receiver))) == (403, "ErrorAccessDenied")


def test_a_subscription_lapses_by_the_moved_clock(sandbox: RunningSandbox, graph: RawGraph, receiver: Receiver) -> None:
    made = subscribe(graph, receiver, minutes=60)
    sandbox.advance(minutes=61)

    assert graph.get("/subscriptions").json()["value"] == []
    assert refusal(graph.get(f"/subscriptions/{made['id']}")) == (404, "ErrorItemNotFound")
    graph.make_event()
    sandbox.wait_quiet()
    assert receiver.received() == []


def test_a_creation_is_told_and_an_extra_update_follows(graph: RawGraph, receiver: Receiver) -> None:
    made = subscribe(graph, receiver)
    event = graph.make_event()
    graph.make_event(LARK)

    told = items(receiver, 2)

    assert [item["changeType"] for item in told] == ["created", "updated"]
    assert told[0] == {
        "subscriptionId": made["id"],
        "subscriptionExpirationDateTime": told[0]["subscriptionExpirationDateTime"],
        "clientState": "kookaburra",
        "tenantId": TENANT,
        "changeType": "created",
        "resource": f"Users/{WREN}/Events/{event['id']}",
        "resourceData": {
            "@odata.type": "#Microsoft.Graph.Event",
            "@odata.id": f"Users/{WREN}/Events/{event['id']}",
            "@odata.etag": event["@odata.etag"],
            "id": event["id"],
        },
    }


def test_changes_and_removals_are_told_twice(sandbox: RunningSandbox, graph: RawGraph, receiver: Receiver) -> None:
    event = graph.make_event()
    subscribe(graph, receiver)

    graph.call("PATCH", f"/users/{WREN}/events/{event['id']}", {"subject": "Lunch"})
    assert [item["changeType"] for item in items(receiver, 2)] == ["updated", "updated"]
    sandbox.post("/_emu/graph/staff-event", {"user": WREN, "action": "delete", "id": event["id"]})
    assert [item["changeType"] for item in items(receiver, 4)][2:] == ["deleted", "deleted"]


def test_only_the_asked_kinds_are_told(sandbox: RunningSandbox, graph: RawGraph, receiver: Receiver) -> None:
    subscribe(graph, receiver, changeType="deleted")
    event = graph.make_event()
    graph.call("DELETE", f"/users/{WREN}/events/{event['id']}")

    assert {item["changeType"] for item in items(receiver, 2)} == {"deleted"}


def test_the_id_format_is_settled_when_subscribing(graph: RawGraph, receiver: Receiver) -> None:
    subscribe(graph, receiver, prefer="")
    event = graph.make_event()

    told = items(receiver, 1)[0]["resourceData"]["id"]

    assert told != event["id"]
    assert graph.get(f"/users/{WREN}/events/{told}").json()["id"] == event["id"]


def test_a_forged_notification_has_another_client_state(
    sandbox: RunningSandbox, graph: RawGraph, receiver: Receiver
) -> None:
    subscribe(graph, receiver)
    sandbox.delivery_fault("graph", "forge")
    graph.make_event()

    assert {item["clientState"] for item in items(receiver, 2)} == {"forged", "kookaburra"}


def test_a_hook_that_fails_is_told_again(graph: RawGraph, receiver: Receiver) -> None:
    subscribe(graph, receiver)
    receiver.answer_next(503)
    graph.make_event()

    assert sorted(item["changeType"] for item in items(receiver, 3)) in (
        ["created", "created", "updated"],
        ["created", "updated", "updated"],
    )


def test_notifications_wait_as_long_as_the_knob_says(
    sandbox: RunningSandbox, graph: RawGraph, receiver: Receiver
) -> None:
    sandbox.knob("graph", "notification_delay_seconds", 0.5)
    subscribe(graph, receiver)
    began = time.monotonic()
    graph.make_event()

    receiver.wait_for(1)
    assert time.monotonic() - began > 0.45


def test_staff_act_like_people(sandbox: RunningSandbox, graph: RawGraph, receiver: Receiver) -> None:
    subscribe(graph, receiver)
    row = sandbox.post("/_emu/graph/staff-event", {
        "user": "wren@rosella-clinic.example.com", "action": "create", "subject": "Dentist",
        "start": "2026-03-02T12:00:00+11:00", "end": "2026-03-02T13:00:00+11:00",
    })  # fmt: skip
    private = sandbox.post("/_emu/graph/staff-event", {"user": WREN, "action": "private", "id": row["id"]})

    assert (row["metadata"], row["transactionId"], row["start"]) == (None, None, "2026-03-02T01:00:00+00:00")
    assert (row["sensitivity"], private["sensitivity"]) == ("normal", "private")
    assert {item["resourceData"]["id"] for item in items(receiver, 4)} == {row["id"]}


def test_an_unknown_act_of_staff_is_refused(sandbox: RunningSandbox, graph: RawGraph) -> None:
    for wrong in ({"action": "paint"}, {"action": "delete", "id": "nothing"}):
        answer = requests.post(f"{sandbox.url}/_emu/graph/staff-event", json={"user": WREN, **wrong}, timeout=5)
        assert answer.status_code == 400


def test_a_lifecycle_event_goes_to_its_own_hook(sandbox: RunningSandbox, graph: RawGraph, receiver: Receiver) -> None:
    made = subscribe(graph, receiver)
    sandbox.post("/_emu/graph/lifecycle", {"event": "missed"})

    (item,) = items(receiver, 1, "/life")

    assert (item["lifecycleEvent"], item["subscriptionId"]) == ("missed", made["id"])
    assert (item["clientState"], "resource" in item) == ("kookaburra", False)


def test_a_removed_subscription_is_gone(sandbox: RunningSandbox, graph: RawGraph, receiver: Receiver) -> None:
    first, second = subscribe(graph, receiver), subscribe(graph, receiver, user_id=LARK)
    sandbox.post("/_emu/graph/lifecycle", {"event": "subscriptionRemoved", "subscription": first["id"]})

    assert items(receiver, 1, "/life")[0]["lifecycleEvent"] == "subscriptionRemoved"
    assert [row["id"] for row in graph.get("/subscriptions").json()["value"]] == [second["id"]]


def pause(sandbox: RunningSandbox, graph: RawGraph, receiver: Receiver) -> Any:
    made = subscribe(graph, receiver)
    sandbox.post("/_emu/graph/lifecycle", {"event": "reauthorizationRequired"})
    receiver.wait_for(1, "/life")
    sandbox.advance(seconds=61)
    graph.make_event()
    sandbox.wait_quiet()
    return made


def test_ignoring_a_reauthorization_loses_what_happens(
    sandbox: RunningSandbox, graph: RawGraph, receiver: Receiver
) -> None:
    pause(sandbox, graph, receiver)

    assert receiver.received("/hook") == []


@pytest.mark.parametrize("by", ["renewal", "reauthorize"])
def test_reauthorizing_lets_notifications_flow_again(
    sandbox: RunningSandbox, graph: RawGraph, receiver: Receiver, by: str
) -> None:
    made = pause(sandbox, graph, receiver)
    path = f"/subscriptions/{made['id']}"
    if by == "reauthorize":
        assert graph.post(f"{path}/reauthorize").status_code == 204
    else:
        soon = (datetime.now(UTC) + timedelta(minutes=90)).isoformat()
        assert graph.call("PATCH", path, {"expirationDateTime": soon}).status_code == 200

    graph.make_event()

    assert len(items(receiver, 2)) == 2


def test_an_ended_subscription_is_told_nothing(sandbox: RunningSandbox, graph: RawGraph, receiver: Receiver) -> None:
    path = f"/subscriptions/{subscribe(graph, receiver)['id']}"

    assert graph.call("DELETE", path).status_code == 204
    assert refusal(graph.call("DELETE", path)) == (404, "ErrorItemNotFound")
    graph.make_event()
    sandbox.wait_quiet()
    assert receiver.received() == []
