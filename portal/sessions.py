"""Server-side sessions: the cookie holds a random id, the database its hash and what belongs to it."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, Request, Response
from flask.sessions import SessionInterface, SessionMixin
from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.datastructures import CallbackDict

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


class ServerSession(CallbackDict[str, Any], SessionMixin):
    """A dict that knows whether it has changed. Values are JSON."""

    def __init__(self, sid: str | None, data: dict[str, Any], seen_at: datetime | None = None) -> None:
        def changed(_: object) -> None:
            self.modified = True

        super().__init__(data, changed)
        self.sid, self.seen_at = sid, seen_at
        self.modified, self.new = False, sid is None

    def save_now(self) -> None:
        """Save within the transaction under way, so that an act and the right to see it stand or fall together."""
        assert self.sid is not None, "a session that may act has been issued before"
        db.session.execute(update(WebSession).where(WebSession.id_hash == hash_of(self.sid)).values(data=dict(self)))
        self.modified = False

    def reload(self) -> None:
        """Take over what another request of the same browser has saved meanwhile."""
        if self.sid is not None:
            saved = select(WebSession.data).where(WebSession.id_hash == hash_of(self.sid))
            dict.update(self, db.session.scalar(saved) or {})


class DatabaseSessions(SessionInterface):
    """Loads and saves sessions. A visitor who only looks gets no row and no cookie; unknown ids are ignored."""

    def __init__(self, cookie_name: str, now: Callable[[], datetime]) -> None:
        self.cookie_name, self.now = cookie_name, now

    def open_session(self, app: Flask, request: Request) -> ServerSession:
        sid = request.cookies.get(self.cookie_name)
        if not sid or len(sid) > 100:
            return ServerSession(None, {})
        found = db.session.execute(
            select(WebSession.data, WebSession.seen_at).where(
                WebSession.id_hash == hash_of(sid), WebSession.created_at > self.now() - LIFETIME
            )
        ).one_or_none()
        # Leave no transaction open while the request does its own work.
        db.session.rollback()
        return ServerSession(sid, dict(found.data), found.seen_at) if found else ServerSession(None, {})

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        assert isinstance(session, ServerSession)
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
                connection.execute(
                    update(WebSession)
                    .where(WebSession.id_hash == hash_of(session.sid))
                    .values(data=dict(session), seen_at=now)
                )
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
