"""The real sandbox as a process of its own, and the fixtures that hand it to tests.

A conftest takes what it needs, such as `from tests.support.sandbox import running_receiver, running_sandbox, sandbox`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.receiver import Receiver

PROJECT = Path(__file__).parents[2]
READY = "sandbox ready on "


@dataclass
class Controls:
    """The control plane of a sandbox that runs at `url`, which has no slash at its end."""

    url: str

    def get(self, path: str, **params: Any) -> Any:
        """The JSON of a control-plane answer, such as get("/_emu/log", system="stripe")."""
        return self._json(requests.get(self.url + path, params=params, timeout=10))

    def post(self, path: str, json: Any = None) -> Any:
        return self._json(requests.post(self.url + path, json={} if json is None else json, timeout=10))

    def delete(self, path: str) -> Any:
        return self._json(requests.delete(self.url + path, timeout=10))

    def reset(self) -> None:
        """Empty it; what is still on its way out comes to an end first."""
        self.post("/_emu/reset")
        self.wait_quiet()

    def seed(self, people: dict[str, Any]) -> None:
        self.post("/_emu/seed", people)

    def fault(self, match: str, kind: str, **how: Any) -> None:
        """Spoil calls: fault("POST /stripe/v1/refunds", "error", times=2, status=503)."""
        self.post("/_emu/faults", {"match": match, "kind": kind, **how})

    def delivery_fault(self, system: str, kind: str, **how: Any) -> None:
        """Spoil what goes out: delivery_fault("stripe", "duplicate", copies=2)."""
        self.post("/_emu/faults", {"deliveries": system, "kind": kind, **how})

    def knob(self, system: str, name: str, value: Any) -> None:
        self.post("/_emu/knobs", {"system": system, "name": name, "value": value})

    def advance(self, **duration: float) -> None:
        """Move the clock: advance(minutes=31)."""
        units = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
        seconds = sum(units[unit] * amount for unit, amount in duration.items())
        self.post("/_emu/clock", {"advance_seconds": seconds})

    def calls(self, system: str) -> list[dict[str, Any]]:
        """The calls it saw, oldest first."""
        return list(reversed(self.get("/_emu/log", system=system)))

    def wait_quiet(self, timeout: float = 10.0) -> None:
        """Wait until nothing is queued or on its way out."""
        deadline = time.monotonic() + timeout
        while (waiting := self.get("/_emu/deliveries")["waiting"]) > 0:
            assert time.monotonic() < deadline, f"{waiting} deliveries still wait after {timeout} s"
            time.sleep(0.02)

    @staticmethod
    def _json(answer: requests.Response) -> Any:
        assert answer.ok, f"{answer.request.method} {answer.url}: {answer.status_code} {answer.text[:500]}"
        return answer.json()


@dataclass
class RunningSandbox(Controls):
    """`python -m portal.sandbox` on a free port."""

    process: subprocess.Popen[str]
    state_dir: Path

    @classmethod
    def start(
        cls, state_dir: Path, *, portal_url: str = "http://127.0.0.1:9", port: int = 0, **environ: str
    ) -> RunningSandbox:
        """Start it on `state_dir`; the same folder again brings the old state back. `environ` are portal settings."""
        command = [sys.executable, "-m", "portal.sandbox", "--port", str(port), "--state", str(state_dir)]
        process = subprocess.Popen(
            [*command, "--portal-url", portal_url],
            cwd=PROJECT,
            env={**os.environ, **environ},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        if not line.startswith(READY):
            process.kill()
            raise AssertionError(f"the sandbox did not start: {line!r}")
        return cls(line.removeprefix(READY), process, state_dir)

    def stop(self) -> int:
        """Stop it as `make run` does; the exit code is the answer."""
        self.process.terminate()
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


@pytest.fixture(scope="session")
def running_receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture(scope="session")
def running_sandbox(tmp_path_factory: pytest.TempPathFactory, running_receiver: Receiver) -> Iterator[RunningSandbox]:
    running = RunningSandbox.start(tmp_path_factory.mktemp("sandbox"), portal_url=running_receiver.url)
    yield running
    assert running.stop() == 0


@pytest.fixture
def sandbox(running_sandbox: RunningSandbox, running_receiver: Receiver) -> RunningSandbox:
    """The sandbox, empty. What it sends to the portal arrives at `receiver`."""
    running_sandbox.reset()
    running_receiver.clear()
    return running_sandbox


@pytest.fixture
def receiver(sandbox: RunningSandbox, running_receiver: Receiver) -> Receiver:
    """The portal's side of what the sandbox sends out, empty."""
    return running_receiver
