"""Running what is owed: taken by one, ended once, tried again in its own time, and given up in the open."""

from __future__ import annotations

from datetime import timedelta

import pytest
from rq.timeouts import JobTimeoutException, UnixSignalDeathPenalty
from sqlalchemy import select

from portal.bookings.states import Status
from portal.clock import now
from portal.db import LockKind, db, exclusive, transaction
from portal.outbox import run
from portal.outbox.models import OutboxMessage
from portal.outbox.post import owe
from portal.staff.models import StaffTask
from tests.support.chain import Chain
from tests.support.factories import make_booking, make_practitioner
from tests.support.microsoft import PEOPLE, WREN
from tests.support.outbox import all_rows, drain, jobs_owed, owed, wait_of
from tests.support.race import Race
from tests.support.sandbox import RunningSandbox

pytestmark = pytest.mark.usefixtures("ctx")
JOB = "sync.outlook"
LEASE = timedelta(seconds=90)


def owe_now(*args: int | str, job: str = JOB) -> OutboxMessage:
    """Owe one job, which is free of work for a booking that nobody has heard of in Outlook."""
    with transaction():
        owe(job, *args, now=now())
    return owed()[-1]


def nothing_to_do() -> int:
    """The id of a booking whose jobs find nothing to do, without asking anybody."""
    return make_booking(status=Status.EXPIRED).id


def tasks() -> list[StaffTask]:
    db.session.rollback()
    return list(db.session.scalars(select(StaffTask).order_by(StaffTask.id)))


def test_a_job_that_ends_well_is_done() -> None:
    row = owe_now(nothing_to_do())
    assert run.drain("graph") == 1
    db.session.refresh(row)
    assert (row.done_at is not None, row.attempts, row.lease_token, row.last_error) == (True, 1, None, "")
    assert run.drain("graph") == 0


def test_a_drain_serves_its_own_queue_only() -> None:
    owe_now(nothing_to_do())
    for queue in ("stripe", "mail", "medirecords"):
        assert run.drain(queue) == 0
    assert jobs_owed() == [JOB]


def test_what_is_not_due_yet_is_not_taken() -> None:
    at = now()
    with transaction():
        owe(JOB, 1, now=at, not_before=at + timedelta(minutes=1))
    assert run.take("graph", at) is None
    assert run.take("graph", at + timedelta(minutes=1)) is not None


def test_the_oldest_due_row_comes_first() -> None:
    at = now()
    with transaction():
        for number, minutes in ((1, -1), (2, -3), (3, -2)):
            owe(JOB, number, now=at, not_before=at + timedelta(minutes=minutes))
    taken = [run.take("graph", at) for _ in range(3)]
    assert [row and row.args for row in taken] == [[2], [3], [1]]


def test_of_twenty_who_want_one_row_one_gets_it(race: Race) -> None:
    owe_now(1)

    def take() -> int | None:
        row = run.take("graph", now())
        return row.id if row else None

    assert sorted(race.of(20, take), key=bool)[:-1] == [None] * 19
    assert owed()[0].attempts == 1


def test_of_twenty_who_want_seven_rows_seven_get_one_each(race: Race) -> None:
    with transaction():
        for number in range(7):
            owe(JOB, number, now=now())

    def take() -> int | None:
        row = run.take("graph", now())
        return row.id if row else None

    got = [id for id in race.of(20, take) if id is not None]
    # Somebody who passed while all seven were being taken leaves with nothing, and that is right.
    assert len(got) == len(set(got)) <= 7
    while row := run.take("graph", now()):
        got.append(row.id)
    assert sorted(got) == [row.id for row in owed()]


def test_a_lease_keeps_others_away_until_it_runs_out() -> None:
    row = owe_now(1)
    at = now()
    first = run.take("graph", at)
    assert first is not None
    first_token = first.lease_token
    assert run.take("graph", at + LEASE) is None

    second = run.take("graph", at + LEASE + timedelta(seconds=1))
    assert second is not None
    assert (second.id, second.attempts) == (row.id, 2)
    assert second.lease_token != first_token


