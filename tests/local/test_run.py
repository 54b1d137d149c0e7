"""`make run` as a person at the terminal meets it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path

import psutil
import pytest
import requests

from portal.config import Settings, read_environment_file
from tests.support.portal_server import reserve_port

pytestmark = [pytest.mark.program, pytest.mark.timeout(180)]

PROJECT = Path(__file__).parents[2]
SETTING_NAMES = {one.name.upper() for one in fields(Settings)}


def command(act: str, instance_dir: Path, **environ: str) -> subprocess.Popen[str]:
    bare = {name: value for name, value in os.environ.items() if name not in SETTING_NAMES}
    return subprocess.Popen(
        [sys.executable, "-m", "portal.local", act],
        cwd=PROJECT,
        env=bare | {"INSTANCE_DIR": str(instance_dir)} | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def refusal(act: str, instance_dir: Path, **environ: str) -> str:
    """The one sentence with which it does not start."""
    refused = command(act, instance_dir, **environ)
    _, said = refused.communicate(timeout=30)
    assert refused.returncode == 1
    assert said.count("\n") == 1, said
    return said.strip()


def wait_for(condition: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@dataclass
class Run:
    """A running `make run`."""

    instance_dir: Path
    port: int
    sandbox_port: int
    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    @classmethod
    def start(cls, instance_dir: Path, port: int, sandbox_port: int) -> Run:
        process = command("run", instance_dir, PORT=str(port), SANDBOX_PORT=str(sandbox_port))
        run = cls(instance_dir, port, sandbox_port, process)
        threading.Thread(target=run._listen, daemon=True).start()
        wait_for(lambda: run.says("Ctrl-C stops all.") or process.poll() is not None, 90)
        assert process.poll() is None, process.stderr and process.stderr.read()
        return run

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.strip())

    def says(self, line: str) -> bool:
        return line in self.lines

    def answers(self) -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{self.port}/readyz", timeout=30).status_code == 200
        except requests.ConnectionError:
            return False

    def working(self) -> list[psutil.Process]:
        """Every process that works for this instance, but the one at the terminal."""
        return [one for one in psutil.process_iter() if one.pid != self.process.pid and self._is_ours(one)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            told = process.environ().get("INSTANCE_DIR") == str(self.instance_dir)
            inside = self.instance_dir in (Path(process.cwd()), *Path(process.cwd()).parents)
            return (told or inside) and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    def leader(self, name: str) -> psutil.Process:
        """The process that was started as this part."""
        # A fork that runs a job has the same command line, and a process group of its own.
        found = [one for one in self.working() if self._is_leader(one, name)]
        assert len(found) == 1, found
        return found[0]

    def _is_leader(self, process: psutil.Process, name: str) -> bool:
        try:
            return name in " ".join(process.cmdline()) and process.ppid() == self.process.pid
        except psutil.NoSuchProcess:
            return False  # it has just ended, as forks do

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(30)


@pytest.fixture
def run(instance_dir: Path) -> Iterator[Run]:
    with reserve_port() as port, reserve_port() as sandbox_port:
        run = Run.start(instance_dir, port.number, sandbox_port.number)
        yield run
        if run.process.poll() is None:
            run.stop()


def test_it_runs_the_whole_clinic_keeps_it_alive_and_stops_it(run: Run, instance_dir: Path) -> None:
    assert run.says(f"Portal:  http://127.0.0.1:{run.port}")
    assert run.says(f"Sandbox: http://localhost:{run.sandbox_port}")
    assert requests.get(f"http://127.0.0.1:{run.port}/", timeout=10).status_code == 200
    assert requests.get(f"http://localhost:{run.sandbox_port}/", timeout=10).status_code == 200

    for private in ("environment", "redis/password", "redis/redis.conf", "log/web.log", "sandbox.sqlite"):
        assert (instance_dir / private).stat().st_mode & 0o777 == 0o600, private

    with reserve_port() as other:
        again = refusal("run", instance_dir, PORT=str(other.number))
    assert again == f"A clinic runs in {instance_dir} already; stop it first, or set INSTANCE_DIR."
    assert refusal("reset", instance_dir) == again

    elsewhere = instance_dir / "elsewhere"
    assert refusal("run", elsewhere, PORT=str(run.port)) == (
        f"Port {run.port} is in use by another program; set PORT to another one."
    )
    assert not (elsewhere / "postgres").exists()

    for part, part_name in (("gunicorn", "web"), ("worker.py", "worker"), ("portal.sandbox", "sandbox")):
        before = run.leader(part)
        before.kill()
        wait_for(partial(run.says, f"The {part_name} process stopped; starting it again."))
        wait_for(partial(_is_replaced, run, part, before.pid))
    wait_for(run.answers)

    assert run.stop() == 0
    assert run.working() == []


def _is_replaced(run: Run, part: str, pid: int) -> bool:
    try:
        return run.leader(part).pid != pid
    except (AssertionError, psutil.Error):
        return False


def test_a_start_after_a_crash_keeps_secrets_and_ends_what_was_left(run: Run, instance_dir: Path) -> None:
    secrets = read_environment_file(instance_dir / "environment")
    left = [run.leader(part) for part in ("gunicorn", "worker.py", "portal.sandbox")]
    run.process.send_signal(signal.SIGKILL)
    run.process.wait()
    again = Run.start(instance_dir, run.port, run.sandbox_port)
    try:
        assert again.answers()
        assert read_environment_file(instance_dir / "environment") == secrets
        assert not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in left)
    finally:
        assert again.stop() == 0
    assert again.working() == []

    reset = command("reset", instance_dir)
    assert reset.wait(30) == 0
    assert not instance_dir.exists()


def test_a_bad_setting_is_told_in_its_own_sentence(instance_dir: Path) -> None:
    assert refusal("run", instance_dir, CLINIC_ZONE="Mars/Olympus") == (
        "CLINIC_ZONE must be a time zone name such as Australia/Sydney, not 'Mars/Olympus'."
    )
    assert refusal("run", instance_dir, PORT="8000", SANDBOX_PORT="8000") == (
        "PORT and SANDBOX_PORT are both 8000; set one of them to another port."
    )


def test_reset_removes_nothing_but_an_instance(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("dear")
    assert refusal("reset", tmp_path).endswith("does not look like an instance of the clinic; nothing was removed.")
    assert (tmp_path / "letters.txt").exists()
