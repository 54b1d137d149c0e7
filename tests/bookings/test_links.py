"""Personal links to a booking."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from portal.bookings import links
from portal.bookings.models import LinkToken
from portal.db import db, transaction
from tests.support.factories import make_booking

pytestmark = pytest.mark.usefixtures("ctx")

NOW = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=40)


def make(booking_id: int, made_for: str = "message 1", *, now: datetime = NOW, expires_at: datetime = LATER) -> str:
    with transaction():
        return links.make(booking_id, made_for, now, expires_at=expires_at)


def found(token: str, now: datetime = NOW) -> int | None:
    booking = links.find(token, now)
    return booking.id if booking else None


def rows() -> list[Any]:
    return list(db.session.execute(select(LinkToken.__table__).order_by(LinkToken.id)))


def test_a_link_opens_its_own_booking() -> None:
    mine, other = make_booking(), make_booking()

    assert found(make(mine.id)) == mine.id
    assert found(make(other.id)) == other.id


def test_the_token_itself_is_not_kept() -> None:
    token = make(make_booking().id)

    assert len(token) >= 43
    assert token not in str(rows())


@pytest.mark.parametrize("token", ["", "x", "BK-7F3K2Q", "é" * 50, "a" * 5000, "\x00"])
def test_an_unknown_token_opens_nothing(token: str) -> None:
    make(make_booking().id)

    assert links.find(token, NOW) is None


def test_a_link_opens_until_the_instant_it_expires() -> None:
    booking = make_booking()
    token = make(booking.id)

    assert found(token, LATER - timedelta(seconds=1)) == booking.id
    assert found(token, LATER) is None


def test_a_second_token_for_the_same_message_replaces_the_first() -> None:
    booking = make_booking()
    first, other_message = make(booking.id), make(booking.id, "message 2")
    second = make(booking.id)

    assert found(first) is None
    assert found(second) == found(other_message) == booking.id


def test_the_same_message_name_of_another_booking_is_left_alone() -> None:
    mine, other = make_booking(), make_booking()
    token = make(mine.id)
    make(other.id)

    assert found(token) == mine.id


def test_an_old_link_lives_as_long_as_the_newest_of_its_booking() -> None:
    booking = make_booking()
    token = make(booking.id)
    make(booking.id, "moved away", expires_at=LATER + timedelta(days=60))

    assert found(token, LATER + timedelta(days=59)) == booking.id


def test_a_newer_link_never_shortens_or_revives_an_older_one() -> None:
    booking = make_booking()
    long, expired = make(booking.id), make(booking.id, "expired", expires_at=NOW + timedelta(days=1))
    make(booking.id, "moved nearer", now=NOW + timedelta(days=2), expires_at=NOW + timedelta(days=3))

    assert found(long, LATER - timedelta(seconds=1)) == booking.id
    assert found(expired, NOW + timedelta(days=2)) is None


def test_looking_changes_nothing() -> None:
    token = make(make_booking().id)
    before = rows()

    links.find(token, NOW)
    links.find(token, LATER)
    db.session.commit()

    assert rows() == before


def test_all_links_of_a_booking_can_be_closed() -> None:
    mine, other = make_booking(), make_booking()
    tokens, others = [make(mine.id, "a"), make(mine.id, "b")], make(other.id)

    with transaction():
        links.revoke_all([mine.id], NOW)

    assert [found(token) for token in tokens] == [None, None]
    assert found(others) == other.id


def test_a_link_outlives_its_visit_by_thirty_days() -> None:
    booking = make_booking()

    assert links.expiry_of(booking) == booking.ends_at + timedelta(days=30)
