"""Fifty people press Continue at the same moment. One of them has the time; the others see the nearest ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import psycopg
import pytest
import requests
from bs4 import BeautifulSoup

from tests.support.race import at_once
from tests.torture.run import running_town
from tests.torture.town import Town

pytestmark = [pytest.mark.program, pytest.mark.timeout(300)]

BOOKERS = 50
# Both draw on the same practitioners' hours; the short one keeps a few minutes free behind it.
SHORT, SHORT_MINUTES, LONG = "initial-alternative-15min", 15, "followup-alternative-30min"


@dataclass
class Booker:
    """Somebody with the page of times open, ready to press."""

    url: str
    session: requests.Session
    token: str
    slots: list[str]

    def take(self, slot: str) -> requests.Response:
        return self.session.post(
            f"{self.url}/holds",
            data={"csrf_token": self.token, "slot": slot},
            headers={"Origin": self.url.split("/book/")[0]},
            allow_redirects=False,
            timeout=30,
        )


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    with running_town() as town:
        yield town


def open_times(town: Town, type_slug: str) -> Booker:
    session = requests.Session()
    session.trust_env = False
    session.headers["Connection"] = "close"  # the server ends idle connections while the others open their pages
    url = f"{town.clinic.url}/book/{type_slug}"
    page = BeautifulSoup(session.get(url, timeout=30).text, "html.parser")
    for cookie in session.cookies:
        cookie.secure = False  # requests would not send it over plain http
    slots = [str(box["value"]) for box in page.select("input[name=slot]")]
    [token] = page.select("input[name=csrf_token]")[:1]
    return Booker(url, session, str(token["value"]), slots)


def nearest(answer: requests.Response) -> list[str]:
    page = BeautifulSoup(answer.text, "html.parser")
    return [str(box["value"]) for box in page.select(".nearest input[name=slot]")]


def overlaps(town: Town) -> int:
    """Pairs of occupying rows of one practitioner that touch, counted by the database itself."""
    query = """
        select count(*) from booking a join booking b on a.id < b.id and a.practitioner_id = b.practitioner_id
        where a.blocked && b.blocked and a.status in ('held', 'awaiting_payment', 'confirmed')
        and b.status in ('held', 'awaiting_payment', 'confirmed')
    """
    with psycopg.connect(town.database_url) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def test_fifty_bookers_of_one_time_make_one_booking_and_everybody_gets_an_answer(town: Town) -> None:
    bookers = [open_times(town, SHORT) for _ in range(BOOKERS)]
    wanted = bookers[0].slots[2]
    answers = at_once([partial(booker.take, wanted) for booker in bookers])
    assert Counter(answer.status_code for answer in answers) == {303: 1, 422: BOOKERS - 1}
    for answer in answers:
        if answer.status_code == 422:
            offered = nearest(answer)
            assert len(offered) == 3
            assert wanted not in offered
    assert overlaps(town) == 0


def test_two_types_that_overlap_only_through_a_buffer_make_one_booking(town: Town) -> None:
    short, long = open_times(town, SHORT), open_times(town, LONG)
    # The short visit ends at the minute in which the long one begins; its buffer reaches into it.
    later = next(slot for slot in reversed(long.slots) if earlier_by(SHORT_MINUTES, slot) in short.slots)
    bookers = [(open_times(town, SHORT), earlier_by(SHORT_MINUTES, later)) for _ in range(BOOKERS // 2)]
    bookers += [(open_times(town, LONG), later) for _ in range(BOOKERS // 2)]
    answers = at_once([partial(booker.take, slot) for booker, slot in bookers])
    assert Counter(answer.status_code for answer in answers) == {303: 1, 422: BOOKERS - 1}
    assert all(len(nearest(answer)) == 3 for answer in answers if answer.status_code == 422)
    assert overlaps(town) == 0


def earlier_by(minutes: int, slot: str) -> str:
    """The value of the same practitioner's slot so many minutes before."""
    start, _, practitioner = slot.partition("/")
    moved = datetime.fromisoformat(start) - timedelta(minutes=minutes)
    return f"{moved:%Y-%m-%dT%H:%MZ}/{practitioner}"
