"""The start page: what each outside system holds, what was called and sent, and how to make it go wrong."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import ImmutableMultiDict

from portal.sandbox.core import CALL_FAULTS, Fault, Json, Sandbox
from portal.sandbox.deliveries import DELIVERY_FAULTS, DeliveryFault

SHOWN_CALLS, SHOWN_DELIVERIES = 200, 200
TITLES = {"stripe": "Stripe", "graph": "Microsoft Graph", "entra": "Entra ID", "medirecords": "MediRecords"}
# What is most often made to fail; any other "METHOD /path" can be typed.
COMMON_CALLS = (
    "POST /stripe/v1/checkout/sessions",
    "GET /stripe/v1/checkout/sessions/*",
    "POST /stripe/v1/refunds",
    "* /graph/*",
    "POST /graph/*/events",
    "POST /graph/*/send",
    "* /medirecords/*",
    "POST /medirecords/*",
    "POST /*/oauth2/v2.0/token",
)


def register(sandbox: Sandbox) -> Blueprint:
    """GET / and the forms on it, under /home/."""
    bp = Blueprint("home", __name__)

    @bp.get("/")
    def start() -> ResponseReturnValue:
        return render_template(
            "sandbox/home.html",
            systems=[_shown(sandbox, name) for name in sandbox.systems],
            calls=[_call(sandbox, call) for call in sandbox.store.calls(limit=SHOWN_CALLS)],
            deliveries=list(reversed(sandbox.deliveries.history))[:SHOWN_DELIVERIES],
            waiting=sandbox.deliveries.waiting(),
            call_faults=sandbox.faults.listed(),
            delivery_faults=sandbox.deliveries.listed_faults(),
            call_kinds=CALL_FAULTS,
            delivery_kinds=DELIVERY_FAULTS,
            common_calls=COMMON_CALLS,
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
        fault = _delivery_fault(request.form)
        if fault.system not in sandbox.systems:
            abort(400, "No such system.")
        sandbox.deliveries.faults.append(fault)
        return _back("faults")

    @bp.post("/home/faults/reset")
    def reset_faults() -> ResponseReturnValue:
        sandbox.faults.clear()
        sandbox.deliveries.clear_faults()
        return _back("faults")

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
    return {"name": name, "title": TITLES.get(name, name.capitalize()), "panels": panels}


def _call(sandbox: Sandbox, call: Json) -> Json:
    return call | {"time": _local(sandbox, datetime.fromisoformat(call["at"]))}


def _local(sandbox: Sandbox, moment: datetime) -> datetime:
    return moment.astimezone(ZoneInfo(sandbox.settings.practice_zone))


def _call_fault(form: ImmutableMultiDict[str, str]) -> Fault:
    match, kind = form.get("match", "").strip(), form.get("kind", "")
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
    )


def _delivery_fault(form: ImmutableMultiDict[str, str]) -> DeliveryFault:
    kind = form.get("kind", "")
    if kind not in DELIVERY_FAULTS:
        abort(400, "Choose what should go wrong.")
    times, copies = max(1, int(_number(form, "times", 1))), max(1, int(_number(form, "copies", 1)))
    if kind == "shuffle":
        # So many are collected as are mixed; fewer would wait for ever.
        times = copies = max(2, times)
    return DeliveryFault(form.get("system", ""), kind, times=times, seconds=_number(form, "seconds", 0), copies=copies)


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
