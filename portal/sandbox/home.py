"""The start page: what each outside system holds, what was called and sent, and how to make it go wrong."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import ImmutableMultiDict

from portal.sandbox import switches
from portal.sandbox.core import CALL_FAULTS, Fault, Json, Sandbox
from portal.sandbox.deliveries import DELIVERY_FAULTS, DeliveryFault
from portal.sandbox.graph.controls import LIFECYCLE
from portal.sandbox.graph.notifications import Notifier

SHOWN_CALLS, SHOWN_DELIVERIES = 200, 200
TITLES = {"stripe": "Stripe", "graph": "Microsoft Graph", "entra": "Entra ID", "medirecords": "MediRecords"}
# Who sends something to the portal.
SENDERS = ("stripe", "graph")
# What is most often made to fail, in words; any other "METHOD /path" can be typed.
COMMON_CALLS = {
    "Stripe": {
        "POST /stripe/v1/checkout/sessions": "make a payment page",
        "GET /stripe/v1/checkout/sessions/*": "look at a payment page",
        "POST /stripe/v1/checkout/sessions/*/expire": "close a payment page",
        "POST /stripe/v1/refunds": "give money back",
        "* /stripe/v1/*": "everything",
    },
    "Microsoft Graph": {
        "POST /graph/*/events": "write an event",
        "PATCH /graph/*/events/*": "move an event",
        "DELETE /graph/*/events/*": "remove an event",
        "GET /graph/*/events/*": "read an event",
        "GET /graph/*/calendarView/delta": "read what is new in a calendar",
        "POST /graph/*/messages": "write a mail",
        "POST /graph/*/send": "send a mail",
        "* /graph/*/subscriptions*": "subscribe",
        "* /graph/*": "everything",
    },
    "MediRecords": {
        "POST /medirecords/v1/practices/*/appointments": "book an appointment",
        "PUT /medirecords/v1/practices/*/appointments/*": "change an appointment",
        "POST /medirecords/v2/patients": "make a patient",
        "GET /medirecords/*": "look something up",
        "* /medirecords/*": "everything",
    },
    "Entra ID": {"POST /*/oauth2/v2.0/token": "get a token"},
}


def register(sandbox: Sandbox) -> Blueprint:
    """GET / and the forms on it, under /home/."""
    bp = Blueprint("home", __name__)

    @bp.get("/")
    def start() -> ResponseReturnValue:
        systems = [_shown(sandbox, name) for name in sandbox.systems]
        return render_template(
            "sandbox/home.html",
            systems=systems,
            turned=sum(one["is_turned"] for system in systems for one in system["switches"]),
            calls=[_call(sandbox, call) for call in sandbox.store.calls(limit=SHOWN_CALLS)],
            deliveries=list(reversed(sandbox.deliveries.history))[:SHOWN_DELIVERIES],
            waiting=sandbox.deliveries.waiting(),
            call_faults=sandbox.faults.listed(),
            delivery_faults=sandbox.deliveries.listed_faults(),
            call_kinds=CALL_FAULTS,
            delivery_kinds=DELIVERY_FAULTS,
            common_calls=COMMON_CALLS,
            senders=SENDERS,
            clock=_local(sandbox, sandbox.now()),
            zone=sandbox.settings.practice_zone,
            offset_minutes=round(sandbox.clock.offset_seconds / 60),
        )

    @bp.post("/home/call-faults")
    def add_call_fault() -> ResponseReturnValue:
        sandbox.faults.add(_call_fault(request.form))
        return _back("faults")

    @bp.post("/home/delivery-faults")
    def add_delivery_fault() -> ResponseReturnValue:
        sandbox.deliveries.faults.append(_delivery_fault(request.form))
        return _back("faults")

    @bp.post("/home/faults/reset")
    def reset_faults() -> ResponseReturnValue:
        sandbox.faults.clear()
        sandbox.deliveries.clear_faults()
        return _back("faults")

    @bp.post("/home/switches")
    def turn_switches() -> ResponseReturnValue:
        system = request.form.get("system", "")
        if system not in sandbox.systems:
            abort(400, "No such system.")
        try:
            switches.turn(sandbox, system, request.form)
        except switches.NotAChoice as error:
            abort(400, str(error))
        return _back("switches")

    @bp.post("/home/switches/reset")
    def turn_switches_back() -> ResponseReturnValue:
        switches.turn_back(sandbox)
        return _back("switches")

    @bp.post("/home/subscriptions/<id>")
    def tell_about_subscription(id: str) -> ResponseReturnValue:
        notifier, event = Notifier(sandbox), request.form.get("event", "")
        if event not in LIFECYCLE:
            abort(400, "Choose what should become of it.")
        for subscription in notifier.subscriptions():
            if subscription["id"] == id:
                notifier.lifecycle(event, subscription)
        return _back("graph")

    @bp.post("/home/delta/expire")
    def expire_delta() -> ResponseReturnValue:
        with sandbox.store.lock:
            for state in sandbox.store.all("graph", "delta"):
                sandbox.store.put("graph", "delta", state["token"], state | {"is_gone": True})
        return _back("graph")

    @bp.post("/home/clock")
    def move_clock() -> ResponseReturnValue:
        minutes = _number(request.form, "minutes", 0)
        is_real = request.form.get("to") == "real"
        sandbox.clock.set_offset(0 if is_real else sandbox.clock.offset_seconds + minutes * 60)
        return _back("clock")

    return bp


def _back(part: str) -> ResponseReturnValue:
    return redirect(url_for("home.start") + f"#{part}", 303)


def _shown(sandbox: Sandbox, name: str) -> Json:
    """One system with its panels; `data` is what a panel's template sees."""
    panels = [
        {"title": panel.title, "template": panel.template, "data": panel.context()}
        for panel in sandbox.systems[name].panels
    ]
    return {
        "name": name,
        "title": TITLES.get(name, name.capitalize()),
        "panels": panels,
        "switches": switches.shown(sandbox, name),
    }


