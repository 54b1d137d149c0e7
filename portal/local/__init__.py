"""The whole clinic on one machine: embedded Postgres and Redis, and the runner behind `make run`.

Nothing here is used in production; there the platform runs these servers and processes.
"""

from __future__ import annotations


class CannotStart(Exception):
    """The clinic cannot start here; the message is one sentence for the person at the terminal."""
