"""The Graph client against the sandbox: events and the ways a call can fail."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from portal.integrations.graph import Conflict, Graph
from portal.integrations.http import Ambiguous, NotFound, Permanent, Transient
from tests.support.microsoft import LARK, START, WREN, spec
from tests.support.sandbox import RunningSandbox


def events(sandbox: RunningSandbox) -> list[dict[str, object]]:
    return list(sandbox.get("/_emu/graph/events"))


def test_a_created_event_holds_what_we_asked_for(sandbox: RunningSandbox, graph: Graph) -> None:
    created = graph.create_event(WREN, spec(), transaction_id="BK-7F3K2Q:1")

    assert created.starts_at == START
    assert created.ends_at == START + timedelta(minutes=30)
    assert created.transaction_id == "BK-7F3K2Q:1"
    assert created == graph.get_event(WREN, created.id)
    (row,) = events(sandbox)
    assert row["metadata"] == {"v": 1, "b": "BK-7F3K2Q", "s": "gaps", "d": 30, "p": "wren", "c": 7900}
    assert row["sensitivity"] == "private"
    assert (row["categories"], row["attendees"], row["location"]) == ([], 0, "Room 2")


def test_melbourne_times_travel_under_the_windows_name(sandbox: RunningSandbox, graph: Graph) -> None:
    graph.create_event(WREN, spec(), transaction_id="a")

    assert events(sandbox)[0]["zone"] == "AUS Eastern Standard Time"


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Australia/Melbourne", datetime(2026, 7, 1, 9, 0)),  # noqa: DTZ001 - a wall time
        ("Australia/Melbourne", datetime(2026, 10, 4, 3, 30)),  # noqa: DTZ001
        ("Australia/Brisbane", datetime(2026, 1, 5, 9, 0)),  # noqa: DTZ001
        ("Australia/Lord_Howe", datetime(2026, 1, 5, 9, 0)),  # noqa: DTZ001
        ("Europe/Vienna", datetime(2026, 7, 1, 9, 0)),  # noqa: DTZ001
    ],
)
def test_wall_times_come_back_as_the_same_instant(graph: Graph, zone: str, day: datetime) -> None:
    starts_at = day.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)

    created = graph.create_event(WREN, spec(starts_at=starts_at, zone=zone), transaction_id="a")

    assert graph.get_event(WREN, created.id).starts_at == starts_at


@pytest.mark.parametrize("answer", [400, 409, 201])
def test_a_repeated_transaction_id_gives_the_event_that_is_there(
    sandbox: RunningSandbox, graph: Graph, answer: int
) -> None:
    sandbox.knob("graph", "transaction_repeat", answer)
    first = graph.create_event(WREN, spec(), transaction_id="BK-7F3K2Q:1")

    again = graph.create_event(WREN, spec(), transaction_id="BK-7F3K2Q:1")

    assert again == first
    assert len(events(sandbox)) == 1


@pytest.mark.parametrize("answer", [400, 409, 201])
def test_a_repeat_tells_the_truth_after_staff_moved_the_event(
    sandbox: RunningSandbox, graph: Graph, answer: int
) -> None:
    sandbox.knob("graph", "transaction_repeat", answer)
    first = graph.create_event(WREN, spec(), transaction_id="BK-7F3K2Q:1")
    sandbox.post("/_emu/graph/staff-event", {
        "user": WREN, "action": "move", "id": first.id, "start": "2026-03-02T01:00:00Z", "end": "2026-03-02T01:30:00Z",
    })  # fmt: skip

    again = graph.create_event(WREN, spec(), transaction_id="BK-7F3K2Q:1")

    assert again.id == first.id
    assert again.starts_at == datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


def test_a_repeat_finds_an_event_that_lost_our_property_by_its_time(sandbox: RunningSandbox, graph: Graph) -> None:
    sandbox.knob("graph", "transaction_repeat", 409)
    first = graph.create_event(WREN, spec(metadata={}), transaction_id="BK-7F3K2Q:1")

    assert graph.create_event(WREN, spec(), transaction_id="BK-7F3K2Q:1").id == first.id


def test_a_repeat_after_a_removal_says_that_the_event_is_gone(sandbox: RunningSandbox, graph: Graph) -> None:
    first = graph.create_event(WREN, spec(), transaction_id="BK-7F3K2Q:1")
    graph.delete_event(WREN, first.id)

    for answer in (400, 409, 201):
        sandbox.knob("graph", "transaction_repeat", answer)
        with pytest.raises(NotFound):
            graph.create_event(WREN, spec(), transaction_id="BK-7F3K2Q:1")


def test_after_a_lost_answer_the_next_try_adopts_the_event(sandbox: RunningSandbox, graph: Graph) -> None:
    sandbox.fault("POST /graph/*/events", "timeout_after_commit")
    with pytest.raises(Ambiguous):
        graph.create_event(WREN, spec(), transaction_id="BK-7F3K2Q:1")

    adopted = graph.create_event(WREN, spec(), transaction_id="BK-7F3K2Q:1")

    assert [row["id"] for row in events(sandbox)] == [adopted.id]
    assert adopted.metadata == spec().metadata


def test_a_gateway_that_gave_up_on_a_write_leaves_it_open(sandbox: RunningSandbox, graph: Graph) -> None:
    sandbox.fault("POST /graph/*/events", "error_after")

    with pytest.raises(Ambiguous):
        graph.create_event(WREN, spec(), transaction_id="a")
    assert len(events(sandbox)) == 1


def test_a_broken_read_may_simply_be_repeated(sandbox: RunningSandbox, graph: Graph) -> None:
    created = graph.create_event(WREN, spec(), transaction_id="a")
    sandbox.fault("GET /graph/*", "error", status=502)

    with pytest.raises(Transient) as caught:
        graph.get_event(WREN, created.id)
    assert not isinstance(caught.value, Ambiguous)
    assert graph.get_event(WREN, created.id).id == created.id


def test_a_throttled_call_carries_the_wish_of_graph(sandbox: RunningSandbox, graph: Graph) -> None:
    sandbox.fault("POST /graph/*", "429", retry_after=2.128)

    with pytest.raises(Transient) as caught:
        graph.create_event(WREN, spec(), transaction_id="a")
    assert caught.value.retry_after == 2.128
    assert not isinstance(caught.value, Ambiguous)
    assert events(sandbox) == []


def test_more_calls_at_once_than_a_mailbox_bears_are_throttled(sandbox: RunningSandbox, graph: Graph) -> None:
    created = graph.create_event(WREN, spec(), transaction_id="a")
    sandbox.knob("graph", "latency_seconds", 0.4)

    def read(_: int) -> str:
        try:
            return graph.get_event(WREN, created.id).id
        except Transient as error:
            return error.code

    with ThreadPoolExecutor(7) as pool:
        answers = list(pool.map(read, range(7)))
    assert answers.count("ApplicationThrottled") == 3


def test_an_event_is_changed_in_place(sandbox: RunningSandbox, graph: Graph) -> None:
    created = graph.create_event(WREN, spec(), transaction_id="a")
    later = spec(starts_at=START + timedelta(days=1), metadata={"v": 1, "b": "BK-7F3K2Q", "c": 8900})

    changed = graph.update_event(WREN, created.id, later, etag=created.etag)

    assert (changed.id, changed.starts_at) == (created.id, later.starts_at)
    assert changed.etag != created.etag
    assert changed == graph.get_event(WREN, created.id)


def test_a_change_does_not_overwrite_what_staff_changed_meanwhile(sandbox: RunningSandbox, graph: Graph) -> None:
    created = graph.create_event(WREN, spec(), transaction_id="a")
    sandbox.post("/_emu/graph/staff-event", {
        "user": WREN, "action": "move", "id": created.id,
        "start": "2026-03-02T01:00:00Z", "end": "2026-03-02T02:00:00Z",
    })  # fmt: skip

    with pytest.raises(Conflict):
        graph.update_event(WREN, created.id, spec(), etag=created.etag)
    assert graph.get_event(WREN, created.id).starts_at == datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
    assert graph.update_event(WREN, created.id, spec()).starts_at == START


def test_an_event_that_is_gone_may_be_deleted_again(sandbox: RunningSandbox, graph: Graph) -> None:
    created = graph.create_event(WREN, spec(), transaction_id="a")

    graph.delete_event(WREN, created.id)
    graph.delete_event(WREN, created.id)

    with pytest.raises(NotFound) as caught:
        graph.get_event(WREN, created.id)
    assert caught.value.code == "ErrorItemNotFound"


def test_events_are_found_by_the_exact_reference(sandbox: RunningSandbox, graph: Graph) -> None:
    for number, reference in enumerate(["BK-7F3K2Q", "BK-7F3K2", "BK-7F3K2Q", "O'Hara"]):
        graph.create_event(WREN, spec(reference, START + timedelta(hours=number)), transaction_id=str(number))
    graph.create_event(LARK, spec("BK-7F3K2Q"), transaction_id="0")

    assert [event.transaction_id for event in graph.find_events(WREN, "BK-7F3K2Q")] == ["0", "2"]
    assert [event.transaction_id for event in graph.find_events(WREN, "BK-7F3K2")] == ["1"]
    assert [event.transaction_id for event in graph.find_events(WREN, "O'Hara")] == ["3"]
    assert graph.find_events(WREN, "BK-NOBODY") == []


def test_a_long_list_is_read_page_by_page(sandbox: RunningSandbox, graph: Graph) -> None:
    for number in range(23):
        graph.create_event(WREN, spec(starts_at=START + timedelta(hours=number)), transaction_id=str(number))

    found = graph.find_events(WREN, "BK-7F3K2Q")

    assert len({event.id for event in found}) == 23
    pages = [call for call in sandbox.calls("graph") if call["method"] == "GET"]
    assert len(pages) == 3


def test_a_window_of_time_shows_every_event_of_it_oldest_first(sandbox: RunningSandbox, graph: Graph) -> None:
    later = graph.create_event(WREN, spec(starts_at=START + timedelta(hours=1)), transaction_id="a")
    sandbox.advance(minutes=1)
    earlier = graph.create_event(WREN, spec(), transaction_id="b")
    graph.create_event(WREN, spec(starts_at=START + timedelta(days=2)), transaction_id="c")

    assert graph.events_between(WREN, START, START + timedelta(days=1)) == [later, earlier]


def test_an_entry_of_a_person_has_no_metadata(sandbox: RunningSandbox, graph: Graph) -> None:
    row = sandbox.post("/_emu/graph/staff-event", {
        "user": WREN, "action": "create", "subject": "Dentist", "start": "2026-03-02T01:00:00Z",
        "end": "2026-03-02T02:00:00Z",
    })  # fmt: skip

    event = graph.get_event(WREN, row["id"])
    assert event.metadata is None
    assert (event.subject, event.show_as, event.sensitivity) == ("Dentist", "busy", "normal")


def test_a_mailbox_outside_our_scope_is_a_lasting_refusal(sandbox: RunningSandbox, graph: Graph) -> None:
    sandbox.knob("graph", "allowed_mailboxes", [LARK])

    with pytest.raises(Permanent) as caught:
        graph.create_event(WREN, spec(), transaction_id="a")
    assert (caught.value.status, caught.value.code) == (403, "ErrorAccessDenied")


def test_a_person_without_a_mailbox_is_not_found(graph: Graph) -> None:
    with pytest.raises(NotFound) as caught:
        graph.create_event("0b8e1c52-0000-4000-8000-00000000dead", spec(), transaction_id="a")
    assert caught.value.code == "MailboxNotEnabledForRESTAPI"
