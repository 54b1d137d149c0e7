"""Runs a command as `flask ...` runs it, and counts what it left behind."""

from __future__ import annotations

from click.testing import Result
from flask import Flask
from rq import Queue
from rq.serializers import JSONSerializer
from sqlalchemy import func, select

from portal.db import Base, db
from portal.outbox import relay


def run(app: Flask, *words: str) -> Result:
    return app.test_cli_runner().invoke(args=words)


def count(app: Flask, table: type[Base]) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(table)) or 0


def rung(queue: str) -> int:
    """How often the workers of a queue were called."""
    return Queue(queue, connection=relay.connection(), serializer=JSONSerializer).count
