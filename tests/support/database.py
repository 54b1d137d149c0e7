"""One database per worker, copied from a migrated template, and emptied after each test that could have written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import psycopg
from psycopg import sql
from redis import Redis
from sqlalchemy import Engine, event

from portal.config import Settings
from tests.support.services import Services, only_one

TEMPLATE = "portal_template"

# A table file has a size once a row was ever written, also by another process or in a transaction that failed.
WRITTEN = """
select relname from pg_class
where relkind = 'r' and relnamespace = 'public'::regnamespace and relname <> 'alembic_version'
  and pg_relation_size(oid) > 0
"""


@dataclass(frozen=True)
class TestDatabase:
    """A worker's database and its number in Redis."""

    __test__ = False

    url: str
    redis_url: str
    connection: psycopg.Connection

    def empty(self) -> None:
        """Remove all rows and keys. Ids start at 1 again."""
        written = [name for (name,) in self.connection.execute(WRITTEN).fetchall()]
        if written:
            tables = sql.SQL(", ").join(map(sql.Identifier, written))
            self.connection.execute(sql.SQL("truncate {} restart identity cascade").format(tables))
        with Redis.from_url(self.redis_url) as redis:
            redis.flushdb()


class NotingCursor(psycopg.Cursor[Any]):
    """Every statement goes through a cursor, also one that SQLAlchemy never sees."""

    heard: ClassVar[list[list[str]]] = []

    def execute(self, query: Any, *args: Any, **how: Any) -> Self:
        for sent in self.heard:
            sent.append(str(query))
        return super().execute(query, *args, **how)

    def executemany(self, query: Any, *args: Any, **how: Any) -> None:
        for sent in self.heard:
            sent.append(str(query))
        super().executemany(query, *args, **how)


@contextmanager
def counted_queries(engine: Engine | None = None) -> Iterator[list[str]]:
    """The statements that are sent meanwhile on the app's engine, which is the default, or on this one."""
    from portal.db import db

    used, sent = engine or db.engine, list[str]()

    def note(connection: Any, *_: object) -> None:
        connection.cursor_factory = NotingCursor

    if engine is None and db.session().in_transaction():
        note(db.session.connection().connection.driver_connection)
    event.listen(used, "checkout", note)
    NotingCursor.heard.append(sent)
    try:
        yield sent
    finally:
        NotingCursor.heard.remove(sent)
        event.remove(used, "checkout", note)


def make_database(services: Services, settings: Settings, number: int) -> TestDatabase:
    """The database of worker `number`. `settings` may be any local ones; they are used to migrate the template."""
    name = f"worker_{number}"
    with only_one(services.run_dir), psycopg.connect(services.postgres.admin_url, autocommit=True) as admin:
        if not admin.execute("select 1 from pg_database where datname = %s", [TEMPLATE]).fetchone():
            _make_template(admin, services, settings)
        _create(admin, name, like=TEMPLATE)
    url = services.postgres.url_of(name)
    connection = psycopg.connect(url, autocommit=True, options="-c lock_timeout=10000")
    return TestDatabase(url, services.redis.url_of(number), connection)


def _make_template(admin: psycopg.Connection, services: Services, settings: Settings) -> None:
    # It gets its name last: a half migrated one must not be taken for whole.
    draft = f"{TEMPLATE}_draft"
    admin.execute(sql.SQL("drop database if exists {}").format(sql.Identifier(draft)))
    _create(admin, draft, like="template1")
    migrate(replace(settings, database_url=_sqlalchemy_url(services.postgres.url_of(draft))))
    admin.execute(sql.SQL("alter database {} rename to {}").format(sql.Identifier(draft), sql.Identifier(TEMPLATE)))


def migrate(settings: Settings) -> None:
    """`flask db upgrade` on an empty database."""
    from flask_migrate import upgrade

    from portal import create_app
    from portal.db import db

    app = create_app(settings, pool_size=None)
    with app.app_context():
        upgrade()
        db.engine.dispose()


def _create(admin: psycopg.Connection, name: str, *, like: str) -> None:
    admin.execute(
        sql.SQL("create database {} owner portal template {} strategy file_copy").format(
            sql.Identifier(name), sql.Identifier(like)
        )
    )


def _sqlalchemy_url(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://", 1)
