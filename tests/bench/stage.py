"""A clinic of its own to be measured, and a bare Flask app beside it on the same server."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from flask import Flask

from portal import config, create_app
from portal.local.clinic import GUNICORN, Clinic, free_port
from portal.local.processes import Child

# Many visitors share one address here, so the limits by address are out of the way.
ENVIRON = {"RATE_LIMIT_FACTOR": "1000"}


@dataclass
class Stage:
    """The clinic, the yardstick's port, and the clinic's own app for what is measured without HTTP."""

    clinic: Clinic
    hello_port: int
    app: Flask

    @property
    def port(self) -> int:
        return self.clinic.settings.port


@contextmanager
def running_stage() -> Iterator[Stage]:
    """Both servers on free ports, removed at the end."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        instance_dir = Path(folder) / "instance"
        environ = {**os.environ, **ENVIRON}
        clinic = Clinic(environ, instance_dir=instance_dir, port=free_port(), sandbox_port=free_port())
        clinic.start()
        try:
            with _hello(clinic) as hello_port:
                settings = config.load({**clinic.environ, "PORTAL_MODE": "local", "LOG_LEVEL": "WARNING"})
                yield Stage(clinic, hello_port, create_app(settings))
        finally:
            clinic.stop()


@contextmanager
def _hello(clinic: Clinic) -> Iterator[int]:
    port = free_port()
    command = [*GUNICORN, "--no-control-socket", "--bind", f"127.0.0.1:{port}", "tests.bench.hello:app"]
    server = Child("hello", command, clinic.environ, clinic.log("hello"))
    server.start()
    try:
        while not _answers(port):
            if not server.is_running():
                raise RuntimeError(clinic.log("hello").read_text())
            time.sleep(0.1)
        yield port
    finally:
        server.stop()


def _answers(port: int) -> bool:
    with closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        try:
            connection.request("GET", "/")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
