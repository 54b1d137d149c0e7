"""What staff change is told three minutes later, once, and only if it is still true."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import current_app

from portal.bookings import desk, find
from portal.bookings.models import Booking
from portal.clock import now
from portal.db import transaction
from portal.notices import letter
from portal.notices.kinds import MailKind
from portal.outbox.post import owe
from portal.scheduling import claims
from portal.staff.access import Role, Staff
from tests.notices.conftest import Mailbox
from tests.support.factories import make_booking, make_hours, make_location, make_payment, make_practitioner
from tests.support.outbox import later, owed, settle
from tests.support.sandbox import RunningSandbox
from tests.support.staff import admitted

HOUR = timedelta(hours=1)
Act = Callable[[Booking, Staff], None]


@pytest.fixture
def pia(mailbox: Mailbox) -> Staff:
    return admitted(Role.RECEPTION)


@pytest.fixture
def visit(mailbox: Mailbox) -> Booking:
    place, wren = make_location(is_telehealth=True), make_practitioner()
    make_hours(wren, place)
    yesterday = now() - timedelta(days=1)
    return make_booking(practitioner=wren, location=place, confirmed_at=yesterday)


def move(visit: Booking, staff: Staff) -> None:
    wanted = visit.starts_at + HOUR
    claims.claim(lambda: desk.move(find.get_locked(visit.id), wanted, staff, now()))


def cancel(visit: Booking, staff: Staff) -> None:
    with transaction():
        desk.cancel(find.get_locked(visit.id), staff, now(), wished_by="patient", reason="Her mother is ill")


def take_back(visit: Booking, staff: Staff) -> None:
    claims.claim(lambda: desk.take_back(find.get_locked(visit.id), staff, now()))


def subjects(mailbox: Mailbox) -> list[str]:
    return [mail["subject"].split(" – ")[0] for mail in mailbox.sent]


@pytest.mark.parametrize(
    ("act", "subject"),
    [
        (move, "Your appointment at Rosella Clinic has moved"),
        (cancel, "Your appointment at Rosella Clinic is cancelled"),
    ],
)
def test_the_mail_goes_by_itself_after_three_minutes_and_once(
    mailbox: Mailbox, sandbox: RunningSandbox, visit: Booking, pia: Staff, act: Act, subject: str
) -> None:
    act(visit, pia)
    settle(sandbox)
    later(sandbox, minutes=2, seconds=50)
    assert mailbox.sent == []
    later(sandbox, seconds=15)
    assert subjects(mailbox) == [subject]
    later(sandbox, minutes=10)
    assert len(mailbox.sent) == 1


@pytest.mark.parametrize("act", [move, cancel])
def test_what_was_undone_is_never_told(
    mailbox: Mailbox, sandbox: RunningSandbox, visit: Booking, pia: Staff, act: Act
) -> None:
    with transaction():
        owe("notices.send_confirmation", visit.id, now=now())
    settle(sandbox)
    act(visit, pia)
    later(sandbox, minutes=2)
    take_back(visit, pia)
    later(sandbox, minutes=10)
    assert subjects(mailbox) == ["Your appointment at Rosella Clinic"]  # the confirmation, once


def test_a_confirmation_that_had_not_gone_out_yet_goes_after_the_undo(
    mailbox: Mailbox, sandbox: RunningSandbox, visit: Booking, pia: Staff
) -> None:
    with transaction():
        owe("notices.send_confirmation", visit.id, now=now())
    move(visit, pia)
    settle(sandbox)
    assert mailbox.sent == []  # it would have named a time that may be undone
    take_back(visit, pia)
    settle(sandbox)
    assert subjects(mailbox) == ["Your appointment at Rosella Clinic"]


@pytest.mark.parametrize("act", [move, cancel])
def test_do_not_tell_means_no_mail(
    mailbox: Mailbox, sandbox: RunningSandbox, visit: Booking, pia: Staff, act: Act
) -> None:
    act(visit, pia)
    with transaction():
        desk.keep_quiet(find.get_locked(visit.id), pia, now())
    later(sandbox, minutes=10)
    assert mailbox.sent == []
    assert owed("notices.send_moved") == owed("notices.send_cancelled") == []


@pytest.mark.parametrize("act", [move, cancel])
def test_tell_now_sends_at_once(
    mailbox: Mailbox, sandbox: RunningSandbox, visit: Booking, pia: Staff, act: Act
) -> None:
    act(visit, pia)
    with transaction():
        desk.tell_now(find.get_locked(visit.id), pia, now())
    settle(sandbox)
    assert len(mailbox.sent) == 1


def test_who_changes_their_mind_about_keeping_quiet_tells_after_all(
    mailbox: Mailbox, sandbox: RunningSandbox, visit: Booking, pia: Staff
) -> None:
    move(visit, pia)
    for act in (desk.keep_quiet, desk.tell_now):
        with transaction():
            act(find.get_locked(visit.id), pia, now())
    settle(sandbox)
    assert len(mailbox.sent) == 1


def test_a_job_that_comes_too_early_comes_back(
    mailbox: Mailbox, sandbox: RunningSandbox, visit: Booking, pia: Staff
) -> None:
    """As one that still waited for another try since an earlier move."""
    move(visit, pia)
    with transaction():
        owe("notices.send_moved", visit.id, now=now())
    settle(sandbox)
    assert mailbox.sent == []
    later(sandbox, minutes=4)
    assert len(mailbox.sent) == 1


def test_of_two_moves_only_where_it_stands_is_told(
    mailbox: Mailbox, sandbox: RunningSandbox, visit: Booking, pia: Staff
) -> None:
    move(visit, pia)
    later(sandbox, minutes=2)
    move(visit, pia)
    stands = visit.starts_at
    later(sandbox, minutes=2)
    assert mailbox.sent == []
    later(sandbox, minutes=2)
    (mail,) = mailbox.sent
    assert f"{stands.astimezone(current_app.config['PORTAL'].zone):%-I:%M}" in mail["text"]


@pytest.mark.parametrize(("act", "kind"), [(move, MailKind.MOVED), (cancel, MailKind.CANCELLED)])
@pytest.mark.parametrize("is_paid", [True, False])
def test_the_preview_is_the_very_mail(
    mailbox: Mailbox, sandbox: RunningSandbox, visit: Booking, pia: Staff, act: Act, kind: MailKind, is_paid: bool
) -> None:
    if is_paid:
        make_payment(visit)
    act(visit, pia)
    seen = letter.preview(find.get(visit.id), kind, current_app.config["PORTAL"], now())
    plain = seen.get_body(("plain",))
    assert plain is not None
    with transaction():
        desk.tell_now(find.get_locked(visit.id), pia, now())
    settle(sandbox)
    (mail,) = mailbox.sent
    assert mail["subject"] == seen["Subject"]
    assert mail["to"] == [address.addr_spec for address in seen["To"].addresses]
    without_link = re.sub(r"/b/\S+", f"/b/{letter.NO_LINK_YET}", mail["text"])
    assert without_link.split() == plain.get_content().split()
    assert "mother" not in mail["text"]


def test_a_visit_that_is_not_paid_yet_is_not_called_paid(mailbox: Mailbox, visit: Booking) -> None:
    def facts() -> str:
        plain = letter.preview(visit, MailKind.CONFIRMATION, current_app.config["PORTAL"], now()).get_body(("plain",))
        assert plain is not None
        return str(plain.get_content())

    assert "Price: $119.00" in facts()
    make_payment(visit)
    assert "Paid: $119.00" in facts()


def test_the_confirmation_is_sent_again_once_for_each_click(
    mailbox: Mailbox, sandbox: RunningSandbox, visit: Booking
) -> None:
    for key in ("aaaaaaaaaaaa", "aaaaaaaaaaaa", "bbbbbbbbbbbb"):
        with transaction():
            owe("notices.send_confirmation_again", visit.id, key, now=now())
        settle(sandbox)
    assert len(mailbox.sent) == 2
    assert "once more" in mailbox.sent[0]["text"]
