"""A request neither loses its answer nor fails because of what has become of a connection before or after it."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import Connection, bindparam, create_engine, select, text
from sqlalchemy.exc import DataError, OperationalError

from portal.db import Glance, db

PREPARED = text("select count(*) from pg_prepared_statements where statement like '%in the works%'")
IN_THE_WORKS = text("select 'in the works', cast(:number as text)")
END_OWN = Glance(select(text("pg_terminate_backend(pg_backend_pid())")))
SAY = Glance(select(bindparam("word", type_=db.Text)))


def test_a_connection_that_dies_after_the_answer_harms_nobody(app: Flask) -> None:
    with app.app_context():
        pid = db.session.scalar(text("select pg_backend_pid()"))
        other = create_engine(db.engine.url)
        with other.begin() as connection:
            connection.execute(text("select pg_terminate_backend(:pid)"), {"pid": pid})
        other.dispose()
    with app.app_context():
        assert db.session.scalar(text("select 1")) == 1


def test_a_connection_that_died_while_nobody_used_it_is_not_relied_on(app: Flask) -> None:
    with app.app_context():
        pid = db.session.scalar(text("select pg_backend_pid()"))
    with app.app_context():
        other = create_engine(db.engine.url)
        with other.begin() as connection:
            connection.execute(text("select pg_terminate_backend(:pid)"), {"pid": pid})
            gone = text("select count(*) = 0 from pg_stat_activity where pid = :pid")
            while not connection.scalar(gone, {"pid": pid}):
                connection.execute(text("select pg_sleep(0.01)"))
        other.dispose()
        assert db.session.scalar(text("select pg_backend_pid()")) != pid


def prepare(connection: Connection) -> int:
    """Ask often enough for psycopg to prepare it. -> how many the server has of it"""
    for number in range(7):
        connection.execute(IN_THE_WORKS, {"number": str(number)})
    return int(connection.scalar(PREPARED) or 0)


@pytest.mark.usefixtures("ctx")
def test_what_is_prepared_outlives_a_rollback() -> None:
    with db.engine.connect() as connection:
        assert prepare(connection) == 1
        connection.rollback()
        assert connection.scalar(PREPARED) == 1


@pytest.mark.usefixtures("ctx")
def test_after_a_statement_that_failed_all_goes_on() -> None:
    with db.engine.connect() as connection:
        prepare(connection)
        with pytest.raises(DataError):
            connection.execute(text("select 1 / 0"))
        connection.rollback()
        assert prepare(connection) == 1


@pytest.mark.usefixtures("ctx")
def test_a_glance_leaves_no_transaction_open() -> None:
    db.session.rollback()
    assert SAY.take({"word": "wattle"}) == ("wattle",)
    assert not db.session().in_transaction()
    with db.engine.connect() as connection:
        assert connection.connection.driver_connection.autocommit is False  # type: ignore[union-attr]


@pytest.mark.usefixtures("ctx")
def test_a_glance_within_a_transaction_sees_it() -> None:
    db.session.execute(text("create temporary table note on commit drop as select 'mine' as word"))
    assert Glance(select(text("word from note"))).take({}) == ("mine",)


@pytest.mark.usefixtures("ctx")
def test_a_glance_whose_server_goes_away_is_told_like_any_other_statement() -> None:
    db.session.rollback()
    with pytest.raises(OperationalError):
        END_OWN.take({})
    assert SAY.take({"word": "wattle"}) == ("wattle",)
