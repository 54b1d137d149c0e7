"""The whole clinic on this machine: Postgres, Redis, sandbox, web and worker, started in order and kept alive."""

from __future__ import annotations

import fcntl
import http.client
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Protocol

from portal.config import Settings
from portal.local import CannotStart, environment
from portal.local.calendars import wait_until_read
from portal.local.postgres import Postgres, start_postgres
from portal.local.processes import Child, end_leftovers, is_alive, remember, rotate, spawn
from portal.local.redis import Redis, start_redis

READY_SECONDS = 180.0  # a busy machine takes its time
PAUSE_SECONDS = 1.0
MANY_DEATHS, WITHIN_SECONDS = 5, 30.0

GUNICORN = ["-m", "gunicorn", "-k", "gthread", "-w", "2", "--threads", "4", "--graceful-timeout", "5"]

# Each may run again on an instance that has been set up before.
SETUP = (["db", "upgrade"], ["catalogue", "load", "--if-empty"], ["demo", "clinic"])


class Part(Protocol):
    """Something that runs: a server or a process."""

    name: str

    @property
    def pid(self) -> int | None: ...
    def start(self) -> None: ...
    def is_running(self) -> bool: ...
    def stop(self) -> None: ...


@dataclass
class Server:
    """An embedded server as a part of the clinic; starting it finds one that runs already."""

    name: str
    launch: Callable[[], Postgres | Redis]
    running: Postgres | Redis | None = field(default=None, init=False)

    @property
    def pid(self) -> int | None:
        return self.running.pid if self.running else None

    @property
    def url(self) -> str:
        assert self.running is not None
        return self.running.url

    def start(self) -> None:
        self.running = self.launch()

    def is_running(self) -> bool:
        return self.pid is not None and is_alive(self.pid)

    def stop(self) -> None:
        if self.running is not None:
            self.running.stop()