def _call(sandbox: Sandbox, call: Json) -> Json:
    return call | {"time": _local(sandbox, datetime.fromisoformat(call["at"]))}


def _local(sandbox: Sandbox, moment: datetime) -> datetime:
    return moment.astimezone(ZoneInfo(sandbox.settings.practice_zone))


def _call_fault(form: ImmutableMultiDict[str, str]) -> Fault:
    match, kind = form.get("other", "").strip() or form.get("match", ""), form.get("kind", "")
    if kind not in CALL_FAULTS:
        abort(400, "Choose what should go wrong.")
    if not match.partition(" ")[2].startswith(("/", "*")):
        abort(400, 'Name the calls as "METHOD /path", such as "POST /stripe/*".')
    retry_after = _number(form, "retry_after", 0)
    return Fault(
        match=match,
        kind=kind,
        times=max(1, int(_number(form, "times", 1))),
        status=int(_number(form, "status", 0)) or None,
        seconds=_number(form, "seconds", 0),
        retry_after=retry_after or None,
        skip=max(0, int(_number(form, "skip", 0))),
    )


def _delivery_fault(form: ImmutableMultiDict[str, str]) -> DeliveryFault:
    system, kind = form.get("system", ""), form.get("kind", "")
    if system not in SENDERS:
        abort(400, "Nothing is sent by that system.")
    if kind not in DELIVERY_FAULTS:
        abort(400, "Choose what should go wrong.")
    if (system, kind) == ("graph", "old"):
        abort(400, "Graph does not sign what it sends, so there is no signature to be old.")
    times, copies = max(1, int(_number(form, "times", 1))), max(1, int(_number(form, "copies", 1)))
    if kind == "shuffle":
        # So many are collected as are mixed; fewer would wait for ever.
        times = copies = max(2, times)
    return DeliveryFault(system, kind, times=times, seconds=_number(form, "seconds", 0), copies=copies)


def _number(form: ImmutableMultiDict[str, str], name: str, default: float) -> float:
    """An empty box is the default; anything but a sensible number is refused."""
    raw = form.get(name, "").strip()
    try:
        number = float(raw) if raw else default
    except ValueError:
        abort(400, f"{name} must be a number.")
    if not abs(number) <= 10_000_000:  # also refuses nan
        abort(400, f"{name} is out of range.")
    return number
