"""Server-side sessions: the cookie holds a random id, the database its hash and what belongs to it.

Visitors and staff have a realm each: a cookie and limits of their own, so that a desk computer on which somebody also
books a visit mixes nothing up.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, Request, Response
from flask.sessions import SessionInterface, SessionMixin
from sqlalchemy import ColumnElement, Connection, Update, cast, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, HasId, db

LIFETIME = timedelta(days=30)
TOUCH_EVERY = timedelta(minutes=5)


@dataclass(frozen=True)
class Realm:
    """Whose sessions these are, and how long one opens anything."""

    name: str
    cookie: str  # __Host-<cookie>
    lifetime: timedelta  # since it began
    idle: timedelta  # since it was last used
    touch_every: timedelta  # how exactly we know that
    outlives_the_browser: bool


VISITORS = Realm("visitor", "session", LIFETIME, LIFETIME, TOUCH_EVERY, outlives_the_browser=True)
STAFF = Realm(
    "staff", "staff", timedelta(hours=8), timedelta(minutes=30), timedelta(minutes=1), outlives_the_browser=False
)
STAFF_PATH = "/staff"


class WebSession(HasId, Base):
    """One browser's session."""

    __tablename__ = "web_session"

    id_hash: Mapped[str] = mapped_column(unique=True)
    realm: Mapped[str] = mapped_column(default=VISITORS.name, server_default=VISITORS.name)
    holder: Mapped[str | None] = mapped_column(index=True)  # who signed in, such as staff:3
    data: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime] = mapped_column(index=True)


@dataclass(frozen=True)
class Saved:
    """A session as the database has it."""

    data: dict[str, Any]
    holder: str | None
    created_at: datetime
    seen_at: datetime


