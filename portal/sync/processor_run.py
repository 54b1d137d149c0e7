"""Keeps the trail of a processor's run, one named step after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from portal.clock import now
from portal.db import db, transaction
from portal.sync.models import ProcessorRun, RunState


class Run:
    """Notes each step of a processor's run, so that staff see how far it came."""

    def __init__(self, booking_id: int, kind: str, cause: str) -> None:
        with transaction():
            row = ProcessorRun(
                booking_id=booking_id, kind=kind, cause=cause, state=RunState.RUNNING, steps=[], started_at=now()
            )
            db.session.add(row)
            db.session.flush()
            self.id = row.id
        self.steps: list[dict[str, Any]] = []

    def step(self, name: str, resolve: Callable[[], Any], words: Callable[[Any], str] = str) -> Any:
        """Resolve one named step; what it found is noted, and that it failed too."""
        try:
            found = resolve()
        except Exception as error:
            self.steps.append({"step": name, "failed": type(error).__name__})
            raise
        self.steps.append({"step": name, "found": words(found)})
        return found

    def end(self, state: RunState) -> None:
        with transaction():
            row = db.session.get_one(ProcessorRun, self.id)
            row.state, row.steps, row.finished_at = state, list(self.steps), now()
