"""Windows of time in the emulated Graph: calendarView, delta rounds and free/busy."""

from __future__ import annotations

from typing import Any

from tests.support.microsoft import LARK, PEOPLE, WREN, RawGraph, refusal
from tests.support.sandbox import RunningSandbox

VIEW = f"/users/{WREN}/calendarView"
DAY = {"startDateTime": "2026-03-02T00:00:00+11:00", "endDateTime": "2026-03-03T00:00:00+11:00"}


def delta(graph: RawGraph, link: str | None = None, size: int = 50) -> tuple[list[Any], str]:
    """A whole round: its rows and the link to the next one."""
    prefer, rows = f'IdType="ImmutableId", odata.maxpagesize={size}', []
    page = (graph.call("GET", link, prefer=prefer) if link else graph.get(f"{VIEW}/delta", prefer=prefer, **DAY)).json()
    while True:
        rows += page["value"]
        assert len(page["value"]) <= size
        assert ("@odata.nextLink" in page) != ("@odata.deltaLink" in page)
        if "@odata.deltaLink" in page:
            return rows, page["@odata.deltaLink"]
        page = graph.call("GET", page["@odata.nextLink"], prefer=prefer).json()


def test_a_view_holds_what_touches_the_window_by_start(graph: RawGraph) -> None:
    graph.make_event(subject="late", start="23:30", end="23:59")
    graph.make_event(subject="early", start="00:00", end="00:30")
    outside = graph.make_event()
    graph.call("PATCH", f"/users/{WREN}/events/{outside['id']}", {
        "start": {"dateTime": "2026-03-03T00:00:00", "timeZone": "AUS Eastern Standard Time"},
        "end": {"dateTime": "2026-03-03T00:30:00", "timeZone": "AUS Eastern Standard Time"},
    })  # fmt: skip

    assert [row["subject"] for row in graph.get(VIEW, **DAY).json()["value"]] == ["early", "late"]


def test_a_view_needs_both_ends(graph: RawGraph) -> None:
    assert refusal(graph.get(VIEW, startDateTime=DAY["startDateTime"])) == (400, "ErrorInvalidParameter")
    backwards = {"startDateTime": DAY["endDateTime"], "endDateTime": DAY["startDateTime"]}
    assert refusal(graph.get(VIEW, **backwards)) == (400, "ErrorInvalidParameter")


def test_a_view_comes_in_pages_of_ten(graph: RawGraph) -> None:
    made = [graph.make_event(start=f"09:{minute:02}", end="10:00")["id"] for minute in range(23)]

    page, seen = graph.get(VIEW, **DAY).json(), []
    while True:
        seen.append([row["id"] for row in page["value"]])
        if "@odata.nextLink" not in page:
            break
        page = graph.call("GET", page["@odata.nextLink"]).json()

    assert [len(ids) for ids in seen] == [10, 10, 3]
    assert [one for ids in seen for one in ids] == made


def test_dates_cannot_be_selected_in_a_view(graph: RawGraph) -> None:
    graph.make_event()

    (row,) = graph.get(VIEW, **DAY, select="subject,createdDateTime,lastModifiedDateTime").json()["value"]

    assert set(row) == {"@odata.etag", "id", "subject"}


def test_a_first_delta_round_gives_everything_and_the_next_only_changes(
    sandbox: RunningSandbox, graph: RawGraph
) -> None:
    sandbox.knob("graph", "delta_replay", False)
    kept, moved, deleted = [graph.make_event()["id"] for _ in range(3)]
    rows, link = delta(graph, size=2)
    assert [row["id"] for row in rows] == [kept, moved, deleted]
    assert delta(graph, link)[0] == []

    graph.call("PATCH", f"/users/{WREN}/events/{kept}", {"subject": "Lunch"})
    graph.call("DELETE", f"/users/{WREN}/events/{deleted}")
    sandbox.post("/_emu/graph/staff-event", {
        "user": WREN, "action": "move", "id": moved, "start": "2026-04-02T01:00:00Z", "end": "2026-04-02T02:00:00Z",
    })  # fmt: skip
    new = graph.make_event()["id"]
    rows, link = delta(graph, link, size=2)

    by_id = {row["id"]: row for row in rows}
    assert by_id[kept]["subject"] == "Lunch"
    assert by_id[deleted]["@removed"] == {"reason": "deleted"}
    assert by_id[moved]["@removed"] == {"reason": "changed"}
    assert "@removed" not in by_id[new]
    assert len(rows) == 4
    assert delta(graph, link)[0] == []


