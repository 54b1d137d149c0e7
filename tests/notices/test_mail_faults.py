"""What becomes of a patient's mail when Graph is slow, busy, or refuses to send it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from portal.bookings.models import Booking
from portal.clock import now
from portal.db import db, transaction
from portal.notices.jobs import sweep
from portal.outbox import run
from portal.outbox.models import OutboxMessage
from portal.outbox.post import owe
from portal.staff.models import StaffTask
from tests.notices.conftest import Mailbox
from tests.support.factories import make_booking
from tests.support.outbox import owed, wait_of
from tests.support.sandbox import RunningSandbox

DRAFTING = "POST /graph/v1.0/users/*/messages"
SENDING = "POST /graph/v1.0/users/*/send"
CONFIRMATION = "notices.send_confirmation"


def owe_mail() -> Booking:
    booking = make_booking()
    with transaction():
        owe(CONFIRMATION, booking.id, now=now())
    return booking


def tasks() -> list[str]:
    db.session.rollback()
    return [task.words for task in db.session.scalars(select(StaffTask))]


@pytest.mark.parametrize("match", [DRAFTING, SENDING])
@pytest.mark.parametrize(
    ("kind", "how"),
    [
        ("error", {"status": 500}),
        ("error", {"status": 503}),
        ("error_after", {}),
        ("401", {}),
        ("slow", {"seconds": 1}),
    ],
)
def test_trouble_that_passes_delays_the_mail_and_nobody_hears_of_it(
    mailbox: Mailbox, sandbox: RunningSandbox, match: str, kind: str, how: dict[str, Any]
) -> None:
    owe_mail()
    sandbox.fault(match, kind, **how)
    run.drain("mail")
    sandbox.advance(seconds=10)
    run.drain("mail")
    assert [one["fault"] for one in sandbox.calls("graph") if one["fault"]] == [kind]
    assert (len(mailbox.sent), mailbox.drafts, tasks(), owed()) == (1, [], [], [])


@pytest.mark.parametrize("match", [DRAFTING, SENDING])
def test_the_mail_waits_the_fraction_of_a_second_that_graph_asks_for(
    mailbox: Mailbox, sandbox: RunningSandbox, match: str
) -> None:
    owe_mail()
    sandbox.fault(match, "429", retry_after=21.128)
    run.drain("mail")
    (row,) = owed(CONFIRMATION)
    assert timedelta(seconds=15) < wait_of(row) <= timedelta(seconds=21.128)
    assert mailbox.sent == []

    sandbox.advance(seconds=22)
    run.drain("mail")
    assert (len(mailbox.sent), mailbox.drafts) == (1, [])


@pytest.mark.parametrize(
    ("kind", "how"), [("error", {"status": 400}), ("401", {"times": 2}), ("403", {})], ids=["400", "401", "403"]
)
def test_a_mail_that_is_refused_is_given_up_in_the_open(
    mailbox: Mailbox, sandbox: RunningSandbox, kind: str, how: dict[str, Any]
) -> None:
    booking = owe_mail()
    sandbox.fault(DRAFTING, kind, **how)
    run.drain("mail")
    (words,) = tasks()
    assert words.startswith(f"{CONFIRMATION} was given up")
    assert (mailbox.sent, mailbox.drafts) == ([], [])

    # The cause is mended and somebody tries again.
    with transaction():
        owe(CONFIRMATION, booking.id, now=now())
    run.drain("mail")
    assert len(mailbox.sent) == 1


def test_more_mails_than_the_mailbox_may_send_in_a_minute_all_go_out(mailbox: Mailbox, sandbox: RunningSandbox) -> None:
    sandbox.knob("graph", "mails_per_minute", 2)
    for _ in range(5):
        owe_mail()
    run.drain("mail")
    assert len(mailbox.sent) == 2
    for _ in range(3):
        sandbox.advance(seconds=61)
        run.drain("mail")
    assert (len(mailbox.sent), mailbox.drafts, tasks(), owed()) == (5, [], [], [])


def test_a_mail_that_was_refused_goes_out_by_itself_once_we_may_send_again(
    mailbox: Mailbox, sandbox: RunningSandbox
) -> None:
    owe_mail()
    sandbox.fault(DRAFTING, "403")
    run.drain("mail")
    assert (len(mailbox.sent), len(tasks())) == (0, 1)
    for minutes, sent in ((59, 0), (61, 1), (200, 1)):
        with transaction():
            sweep(now() + timedelta(minutes=minutes))
            db.session.execute(update(OutboxMessage).values(not_before=now()))  # the hour passes
        run.drain("mail")
        assert len(mailbox.sent) == sent
    assert owed() == []
