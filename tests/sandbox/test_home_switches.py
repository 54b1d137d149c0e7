"""Whatever the outside can do wrong, a person can switch on from the start page, and off again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bs4 import Tag

from portal.sandbox.core import CALL_FAULTS
from portal.sandbox.deliveries import DELIVERY_FAULTS
from portal.sandbox.switches import SWITCHES
from tests.sandbox.test_home import home, send
from tests.support.microsoft import PEOPLE, WREN, RawGraph
from tests.support.receiver import Receiver
from tests.support.sandbox import RunningSandbox

# For each switch of the page: what is sent for it, and the value that a call then meets.
TURNED: dict[tuple[str, str], tuple[str, Any]] = {
    ("stripe", "latency_seconds"): ("0.25", 0.25),
    ("stripe", "remembered_failures"): ("2", 2),
    ("stripe", "refunds_stay_pending"): ("yes", True),
    ("stripe", "should_retry"): ("false", "false"),
    ("graph", "notification_delay_seconds"): ("2", 2),
    ("graph", "transaction_repeat"): ("409", 409),
    ("graph", "allowed_mailboxes"): ("wren@example.com, lark@example.com", ["wren@example.com", "lark@example.com"]),
    ("graph", "max_concurrent_calls"): ("1", 1),
    ("graph", "latency_seconds"): ("0.5", 0.5),
    ("graph", "delta_replay"): ("no", False),
    ("graph", "mails_per_minute"): ("3", 3),
    ("entra", "token_seconds"): ("200", 200),
    ("entra", "code_seconds"): ("5", 5),
    ("entra", "id_token_changes"): ("one-factor", {"acrs": None}),
    ("entra", "id_token_signer"): ("nobody", "nobody"),
    ("medirecords", "AUTH_MODE"): ("oauth", "oauth"),
    ("medirecords", "CONFLICT_STATUS"): ("400", 400),
    ("medirecords", "DOUBLE_BOOKING_DEFAULT"): ("yes", True),
    ("medirecords", "GENDER_ORDER"): ("fm", "fm"),
    ("medirecords", "SEARCH_LAG_SECONDS"): ("12", 12),
    ("medirecords", "LINK_DELAY"): ("1", 1),
    ("medirecords", "MAX_PAGE_SIZE"): ("20", 20),
}


def form_for(sandbox: RunningSandbox, action: str, **hidden: str) -> Tag:
    """The form of the page that goes to `action`, with these hidden fields."""
    (form,) = [
        form
        for form in home(sandbox).find_all("form", action=action)
        if all(form.select(f'input[type="hidden"][name="{name}"][value="{value}"]') for name, value in hidden.items())
    ]
    return form


def choices(form: Tag, name: str) -> set[str]:
    return {str(option["value"]) for option in form.select(f'select[name="{name}"] option')}


def test_every_knob_has_a_switch_and_every_switch_a_knob(sandbox: RunningSandbox) -> None:
    knobs = sandbox.get("/_emu/knobs")
    assert {name: set(known) for name, known in SWITCHES.items()} == {name: set(known) for name, known in knobs.items()}


@pytest.mark.parametrize(("system", "name"), list(TURNED), ids=lambda part: part)
def test_a_switch_turned_on_the_page_is_turned_for_the_next_call_and_can_be_turned_back(
    sandbox: RunningSandbox, system: str, name: str
) -> None:
    usual, (sent, expected) = sandbox.get("/_emu/knobs"), TURNED[system, name]
    assert form_for(sandbox, "/home/switches", system=system).select_one(f"[name={name}]") is not None

    assert send(sandbox, "/home/switches", system=system, **{name: sent}).headers["Location"] == "/#switches"

    assert sandbox.get("/_emu/knobs")[system] == usual[system] | {name: expected}
    form = form_for(sandbox, "/home/switches", system=system)
    assert [badge.get_text() for badge in form.select(".badge")] == ["turned"]
    assert "1 switch turned" in home(sandbox).get_text(" ", strip=True)
    send(sandbox, "/home/switches/reset")
    assert sandbox.get("/_emu/knobs") == usual


def test_the_table_of_these_tests_is_whole() -> None:
    assert {(system, name) for system, known in SWITCHES.items() for name in known} == set(TURNED)


@pytest.mark.parametrize("system", sorted(SWITCHES))
def test_sending_a_form_as_it_stands_changes_nothing(sandbox: RunningSandbox, system: str) -> None:
    usual, form = sandbox.get("/_emu/knobs"), form_for(sandbox, "/home/switches", system=system)
    shown = {str(one["name"]): str(one["value"]) for one in form.select("input[name]")}
    for select in form.select("select"):
        (chosen,) = select.select("option[selected]")
        shown[str(select["name"])] = str(chosen["value"])

    send(sandbox, "/home/switches", **shown)
    assert sandbox.get("/_emu/knobs") == usual


def test_what_a_program_has_set_and_no_choice_offers_is_shown_and_left_alone(sandbox: RunningSandbox) -> None:
    sandbox.knob("medirecords", "CONFLICT_STATUS", 418)
    chosen = form_for(sandbox, "/home/switches", system="medirecords").select_one("[name=CONFLICT_STATUS] [selected]")
    assert chosen is not None
    assert (chosen["value"], chosen.get_text()) == ("", "as set by /_emu/knobs")

    send(sandbox, "/home/switches", system="medirecords", CONFLICT_STATUS="", LINK_DELAY="1")
    known = sandbox.get("/_emu/knobs")["medirecords"]
    assert (known["CONFLICT_STATUS"], known["LINK_DELAY"]) == (418, 1)


@pytest.mark.parametrize(
    "sent",
    [
        {"system": "fax", "latency_seconds": "1"},
        {"system": "graph", "latency_seconds": "1", "transaction_repeat": "418"},
        {"system": "graph", "latency_seconds": "-1"},
        {"system": "graph", "latency_seconds": "nan"},
        {"system": "graph", "latency_seconds": "soon"},
        {"system": "graph", "max_concurrent_calls": "0"},
        {"system": "medirecords", "MAX_PAGE_SIZE": "0"},
    ],
    ids=lambda sent: " ".join(sent.values()),
)
def test_what_a_switch_cannot_be_set_to_is_refused_as_a_whole(sandbox: RunningSandbox, sent: dict[str, str]) -> None:
    usual = sandbox.get("/_emu/knobs")
    assert send(sandbox, "/home/switches", **sent).status_code == 400
    assert sandbox.get("/_emu/knobs") == usual


def test_the_page_offers_each_way_a_call_goes_wrong_and_calls_of_each_system(sandbox: RunningSandbox) -> None:
    form = form_for(sandbox, "/home/call-faults")
    assert choices(form, "kind") == set(CALL_FAULTS)
    groups = [str(group["label"]) for group in form.select("optgroup")]
    assert groups == ["Stripe", "Microsoft Graph", "MediRecords", "Entra ID"]


@pytest.mark.parametrize("kind", sorted(CALL_FAULTS))
def test_each_way_a_call_goes_wrong_is_added_as_it_was_filled_in(sandbox: RunningSandbox, kind: str) -> None:
    sent = {"times": "2", "skip": "1", "status": "502", "seconds": "0.5", "retry_after": "2.128"}
    send(sandbox, "/home/call-faults", match="POST /graph/*/events", other=" GET /stripe/* ", kind=kind, **sent)
    (fault,) = sandbox.get("/_emu/faults")["calls"]
    assert fault == {
        "match": "GET /stripe/*",
        "kind": kind,
        "times": 2,
        "skip": 1,
        "status": 502,
        "seconds": 0.5,
        "retry_after": 2.128,
    }


def test_the_page_offers_each_way_a_delivery_goes_wrong_of_those_who_send(sandbox: RunningSandbox) -> None:
    form = form_for(sandbox, "/home/delivery-faults")
    assert choices(form, "kind") == set(DELIVERY_FAULTS)
    assert choices(form, "system") == {"stripe", "graph"}


@pytest.mark.parametrize(("system", "kind"), [("medirecords", "drop"), ("entra", "drop"), ("graph", "old")])
def test_a_delivery_that_does_not_exist_cannot_be_spoilt(sandbox: RunningSandbox, system: str, kind: str) -> None:
    assert send(sandbox, "/home/delivery-faults", system=system, kind=kind).status_code == 400
    assert sandbox.get("/_emu/faults")["deliveries"] == []


@pytest.fixture
def subscription(sandbox: RunningSandbox, receiver: Receiver) -> str:
    """The id of a live subscription to Dr Wren's calendar."""
    sandbox.seed(PEOPLE)
    wanted = {
        "changeType": "created,updated,deleted",
        "resource": f"users/{WREN}/events",
        "notificationUrl": f"{receiver.url}/hook",
        "lifecycleNotificationUrl": f"{receiver.url}/life",
        "expirationDateTime": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
        "clientState": "kookaburra",
    }
    made = RawGraph(sandbox).post("/subscriptions", wanted)
    receiver.clear()
    return str(made.json()["id"])


