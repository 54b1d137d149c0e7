"""Mail in the emulated Graph: drafts and sendMail, in JSON and in MIME."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import requests

from tests.support.microsoft import DESK, PEOPLE, RawGraph, refusal
from tests.support.sandbox import RunningSandbox

MAIL = f"/users/{DESK}"
SENDER = PEOPLE["sender"]["email"]
MIME = b"To: pat@example.org\r\nSubject: Hello\r\nMessage-ID: <one@example.com>\r\n\r\nSee you on Monday.\r\n"


def message(**changed: Any) -> dict[str, Any]:
    return {
        "subject": "Hello",
        "body": {"contentType": "HTML", "content": "<p>See you on Monday.</p>"},
        "toRecipients": [{"emailAddress": {"address": "pat@example.org", "name": "Pat Quoll"}}],
        **changed,
    }


def draft(graph: RawGraph, mime: bytes = MIME) -> requests.Response:
    return graph.post(f"{MAIL}/messages", data=base64.b64encode(mime), headers={"Content-Type": "text/plain"})


def test_send_mail_takes_json_with_an_attachment(sandbox: RunningSandbox, graph: RawGraph) -> None:
    attachment = {
        "@odata.type": "#microsoft.graph.fileAttachment",
        "name": "appointment.ics",
        "contentType": "text/calendar; charset=utf-8; method=PUBLISH",
        "contentBytes": base64.b64encode("BEGIN:VCALENDAR\r\nSUMMARY:Café\r\n".encode()).decode(),
    }
    header = {"name": "x-booking", "value": "BK-7F3K2Q"}

    answer = graph.post(f"{MAIL}/sendMail", {
        "message": message(attachments=[attachment], internetMessageHeaders=[header]), "saveToSentItems": False,
    })  # fmt: skip

    assert (answer.status_code, answer.content) == (202, b"")
    (mail,) = sandbox.get("/_emu/graph/messages")
    assert (mail["state"], mail["sender"], mail["to"]) == ("sent", SENDER, ["pat@example.org"])
    assert mail["html"] == "<p>See you on Monday.</p>\n"
    assert "Café" in mail["ics"]
    assert mail["headers"]["x-booking"] == "BK-7F3K2Q"
    assert graph.get(f"{MAIL}/messages").json()["value"] == []


def test_send_mail_takes_mime(sandbox: RunningSandbox, graph: RawGraph) -> None:
    headers = {"Content-Type": "text/plain"}

    assert graph.post(f"{MAIL}/sendMail", data=base64.b64encode(MIME), headers=headers).status_code == 202
    (mail,) = sandbox.get("/_emu/graph/messages")
    assert (mail["text"], mail["message_id"]) == ("See you on Monday.\n", "<one@example.com>")
    assert len(graph.get(f"{MAIL}/messages").json()["value"]) == 1


def test_sending_twice_through_send_mail_sends_two(sandbox: RunningSandbox, graph: RawGraph) -> None:
    for _ in range(2):
        graph.post(f"{MAIL}/sendMail", {"message": message()})

    assert len(sandbox.get("/_emu/graph/messages")) == 2


@pytest.mark.parametrize(
    ("changed", "refused"),
    [
        ({"toRecipients": []}, (400, "ErrorInvalidRecipients")),
        ({"toRecipients": [{"emailAddress": {"address": "nobody"}}]}, (400, "ErrorInvalidRecipients")),
        ({"toRecipients": [{"address": "pat@example.org"}]}, (400, "ErrorInvalidRecipients")),
        (
            {"toRecipients": [{"emailAddress": {"address": f"p{n}@example.org"}} for n in range(501)]},
            (400, "ErrorInvalidRecipients"),
        ),
        ({"from": {"emailAddress": {"address": "finch@example.com"}}}, (403, "ErrorSendAsDenied")),
        ({"internetMessageHeaders": [{"name": "List-Id", "value": "x"}]}, (400, "InvalidInternetMessageHeader")),
        ({"attachments": [{"name": "x"}]}, (400, "ErrorPropertyValidationFailure")),
        (
            {
                "attachments": [
                    {
                        "@odata.type": "#microsoft.graph.fileAttachment",
                        "name": "x",
                        "contentBytes": base64.b64encode(bytes(3 * 1024 * 1024)).decode(),
                    }
                ]
            },
            (413, "ErrorMessageSizeExceeded"),
        ),
        ({"body": {"contentType": "HTML", "content": "x" * 4_200_000}}, (413, "ErrorMessageSizeExceeded")),
        ({"colour": "green"}, (400, "RequestBodyRead")),
    ],
    ids=lambda value: str(value)[:40],
)
def test_mail_that_graph_would_not_take_is_refused(
    sandbox: RunningSandbox, graph: RawGraph, changed: dict[str, Any], refused: tuple[int, str]
) -> None:
    assert refusal(graph.post(f"{MAIL}/sendMail", {"message": message(**changed)})) == refused
    assert sandbox.get("/_emu/graph/messages") == []


def test_the_string_false_is_no_boolean(graph: RawGraph) -> None:
    answer = graph.post(f"{MAIL}/sendMail", {"message": message(), "saveToSentItems": "false"})

    assert refusal(answer) == (400, "RequestBodyRead")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"this is no base64!", "ErrorMimeContentInvalidBase64String"),
        (b"", "ErrorMimeContentInvalid"),
        (base64.b64encode(b"no header at all"), "ErrorMimeContentInvalid"),
    ],
)
def test_broken_mime_is_refused(graph: RawGraph, body: bytes, code: str) -> None:
    answer = graph.post(f"{MAIL}/messages", data=body, headers={"Content-Type": "text/plain"})

    assert refusal(answer) == (400, code)


def test_a_draft_from_json_waits_for_its_sending(sandbox: RunningSandbox, graph: RawGraph) -> None:
    made = graph.post(f"{MAIL}/messages", message())
    assert (made.status_code, made.json()["isDraft"]) == (201, True)
    assert made.json()["from"]["emailAddress"]["address"] == SENDER

    assert graph.post(f"{MAIL}/messages/{made.json()['id']}/send").status_code == 202
    assert [mail["state"] for mail in sandbox.get("/_emu/graph/messages")] == ["sent"]


def test_sending_moves_a_draft_so_that_only_the_immutable_id_lasts(graph: RawGraph) -> None:
    immutable = draft(graph).json()["id"]
    regular = graph.get(f"{MAIL}/messages/{immutable}", prefer="").json()["id"]

    assert graph.post(f"{MAIL}/messages/{regular}/send").status_code == 202

    assert graph.get(f"{MAIL}/messages/{immutable}").json()["isDraft"] is False
    assert refusal(graph.get(f"{MAIL}/messages/{regular}")) == (404, "ErrorItemNotFound")
    for message_id in (regular, immutable):
        assert refusal(graph.post(f"{MAIL}/messages/{message_id}/send")) == (404, "ErrorItemNotFound")


def test_a_message_is_found_by_its_message_id_line(graph: RawGraph) -> None:
    made = draft(graph).json()
    draft(graph, MIME.replace(b"<one@", b"<two@"))

    (row,) = graph.get(f"{MAIL}/messages", filter="internetMessageId eq '<one@example.com>'").json()["value"]

    assert (row["id"], row["internetMessageId"]) == (made["id"], "<one@example.com>")
    assert refusal(graph.get(f"{MAIL}/messages", filter="subject eq 'Hello'")) == (400, "ErrorInvalidUrlQuery")


def test_mail_of_one_mailbox_is_not_seen_in_another(graph: RawGraph) -> None:
    made = draft(graph).json()
    other = f"/users/{PEOPLE['practitioners'][0]['graph_user_id']}/messages"

    assert refusal(graph.get(f"{other}/{made['id']}")) == (404, "ErrorItemNotFound")
    assert graph.get(other).json()["value"] == []


def test_too_much_mail_in_a_minute_is_throttled_when_asked_for(sandbox: RunningSandbox, graph: RawGraph) -> None:
    sandbox.knob("graph", "mails_per_minute", 2)
    answers = [graph.post(f"{MAIL}/sendMail", {"message": message()}) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert answers[2].headers["Retry-After"] == "30"
    sandbox.advance(minutes=1)
    assert graph.post(f"{MAIL}/sendMail", {"message": message()}).status_code == 202