def test_an_event_that_came_and_went_between_rounds_is_not_told(sandbox: RunningSandbox, graph: RawGraph) -> None:
    _, link = delta(graph)
    graph.call("DELETE", f"/users/{WREN}/events/{graph.make_event()['id']}")

    assert delta(graph, link)[0] == []


def test_each_round_repeats_a_row_by_default(graph: RawGraph) -> None:
    event = graph.make_event()
    _, link = delta(graph)

    rows, link = delta(graph, link)
    again, _ = delta(graph, link)

    assert [row["id"] for row in rows] == [event["id"]] == [row["id"] for row in again]


def test_delta_never_shows_an_extended_property(graph: RawGraph) -> None:
    name = "String {11111111-2222-4333-8444-555555555555} Name clinicBooking"
    graph.make_event(transactionId="t1", singleValueExtendedProperties=[{"id": name, "value": "{}"}])

    (row,), _ = delta(graph)

    assert row["transactionId"] == "t1"
    assert "singleValueExtendedProperties" not in row
    for query in ({"select": "subject"}, {"expand": f"singleValueExtendedProperties($filter=id eq '{name}')"}):
        assert refusal(graph.get(f"{VIEW}/delta", **DAY, **query)) == (400, "ErrorInvalidUrlQuery")


def test_a_delta_token_belongs_to_its_mailbox(graph: RawGraph) -> None:
    _, link = delta(graph)

    assert refusal(graph.call("GET", link.replace(WREN, LARK))) == (400, "ErrorInvalidUrlQuery")


def test_a_dead_delta_token_says_where_to_start_again(sandbox: RunningSandbox, graph: RawGraph) -> None:
    event = graph.make_event()
    _, link = delta(graph)
    sandbox.post("/_emu/graph/expire-delta")

    answer = graph.call("GET", link)

    assert refusal(answer) == (410, "SyncStateNotFound")
    assert [row["id"] for row in delta(graph, answer.headers["Location"])[0]] == [event["id"]]
    assert graph.call("GET", f"{VIEW}/delta?$deltatoken=unheard-of").status_code == 410


def schedule(graph: RawGraph, *addresses: str, hours: tuple[int, int] = (9, 11), **more: Any) -> Any:
    def at(hour: int) -> dict[str, str]:
        return {"dateTime": f"2026-03-02T{hour:02}:00:00", "timeZone": "AUS Eastern Standard Time"}

    body = {"schedules": list(addresses), "startTime": at(hours[0]), "endTime": at(hours[1]), **more}
    return graph.post(f"/users/{WREN}/calendar/getSchedule", body)


def test_free_busy_tells_status_and_hides_private_subjects(graph: RawGraph) -> None:
    graph.make_event(start="09:00", end="09:20", sensitivity="private")
    graph.make_event(start="10:00", end="10:30", showAs="tentative", subject="Maybe")
    graph.make_event(start="10:00", end="10:30", showAs="free")

    answer = schedule(graph, PEOPLE["practitioners"][0]["email"], availabilityViewInterval=30)

    (row,) = answer.json()["value"]
    assert row["availabilityView"] == "2010"
    private, tentative, _ = row["scheduleItems"]
    assert (private["isPrivate"], private["status"]) == (True, "busy")
    assert "subject" not in private
    assert (tentative["subject"], tentative["status"]) == ("Maybe", "tentative")
    assert private["start"] == {"dateTime": "2026-03-01T22:00:00.0000000", "timeZone": "UTC"}
    assert row["workingHours"]["timeZone"] == {"name": "AUS Eastern Standard Time"}


def test_a_bad_address_gets_an_error_of_its_own(graph: RawGraph) -> None:
    rows = schedule(graph, "nobody@example.com", PEOPLE["practitioners"][1]["email"]).json()["value"]

    assert rows[0]["error"]["responseCode"] == "ErrorMailRecipientNotFound"
    assert rows[0]["scheduleItems"] == []
    assert "error" not in rows[1]


