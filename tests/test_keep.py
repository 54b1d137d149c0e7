"""What is worked out once is kept, and one thread works it out for all who want it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from portal.keep import kept

MANY = 8


def test_of_many_who_ask_at_once_one_works_it_out() -> None:
    worked_out: list[int] = []
    ready = threading.Barrier(MANY)

    @kept(10)
    def double(number: int) -> int:
        time.sleep(0.05)
        worked_out.append(number)
        return number * 2

    def ask(_: int) -> int:
        ready.wait()
        return double(21)

    with ThreadPoolExecutor(MANY) as threads:
        assert set(threads.map(ask, range(MANY))) == {42}
    assert worked_out == [21]


def test_each_question_has_its_own_answer() -> None:
    @kept(10)
    def words(number: int, *, unit: str) -> str:
        return f"{number} {unit}"

    assert [words(1, unit="day"), words(2, unit="days"), words(1, unit="day")] == ["1 day", "2 days", "1 day"]


def test_what_failed_is_tried_again_by_the_next() -> None:
    tries: list[int] = []

    @kept(10)
    def divide(number: int) -> float:
        tries.append(number)
        return number / (len(tries) - 1)

    with pytest.raises(ZeroDivisionError):
        divide(3)
    assert (divide(3), len(tries)) == (3.0, 2)


def test_nobody_waits_for_another_answer() -> None:
    is_slow, may_go_on = threading.Event(), threading.Event()

    @kept(10)
    def work(name: str) -> str:
        if name == "slow":
            is_slow.set()
            assert may_go_on.wait(5)
        return name

    with ThreadPoolExecutor(1) as thread:
        slow = thread.submit(work, "slow")
        assert is_slow.wait(5)
        assert work("quick") == "quick"
        assert not slow.done()
        may_go_on.set()
        assert slow.result(5) == "slow"


def test_the_newest_answers_are_kept() -> None:
    worked_out: list[int] = []

    @kept(2)
    def note(number: int) -> int:
        worked_out.append(number)
        return number

    for number in (1, 2, 3, 3, 2, 1):
        note(number)
    assert worked_out == [1, 2, 3, 1]
