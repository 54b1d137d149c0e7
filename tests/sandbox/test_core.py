"""The common ground of the sandbox: faults, clock, log, deliveries, and a state that survives a restart."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest
import requests

from portal.clock import OffsetFile
from tests.support.receiver import Receiver
from tests.support.sandbox import PROJECT, RunningSandbox
from tests.support.stripe_api import StripeApi, session_params


@pytest.mark.parametrize(
    ("kind", "how", "status", "acted"),
    [
        ("error", {}, 500, False),
        ("error", {"status": 503}, 503, False),
        ("error_after", {}, 504, True),
        ("429", {"retry_after": 2.5}, 429, False),
        ("401", {}, 401, False),
        ("403", {}, 403, False),
    ],
)
def test_a_call_fault_answers_in_its_way_once(
    sandbox: RunningSandbox, stripe_api: StripeApi, kind: str, how: dict[str, float], status: int, acted: bool
) -> None:
    sandbox.fault("POST /stripe/v1/checkout/sessions", kind, **how)
    answer = stripe_api.post("/checkout/sessions", session_params())
    assert answer.status_code == status
    assert answer.headers.get("Retry-After") == (str(how["retry_after"]) if "retry_after" in how else None)
    assert len(stripe_api.get("/checkout/sessions").json()["data"]) == acted
    assert stripe_api.post("/checkout/sessions", session_params()).status_code == 200


@pytest.mark.parametrize(("kind", "acted"), [("timeout_before_commit", False), ("timeout_after_commit", True)])
def test_a_lost_connection_may_or_may_not_have_acted(
    sandbox: RunningSandbox, stripe_api: StripeApi, kind: str, acted: bool
) -> None:
    sandbox.fault("POST /stripe/v1/checkout/sessions", kind)
    with pytest.raises(requests.ConnectionError):
        stripe_api.post("/checkout/sessions", session_params())
    assert len(stripe_api.get("/checkout/sessions").json()["data"]) == acted


def test_a_slow_call_is_answered_late(sandbox: RunningSandbox, stripe_api: StripeApi) -> None:
    sandbox.fault("GET /stripe/v1/refunds", "slow", seconds=0.3)
    started = time.monotonic()
    assert stripe_api.get("/refunds").status_code == 200
    assert time.monotonic() - started >= 0.3


def test_a_fault_can_let_calls_pass_and_fits_without_the_prefix(sandbox: RunningSandbox, stripe_api: StripeApi) -> None:
    sandbox.fault("* /v1/refunds", "error", skip=1, times=2)
    assert [stripe_api.get("/refunds").status_code for _ in range(4)] == [200, 500, 500, 200]


def test_an_unknown_fault_is_refused(sandbox: RunningSandbox) -> None:
    answer = requests.post(sandbox.url + "/_emu/faults", json={"match": "* /x", "kind": "explode"}, timeout=10)
    assert answer.status_code == 400


def test_calls_are_logged_with_status_and_fault_but_without_bodies(
    sandbox: RunningSandbox, stripe_api: StripeApi
) -> None:
    sandbox.fault("POST /stripe/v1/checkout/sessions", "error_after")
    stripe_api.post("/checkout/sessions", session_params(customer_email="mia@example.com"))
    (call,) = sandbox.calls("stripe")
    assert (call["method"], call["path"]) == ("POST", "/stripe/v1/checkout/sessions")
    assert (call["status"], call["fault"]) == (504, "error_after")
    assert "mia" not in str(call)
    assert len(call["body_hash"]) == 16


def test_the_clock_moves_for_everybody(sandbox: RunningSandbox) -> None:
    before = datetime.fromisoformat(sandbox.get("/_emu/clock")["now"])
    sandbox.advance(days=1, hours=1)
    after = datetime.fromisoformat(sandbox.get("/_emu/clock")["now"])
    assert 25 * 3600 <= (after - before).total_seconds() < 25 * 3600 + 60
    assert OffsetFile(sandbox.state_dir / "clock").seconds == 25 * 3600


def test_knobs_have_defaults_and_unknown_ones_are_refused(sandbox: RunningSandbox) -> None:
    assert sandbox.get("/_emu/knobs")["stripe"]["latency_seconds"] == 0.0
    sandbox.knob("stripe", "latency_seconds", 0.01)
    assert sandbox.get("/_emu/knobs")["stripe"]["latency_seconds"] == 0.01
    bad = {"system": "stripe", "name": "mood", "value": 1}
    assert requests.post(sandbox.url + "/_emu/knobs", json=bad, timeout=10).status_code == 400


def test_a_reset_forgets_everything(sandbox: RunningSandbox, stripe_api: StripeApi) -> None:
    stripe_api.paid_session()
    sandbox.fault("* /stripe/*", "error", times=9)
    sandbox.knob("stripe", "refunds_stay_pending", True)
    sandbox.advance(days=1)
    sandbox.reset()
    assert sandbox.get("/_emu/log") == []
    assert sandbox.get("/_emu/faults") == {"calls": [], "deliveries": []}
    assert sandbox.get("/_emu/clock")["offset_seconds"] == 0
    assert sandbox.get("/_emu/knobs")["stripe"]["refunds_stay_pending"] is False
    assert sandbox.get("/_emu/deliveries") == {"waiting": 0, "history": []}
    assert stripe_api.get("/checkout/sessions").json()["data"] == []


def expire_some(stripe_api: StripeApi, count: int) -> list[str]:
    """One event each; the session ids in the order of their events."""
    ids = [stripe_api.session()["id"] for _ in range(count)]
    for id in ids:
        stripe_api.post(f"/checkout/sessions/{id}/expire")
    return ids


def test_duplicates_carry_the_same_event(sandbox: RunningSandbox, stripe_api: StripeApi, receiver: Receiver) -> None:
    sandbox.delivery_fault("stripe", "duplicate", copies=3)
    expire_some(stripe_api, 1)
    assert len({one.json["id"] for one in receiver.wait_for(4)}) == 1


def test_a_delayed_delivery_comes_later_than_the_next_one(
    sandbox: RunningSandbox, stripe_api: StripeApi, receiver: Receiver
) -> None:
    sandbox.delivery_fault("stripe", "delay", seconds=0.6)
    ids = expire_some(stripe_api, 2)
    came = [one.json["data"]["object"]["id"] for one in receiver.wait_for(2)]
    assert came == ids[::-1]


def test_shuffled_deliveries_wait_for_each_other_and_all_arrive(
    sandbox: RunningSandbox, stripe_api: StripeApi, receiver: Receiver
) -> None:
    sandbox.delivery_fault("stripe", "shuffle", times=4, copies=4)
    ids = expire_some(stripe_api, 3)
    assert sandbox.get("/_emu/deliveries")["waiting"] == 3
    ids += expire_some(stripe_api, 1)
    came = [one.json["data"]["object"]["id"] for one in receiver.wait_for(4)]
    assert sorted(came) == sorted(ids)


def test_what_a_shuffle_holds_back_goes_out_when_the_faults_are_cleared(
    sandbox: RunningSandbox, stripe_api: StripeApi, receiver: Receiver
) -> None:
    sandbox.delivery_fault("stripe", "shuffle", times=9, copies=9)
    ids = expire_some(stripe_api, 2)
    assert receiver.received() == []
    sandbox.delete("/_emu/faults")
    came = [one.json["data"]["object"]["id"] for one in receiver.wait_for(2)]
    assert sorted(came) == sorted(ids)


def test_a_dropped_delivery_never_comes(sandbox: RunningSandbox, stripe_api: StripeApi, receiver: Receiver) -> None:
    sandbox.delivery_fault("stripe", "drop")
    _, second = expire_some(stripe_api, 2)
    sandbox.wait_quiet()
    assert [one.json["data"]["object"]["id"] for one in receiver.received()] == [second]
    outcomes = [row["outcome"] for row in sandbox.get("/_emu/deliveries")["history"]]
    assert sorted(outcomes) == ["200", "dropped"]


def test_the_state_and_the_clock_survive_a_restart(tmp_path: Path) -> None:
    first = RunningSandbox.start(tmp_path)
    session = StripeApi(first.url).session()
    first.advance(minutes=5)
    assert first.stop() == 0
    again = RunningSandbox.start(tmp_path)
    try:
        assert StripeApi(again.url).get(f"/checkout/sessions/{session['id']}").json()["status"] == "open"
        assert again.get("/_emu/clock")["offset_seconds"] == 300
    finally:
        assert again.stop() == 0


def test_the_settings_come_from_the_portals_variables(tmp_path: Path) -> None:
    running = RunningSandbox.start(tmp_path, STRIPE_SECRET_KEY="sk_test_of_another_clone")
    try:
        assert StripeApi(running.url).get("/refunds").status_code == 401
    finally:
        running.stop()


def test_ctrl_c_stops_it_cleanly(tmp_path: Path) -> None:
    running = RunningSandbox.start(tmp_path)
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(10) == 0


def test_a_busy_port_is_told_in_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "portal.sandbox", "--port", str(port)]
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert done.stderr == f"The sandbox cannot listen on port {port}: Address already in use.\n"
