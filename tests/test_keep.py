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
