"""The database: the session, the column types that everything uses, and transaction()."""

from __future__ import annotations

import math
import random
import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import Any, TypeVar

import psycopg
from flask_sqlalchemy import SQLAlchemy
from psycopg import Connection
from psycopg.pq import ExecStatus, TransactionStatus
from sqlalchemy import BigInteger, DateTime, Engine, Enum, MetaData, Select, Text, TypeDecorator, event, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError, InvalidatePoolError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, registry
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

T = TypeVar("T")
Json = dict[str, Any]


class UtcDateTime(TypeDecorator[datetime]):
    """timestamptz that refuses a naive datetime and always answers in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("a datetime without a zone cannot be stored")
        return value

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        return value.astimezone(UTC) if value is not None else None


class Base(DeclarativeBase):
    """All tables. Constraint names are fixed, so that migrations and error handling can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    # Given as a registry: Flask-SQLAlchemy copies the class, and a copied type_annotation_map would be refused.
    registry = registry(
        metadata=metadata,
        type_annotation_map={
            datetime: UtcDateTime,
            dict[str, Any]: JSONB,
            list[Any]: JSONB,
            StrEnum: Enum(StrEnum, native_enum=False, length=40, values_callable=lambda states: [*map(str, states)]),
            str: Text(),
        },
    )


class HasId:
    """Our own key; never shown to people."""

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)


db = SQLAlchemy(model_class=Base)

# A waiting statement gives up and the caller is told, instead of every later visitor queueing behind it.
SERVER_SETTINGS = {
    "lock_timeout": "3000",
    "statement_timeout": "10000",
    "idle_in_transaction_session_timeout": "30000",
    "timezone": "UTC",
    "application_name": "portal",
}
PING_AFTER_SECONDS = 30.0


class Glance:
    """A statement that nearly every request begins with. It is compiled once and handed to psycopg as it is, because
    SQLAlchemy's own way takes longer than the server does."""

    def __init__(self, statement: Select[Any]) -> None:
        self._statement = statement
        compiled = statement.compile(dialect=postgresql.psycopg.dialect())  # type: ignore[no-untyped-call]
        self._words, self._fixed = str(compiled), compiled.params

    def take(self, asked: Json) -> tuple[Any, ...]:
        """Its one row. Within the transaction under way, or else by itself: no transaction stays open for a look.

        Raises SQLAlchemy's errors either way.
        """
        if db.session.registry.has() and db.session().in_transaction():
            # Whoever waits for a second connection while holding one can wait for ever.
            return tuple(db.session.connection().execute(self._statement, asked).one())
        try:
            return self._take_by_itself(asked)
        except psycopg.Error as error:
            kind = OperationalError if isinstance(error, psycopg.OperationalError) else DBAPIError
            raise kind(self._words, None, error) from error

    def _take_by_itself(self, asked: Json) -> tuple[Any, ...]:
        pooled = db.engine.raw_connection()
        try:
            connection = pooled.driver_connection
            assert isinstance(connection, Connection)
            connection.autocommit = True
            row: tuple[Any, ...] | None = connection.execute(self._words, self._fixed | asked, prepare=True).fetchone()
            assert row is not None
            connection.autocommit = False
        except BaseException:
            pooled.invalidate()  # nobody may get it as it is now
            raise
        pooled.close()
        return row


class PreparedConnection(Connection[Any]):
    """Keeps its prepared statements over a rollback.

    psycopg forgets them then, on the server too, because what is rolled back may have made a table that a statement
    relied on. No request or job makes tables, while every request that only reads, and everyone who loses a race, ends
    in a rollback; planning a statement anew takes several times as long as running it.
    """

    def rollback(self) -> None:
        """End the transaction; after an error, or where the server is gone, as psycopg does it."""
        status = self.pgconn.transaction_status
        if status == TransactionStatus.IDLE:
            return
        if status == TransactionStatus.INTRANS:
            with self.lock:
                if self.pgconn.exec_(b"ROLLBACK").status == ExecStatus.COMMAND_OK:
                    return
        super().rollback()


@event.listens_for(Engine, "do_connect")
def _connect(_dialect: object, _record: object, cargs: list[Any], cparams: Json) -> Connection[Any]:
    return PreparedConnection.connect(*cargs, **cparams)


def engine_options(*, pool_size: int | None) -> Json:
    """Options of one process's engine; `pool_size` None opens a connection per use (forked jobs)."""
    options: Json = {
        # Constraint errors print row values; logs must not hold them.
        "hide_parameters": True,
        "connect_args": {"options": " ".join(f"-c {name}={value}" for name, value in SERVER_SETTINGS.items())},
    }
    if pool_size is None:
        return {**options, "poolclass": NullPool}
    kept: Json = {"pool_size": pool_size, "max_overflow": 0, "pool_timeout": 10}
    return {**options, **kept, "pool_events": [(_note_use, "checkin"), (_look_at, "checkout")]}


