"""Named points at every border between a commit and a foreign call, where a test may kill the process.

In production nothing is armed and `point` does nothing. In local mode a file in the instance names the points to die
at, one `name count` per line; dying uses one up. `make torture` and the crash tests visit all of them.
"""

from __future__ import annotations

import fcntl
import os
import signal
from pathlib import Path

POINTS = frozenset(
    {
        "outbox.leased",
        "outbox.job_done",
        "checkout.stored",
        "checkout.created",
        "payment.fetched",
        "release.closed",
        "refund.stored",
        "refund.sent",
        "outlook.stored",
        "outlook.created",
        "outlook.changed",
        "outlook.removed",
        "notification.fetched",
        "patient.created",
        "medirecords.stored",
        "medirecords.created",
        "medirecords.changed",
        "medirecords.cancelled",
        "mail.stored",
        "mail.drafted",
        "mail.draft_noted",
        "mail.sent",
    }
)

_armed: Path | None = None


def arm_from(path: Path | None) -> None:
    """Look into this file at every point from now on; None for never. Only local mode names a file."""
    global _armed
    _armed = path


def point(name: str) -> None:
    """Die here, as a killed process does, if the file says so."""
    assert name in POINTS, name
    if _armed is not None and _armed.exists() and _use_up(_armed, name):
        os.kill(os.getpid(), signal.SIGKILL)


def _use_up(path: Path, name: str) -> bool:
    """Count one death down; the file is locked, because several processes pass the same point."""
    with path.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        counts = {point: int(count) for point, count in (line.split() for line in file)}
        if counts.get(name, 0) < 1:
            return False
        counts[name] -= 1
        file.seek(0)
        file.truncate()
        file.write("".join(f"{point} {count}\n" for point, count in counts.items()))
        file.flush()
        return True
