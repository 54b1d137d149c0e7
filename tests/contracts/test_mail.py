"""Mail through Graph as draft then send, against the sandbox, and through SMTP, against a server on loopback."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from portal.integrations.graph import Graph
from portal.integrations.graph_values import Draft
from portal.integrations.http import Ambiguous, NotFound, Permanent, Transient
from portal.integrations.mail import SmtpMail
from tests.support.microsoft import DESK, PEOPLE
from tests.support.sandbox import RunningSandbox
from tests.support.smtp import SmtpServer, write_certificate

SENDER = PEOPLE["sender"]["email"]
MESSAGE_ID = "<BK-7F3K2Q.confirmed.1@rosella-clinic.example.com>"
ICS = "BEGIN:VCALENDAR\r\nMETHOD:PUBLISH\r\nEND:VCALENDAR\r\n"


def confirmation(message_id: str = MESSAGE_ID, sender: str = SENDER) -> EmailMessage:
    mail = EmailMessage(policy=policy.SMTP)
    mail["From"], mail["To"] = f"Rosella Clinic <{sender}>", "Pat Quoll <pat@example.org>"
    mail["Subject"], mail["Message-ID"] = "Your time is booked – Monday", message_id
    mail["X-Booking"] = "BK-7F3K2Q"
    mail.set_content("See you on Monday at 9:00.\n.\nRosella Clinic\n")
    mail.add_alternative("<p>See you on <b>Monday</b> at 9:00.</p>", subtype="html")
    mail.add_attachment(ICS.encode(), maintype="text", subtype="calendar", filename="appointment.ics")
    return mail


def outbox(sandbox: RunningSandbox) -> list[dict[str, Any]]:
    return list(sandbox.get("/_emu/graph/messages"))


def test_a_draft_is_not_sent_until_we_say_so(sandbox: RunningSandbox, graph: Graph) -> None:
    draft_id = graph.mail.create_draft(DESK, confirmation().as_bytes())
    assert [mail["state"] for mail in outbox(sandbox)] == ["draft"]

    graph.mail.send_draft(DESK, draft_id)

    (mail,) = outbox(sandbox)
    assert (mail["state"], mail["sender"], mail["to"]) == ("sent", SENDER, ["pat@example.org"])
    assert mail["subject"] == "Your time is booked – Monday"
    assert mail["text"] == "See you on Monday at 9:00.\n.\nRosella Clinic\n"
    assert "<b>Monday</b>" in mail["html"]
    assert mail["ics"] == ICS.replace("\r\n", "\n")
    assert mail["headers"]["X-Booking"] == "BK-7F3K2Q"


def test_a_message_keeps_its_id_when_it_is_sent(graph: Graph) -> None:
    draft_id = graph.mail.create_draft(DESK, confirmation().as_bytes())
    assert graph.mail.find_message(DESK, MESSAGE_ID) == Draft(draft_id, is_draft=True)

    graph.mail.send_draft(DESK, draft_id)

    assert graph.mail.find_message(DESK, MESSAGE_ID) == Draft(draft_id, is_draft=False)
    assert graph.mail.get_message(DESK, draft_id) == Draft(draft_id, is_draft=False)


def test_sending_twice_sends_once(sandbox: RunningSandbox, graph: Graph) -> None:
    draft_id = graph.mail.create_draft(DESK, confirmation().as_bytes())

    graph.mail.send_draft(DESK, draft_id)
    graph.mail.send_draft(DESK, draft_id)

    sends = [call["status"] for call in sandbox.calls("graph") if call["path"].endswith("/send")]
    assert sends == [202, 404]
    assert [mail["state"] for mail in outbox(sandbox)] == ["sent"]


def test_after_a_lost_answer_the_draft_is_found_again(graph: Graph, sandbox: RunningSandbox) -> None:
    sandbox.fault("POST /graph/*/messages", "timeout_after_commit")
    with pytest.raises(Ambiguous):
        graph.mail.create_draft(DESK, confirmation().as_bytes())

    found = graph.mail.find_message(DESK, MESSAGE_ID)

    assert found is not None
    assert found.is_draft


def test_after_a_lost_answer_to_a_send_we_can_tell_that_it_went(graph: Graph, sandbox: RunningSandbox) -> None:
    draft_id = graph.mail.create_draft(DESK, confirmation().as_bytes())
    sandbox.fault("POST /graph/*/send", "error_after")
    with pytest.raises(Ambiguous):
        graph.mail.send_draft(DESK, draft_id)

    assert not graph.mail.get_message(DESK, draft_id).is_draft
    graph.mail.send_draft(DESK, draft_id)
    assert len(outbox(sandbox)) == 1


def test_a_sent_message_hides_a_left_over_draft(graph: Graph) -> None:
    graph.mail.create_draft(DESK, confirmation().as_bytes())
    second = graph.mail.create_draft(DESK, confirmation().as_bytes())
    graph.mail.send_draft(DESK, second)

    assert graph.mail.find_message(DESK, MESSAGE_ID) == Draft(second, is_draft=False)


def test_a_message_that_never_was_is_not_found(graph: Graph) -> None:
    assert graph.mail.find_message(DESK, "<nobody's@example.com>") is None
    draft_id = graph.mail.create_draft(DESK, confirmation().as_bytes())
    with pytest.raises(NotFound):
        graph.mail.send_draft(DESK, draft_id[:-3] + ("AB=" if not draft_id.endswith("AB=") else "BA="))


def test_mail_in_the_name_of_another_mailbox_is_refused(graph: Graph) -> None:
    draft_id = graph.mail.create_draft(DESK, confirmation(sender="somebody@example.com").as_bytes())

    with pytest.raises(Permanent) as caught:
        graph.mail.send_draft(DESK, draft_id)
    assert caught.value.code == "ErrorSendAsDenied"


@pytest.fixture
def smtp() -> Iterator[SmtpServer]:
    server = SmtpServer().start()
    yield server
    server.stop()


def send(smtp: SmtpServer, credentials: str = "", to: tuple[str, ...] = ("pat@example.org",)) -> None:
    SmtpMail(f"smtp://{credentials}127.0.0.1:{smtp.port}").send(confirmation(), sender=SENDER, recipients=to)


def test_smtp_hands_over_the_whole_message(smtp: SmtpServer) -> None:
    send(smtp, to=("pat@example.org", "kim@example.org"))

    (taken,) = smtp.taken
    assert (taken.sender, taken.recipients) == (SENDER, ["pat@example.org", "kim@example.org"])
    body = taken.message.get_body(("plain",))
    assert body is not None
    assert body.get_content().replace("\r\n", "\n") == "See you on Monday at 9:00.\n.\nRosella Clinic\n"
    assert [part.get_content_type() for part in taken.message.iter_attachments()] == ["text/calendar"]


def test_smtp_takes_raw_bytes_as_they_are(smtp: SmtpServer) -> None:
    raw = confirmation().as_bytes()

    SmtpMail(f"smtp://127.0.0.1:{smtp.port}").send(raw, sender=SENDER, recipients=["pat@example.org"])

    assert smtp.taken[0].raw == raw


@pytest.mark.parametrize(("scheme", "features"), [("smtp", ("STARTTLS", "AUTH PLAIN")), ("smtps", ("AUTH PLAIN",))])
def test_smtp_signs_in_behind_tls(smtp: SmtpServer, tmp_path: Path, scheme: str, features: tuple[str, ...]) -> None:
    smtp.features, smtp.certificate = features, write_certificate(tmp_path / "certificate.pem")
    trusting = ssl.create_default_context(cafile=smtp.certificate)

    mail = SmtpMail(f"{scheme}://clinic%40example.com:p%3Aw@127.0.0.1:{smtp.port}", tls=trusting)
    mail.send(confirmation(), sender=SENDER, recipients=["pat@example.org"])

    assert smtp.signed_in == [("clinic@example.com", "p:w")]
    assert len(smtp.taken) == 1


@pytest.mark.parametrize(("scheme", "features"), [("smtp", ("STARTTLS",)), ("smtps", ())])
def test_a_certificate_that_nobody_vouches_for_gets_no_mail(
    smtp: SmtpServer, tmp_path: Path, scheme: str, features: tuple[str, ...]
) -> None:
    smtp.features, smtp.certificate = features, write_certificate(tmp_path / "certificate.pem")

    with pytest.raises(Transient):
        SmtpMail(f"{scheme}://127.0.0.1:{smtp.port}").send(
            confirmation(), sender=SENDER, recipients=["pat@example.org"]
        )
    assert smtp.taken == []


def test_a_password_is_not_sent_in_the_clear(smtp: SmtpServer) -> None:
    smtp.features = ("AUTH PLAIN",)

    with pytest.raises(Permanent, match="no TLS"):
        send(smtp, "clinic:secret@")
    assert (smtp.signed_in, smtp.taken) == ([], [])


@pytest.mark.parametrize("where", ["EHLO", "MAIL", "RCPT", "DATA", "END"])
@pytest.mark.parametrize(("reply", "error"), [("451 later", Transient), ("550 never", Permanent)])
def test_smtp_refusals_are_for_now_or_for_good(
    smtp: SmtpServer, where: str, reply: str, error: type[Exception]
) -> None:
    smtp.refuse = {where: reply, **({"HELO": reply} if where == "EHLO" else {})}

    with pytest.raises(error) as caught:
        send(smtp)
    assert not isinstance(caught.value, Ambiguous)
    assert smtp.taken == []


@pytest.mark.parametrize("where", ["EHLO", "MAIL", "RCPT"])
def test_a_connection_lost_before_the_message_may_be_repeated(smtp: SmtpServer, where: str) -> None:
    smtp.hang_up_at = where

    with pytest.raises(Transient) as caught:
        send(smtp)
    assert not isinstance(caught.value, Ambiguous)


def test_a_connection_lost_after_the_message_leaves_it_open(smtp: SmtpServer) -> None:
    smtp.hang_up_at = "END"

    with pytest.raises(Ambiguous):
        send(smtp)
    assert len(smtp.taken) == 1


def test_a_broken_goodbye_does_not_undo_a_sent_message(smtp: SmtpServer) -> None:
    smtp.hang_up_at = "QUIT"

    send(smtp)

    assert len(smtp.taken) == 1


def test_a_refused_connection_may_be_repeated(smtp: SmtpServer) -> None:
    smtp.stop()

    with pytest.raises(Transient) as caught:
        send(smtp)
    assert not isinstance(caught.value, Ambiguous)