def _note_use(_connection: Connection[Any] | None, record: ConnectionPoolEntry) -> None:
    record.info["used_at"] = time.monotonic()


def _look_at(connection: Connection[Any], record: ConnectionPoolEntry, _proxy: object) -> None:
    """Tell a connection that the server has closed, before somebody relies on it.

    The server says nothing to a connection that waits in the pool, but that it is over: one look at the socket sees it.
    SQLAlchemy's own pool_pre_ping asks the server each time, and a request takes several connections. Only what has
    waited for long is asked, because a network may drop it without a word.
    """
    try:
        said = select.poll()
        said.register(connection.fileno(), select.POLLIN)
        if said.poll(0):
            raise InvalidatePoolError
        if time.monotonic() - record.info.get("used_at", math.inf) > PING_AFTER_SECONDS:
            connection.execute("select 1")
            connection.rollback()
    except psycopg.OperationalError as error:
        raise InvalidatePoolError from error


def end_session(_error: BaseException | None) -> None:
    """End the session with its request. The server may go away after the answer was made, which must not cost it."""
    with suppress(DBAPIError):
        db.session.close()


@contextmanager
def transaction() -> Iterator[None]:
    """One business act: commit at the end, roll everything back on any error."""
    try:
        yield
        db.session.commit()
    except BaseException:
        db.session.rollback()
        raise


# deadlock, serialization failure, lock not available
LOST_RACE_STATES = {"40P01", "40001", "55P03"}
TAKEN_KEY_STATE = "23505"  # somebody else's by a moment, or drawn by chance, such as a booking's reference


def sqlstate(error: BaseException) -> str | None:
    """PostgreSQL's five-character code of a database error, if it has one."""
    return getattr(getattr(error, "orig", None), "sqlstate", None)


def retrying(act: Callable[[], T], *, tries: int = 2) -> T:
    """Run `act` in a transaction, again after a lost lock race or a key that was taken. The last failure is raised as
    it came."""
    for attempt in range(tries):
        try:
            with transaction():
                return act()
        except DBAPIError as error:
            if sqlstate(error) not in LOST_RACE_STATES | {TAKEN_KEY_STATE} or attempt == tries - 1:
                raise
            time.sleep(random.uniform(0.01, 0.05))  # noqa: S311 - jitter, not a secret
    raise AssertionError("unreachable")


class LockKind(IntEnum):
    """The first half of every advisory lock's key; all of them stand here, so that no two mean the same lock."""

    PRACTITIONER = 1
    ROOM = 2
    DAILY_CAP = 3  # of an appointment type
    CATALOGUE = 4  # publishing it
    CATALOGUE_DRAFT = 5  # of a member of staff
    OUTLOOK = 11
    MEDIRECORDS = 12
    SUBSCRIPTION = 13
    MAIL = 14
    MEDIRECORDS_PATIENT = 15
    OUTSIDE_CALENDAR = 16  # of a practitioner; 0 is MediRecords, which is read for all of them at once
    CLOCK = 20


def lock_together(*keys: tuple[LockKind, int], timeout_ms: int = 500) -> None:
    """Take transaction-level advisory locks on (kind, id) pairs, sorted, in one statement.

    The same order everywhere means two claims can wait for each other but never deadlock (design D2).
    Raises DBAPIError with SQLSTATE 55P03 when a lock is not free in time.
    """
    pairs = ", ".join(f"({int(kind)}, {int(id)})" for kind, id in sorted(set(keys)))
    lock = f"select pg_advisory_xact_lock(kind, id) from (values {pairs}) as pair(kind, id) order by kind, id"  # noqa: S608
    # In one plain text, which holds numbers of ours and nothing else, all three go to the server together.
    before, after = (f"set local lock_timeout = {int(ms)}" for ms in (timeout_ms, SERVER_SETTINGS["lock_timeout"]))
    db.session.execute(text(f"{before}; {lock}; {after}"))


class Busy(Exception):
    """Somebody else is at it right now; come back in a moment."""


@contextmanager
def exclusive(kind: LockKind, id: int) -> Iterator[None]:
    """Hold a session-level advisory lock on a connection of its own while the block runs, calls to partners included.

    Unlike a transaction it may last as long as a call does; unlike a key in Redis it ends with the process that took
    it and never before, so that two copies of one job cannot both ask a partner to create something. Raises Busy.
    """
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        key = {"kind": kind, "id": id}
        if not connection.scalar(text("select pg_try_advisory_lock(:kind, :id)"), key):
            raise Busy
        try:
            yield
        finally:
            connection.execute(text("select pg_advisory_unlock(:kind, :id)"), key)
