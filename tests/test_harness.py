"""What the other tests rely on."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import scoped_session

from tests.support.network import OutsideIsOff


@pytest.mark.parametrize("attempt", [1, 2])
def test_each_test_sees_an_empty_database_and_ids_from_one(db_session: scoped_session[Any], attempt: int) -> None:
    db_session.execute(
        text("insert into web_session (id_hash, data, created_at, seen_at) values ('x','{}',now(),now())")
    )
    db_session.commit()
    assert db_session.execute(text("select id, id_hash from web_session")).all() == [(1, "x")]


def test_the_outside_is_off() -> None:
    with pytest.raises(OutsideIsOff, match="use the `sandbox` fixture"):
        socket.create_connection(("example.com", 443))
    with pytest.raises(OutsideIsOff), socket.socket() as direct:
        direct.connect(("192.0.2.1", 443))
