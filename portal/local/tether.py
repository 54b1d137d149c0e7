"""Becomes another program that ends with its parent: python -m portal.local.tether PARENT_PID COMMAND...

The kernel sends SIGTERM when the parent is gone, however it went. It is done here, between fork and exec, because
subprocess's own hook for that moment is unsafe in a parent with threads. Only Linux can do it; elsewhere the next
start ends what was left (processes.py).
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            raise SystemExit("The parent ended before its child began.")
    os.execvp(command[0], command)  # noqa: S606 - no shell on purpose


if __name__ == "__main__":
    main()
