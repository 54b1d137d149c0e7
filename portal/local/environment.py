"""INSTANCE_DIR/environment: what the processes of `make run` read where the real environment says nothing."""

from __future__ import annotations

import base64
import errno
import os
import secrets
import socket
from collections.abc import Mapping
from pathlib import Path

from portal import config
from portal.local import CannotStart
from portal.local.files import write_private

SECRETS = ("SECRET_KEY", "FIELD_KEYS")


def prepare(environ: Mapping[str, str], instance_dir: Path) -> config.Settings:
    """Check all settings before anything is started. Secrets are made up once and kept; ports are not remembered.

    Raises BadSetting or CannotStart, with one sentence.
    """
    write(instance_dir, _secrets(config.read_environment_file(instance_dir / "environment")))
    # The servers' addresses are known only once they run.
    unknown = {"DATABASE_URL": "postgresql:///portal", "REDIS_URL": "unix:///redis"}
    settings = config.load({**unknown, **{name: value for name, value in environ.items() if value}})
    if settings.port == settings.sandbox_port:
        raise CannotStart(f"PORT and SANDBOX_PORT are both {settings.port}; set one of them to another port.")
    _check_port("PORT", settings.port)
    _check_port("SANDBOX_PORT", settings.sandbox_port)
    return settings


def write(instance_dir: Path, values: Mapping[str, str]) -> None:
    """Write the file anew with these names on top of the secrets it holds."""
    path = instance_dir / "environment"
    kept = {name: value for name, value in config.read_environment_file(path).items() if name in SECRETS}
    lines = {"PORTAL_MODE": "local"} | kept | dict(values)
    write_private(path, "".join(f"{name}={value}\n" for name, value in lines.items()))


def _secrets(known: Mapping[str, str]) -> dict[str, str]:
    return {
        "SECRET_KEY": known.get("SECRET_KEY") or secrets.token_hex(32),
        "FIELD_KEYS": known.get("FIELD_KEYS") or f"k1:{base64.b64encode(os.urandom(32)).decode()}",
    }


def _check_port(name: str, number: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError as error:
            why = "in use by another program" if error.errno == errno.EADDRINUSE else "not allowed here"
            raise CannotStart(f"Port {number} is {why}; set {name} to another one.") from None
