"""The processes of one instance: started so that they end with us, stopped gently, and found again after a crash."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from portal.local.files import write_private

PROJECT = Path(__file__).resolve().parents[2]
GENTLE_SECONDS = 8.0


@dataclass
class Child:
    """One process with its own log; it leads a process group that its own children belong to."""

    name: str
    command: list[str]
    environ: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None

    def start(self) -> None:
        """Start it, also again after it has ended; what its predecessor left of its group is asked to end."""
        if self.process is not None:
            _signal_group(self.process.pid, signal.SIGTERM)
        self.process = spawn(self.command, self.environ, self.log)

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        """SIGTERM lets it finish what it is doing; whatever is left after that is killed."""
        if self.process is None:
            return
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(GENTLE_SECONDS)
        _signal_group(self.process.pid, signal.SIGKILL)
        self.process.wait()


def spawn(command: list[str], environ: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start a Python command in the project folder, writing to `log`.

    It gets a session of its own, so that Ctrl-C at the terminal reaches only us and we stop things in order.
    """
    tether = [sys.executable, "-m", "portal.local.tether", str(os.getpid())]
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as output:
        return subprocess.Popen(  # noqa: S603 - our own commands
            [*tether, sys.executable, *command],
            cwd=PROJECT,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o077,
        )


def rotate(log: Path) -> None:
    """Begin a new log and keep the one before."""
    if log.exists():
        log.replace(log.with_name(f"{log.name}.1"))


def remember(instance_dir: Path, children: list[Child]) -> None:
    """Write down who runs, for a start that follows a crash."""
    write_private(instance_dir / "pids", "".join(f"{child.pid}\n" for child in children if child.pid))


def end_leftovers(instance_dir: Path) -> None:
    """End what a killed supervisor left running in this instance, and wait for it."""
    try:
        leaders = {int(line) for line in (instance_dir / "pids").read_text().split()}
    except FileNotFoundError:
        return
    left = [process for process in psutil.process_iter() if _belongs(process, leaders, instance_dir)]
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, stubborn = psutil.wait_procs(left, timeout=GENTLE_SECONDS)
    for process in stubborn:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, timeout=2)
    (instance_dir / "pids").unlink()


def _belongs(process: psutil.Process, leaders: set[int], instance_dir: Path) -> bool:
    """Numbers are given out again, so the process must also say that it works for this instance."""
    try:
        return os.getpgid(process.pid) in leaders and process.environ().get("INSTANCE_DIR") == str(instance_dir)
    except (psutil.Error, OSError):
        return False


def _signal_group(leader: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def is_alive(pid: int) -> bool:
    """Whether there is such a process and it is more than an entry that nobody has collected yet."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
