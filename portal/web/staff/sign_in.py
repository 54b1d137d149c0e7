"""Signing in with Microsoft, being looked up again every hour, and signing out at both ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from flask import Blueprint, Response, g, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from portal import clock
from portal.clients import clients
from portal.db import Json, transaction
from portal.integrations.entra_sign_in import Identity, NobodyThere, Refused
from portal.integrations.http import Transient
from portal.staff import access, audit
from portal.staff.access import AccountDisabled, NoRole, Staff, holder_of
from portal.staff.models import Action
from portal.web.limits import limit, limiter
from portal.web.staff import next_page, who

log = structlog.get_logger(__name__)
bp = Blueprint("sign_in", __name__)

# How long somebody may take at Microsoft, and how many tabs may be at it at once.
FLOW_LIVES = timedelta(minutes=10)
MOST_FLOWS = 3


@dataclass(frozen=True)
class Trouble:
    """Why nobody was let in, in words."""

    status: int
    heading: str
    words: str


CANCELLED = Trouble(400, "You have not signed in", "The sign-in was cancelled. Nothing has happened.")
STALE = Trouble(
    400,
    "That sign-in is no longer open",
    "It was started in another browser, has been used already, or took longer than ten minutes. Please start again.",
)
REFUSED = Trouble(403, "We could not sign you in", "Microsoft’s answer did not pass our checks. Please start again.")
NO_SECOND_FACTOR = Trouble(
    403,
    "Your account needs a second step",
    "The back office opens only after a second step, such as an app on your phone. Please set it up at Microsoft, "
    "then sign in again.",
)
AWAY = Trouble(503, "Microsoft does not answer", "Please try again in a minute. Patients can book as usual.")
CLOSED = Trouble(403, "This account is closed here", "An owner of the clinic has closed it, and can open it again.")
TROUBLES = {"cancelled": CANCELLED, "no-second-factor": NO_SECOND_FACTOR, "state-or-nonce": STALE}


@bp.get("/sign-in")
def page() -> ResponseReturnValue:
    """Where somebody who has not signed in arrives, from whatever page they wanted."""
    if who.find_staff() is not None:
        return redirect(next_page.address(request.args), 303)
    return render_template("staff/sign_in.html", asked=next_page.asked(request.args))


@bp.post("/sign-in")
@limiter.limit(lambda: limit("staff-sign-in"))
def start() -> ResponseReturnValue:
    """Off to Microsoft."""
    return _off_to_microsoft(next_page.asked(request.form))


@bp.get("/sign-in/again")
def look_up_again() -> ResponseReturnValue:
    """Off to Microsoft and back without a page: are they still who they were, with which roles?"""
    return _off_to_microsoft(next_page.asked(request.args), silently_as=session.get("login_hint", ""))


@bp.get("/sign-in/callback")
@limiter.limit(lambda: limit("staff-sign-in"))
def callback() -> ResponseReturnValue:
    """Back from Microsoft."""
    g.no_referrer = True  # the address holds the code
    now = clock.now()
    begun = _take_flow(request.args.get("state", ""), now)
    if begun is None:
        return _failed(STALE, "unknown-state")
    try:
        identity = clients().staff_sign_in.finish(begun["flow"], request.args.to_dict())
    except NobodyThere:
        return _ask_in_person(begun)
    except Refused as refused:
        if begun["is_silent"]:  # they are not who they were, or can no longer show it
            who.server_session().end()
        return _failed(TROUBLES.get(refused.reason, REFUSED), refused.reason)
    except Transient:
        return _failed(AWAY, "microsoft-away")
    return _let_in(identity, begun, now)


@bp.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """Here and at Microsoft: whoever sits down next must sign in as themselves."""
    now, me = clock.now(), who.staff()
    hint = session.get("login_hint", "")
    with transaction():
        audit.record(me, Action.SIGNED_OUT, "back office", now)
    log.info("staff.signed_out", actor=holder_of(me.id))
    who.server_session().end()
    back = url_for(".signed_out", _external=True)
    answer = make_response(redirect(clients().staff_sign_in.sign_out_address(back, hint), 303))
    answer.headers["Clear-Site-Data"] = '"cache", "cookies", "storage"'
    return answer


@bp.get("/signed-out")
def signed_out() -> ResponseReturnValue:
    return render_template("staff/signed_out.html")


def _off_to_microsoft(asked: next_page.Names, *, silently_as: str | None = None) -> ResponseReturnValue:
    try:
        flow = clients().staff_sign_in.begin(url_for(".callback", _external=True), silently_as=silently_as)
    except Transient:
        return _failed(AWAY, "microsoft-away")
    begun = {"flow": flow, "asked": asked, "at": clock.now().isoformat(), "is_silent": silently_as is not None}
    others = session.get("flows", [])
    session["flows"] = [*others, begun][-MOST_FLOWS:]
    return redirect(flow["auth_uri"], 303)


def _take_flow(state: str, now: datetime) -> Json | None:
    """The sign-in that this browser began under that state, once."""
    flows: list[Json] = session.get("flows", [])
    begun = next((each for each in flows if each["flow"]["state"] == state), None)
    if begun is None:
        return None
    session["flows"] = [each for each in flows if each is not begun]
    return begun if now - datetime.fromisoformat(begun["at"]) < FLOW_LIVES else None


def _let_in(identity: Identity, begun: Json, now: datetime) -> ResponseReturnValue:
    try:
        staff = _admitted(identity, now)
    except NoRole:
        who.server_session().end()
        return _failed(_no_role(), "no-role")
    except AccountDisabled as closed:
        who.server_session().end()
        return _failed(CLOSED, "account-closed", actor=str(closed))
    log.info("staff.signed_in", actor=holder_of(staff.id), kind="silent" if begun["is_silent"] else "in-person")
    return redirect(next_page.address(begun["asked"]), 303)


def _admitted(identity: Identity, now: datetime) -> Staff:
    """Whatever the answer is, what follows from it is kept: a refusal closes what they had open here."""
    refused: NoRole | AccountDisabled
    with transaction():
        try:
            staff = access.admit(identity, now)
        except (NoRole, AccountDisabled) as error:
            refused = error
        else:
            audit.record(staff, Action.SIGNED_IN, "back office", now)
            who.sign_in(staff, identity.login_hint, now)
            who.server_session().save_with_act(now)
            return staff
    raise refused


def _ask_in_person(begun: Json) -> ResponseReturnValue:
    """Microsoft wants to see them again. Until it has, nothing of ours is open to them."""
    log.info("staff.asked_in_person")
    who.server_session().end()
    return redirect(next_page.sign_in_address(begun["asked"]), 303)


def _no_role() -> Trouble:
    known = " or ".join(access.owners())
    ask = f"Please ask {known} to give you one." if known else "Please ask the owner of the clinic to give you one."
    return Trouble(403, "You have no role here yet", f"You are signed in at Microsoft. {ask}")


def _failed(trouble: Trouble, reason: str, actor: str | None = None) -> Response:
    log.warning("staff.sign_in_failed", reason=reason, actor=actor)
    return make_response(render_template("staff/sign_in_failed.html", trouble=trouble), trouble.status)
