"""The page a patient pays on, and the receipt; plain forms that work without JavaScript."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.sandbox.core import Json, Sandbox
from portal.sandbox.stripe import sessions
from portal.sandbox.stripe.objects import SYSTEM

PLACEHOLDER = "{CHECKOUT_SESSION_ID}"


def pages(sandbox: Sandbox) -> Blueprint:
    """GET and POST /stripe/c/pay/<id>, GET /stripe/receipts/<charge id>."""
    bp = Blueprint("stripe_pages", __name__, url_prefix="/stripe")

    @bp.get("/c/pay/<id>")
    def checkout(id: str) -> ResponseReturnValue:
        return _page(sandbox, _find(sandbox, "checkout.session", id))

    @bp.post("/c/pay/<id>")
    def act(id: str) -> ResponseReturnValue:
        session = _find(sandbox, "checkout.session", id)
        outcome = request.form.get("outcome")
        if outcome == "back" and session["cancel_url"]:
            return redirect(session["cancel_url"], 303)
        if outcome == "decline":
            return redirect(url_for(".checkout", id=id, declined=1), 303)
        if outcome not in ("paid", "delayed"):
            abort(400, "outcome is paid, delayed, decline or back")
        try:
            sessions.pay(sandbox, id, email=request.form.get("email"), is_delayed=outcome == "delayed")
        except sessions.NotPayable:
            return redirect(url_for(".checkout", id=id), 303)
        # Only the literal placeholder is replaced; an encoded one stays as it is, as at Stripe.
        return redirect(session["success_url"].replace(PLACEHOLDER, id), 303)

    @bp.get("/receipts/<id>")
    def receipt(id: str) -> ResponseReturnValue:
        charge = _find(sandbox, "charge", id)
        return render_template("sandbox/stripe/receipt.html", charge=charge, amount=money(charge))

    return bp


def money(thing: Json) -> str:
    """An object's whole amount for people: A$119.00."""
    cents = thing["amount_total"] if thing["object"] == "checkout.session" else thing["amount"]
    sign = "A$" if thing["currency"] == "aud" else f"{thing['currency'].upper()} "
    return f"{sign}{cents // 100:,}.{cents % 100:02d}"


def _find(sandbox: Sandbox, kind: str, id: str) -> Json:
    thing = sandbox.store.get(SYSTEM, kind, id)
    if thing is None:
        abort(404)
    return thing


def _page(sandbox: Sandbox, session: Json) -> ResponseReturnValue:
    deadline = datetime.fromtimestamp(session["expires_at"], UTC).astimezone(ZoneInfo(sandbox.settings.practice_zone))
    return render_template(
        f"sandbox/stripe/checkout_{session['status']}.html",
        session=session,
        amount=money(session),
        deadline=deadline,
        is_declined="declined" in request.args,
        return_url=session["success_url"].replace(PLACEHOLDER, session["id"]),
    )
