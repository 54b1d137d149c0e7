"""What a person can look at: the calendars, the mail, who is told what."""

from __future__ import annotations

import base64

import requests
from bs4 import BeautifulSoup

from tests.support.microsoft import DESK, PEOPLE, RawGraph, graph_for, spec
from tests.support.sandbox import RunningSandbox

WREN = PEOPLE["practitioners"][0]["graph_user_id"]
MAIL = b"""To: pat@example.org
Subject: Your time is booked
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/html; charset=utf-8

<p>See you on <b>Monday</b>.</p><script>alert("x")</script>
--b
Content-Type: text/calendar; charset=utf-8
Content-Disposition: attachment; filename="appointment.ics"

BEGIN:VCALENDAR
--b--
"""


def page(sandbox: RunningSandbox, path: str) -> BeautifulSoup:
    answer = requests.get(sandbox.url + path, timeout=10)
    assert answer.status_code == 200, answer.text
    return BeautifulSoup(answer.text, "html.parser")


def text_of(page: BeautifulSoup) -> str:
    return " ".join(page.get_text(" ").split())


def test_the_calendars_show_a_week_in_clinic_time(sandbox: RunningSandbox, graph: RawGraph) -> None:
    graph_for(sandbox).create_event(WREN, spec(), transaction_id="a")
    sandbox.post("/_emu/graph/staff-event", {
        "user": WREN, "action": "create", "subject": "Dentist", "start": "2026-03-02T13:00:00+11:00",
        "end": "2026-03-02T14:00:00+11:00",
    })  # fmt: skip

    shown = text_of(page(sandbox, "/?week=2026-W10"))

    assert "Dr Willa Wren" in shown
    assert "09:00–09:30 Appointment BK-7F3K2Q, Room 2 busy, private" in shown
    assert "s=gaps" in shown
    assert "13:00–14:00 Dentist busy entered by hand" in shown
    assert "Appointment BK-7F3K2Q" not in text_of(page(sandbox, "/?week=2026-W11"))


def test_without_a_wish_the_week_of_the_next_event_is_shown(sandbox: RunningSandbox, graph: RawGraph) -> None:
    sandbox.post("/_emu/graph/staff-event", {
        "user": WREN, "action": "create", "start": "2099-03-04T01:00:00Z", "end": "2099-03-04T02:00:00Z",
    })  # fmt: skip

    assert "2099-W10" in text_of(page(sandbox, "/"))


def test_a_mail_is_shown_but_never_run(sandbox: RunningSandbox, graph: RawGraph) -> None:
    raw = base64.b64encode(MAIL)
    made = graph.post(f"/users/{DESK}/messages", data=raw, headers={"Content-Type": "text/plain"}).json()

    link = page(sandbox, "/").find("a", string="Your time is booked")
    assert link is not None
    shown = page(sandbox, str(link["href"]))

    frame = shown.find("iframe")
    assert frame is not None
    assert "sandbox" in frame.attrs
    assert not frame["sandbox"]
    assert "<b>Monday</b>" in frame["srcdoc"]
    assert shown.find("script") is None
    assert "appointment.ics" in text_of(shown)
    assert "BEGIN:VCALENDAR" in text_of(shown)
    assert "still a draft" in text_of(shown)
    assert graph.post(f"/users/{DESK}/messages/{made['id']}/send").status_code == 202
    assert "still a draft" not in text_of(page(sandbox, str(link["href"])))


def test_a_mail_that_never_was_is_not_found(sandbox: RunningSandbox) -> None:
    assert requests.get(f"{sandbox.url}/mail/nothing", timeout=5).status_code == 400
    assert (
        requests.get(f"{sandbox.url}/mail/AAkALgAAAAAAHYQDEapmEc2byACqAC-EWg0A{'x' * 40}=", timeout=5).status_code
        == 404
    )


def test_a_person_adds_moves_hides_and_deletes_an_entry(sandbox: RunningSandbox, graph: RawGraph) -> None:
    def send(path: str, **fields: str) -> None:
        answer = requests.post(f"{sandbox.url}/outlook/{WREN}/events{path}", data=fields, timeout=10)
        assert answer.url == f"{sandbox.url}/?week=2026-W10#graph", answer.text

    def entries() -> list[dict[str, object]]:
        return list(sandbox.get("/_emu/graph/events"))

    send("", subject="Dentist", day="2026-03-02", starts="13:00", ends="14:00", show_as="oof")
    (entry,) = entries()
    assert (entry["start"], entry["end"]) == ("2026-03-02T02:00:00+00:00", "2026-03-02T03:00:00+00:00")
    assert (entry["subject"], entry["showAs"]) == ("Dentist", "oof")
    send(f"/{entry['id']}", act="move", day="2026-03-03", starts="09:00", ends="10:00")
    send(f"/{entry['id']}", act="private", day="2026-03-03")
    (entry,) = entries()
    assert (entry["start"], entry["sensitivity"]) == ("2026-03-02T22:00:00+00:00", "private")
    shown = page(sandbox, "/?week=2026-W10")
    assert shown.find("button", value="delete") is not None
    send(f"/{entry['id']}", act="delete", day="2026-03-03")
    assert entries() == []
    send("", subject="Training", day="2026-03-04", all_day="yes", weeks="3")
    assert [entry["isAllDay"] for entry in entries()] == [True] * 4  # a series and its three days


def test_an_entry_without_a_day_is_refused(sandbox: RunningSandbox, graph: RawGraph) -> None:
    answer = requests.post(f"{sandbox.url}/outlook/{WREN}/events", data={"starts": "13:00"}, timeout=10)
    assert answer.status_code == 400