def test_free_busy_has_limits(graph: RawGraph) -> None:
    email = PEOPLE["practitioners"][0]["email"]
    late = {"dateTime": "2026-04-13T09:00:00", "timeZone": "AUS Eastern Standard Time"}

    assert schedule(graph, *[email] * 21).status_code == 400
    assert schedule(graph).status_code == 400
    assert schedule(graph, email, availabilityViewInterval=4).status_code == 400
    assert schedule(graph, email, endTime=late).status_code == 400
    assert schedule(graph, email, hours=(11, 9)).status_code == 400
    assert schedule(graph, *[email] * 20).status_code == 200


def weekly(times: int) -> dict[str, Any]:
    return {
        "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": ["monday"]},
        "range": {"type": "numbered", "numberOfOccurrences": times},
    }


APRIL = {"startDateTime": "2026-03-01T00:00:00Z", "endDateTime": "2026-05-01T00:00:00Z"}


def test_a_series_is_one_event_and_takes_time_once_a_week_by_the_wall_clock(graph: RawGraph) -> None:
    master = graph.make_event(recurrence=weekly(7))

    rows = graph.get(VIEW, **APRIL, top="50").json()["value"]

    # Daylight saving ends on 5 April: 9 am is 22:00 UTC before, 23:00 UTC after.
    assert [row["start"]["dateTime"][:16] for row in rows] == [
        "2026-03-01T22:00", "2026-03-08T22:00", "2026-03-15T22:00", "2026-03-22T22:00", "2026-03-29T22:00",
        "2026-04-05T23:00", "2026-04-12T23:00",
    ]  # fmt: skip
    assert {(row["type"], row["seriesMasterId"]) for row in rows} == {("occurrence", master["id"])}
    assert [row["id"] for row in graph.get(f"/users/{WREN}/events").json()["value"]] == [master["id"]]


def test_delta_tells_little_of_an_occurrence(graph: RawGraph) -> None:
    graph.make_event(recurrence=weekly(1), showAs="free")

    master, occurrence = delta(graph)[0]

    assert (master["type"], master["showAs"]) == ("seriesMaster", "free")
    assert set(occurrence) == {"@odata.type", "id", "seriesMasterId", "type", "start", "end"}


def test_one_of_a_series_is_moved_and_the_whole_is_removed(sandbox: RunningSandbox, graph: RawGraph) -> None:
    sandbox.knob("graph", "delta_replay", False)
    master = graph.make_event(recurrence=weekly(3))["id"]
    first = graph.get(VIEW, **APRIL).json()["value"][0]["id"]
    _, link = delta(graph)
    sandbox.post("/_emu/graph/staff-event", {
        "user": WREN, "action": "move", "id": first, "start": "2026-03-02T03:00:00Z", "end": "2026-03-02T04:00:00Z",
    })  # fmt: skip

    rows, link = delta(graph, link)
    assert [(row["type"], row["showAs"]) for row in rows] == [("exception", "busy")]

    graph.call("DELETE", f"/users/{WREN}/events/{master}")
    assert graph.get(VIEW, **APRIL).json()["value"] == []
    assert master in [row["id"] for row in delta(graph, link)[0] if "@removed" in row]


def test_a_whole_day_is_shown_from_midnight_to_midnight_in_any_zone(sandbox: RunningSandbox, graph: RawGraph) -> None:
    sandbox.post("/_emu/graph/staff-event", {
        "user": WREN, "action": "create", "is_all_day": True, "start": "2026-03-02T00:00:00+11:00",
        "end": "2026-03-03T00:00:00+11:00",
    })  # fmt: skip

    for zone in ("UTC", "Tokyo Standard Time"):
        (row,) = graph.get(VIEW, **DAY, prefer=f'outlook.timezone="{zone}"').json()["value"]
        assert row["start"] == {"dateTime": "2026-03-02T00:00:00.0000000", "timeZone": zone}
        assert row["end"] == {"dateTime": "2026-03-03T00:00:00.0000000", "timeZone": zone}


def test_a_whole_day_begins_at_midnight(graph: RawGraph) -> None:
    body = {**graph.make_event(), "isAllDay": True}
    answer = graph.post(f"/users/{WREN}/events", {name: body[name] for name in ("start", "end", "isAllDay")})

    assert refusal(answer) == (400, "ErrorPropertyValidationFailure")
