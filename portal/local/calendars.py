"""Waits until the practitioners' Outlook calendars were read: before that nobody is offered, and no time is shown."""

from __future__ import annotations

import time
from collections.abc import Callable

import psycopg

PATIENCE_SECONDS = 30.0

# Read by name: the local runner stands outside the portal. One that could not be read is as good as one that was.
WAITING = """
select count(*)
from practitioner who
left join outside_calendar known on known.practitioner_id = who.id and known.source = 'outlook'
where who.is_active and who.graph_user_id is not null and known.read_at is null and known.failed_at is null
"""


def wait_until_read(database_url: str, is_going_on: Callable[[], bool]) -> bool:
    """Whether every calendar was read or tried in time. Not being so is no reason not to start."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    with psycopg.connect(database_url.replace("postgresql+psycopg://", "postgresql://", 1), autocommit=True) as known:
        while (row := known.execute(WAITING).fetchone()) and row[0] > 0:
            if time.monotonic() > deadline or not is_going_on():
                return False
            time.sleep(0.1)
    return True
