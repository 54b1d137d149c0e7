"""The Graph client on when somebody is busy: calendar views, rounds of changes, free/busy."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from portal.integrations.graph import Graph, RoundsAreOver, ScheduleItem, ScheduleUnknown
from portal.integrations.http import NotFound, Permanent, Transient
from tests.support.microsoft import LARK, START, WREN, spec
from tests.support.sandbox import RunningSandbox

WINDOW = (START - timedelta(days=2), START + timedelta(days=60))
ADDRESS = "wren@rosella-clinic.example.com"
WEEKLY = {
    "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": ["monday"]},
    "range": {"type": "numbered", "numberOfOccurrences": 3},
}


def enter(sandbox: RunningSandbox, starts_at: datetime = START, minutes: int = 60, **more: Any) -> str:
    """Somebody enters something in Outlook; the id of the event."""
    wanted = {"start": starts_at.isoformat(), "end": (starts_at + timedelta(minutes=minutes)).isoformat(), **more}
    made = sandbox.post("/_emu/graph/staff-event", {"user": WREN, "action": "create", **wanted})
    return str(made["id"])


def test_an_entry_says_when_and_how_but_not_what(sandbox: RunningSandbox, graph: Graph) -> None:
    event_id = enter(sandbox, subject="Dentist", show_as="oof")

    (entry,) = graph.entries_between(WREN, *WINDOW)

    assert (entry.id, entry.starts_at, entry.ends_at) == (event_id, START, START + timedelta(hours=1))
    assert (entry.show_as, entry.is_all_day, entry.is_cancelled) == ("oof", False, False)
    assert (entry.transaction_id, entry.metadata) == (None, None)
    assert entry == graph.get_entry(WREN, event_id)
    assert "Dentist" not in repr(entry)
    asked = [call["path"] for call in sandbox.calls("graph") if "calendarView" in call["path"]]
    assert asked
    assert not any("subject" in path for path in asked)


def test_our_own_entry_shows_our_property(graph: Graph) -> None:
    graph.create_event(WREN, spec(), transaction_id="BK-7F3K2Q:1")

    (entry,) = graph.entries_between(WREN, *WINDOW)

    assert entry.metadata is not None and entry.metadata["b"] == "BK-7F3K2Q"
    assert entry.transaction_id == "BK-7F3K2Q:1"


def test_a_series_comes_as_its_occurrences_with_all_that_counts(sandbox: RunningSandbox, graph: Graph) -> None:
    enter(sandbox, recurrence=WEEKLY, show_as="tentative")

    entries = graph.entries_between(WREN, *WINDOW)

    assert [entry.starts_at for entry in entries] == [START + timedelta(weeks=week) for week in range(3)]
    assert {(entry.type, entry.show_as) for entry in entries} == {("occurrence", "tentative")}


def test_a_whole_day_comes_without_a_zone(sandbox: RunningSandbox, graph: Graph) -> None:
    midnight_in_sydney = datetime(2026, 3, 1, 13, tzinfo=UTC)
    enter(sandbox, midnight_in_sydney, 24 * 60, is_all_day=True)

    (entry,) = graph.entries_between(WREN, *WINDOW)

    assert entry.is_all_day
    assert (entry.starts_at, entry.ends_at) == (datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC))


def test_more_than_a_page_of_entries_is_read_to_the_end(sandbox: RunningSandbox, graph: Graph) -> None:
    daily = {"pattern": {"type": "daily", "interval": 1}, "range": {"type": "numbered", "numberOfOccurrences": 60}}
    for _ in range(5):
        enter(sandbox, recurrence=daily)

    assert len(graph.entries_between(WREN, *WINDOW)) == 300
    round_ = graph.first_round(WREN, *WINDOW)
    assert len(round_.changed) == 305  # the masters too
    # Two pages of the view, seven of the round.
    assert len([call for call in sandbox.calls("graph") if "calendarView" in call["path"]]) == 9


def test_a_round_names_each_changed_entry_once(sandbox: RunningSandbox, graph: Graph) -> None:
    kept, deleted = enter(sandbox), enter(sandbox)
    first = graph.first_round(WREN, *WINDOW)
    sandbox.post("/_emu/graph/staff-event", {"user": WREN, "action": "private", "id": kept})
    sandbox.post("/_emu/graph/staff-event", {"user": WREN, "action": "delete", "id": deleted})
    new = graph.create_event(WREN, spec(), transaction_id="BK-7F3K2Q:1").id

    changes = graph.next_round(first.delta_link)

    assert {one.id: (one.is_removed, one.transaction_id) for one in changes.changed} == {
        kept: (False, None),
        deleted: (True, None),
        new: (False, "BK-7F3K2Q:1"),
    }
    assert len(changes.changed) == 3  # although one row was repeated
    assert len(graph.next_round(changes.delta_link).changed) == 1  # nothing but a repeated row


def test_a_round_says_which_row_is_a_series(sandbox: RunningSandbox, graph: Graph) -> None:
    first = graph.first_round(WREN, *WINDOW)
    enter(sandbox, recurrence=WEEKLY)

    changes = graph.next_round(first.delta_link)

    assert [one.is_master for one in changes.changed].count(True) == 1


def test_rounds_that_graph_has_forgotten_are_over(sandbox: RunningSandbox, graph: Graph) -> None:
    first = graph.first_round(WREN, *WINDOW)
    sandbox.post("/_emu/graph/expire-delta")

    with pytest.raises(RoundsAreOver) as caught:
        graph.next_round(first.delta_link)

    assert caught.value.status == 410


def test_a_link_to_another_graph_is_never_followed(sandbox: RunningSandbox, graph: Graph) -> None:
    calls = len(sandbox.calls("graph"))
    for link in ("https://graph.example.com/v1.0/users/x/calendarView/delta?$deltatoken=1", "nonsense"):
        with pytest.raises(RoundsAreOver):
            graph.next_round(link)
    assert len(sandbox.calls("graph")) == calls


def test_a_mailbox_that_is_not_there_or_closed_is_an_error_everywhere(sandbox: RunningSandbox, graph: Graph) -> None:
    for ask in (graph.entries_between, graph.first_round):
        with pytest.raises(NotFound) as missing:
            ask("nobody", *WINDOW)
        assert missing.value.code == "MailboxNotEnabledForRESTAPI"
    sandbox.knob("graph", "allowed_mailboxes", [LARK])
    for ask in (graph.entries_between, graph.first_round):
        with pytest.raises(Permanent) as closed:
            ask(WREN, *WINDOW)
        assert closed.value.status == 403


def test_a_throttled_round_says_when_to_come_back(sandbox: RunningSandbox, graph: Graph) -> None:
    sandbox.fault("GET /graph/*/calendarView/delta", "429", retry_after=2.128)

    with pytest.raises(Transient) as caught:
        graph.first_round(WREN, *WINDOW)

    assert caught.value.retry_after == 2.128


def test_free_busy_shows_ranges_and_their_status(sandbox: RunningSandbox, graph: Graph) -> None:
    enter(sandbox, show_as="workingElsewhere")

    items = graph.schedule(WREN, ADDRESS, START - timedelta(days=1), START + timedelta(days=30))

    assert items == [ScheduleItem(START, START + timedelta(hours=1), "workingelsewhere")]


def test_an_address_that_free_busy_does_not_know_is_unknown_and_not_free(graph: Graph) -> None:
    with pytest.raises(ScheduleUnknown) as caught:
        graph.schedule(WREN, "nobody@example.com", START, START + timedelta(days=1))

    assert caught.value.code == "ErrorMailRecipientNotFound"
