"""Who signs in to the back office: their roles, when they were last here, and closing the door to them.

Roles are given and taken in Microsoft Entra; here an account is closed at once, whatever Microsoft says.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, abort, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from portal import clock, sessions
from portal.db import db, transaction
from portal.staff import access, audit
from portal.staff.access import OWNERS, holder_of
from portal.staff.models import Action, StaffMember
from portal.web.htmx import go
from portal.web.staff import who

bp = Blueprint("accounts", __name__, url_prefix="/accounts")

# What has just happened, as the address of the answer names it.
TOLD = {
    "closed": "{} can no longer sign in.",
    "opened": "{} may sign in again.",
    "ended": "{} is signed out everywhere.",
}


@dataclass(frozen=True)
class Row:
    """Somebody who has signed in at least once."""

    member: StaffMember
    roles: str
    open_sessions: int
    is_me: bool


@bp.get("")
def listed() -> ResponseReturnValue:
    me, opened = who.staff(), sessions.open_by_holder(sessions.STAFF, clock.now())
    members = list(db.session.scalars(select(StaffMember).order_by(StaffMember.name, StaffMember.id)))
    about = next((member for member in members if str(member.id) == request.args.get("about")), None)
    told = TOLD.get(request.args.get("told", "")) if about else None
    return render_template(
        "staff/accounts.html",
        rows=[
            Row(member, ", ".join(member.roles).capitalize(), opened.get(holder_of(member.id), 0), member.id == me.id)
            for member in members
        ],
        can_close=me.may(OWNERS),
        about=about,
        told=told.format(about.name) if told and about else None,
        is_closed_now=request.args.get("told") == "closed",
    )


@bp.post("/<int:member_id>/closing")
def close(member_id: int) -> ResponseReturnValue:
    """They are out from this moment on. Nobody closes their own account: the clinic would be left without an owner."""
    with transaction():
        member = _get(member_id)
        if member.id == who.staff().id:
            abort(400)
        access.disable(member.id, clock.now())
        _record(member, "closed")
    return go(url_for(".listed", told="closed", about=member_id))


@bp.post("/<int:member_id>/opening")
def open_again(member_id: int) -> ResponseReturnValue:
    with transaction():
        member = _get(member_id)
        access.enable(member.id)
        _record(member, "opened")
    return go(url_for(".listed", told="opened", about=member_id))


@bp.post("/<int:member_id>/sessions/ending")
def end_sessions(member_id: int) -> ResponseReturnValue:
    """A laptop is lost, a computer was left open: whoever sits there must sign in again."""
    with transaction():
        member = _get(member_id)
        access.end_sessions(member.id)
        _record(member, "sessions ended")
    return go(url_for(".listed", told="ended", about=member_id))


def _get(member_id: int) -> StaffMember:
    member = db.session.get(StaffMember, member_id) if member_id < 2**63 else None
    return member if member is not None else abort(404)


def _record(member: StaffMember, part: str) -> None:
    audit.record(who.staff(), Action.CHANGED, "account", clock.now(), subject=holder_of(member.id), part=part)