def test_the_end_of_a_holder_whose_lease_ran_out_counts_for_nothing() -> None:
    owe_now(nothing_to_do())
    at = now()
    first = run.take("graph", at)
    assert first is not None
    slow = OutboxMessage(
        id=first.id,
        job=first.job,
        args=first.args,
        lease_token=first.lease_token,
        attempts=first.attempts,
        created_at=first.created_at,
    )
    second = run.take("graph", at + LEASE + timedelta(seconds=1))
    assert second is not None
    token = second.lease_token

    run.run(slow)  # comes to its end after all

    (row,) = owed()
    assert (row.lease_token, row.done_at) == (token, None)
    run.run(row)
    assert owed() == []


def test_a_poisoned_row_does_not_stop_the_others() -> None:
    owe_now(999_999)  # there is no such booking
    good = owe_now(nothing_to_do())
    assert run.drain("graph") == 2
    db.session.refresh(good)
    assert good.done_at is not None
    assert len(owed()) == 1


def test_a_fault_of_our_own_is_tried_again_and_its_text_is_not_kept() -> None:
    canary = "Wilhelmina Featherstone"
    row = owe_now(canary)  # the database will complain, with the value in the complaint
    drain()
    db.session.refresh(row)
    assert row.last_error == "our own fault: DataError"
    assert timedelta(seconds=1) < wait_of(row) < timedelta(seconds=3)


def test_a_fault_of_our_own_is_given_up_after_the_eighth_try() -> None:
    row = owe_now(999_999)
    for attempt in range(1, 9):
        assert row.parked_at is None
        with transaction():
            row.not_before = now()
        run.drain("graph")
        db.session.refresh(row)
        assert row.attempts == attempt
    assert row.parked_at is not None
    (task,) = tasks()
    assert (task.kind, task.key) == ("job-parked", "job-parked:sync.outlook:999999")
    assert task.words == "sync.outlook was given up: our own fault: NoResultFound"


@pytest.mark.parametrize(
    ("attempts", "wished", "least", "most"),
    [
        (1, None, 1.5, 2.5),
        (2, None, 3, 5),
        (5, None, 24, 40),
        (9, None, 384, 640),
        (10, None, 450, 750),
        (200, None, 450, 750),
        (1, 77.5, 77.5, 77.5),
        (9, 2.0, 384, 640),
    ],
)
def test_waits_double_up_to_ten_minutes_and_are_never_less_than_the_partner_wished(
    attempts: int, wished: float | None, least: float, most: float
) -> None:
    for _ in range(50):
        assert least <= run.wait(attempts, wished).total_seconds() <= most


def test_a_partners_trouble_is_tried_again_later_and_later(chain: Chain) -> None:
    row = owe_now(chain.booking().id)
    chain.sandbox.fault("POST /graph/*/events", "error", times=3, status=503)
    waits = []
    for _ in range(3):
        with transaction():
            row.not_before = now()
        run.drain("graph")
        db.session.refresh(row)
        assert "graph" in row.last_error
        waits.append(wait_of(row).total_seconds())
    assert 1 < waits[0] < 3 < waits[1] < 5 < waits[2] < 10

    with transaction():
        row.not_before = now()
    drain()
    assert JOB not in jobs_owed()


def test_retry_after_is_honoured_by_us_and_by_the_sweep(chain: Chain) -> None:
    chain.sandbox.fault("POST /graph/*/events", "429", retry_after=77)
    row = owe_now(chain.booking().id)
    run.drain("graph")
    db.session.refresh(row)
    assert timedelta(seconds=70) < wait_of(row) <= timedelta(seconds=77)
    assert run.drain("graph") == 0


