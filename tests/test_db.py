"""The session ends with its request, whatever has become of the database meanwhile."""

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
