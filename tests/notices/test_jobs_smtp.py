"""Over SMTP nobody can be asked what became of a mail: a confirmation may repeat once, nothing else ever."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import select

from portal import clients
from portal.bookings.states import Status
from portal.config import Settings
from portal.db import db
from portal.integrations.http import Ambiguous, Permanent, Transient
from portal.notices import jobs
from portal.notices.models import Message
from portal.staff.models import StaffTask
from tests.support.factories import make_booking, make_patient
from tests.support.smtp import SmtpServer


@pytest.fixture
def server(ctx: None, settings: Settings) -> Iterator[SmtpServer]:
    """A mail server, and a portal that sends through it."""
    running = SmtpServer().start()
    url = f"smtp://127.0.0.1:{running.port}"
    clients.configure(replace(settings, mail_transport="smtp", smtp_url=url))
    yield running
    clients.configure(settings)
    running.stop()


def tasks() -> list[str]:
    return [task.words for task in db.session.scalars(select(StaffTask))]


def owed() -> Message:
    return db.session.scalars(select(Message).execution_options(populate_existing=True)).one()


def test_a_mail_goes_to_the_patient_once(server: SmtpServer) -> None:
    booking = make_booking(patient=make_patient(email="nora@example.com"))

    jobs.send_confirmation(booking.id)
    jobs.send_confirmation(booking.id)

    (taken,) = server.taken
    assert taken.sender == "bookings@rosella-clinic.example.com"
    assert taken.recipients == ["nora@example.com"]
    assert taken.message["Message-ID"] == owed().message_id
    assert [part.get_content_type() for part in taken.message.iter_attachments()] == ["text/calendar"]


def test_a_confirmation_without_an_answer_repeats_once(server: SmtpServer) -> None:
    booking = make_booking()
    server.hang_up_at = "END"

    with pytest.raises(Ambiguous):
        jobs.send_confirmation(booking.id)
    server.hang_up_at = None
    jobs.send_confirmation(booking.id)
    jobs.send_confirmation(booking.id)

    assert len(server.taken) == 2
    assert {taken.message["Message-ID"] for taken in server.taken} == {owed().message_id}
    assert (owed().sent_at is not None, owed().given_up) == (True, "")
    assert tasks() == []


def test_a_confirmation_is_left_to_staff_after_two_lost_answers(server: SmtpServer) -> None:
    booking = make_booking()
    server.hang_up_at = "END"

    for _ in range(2):
        with pytest.raises(Ambiguous):
            jobs.send_confirmation(booking.id)
    for _ in range(2):
        jobs.send_confirmation(booking.id)

    assert len(server.taken) == 2
    assert owed().sent_at is None
    (words,) = tasks()
    assert booking.reference in words


def test_any_other_mail_without_an_answer_is_left_to_staff_at_once(server: SmtpServer) -> None:
    booking = make_booking(status=Status.CANCELLED)
    server.hang_up_at = "END"

    with pytest.raises(Ambiguous):
        jobs.send_cancelled(booking.id)
    server.hang_up_at = None
    jobs.send_cancelled(booking.id)
    jobs.send_cancelled(booking.id)

    assert len(server.taken) == 1
    assert owed().given_up != ""
    assert len(tasks()) == 1


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "END"])
def test_a_mail_that_was_put_off_is_sent_later(server: SmtpServer, verb: str) -> None:
    booking = make_booking(status=Status.CANCELLED)
    server.refuse = {verb: "451 try again later"}

    for _ in range(3):
        with pytest.raises(Transient):
            jobs.send_cancelled(booking.id)
    server.refuse = {}
    jobs.send_cancelled(booking.id)

    assert len(server.taken) == 1
    assert tasks() == []


def test_a_repeat_that_was_put_off_still_counts_as_none(server: SmtpServer) -> None:
    booking = make_booking()
    server.hang_up_at = "END"
    with pytest.raises(Ambiguous):
        jobs.send_confirmation(booking.id)
    server.hang_up_at, server.refuse = None, {"MAIL": "451 try again later"}
    with pytest.raises(Transient):
        jobs.send_confirmation(booking.id)

    server.refuse = {}
    jobs.send_confirmation(booking.id)

    assert len(server.taken) == 2
    assert owed().sent_at is not None


def test_a_refused_address_is_for_staff(server: SmtpServer) -> None:
    booking = make_booking()
    server.refuse = {"RCPT": "550 no such person"}

    with pytest.raises(Permanent):
        jobs.send_confirmation(booking.id)

    assert server.taken == []
    assert owed().attempted_at is None