def test_what_cannot_help_is_given_up_at_once_and_staff_are_told(chain: Chain) -> None:
    chain.sandbox.fault("POST /graph/*/events", "403")
    row, other = owe_now(chain.booking().id), owe_now(nothing_to_do())
    drain()
    db.session.refresh(row)
    db.session.refresh(other)
    assert row.parked_at is not None
    assert other.done_at is not None
    assert "HTTP 403" in row.last_error
    (task,) = tasks()
    assert task.kind == "job-parked"
    assert "sync.outlook was given up" in task.words


def test_what_was_given_up_and_is_done_later_needs_nobody_any_more(chain: Chain) -> None:
    chain.sandbox.fault("POST /graph/*/events", "403")
    row = owe_now(chain.booking().id)
    drain()
    later = owe_now(row.args[0])
    drain()
    db.session.expire_all()
    assert row.done_at is not None and later.done_at is not None
    assert [task.done_at is not None for task in tasks()] == [True]


def test_a_partner_who_is_away_for_a_day_is_given_up(chain: Chain) -> None:
    chain.sandbox.fault("POST /graph/*/events", "error", times=2, status=503)
    row = owe_now(chain.booking().id)
    for hours, is_parked in ((23, False), (25, True)):
        with transaction():
            row.created_at, row.not_before = now() - timedelta(hours=hours), now()
        run.drain("graph")
        db.session.refresh(row)
        assert (row.parked_at is not None) == is_parked


def test_two_copies_of_a_job_take_turns(race: Race) -> None:
    booking_id = nothing_to_do()
    row = owe_now(booking_id)

    def drain_meanwhile() -> int:
        return run.drain("graph")

    with exclusive(LockKind.OUTLOOK, booking_id):
        assert race(drain_meanwhile) == [1]
    db.session.refresh(row)
    assert (row.done_at, row.last_error) == (None, "another copy was at work")
    assert timedelta() < wait_of(row) <= timedelta(seconds=1)


def test_a_retry_that_meets_a_newer_order_leaves_the_work_to_it() -> None:
    owe_now(999_999)
    running = run.take("graph", now())
    assert running is not None
    owe_now(999_999)
    run.run(running)  # fails, and would wait beside the newer row

    first, second = all_rows(JOB)
    assert (first.done_at is not None, second.done_at) == (True, None)
    assert first.last_error == "our own fault: NoResultFound"


def test_a_newer_order_waits_as_long_as_the_retry_that_it_takes_over(chain: Chain) -> None:
    chain.sandbox.fault("POST /graph/*/events", "429", retry_after=77)
    booking_id = chain.booking().id
    owe_now(booking_id)
    running = run.take("graph", now())
    assert running is not None
    owe_now(booking_id)
    run.run(running)

    _, newer = all_rows(JOB)
    assert timedelta(seconds=70) < wait_of(newer) <= timedelta(seconds=77)
    assert newer.attempts == 1


def test_a_job_that_takes_too_long_keeps_its_lease_so_that_nobody_hurries_after_it(chain: Chain) -> None:
    row = owe_now(chain.booking().id)
    chain.sandbox.fault("POST /graph/*/events", "slow", seconds=2)
    with pytest.raises(JobTimeoutException), UnixSignalDeathPenalty(1, JobTimeoutException):  # type: ignore[no-untyped-call]
        run.drain("graph")
    db.session.rollback()
    db.session.refresh(row)
    assert (row.done_at, row.parked_at, row.last_error) == (None, None, "")
    assert row.lease_token is not None

    chain.sandbox.advance(seconds=91)
    drain()
    assert len(chain.events()) == 1  # the slow call took effect after all


def test_one_partner_in_trouble_does_not_hold_up_another(sandbox: RunningSandbox) -> None:
    sandbox.seed(PEOPLE)
    make_practitioner(graph_user_id=WREN)
    sandbox.fault("* /graph/*", "error", times=50, status=503)
    owe_now(1, job="sync.keep_subscription")
    done = owe_now(nothing_to_do(), job="sync.medirecords")
    drain()
    db.session.refresh(done)
    assert done.done_at is not None
