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
from sqlalchemy import Connection, Text, Update, and_, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from portal import changes
from portal.db import Base, Glance, HasId, db

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


# Built once, because building it costs as much as asking. It tells along how everything stands, which nearly every page
# that looks into a session wants to know next.
_STATE = changes.STATE.subquery()
_COLUMNS = WebSession.__table__.c
_SAVED = Glance(
    select(
        _STATE.c.times, _STATE.c.catalogue, _COLUMNS.data, _COLUMNS.holder, _COLUMNS.created_at, _COLUMNS.seen_at
    ).select_from(
        _STATE.outerjoin(
            WebSession.__table__,
            and_(
                _COLUMNS.id_hash == bindparam("id_hash"),
                _COLUMNS.realm == bindparam("realm"),
                _COLUMNS.created_at > bindparam("created_after"),
                _COLUMNS.seen_at > bindparam("seen_after"),
            ),
        )
    )
)
_MERGE = (
    update(WebSession)
    .where(WebSession.id_hash == bindparam("of"))
    .values(
        data=WebSession.data.op("||")(bindparam("changed", type_=JSONB)).op("-")(
            bindparam("removed", type_=ARRAY(Text))
        )
    )
)
_MERGE_IF = _MERGE.where(
    WebSession.data.op("->", return_type=JSONB())(bindparam("key", type_=Text)).is_not_distinct_from(
        bindparam("known", type_=JSONB(none_as_null=True))
    )
)


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

    def read(self) -> None:
        """Look into it now. Nothing is asked where there is none."""
        _ = self.data

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
        self.read()
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
        if not self._save(_MERGE_IF, {"key": key, "known": known}):
            self.reload(lock=True)
            self[key] = change(self.data.get(key))
            self._save(_MERGE, {})

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
            connection.execute(_MERGE.values(seen_at=now), self._changes_to(self.sid))
        else:
            self._write_under_another_id(connection, now)

    def _write_under_another_id(self, connection: Connection, now: datetime) -> None:
        self.sid = secrets.token_urlsafe(32)
        id_hash = hash_of(self.sid)
        if self.old_sid is not None and self.created_at is not None:
            # The same row goes on; one that has been ended meanwhile is not there, and is not made again.
            connection.execute(_MERGE.values(id_hash=id_hash, seen_at=now), self._changes_to(self.old_sid))
            return
        _forget(connection, self.old_sid)
        columns = {"realm": self.realm.name, "holder": self.holder, "data": dict(self), "created_at": now}
        connection.execute(insert(WebSession).values(id_hash=id_hash, seen_at=now, **columns))

    def _save(self, statement: Update, asked: dict[str, Any]) -> bool:
        assert self.sid is not None, "a session that may act has been issued before"
        result = db.session.connection().execute(statement, self._changes_to(self.sid) | asked)
        if result.rowcount == 0:
            return False
        self.modified = False
        self._changed.clear()
        return True

    def _changes_to(self, sid: str) -> dict[str, Any]:
        """What this request has changed, for _MERGE: what another one of the same browser has saved meanwhile stays."""
        changed = {key: self.data[key] for key in self._changed if key in self.data}
        return {"of": hash_of(sid), "changed": changed, "removed": list(self._changed - changed.keys())}

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
        now = self.now()
        wanted = {
            "id_hash": hash_of(sid),
            "realm": realm.name,
            "created_after": now - realm.lifetime,
            "seen_after": now - realm.idle,
        }
        times, catalogue, data, holder, created_at, seen_at = _SAVED.take(wanted)
        changes.tell(changes.State(times, catalogue))
        return Saved(data, holder, created_at, seen_at) if seen_at else None

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