class ServerSession(SessionMixin):
    """A mapping of JSON values that is read from the database when somebody first looks into it, and knows whether it
    has changed. Public pages and static files never look, so they cost no query."""

    def __init__(self, sid: str | None, load: Callable[[str], Saved | None], realm: Realm = VISITORS) -> None:
        self.sid, self._load, self.realm = sid, load, realm
        self.holder: str | None = None
        self.created_at: datetime | None = None
        self.old_sid: str | None = None  # one that is to open nothing any more
        self.is_over = False
        self.is_new_to_browser = False  # saved under an id that the browser has yet to be told
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
            if saved is not None:
                self.holder, self.created_at, self.seen_at = saved.holder, saved.created_at, saved.seen_at
            else:
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

    def start_anew(self, holder: str) -> None:
        """Forget everything and go on under an id that nobody has seen yet, on behalf of who has just signed in."""
        self.clear()
        self.renew()
        self.holder, self.created_at = holder, None

    def renew(self) -> None:
        """Go on under a new id, with all that it holds and as old as it is: what it may do has changed."""
        _ = self.data
        self.old_sid, self.sid = self.sid, None
        self.modified = True

    def end(self) -> None:
        """Open nothing any more; the browser is told to forget its id."""
        self.clear()
        self.is_over = self.modified = True

    def amend(self, key: str, change: Callable[[Any], Any]) -> None:
        """Change one value within the transaction under way, so that an act and the right to see it stand or fall
        together. The next request of this browser waits until our transaction ends and finds what we have added."""
        known = self.data.get(key)
        self[key] = change(known)
        is_as_known = WebSession.data[key].is_not_distinct_from(cast(known, JSONB(none_as_null=True)))
        if not self._save(is_as_known):
            self.reload(lock=True)
            self[key] = change(self.data.get(key))
            self._save()

    def save_with_act(self, now: datetime) -> None:
        """Write it within the transaction under way: whoever closes an account waits for that, and then ends this
        session as well."""
        self.write(db.session.connection(), now)
        self.seen_at, self.modified, self.is_new_to_browser = now, False, True
        self._changed.clear()

    def write(self, connection: Connection, now: datetime) -> None:
        if self.is_over:
            _forget(connection, self.sid or self.old_sid)
        elif self.sid is not None:
            connection.execute(self.changes_to(self.sid).values(seen_at=now))
        else:
            self._write_under_another_id(connection, now)

    def _write_under_another_id(self, connection: Connection, now: datetime) -> None:
        self.sid = secrets.token_urlsafe(32)
        id_hash = hash_of(self.sid)
        if self.old_sid is not None and self.created_at is not None:
            # The same row goes on; one that has been ended meanwhile is not there, and is not made again.
            connection.execute(self.changes_to(self.old_sid).values(id_hash=id_hash, seen_at=now))
            return
        _forget(connection, self.old_sid)
        columns = {"realm": self.realm.name, "holder": self.holder, "data": dict(self), "created_at": now}
        connection.execute(insert(WebSession).values(id_hash=id_hash, seen_at=now, **columns))

    def _save(self, *only_if: ColumnElement[bool]) -> bool:
        assert self.sid is not None, "a session that may act has been issued before"
        changes = self.changes_to(self.sid).where(*only_if).returning(WebSession.id)
        if db.session.scalar(changes) is None:
            return False
        self.modified = False
        self._changed.clear()
        return True

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

    def __init__(self, cookie_suffix: str, now: Callable[[], datetime]) -> None:
        self.cookie_suffix, self.now = cookie_suffix, now

    def cookie_name(self, realm: Realm = VISITORS) -> str:
        return f"__Host-{realm.cookie}{self.cookie_suffix}"

    def open_session(self, app: Flask, request: Request) -> ServerSession:
        realm = STAFF if request.path == STAFF_PATH or request.path.startswith(f"{STAFF_PATH}/") else VISITORS
        sid = request.cookies.get(self.cookie_name(realm))
        return ServerSession(sid if sid and len(sid) <= 100 else None, lambda sid: self._saved(sid, realm), realm)

    def _saved(self, sid: str, realm: Realm) -> Saved | None:
        """What is saved under an id, unless it has been too long."""
        columns, now = WebSession.__table__.c, self.now()
        wanted = select(columns.data, columns.holder, columns.created_at, columns.seen_at).where(
            columns.id_hash == hash_of(sid),
            columns.realm == realm.name,
            columns.created_at > now - realm.lifetime,
            columns.seen_at > now - realm.idle,
        )
        if db.session.registry.has() and db.session().in_transaction():
            # Whoever waits for a second connection while holding one can wait for ever.
            row = db.session.execute(wanted).one_or_none()
        else:
            # On one of its own, so that no transaction stays open for a look.
            with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                row = connection.execute(wanted).one_or_none()
        return Saved(row.data, row.holder, row.created_at, row.seen_at) if row else None

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        assert isinstance(session, ServerSession)
        if not session.is_loaded:
            return
        now = self.now()
        # A page for everybody is kept by shared caches, with its cookie: that visit is not worth noting.
        is_fresh = session.seen_at is None or now - session.seen_at < session.realm.touch_every
        is_saved = not session.modified and (is_fresh or response.cache_control.public)
        if is_saved and not session.is_new_to_browser:
            return
        if not is_saved:
            # What a view left unfinished must not be committed along; and whoever waits for a second connection while
            # holding one can wait for ever.
            db.session.rollback()
            with db.engine.begin() as connection:
                session.write(connection, now)
        self._give_cookie(session, response)
        response.headers["Cache-Control"] = "no-store"

    def _give_cookie(self, session: ServerSession, response: Response) -> None:
        lasts = int(session.realm.lifetime.total_seconds()) if session.realm.outlives_the_browser else None
        response.set_cookie(
            self.cookie_name(session.realm),
            "" if session.is_over else session.sid or "",
            max_age=0 if session.is_over else lasts,
            secure=True,
            httponly=True,
            samesite="Lax",
            path="/",
        )


def _forget(connection: Connection, sid: str | None) -> None:
    if sid is not None:
        connection.execute(delete(WebSession).where(WebSession.id_hash == hash_of(sid)))


def hash_of(secret: str) -> str:
    """SHA-256 of a random secret; it needs no salt because the secret has 256 bits itself."""
    return hashlib.sha256(secret.encode()).hexdigest()


def open_by_holder(realm: Realm, now: datetime) -> dict[str, int]:
    """How many sessions each person has open."""
    wanted = select(WebSession.holder, func.count()).where(
        WebSession.realm == realm.name,
        WebSession.holder.is_not(None),
        WebSession.created_at > now - realm.lifetime,
        WebSession.seen_at > now - realm.idle,
    )
    return {str(holder): count for holder, count in db.session.execute(wanted.group_by(WebSession.holder))}


def end_all_of(holder: str) -> None:
    """Every session of one person opens nothing from now on."""
    db.session.execute(delete(WebSession).where(WebSession.holder == holder))


def forget_old(now: datetime) -> None:
    """Remove sessions that open nothing any more."""
    for realm in (VISITORS, STAFF):
        db.session.execute(
            delete(WebSession).where(WebSession.realm == realm.name, WebSession.seen_at < now - realm.idle)
        )
