"""Server-side sessions: the cookie holds a random id, the database its hash and what belongs to it."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, Request, Response
from flask.sessions import SessionInterface, SessionMixin
from sqlalchemy import Update, cast, delete, insert, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, HasId, db

LIFETIME = timedelta(days=30)
TOUCH_EVERY = timedelta(minutes=5)


class WebSession(HasId, Base):
    """One browser's session."""

    __tablename__ = "web_session"

    id_hash: Mapped[str] = mapped_column(unique=True)
    data: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime] = mapped_column(index=True)


@dataclass(frozen=True)
class Saved:
    """A session as the database has it."""

    data: dict[str, Any]
    seen_at: datetime


class ServerSession(SessionMixin):
    """A mapping of JSON values that is read from the database when somebody first looks into it, and knows whether it
    has changed. Public pages and static files never look, so they cost no query."""

    def __init__(self, sid: str | None, load: Callable[[str], Saved | None]) -> None:
        self.sid, self._load = sid, load
        self._data: dict[str, Any] | None = None
        self.seen_at: datetime | None = None
        self.modified = False
        self._changed: set[str] = set()

    @property
    def is_loaded(self) -> bool:
        return self._data is not None

    @property
    def data(self) -> dict[str, Any]:
        if self._data is None:
            saved = self._load(self.sid) if self.sid else None
            self._data = dict(saved.data) if saved else {}
            self.seen_at = saved.seen_at if saved else None
            if saved is None:
                self.sid = None  # an id that we did not issue, or that has ended, is worth nothing
        return self._data

    def __getitem__(self, key: str) -> Any:
        return self.data[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.data[key] = value
        self._changed.add(key)
        self.modified = True

    def __delitem__(self, key: str) -> None:
        del self.data[key]
        self._changed.add(key)
        self.modified = True

    def __iter__(self) -> Iterator[str]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)

    def save_now(self) -> None:
        """Save within the transaction under way, so that an act and the right to see it stand or fall together."""
        assert self.sid is not None, "a session that may act has been issued before"
        db.session.execute(self.changes_to(self.sid))
        self.modified = False
        self._changed.clear()

    def changes_to(self, sid: str) -> Update:
        """Writes what this request has changed, and leaves what another one of the same browser has saved meanwhile."""
        changes = {key: self.data[key] for key in self._changed if key in self.data}
        merged = WebSession.data.op("||")(cast(changes, JSONB))
        for key in self._changed - changes.keys():
            merged = merged.op("-")(key)
        return update(WebSession).where(WebSession.id_hash == hash_of(sid)).values(data=merged)

    def reload(self, *, lock: bool = False) -> None:
        """Take over what another request of the same browser has saved meanwhile. With `lock` the next one waits until
        our transaction ends, so that nobody adds to a list that is being added to."""
        if lock and self.sid is not None:
            locked = select(WebSession.id).where(WebSession.id_hash == hash_of(self.sid)).with_for_update()
            db.session.execute(locked)
        saved = self._load(self.sid) if self.sid else None
        if saved is not None:
            self.data.update(saved.data)


class DatabaseSessions(SessionInterface):
    """Loads and saves sessions. A visitor who only looks gets no row and no cookie; unknown ids are ignored."""

    def __init__(self, cookie_name: str, now: Callable[[], datetime]) -> None:
        self.cookie_name, self.now = cookie_name, now

    def open_session(self, app: Flask, request: Request) -> ServerSession:
        sid = request.cookies.get(self.cookie_name)
        return ServerSession(sid if sid and len(sid) <= 100 else None, self._saved)

    def _saved(self, sid: str) -> Saved | None:
        """What is saved under an id."""
        columns = WebSession.__table__.c
        wanted = select(columns.data, columns.seen_at).where(
            columns.id_hash == hash_of(sid), columns.created_at > self.now() - LIFETIME
        )
        if db.session.registry.has() and db.session().in_transaction():
            # Whoever waits for a second connection while holding one can wait for ever.
            row = db.session.execute(wanted).one_or_none()
        else:
            # On one of its own, so that no transaction stays open for a look.
            with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                row = connection.execute(wanted).one_or_none()
        return Saved(row.data, row.seen_at) if row else None

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        assert isinstance(session, ServerSession)
        if not session.is_loaded:
            return
        now = self.now()
        # A page for everybody is kept by shared caches, with its cookie: that visit is not worth noting.
        is_seen = session.seen_at is None or now - session.seen_at < TOUCH_EVERY or response.cache_control.public
        if not session.modified and is_seen:
            return
        # What a view left unfinished must not be committed along; and whoever waits for a second connection while
        # holding one can wait for ever.
        db.session.rollback()
        with db.engine.begin() as connection:
            if session.sid is None:
                session.sid = secrets.token_urlsafe(32)
                connection.execute(
                    insert(WebSession).values(
                        id_hash=hash_of(session.sid), data=dict(session), created_at=now, seen_at=now
                    )
                )
            else:
                connection.execute(session.changes_to(session.sid).values(seen_at=now))
        response.set_cookie(
            self.cookie_name,
            session.sid,
            max_age=int(LIFETIME.total_seconds()),
            secure=True,
            httponly=True,
            samesite="Lax",
            path="/",
        )
        response.headers["Cache-Control"] = "no-store"


def hash_of(secret: str) -> str:
    """SHA-256 of a random secret; it needs no salt because the secret has 256 bits itself."""
    return hashlib.sha256(secret.encode()).hexdigest()


def forget_old(now: datetime) -> None:
    """Remove sessions that have not been used for a whole lifetime."""
    db.session.execute(delete(WebSession).where(WebSession.seen_at < now - LIFETIME))
