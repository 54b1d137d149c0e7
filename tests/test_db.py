"""A request neither loses its answer nor fails because of what has become of a connection before or after it."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import create_engine, text

from portal.db import db


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