class Clinic:
    """One instance. Settings come from `environ`; the named arguments win over it.

    `start` raises CannotStart or BadSetting and leaves nothing running then. `watch` starts again what dies. The
    thread that calls them must live until `stop`: the processes end with it.
    """

    def __init__(
        self,
        environ: Mapping[str, str] | None = None,
        *,
        instance_dir: Path | None = None,
        port: int | None = None,
        sandbox_port: int | None = None,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        given = dict(os.environ if environ is None else environ)
        named = {"INSTANCE_DIR": instance_dir, "PORT": port, "SANDBOX_PORT": sandbox_port}
        given |= {name: str(value) for name, value in named.items() if value is not None}
        self.instance_dir = Path(given.get("INSTANCE_DIR") or "instance").resolve()
        self.environ = given | {"INSTANCE_DIR": str(self.instance_dir), "PYTHONUNBUFFERED": "1"}
        self.say = say
        self._settings: Settings | None = None
        self._parts: list[Part] = []
        self._deaths: dict[str, list[float]] = {}
        self._lock: IO[str] | None = None

    @property
    def settings(self) -> Settings:
        assert self._settings is not None, "the clinic has not been started"
        return self._settings

    @property
    def url(self) -> str:
        return self.settings.public_url

    @property
    def sandbox_url(self) -> str:
        return f"http://localhost:{self.settings.sandbox_port}"

    def start(self) -> None:
        """Start everything and wait until it answers."""
        self._lock = lock(self.instance_dir)
        try:
            end_leftovers(self.instance_dir)
            self._settings = environment.prepare(self.environ, self.instance_dir)
            (self.instance_dir / "log").mkdir(mode=0o700, exist_ok=True)
            self._start_servers()
            sandbox_options = ["--state", str(self.instance_dir), "--portal-url", self.url]
            port = self.settings.sandbox_port
            self._start("sandbox", ["-m", "portal.sandbox", "--port", str(port), *sandbox_options])
            self._wait_for("sandbox", port, "/", "localhost")
            self._set_up()
            # Ready before the worker: it asks Graph for notifications, and Graph calls us back while it asks.
            self._start(
                "web", [*GUNICORN, "--no-control-socket", "--bind", f"127.0.0.1:{self.settings.port}", "wsgi:app"]
            )
            self._wait_for("web", self.settings.port, "/readyz", self.settings.public_host)
            self._start("worker", ["worker.py"])
            wait_until_read(self._database_url(), self._part("worker").is_running)
        except BaseException:
            self.stop()
            raise

    def watch(self, until: threading.Event | None = None) -> None:
        """Start again what dies, until the event is set (`stop` comes after that). Raises CannotStart when a part
        keeps dying.
        """
        until = until or threading.Event()
        while not until.wait(0.3):
            for part in self._parts:
                if not part.is_running():
                    self._start_again(part)

    def stop(self) -> None:
        """Stop everything that was started, the last first. Calling it twice does no harm."""
        while self._parts:
            self._parts.pop().stop()
        if self._lock is not None:
            (self.instance_dir / "pids").unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    def pid(self, name: str) -> int | None:
        """The process of postgres, redis, sandbox, web or worker."""
        return self._part(name).pid

    def kill(self, name: str) -> None:
        """End a part without a warning, as a crash would."""
        pid = self.pid(name)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    def log(self, name: str) -> Path:
        return self.instance_dir / "log" / f"{name}.log"

    def _database_url(self) -> str:
        embedded = next((part for part in self._parts if isinstance(part, Server) and part.name == "postgres"), None)
        return embedded.url if embedded else self.environ["DATABASE_URL"]

    def _start_servers(self) -> None:
        """Postgres and Redis, unless the real environment names others; then tell everybody where they are."""
        urls = {}
        for name, setting, launch in (
            ("postgres", "DATABASE_URL", start_postgres),
            ("redis", "REDIS_URL", start_redis),
        ):
            if not self.environ.get(setting):
                server = Server(name, partial(launch, self.instance_dir))
                self._parts.append(server)
                server.start()
                urls[setting] = server.url
        ports = {"PORT": str(self.settings.port), "SANDBOX_PORT": str(self.settings.sandbox_port)}
        environment.write(self.instance_dir, urls | ports)

    def _start(self, name: str, command: list[str]) -> None:
        rotate(self.log(name))
        child = Child(name, command, self.environ, self.log(name))
        self._parts.append(child)
        child.start()
        self._remember()

    def _wait_for(self, name: str, port: int, path: str, host: str) -> None:
        part, deadline = self._part(name), time.monotonic() + READY_SECONDS
        while not _answers(port, path, host):
            if not part.is_running() or time.monotonic() > deadline:
                raise CannotStart(f"The {name} process did not start; {self.log(name)} says why.")
            time.sleep(0.1)

    def _set_up(self) -> None:
        rotate(self.log("setup"))
        for command in SETUP:
            process = spawn(["-m", "flask", "--app", "wsgi", *command], self.environ, self.log("setup"))
            try:
                if process.wait() != 0:
                    raise CannotStart(f"`flask {' '.join(command)}` failed; {self.log('setup')} says why.")
            finally:
                process.kill()

    def _start_again(self, part: Part) -> None:
        now = time.monotonic()
        deaths = [*self._deaths.get(part.name, []), now]
        self._deaths[part.name] = [at for at in deaths if at > now - WITHIN_SECONDS]
        if len(self._deaths[part.name]) >= MANY_DEATHS:
            raise CannotStart(f"The {part.name} process keeps stopping; {self.log(part.name)} says why.")
        self.say(f"The {part.name} process stopped; starting it again.")
        time.sleep(PAUSE_SECONDS)
        part.start()
        self._remember()

    def _remember(self) -> None:
        remember(self.instance_dir, [part for part in self._parts if isinstance(part, Child)])

    def _part(self, name: str) -> Part:
        return next(part for part in self._parts if part.name == name)


def lock(instance_dir: Path) -> IO[str]:
    """The right to run this instance, held while the file is open."""
    instance_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = (instance_dir / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise CannotStart(f"A clinic runs in {instance_dir} already; stop it first, or set INSTANCE_DIR.") from None
    return file


def free_port() -> int:
    """A port that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int, path: str, host: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers={"Host": host})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