@pytest.mark.parametrize(
    ("event", "is_left"), [("subscriptionRemoved", False), ("missed", True), ("reauthorizationRequired", True)]
)
def test_a_subscription_can_vanish_miss_something_or_want_to_be_renewed(
    sandbox: RunningSandbox, receiver: Receiver, subscription: str, event: str, is_left: bool
) -> None:
    path = f"/home/subscriptions/{subscription}"
    assert event in [str(button["value"]) for button in form_for(sandbox, path).select("button")]

    assert send(sandbox, path, event=event).headers["Location"] == "/#graph"

    (told,) = receiver.wait_for(1, "/life")
    assert [item["lifecycleEvent"] for item in told.json["value"]] == [event]
    assert len(sandbox.get("/_emu/graph/subscriptions")) == is_left


def test_nothing_else_can_become_of_a_subscription(sandbox: RunningSandbox, subscription: str) -> None:
    assert send(sandbox, f"/home/subscriptions/{subscription}", event="explode").status_code == 400
    assert len(sandbox.get("/_emu/graph/subscriptions")) == 1


def test_where_readers_of_changes_stood_can_be_forgotten(sandbox: RunningSandbox) -> None:
    sandbox.seed(PEOPLE)
    graph, day = RawGraph(sandbox), datetime.now(UTC)
    window = {"startDateTime": day.isoformat(), "endDateTime": (day + timedelta(days=1)).isoformat()}
    link = graph.get(f"/users/{WREN}/calendarView/delta", **window).json()["@odata.deltaLink"]
    assert graph.call("GET", link).status_code == 200

    assert form_for(sandbox, "/home/delta/expire") is not None
    send(sandbox, "/home/delta/expire")
    assert graph.call("GET", link).status_code == 410
