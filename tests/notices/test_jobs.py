"""Each mail goes out once and is true when it does: through Graph, over HTTP, with the accidents of real life."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask, current_app
from sqlalchemy import select

from portal.bookings import change, links
from portal.bookings.models import Booking, LinkToken
from portal.bookings.states import Status
from portal.clock import now
from portal.db import Busy, LockKind, db, exclusive, transaction
from portal.integrations.http import Ambiguous, Permanent, Transient
from portal.notices import jobs
from portal.notices.models import Message
from portal.outbox import run
from portal.outbox.models import OutboxMessage
from portal.outbox.post import owe
from portal.payments.models import Refund, RefundState
from tests.notices.conftest import Mailbox
from tests.notices.letters import event_in
from tests.support.factories import make_booking, make_patient, make_payment, make_type
from tests.support.microsoft import PEOPLE
from tests.support.sandbox import RunningSandbox

DRAFTING = "POST /graph/v1.0/users/*/messages"
SENDING = "POST /graph/v1.0/users/*/send"
LOOKING = "GET /graph/v1.0/users/*/messages"
READING = "GET /graph/v1.0/users/*/messages/*"


def change_booking(booking: Booking, **columns: Any) -> None:
    with transaction():
        for name, value in columns.items():
            setattr(booking, name, value)


def cancel(booking: Booking, by: str = "patient") -> None:
    with transaction():
        change.cancel(booking, now(), by=by)


def owed() -> Message:
    return db.session.scalars(select(Message).execution_options(populate_existing=True)).one()


def link_in(mail: dict[str, Any]) -> str:
    """The token of the personal link that the reader would follow."""
    found = re.search(r"/b/(\S+)", mail["text"])
    assert found is not None
    return found[1]


def opens(mail: dict[str, Any]) -> int | None:
    booking = links.find(link_in(mail), now())
    return booking.id if booking else None


def test_a_confirmation_reaches_the_patient(mailbox: Mailbox) -> None:
    booking = make_booking(patient=make_patient(email="nora@example.com"))

    jobs.send_confirmation(booking.id)

    (mail,) = mailbox.sent
    assert mail["to"] == ["nora@example.com"]
    assert mail["sender"] == "bookings@rosella-clinic.example.com"
    assert mail["message_id"] == owed().message_id
    assert mail["subject"].startswith("Your appointment at Rosella Clinic – ")
    assert booking.reference in mail["text"]
    assert owed().sent_at is not None


def test_the_link_in_the_mail_opens_the_booking_until_a_month_after_the_visit(mailbox: Mailbox) -> None:
    booking = make_booking()

    jobs.send_confirmation(booking.id)

    token = link_in(mailbox.sent[0])
    assert links.find(token, booking.ends_at + timedelta(days=29)) == booking
    assert links.find(token, booking.ends_at + timedelta(days=30)) is None


def test_the_link_goes_to_the_portals_public_address(mailbox: Mailbox) -> None:
    jobs.send_confirmation(make_booking().id)

    assert f"{current_app.config['PORTAL'].public_url}/b/" in mailbox.sent[0]["text"]


def test_the_calendar_entry_arrives_whole(mailbox: Mailbox) -> None:
    booking = make_booking()

    jobs.send_confirmation(booking.id)

    event = event_in(mailbox.sent[0]["ics"])
    assert event["DTSTART"].dt == booking.starts_at
    assert event["UID"] == f"{booking.reference}@{current_app.config['PORTAL'].public_host}"


def test_running_twice_sends_once(mailbox: Mailbox) -> None:
    booking = make_booking()

    jobs.send_confirmation(booking.id)
    jobs.send_confirmation(booking.id)

    assert len(mailbox.sent) == 1
    assert mailbox.drafts == []


def test_two_runs_at_once_send_once(mailbox: Mailbox, app: Flask, sandbox: RunningSandbox) -> None:
    booking_id = make_booking().id
    sandbox.knob("graph", "latency_seconds", 0.1)
    refused: list[type[Exception]] = []

    def work() -> None:
        with app.app_context():
            try:
                jobs.send_confirmation(booking_id)
            except Busy as error:
                refused.append(type(error))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert len(mailbox.sent) == 1
    assert mailbox.drafts == []
    assert refused == [Busy, Busy, Busy]


def test_a_run_waits_while_another_one_holds_the_booking(mailbox: Mailbox) -> None:
    booking = make_booking()

    with exclusive(LockKind.MAIL, booking.id), pytest.raises(Busy):
        jobs.send_confirmation(booking.id)

    assert mailbox.sent == mailbox.drafts == []


@pytest.mark.parametrize(
    ("match", "kind", "raised"),
    [
        (DRAFTING, "timeout_after_commit", Ambiguous),  # the draft is there, its id was lost
        (DRAFTING, "timeout_before_commit", Ambiguous),
        (DRAFTING, "error_after", Ambiguous),
        (DRAFTING, "429", Transient),
        (SENDING, "timeout_after_commit", Ambiguous),  # it went out, and nobody said so
        (SENDING, "timeout_before_commit", Ambiguous),
        (SENDING, "error_after", Ambiguous),
        (SENDING, "429", Transient),
    ],
)
@pytest.mark.parametrize("kind_of_mail", ["confirmation", "cancelled"])
def test_a_lost_answer_neither_loses_nor_doubles_the_mail(
    mailbox: Mailbox, sandbox: RunningSandbox, match: str, kind: str, raised: type[Exception], kind_of_mail: str
) -> None:
    booking = make_booking(status=Status.CANCELLED if kind_of_mail == "cancelled" else Status.CONFIRMED)
    send: Callable[[int], None] = getattr(jobs, f"send_{kind_of_mail}")
    sandbox.fault(match, kind)

    with pytest.raises(raised):
        send(booking.id)
    assert owed().sent_at is None
    (spoilt,) = [call for call in sandbox.calls("graph") if call["fault"]]
    assert spoilt["status"] != 401
    send(booking.id)
    send(booking.id)

    (mail,) = mailbox.sent
    assert mailbox.drafts == []
    assert opens(mail) == booking.id
    assert owed().sent_at is not None


def test_one_accident_after_another_still_ends_in_one_mail(mailbox: Mailbox, sandbox: RunningSandbox) -> None:
    booking = make_booking()
    accidents = [
        (DRAFTING, "timeout_after_commit"),
        (LOOKING, "error"),
        (LOOKING, "timeout_after_commit"),
        (SENDING, "timeout_before_commit"),
        (READING, "429"),
        (SENDING, "timeout_after_commit"),
        (READING, "timeout_before_commit"),
    ]
    for match, kind in accidents:
        sandbox.fault(match, kind)
        with pytest.raises(Transient):
            jobs.send_confirmation(booking.id)
    assert [call["fault"] for call in sandbox.calls("graph") if call["fault"]] == [kind for _, kind in accidents]

    jobs.send_confirmation(booking.id)

    (mail,) = mailbox.sent
    assert mailbox.drafts == []
    assert opens(mail) == booking.id


def test_a_retry_keeps_the_link_of_the_draft_that_is_there(mailbox: Mailbox, sandbox: RunningSandbox) -> None:
    booking = make_booking()
    sandbox.fault(SENDING, "error", status=503)

    with pytest.raises(Transient):
        jobs.send_confirmation(booking.id)
    (draft,) = mailbox.drafts
    jobs.send_confirmation(booking.id)

    (mail,) = mailbox.sent
    assert link_in(mail) == link_in(draft)
    assert db.session.scalars(select(LinkToken)).one().revoked_at is None


def test_a_draft_that_somebody_threw_away_is_written_again_with_a_link_of_its_own(
    mailbox: Mailbox, sandbox: RunningSandbox
) -> None:
    booking = make_booking()
    sandbox.fault(SENDING, "error", status=503)
    with pytest.raises(Transient):
        jobs.send_confirmation(booking.id)
    thrown_away = mailbox.drafts[0]
    sandbox.reset()
    sandbox.seed(PEOPLE)

    jobs.send_confirmation(booking.id)

    (mail,) = mailbox.sent
    assert opens(mail) == booking.id
    assert opens(thrown_away) is None
    assert mail["message_id"] == thrown_away["message_id"]


def test_a_booking_that_was_cancelled_meanwhile_is_not_confirmed(mailbox: Mailbox, sandbox: RunningSandbox) -> None:
    booking = make_booking()
    sandbox.fault(SENDING, "error", status=503)
    with pytest.raises(Transient):
        jobs.send_confirmation(booking.id)
    cancel(booking)

    jobs.send_confirmation(booking.id)

    assert mailbox.sent == []


def test_a_visit_that_has_begun_is_not_confirmed(mailbox: Mailbox) -> None:
    booking = make_booking(starts_at=now() - timedelta(minutes=1))

    jobs.send_confirmation(booking.id)

    assert mailbox.sent == mailbox.drafts == []


def test_a_visit_that_moved_before_its_confirmation_gets_one_mail_with_the_new_time(mailbox: Mailbox) -> None:
    booking = make_booking()
    change_booking(booking, version=1)

    jobs.send_confirmation(booking.id)
    jobs.send_moved(booking.id)

    assert ["has moved" in mail["subject"] for mail in mailbox.sent] == [True]


def test_every_move_is_told_once(mailbox: Mailbox) -> None:
    booking = make_booking()
    first, second = booking.starts_at, booking.starts_at + timedelta(minutes=5)
    for version, starts_at in enumerate([second, first, second], start=1):
        change_booking(booking, version=version, starts_at=starts_at)
        jobs.send_moved(booking.id)
        jobs.send_moved(booking.id)

    events = [event_in(mail["ics"]) for mail in mailbox.sent]
    assert [event["SEQUENCE"] for event in events] == [1, 2, 3]
    assert [event["DTSTART"].dt for event in events] == [second, first, second]
    assert len({str(event["UID"]) for event in events}) == 1


def test_a_confirmation_that_ran_again_after_a_move_stays_silent(mailbox: Mailbox) -> None:
    booking = make_booking()
    jobs.send_confirmation(booking.id)
    change_booking(booking, version=1)

    jobs.send_confirmation(booking.id)

    assert len(mailbox.sent) == 1


@pytest.mark.parametrize(("by", "refund"), [("patient", "giving back $59.50"), ("staff", "giving back $119.00")])
def test_a_late_cancellation_says_what_goes_back(mailbox: Mailbox, by: str, refund: str) -> None:
    booking = make_booking(starts_at=now() + timedelta(hours=3), confirmed_at=now() - timedelta(days=2))
    make_payment(booking)
    cancel(booking, by=by)

    jobs.send_cancelled(booking.id)

    (mail,) = mailbox.sent
    assert refund in mail["text"]
    assert ("we keep $59.50" in mail["text"]) == (by == "patient")
    assert event_in(mail["ics"])["STATUS"] == "CANCELLED"


def test_a_cancellation_says_what_staff_have_given_back_instead(mailbox: Mailbox) -> None:
    booking = make_booking(starts_at=now() + timedelta(hours=3), confirmed_at=now() - timedelta(days=2))
    payment = make_payment(booking)
    with transaction():
        refund = Refund(cause="waived", amount_cents=11900, state=RefundState.WANTED, created_at=now())
        payment.refunds.append(refund)
    cancel(booking)

    jobs.send_cancelled(booking.id)

    assert "giving back $119.00" in mailbox.sent[0]["text"]
    assert "we keep" not in mailbox.sent[0]["text"]


def test_a_free_visit_is_cancelled_without_a_word_of_money(mailbox: Mailbox) -> None:
    booking = make_booking(type=make_type(price_cents=0), status=Status.CANCELLED)

    jobs.send_cancelled(booking.id)

    assert "$" not in mailbox.sent[0]["text"]


@pytest.mark.parametrize("status", [Status.CANCELLED, Status.EXPIRED])
def test_a_time_that_was_only_held_is_let_go_in_silence(mailbox: Mailbox, status: Status) -> None:
    booking = make_booking(status=status, patient=make_patient(), confirmed_at=None)

    jobs.send_cancelled(booking.id)
    jobs.send_not_placed(booking.id)

    assert mailbox.sent == mailbox.drafts == []


def test_who_paid_after_the_time_was_lost_hears_of_the_refund(mailbox: Mailbox) -> None:
    booking = make_booking(status=Status.CANCELLED, confirmed_at=None)
    payment = make_payment(booking)
    with transaction():
        refund = Refund(cause="not-placed", amount_cents=11900, state=RefundState.WANTED, created_at=now())
        payment.refunds.append(refund)

    jobs.send_not_placed(booking.id)
    jobs.send_not_placed(booking.id)

    (mail,) = mailbox.sent
    assert "giving back the whole $119.00" in mail["text"]
    assert mail["attachments"] == []


def test_each_request_for_a_link_is_answered_once_and_all_links_work(mailbox: Mailbox) -> None:
    booking = make_booking()

    for request_key in ("first", "first", "second"):
        jobs.send_personal_link(booking.id, request_key)

    assert [opens(mail) for mail in mailbox.sent] == [booking.id, booking.id]


def test_no_mail_or_calendar_entry_names_the_service(mailbox: Mailbox) -> None:
    booking = make_booking(type=make_type(name="Weight loss follow-up", summary="Slimming"))

    jobs.send_confirmation(booking.id)

    (mail,) = mailbox.sent
    everything = " ".join([*mail["headers"].values(), mail["text"], mail["ics"]]).lower()
    telling = ("weight", "loss", "slimming", booking.terms["service_name"].lower())
    assert [word for word in telling if word in everything] == []


def test_a_name_with_line_breaks_reaches_nobody_else(mailbox: Mailbox) -> None:
    evil = 'Eve\r\nBcc: everyone@example.org\r\n\r\n"x", <mallory@example.org>'
    booking = make_booking(patient=make_patient(given_name=evil, email="eve@example.com"))

    jobs.send_confirmation(booking.id)

    (mail,) = mailbox.sent
    assert mail["to"] == ["eve@example.com"]
    assert "Bcc" not in mail["headers"]


def test_an_address_that_is_none_is_for_staff_and_leaves_no_link_behind(mailbox: Mailbox) -> None:
    booking = make_booking(patient=make_patient(email="nora at example.com"))

    with pytest.raises(Permanent) as caught:
        jobs.send_confirmation(booking.id)

    assert "nora" not in str(caught.value)
    assert db.session.scalars(select(LinkToken)).all() == []


def test_the_outbox_sends_what_is_owed(mailbox: Mailbox, sandbox: RunningSandbox) -> None:
    booking = make_booking()
    sandbox.fault(SENDING, "timeout_after_commit")
    with transaction():
        owe("notices.send_confirmation", booking.id, now=now())

    run.drain("mail")
    sandbox.advance(minutes=1)
    run.drain("mail")

    assert len(mailbox.sent) == 1
    row = db.session.scalars(select(OutboxMessage)).one()
    assert (row.attempts, row.done_at is not None) == (2, True)
