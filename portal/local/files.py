"""Files of an instance folder: only their owner reads them, and socket paths are short enough to bind."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import tempfile
from pathlib import Path

from portal.local import CannotStart

# The system allows 108 bytes on Linux and 104 on macOS, counting the file's own name.
LONGEST_SOCKET_PATH = 100


def write_private(path: Path, text: str) -> None:
    """Write a file of rights 0600, whole or not at all. The folder itself may be open to others (see postgres.py)."""
    partial = path.with_name(f"{path.name}.new")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    partial.replace(path)


def read_or_make_secret(path: Path) -> str:
    """The secret kept in this file; made up on the first call."""
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32))
    return path.read_text()


def socket_path(folder: Path, name: str) -> Path:
    """Where in `folder` to put a Unix socket, or in a short temporary folder when that path would be too long."""
    path = folder / name
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    short = Path(tempfile.gettempdir()) / f"portal-{digest}"
    short.mkdir(mode=0o700, exist_ok=True)
    found = short.lstat()
    # The name can be guessed, so another user of this machine may have been here first.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise CannotStart(f"{short} belongs to somebody else; set INSTANCE_DIR to a shorter path.")
    return short / name
