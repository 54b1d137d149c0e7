"""Who is signed in to the back office in the browser in front of us."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import cast

from flask import session

from portal.sessions import ServerSession
from portal.staff.access import Staff, holder_of

# Microsoft is asked again after this long: a role taken away there counts here within the hour.
ROLES_HOLD = timedelta(minutes=60)
# A form that was opened within the hour may still be sent for this much longer.
GRACE_FOR_FORMS = timedelta(minutes=15)


def staff() -> Staff:
    """Who asks. Routes of staff are closed to everybody else, so there is always somebody."""
    found = find_staff()
    assert found is not None, "portal/web/access.py lets nobody in who has not signed in"
    return found


def find_staff() -> Staff | None:
    """Who asks, or None for somebody who has not signed in."""
    kept = session.get("staff")
    return Staff.from_json(kept) if kept else None


def sign_in(found: Staff, login_hint: str, now: datetime) -> None:
    """From now on this browser is theirs, under a session id that nobody has seen yet."""
    if find_staff() is not None and staff().id == found.id:
        # Looked up again: what is open in other tabs goes on, and eight hours stay eight hours.
        server_session().renew()
    else:
        server_session().start_anew(holder_of(found.id))
    session["staff"] = found.as_json()
    session["login_hint"] = login_hint
    session["looked_up_at"] = now.isoformat()


def is_due_again(now: datetime) -> bool:
    """Whether Microsoft must be asked once more which roles they have."""
    return now - datetime.fromisoformat(session["looked_up_at"]) >= ROLES_HOLD


def is_overdue(now: datetime) -> bool:
    """Whether Microsoft must have been asked before anything else is done, forms included."""
    return now - datetime.fromisoformat(session["looked_up_at"]) >= ROLES_HOLD + GRACE_FOR_FORMS


def server_session() -> ServerSession:
    # What `session` stands for is replaced by Flask's own types only.
    return cast(ServerSession, session)
