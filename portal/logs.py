"""Structured logs from an allow-list of fields: what is not on the list is not written (security baseline 13)."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any

import structlog

ALLOWED = frozenset(
    {
        "event", "level", "logger", "timestamp", "request_id", "route", "method", "status", "duration_ms", "outcome",
        "system", "path", "job", "row", "attempt", "queue", "error", "frames", "kind", "count", "booking", "payment",
        "refund", "practitioner", "reason", "partner_request_id", "setting", "actor",
    }
)  # fmt: skip
# Libraries whose lines are about our own set-up and tell an operator what to do.
OUTSPOKEN = ("alembic", "flask_migrate")


def configure(level: str) -> None:
    """One JSON line per event on standard error. Of libraries' own lines only who spoke and where is kept."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            where_it_failed,
            only_allowed,
            structlog.processors.JSONRenderer(),
            mark_as_ours,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Gate())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Their warnings are enough.
    for name in ("rq", "rq.worker", "urllib3", "msal", "werkzeug", "stripe", "alembic", "httpx"):
        logging.getLogger(name).setLevel(logging.WARNING)


def where_it_failed(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace an exception by its type and the lines it came through: its text may hold what a patient typed."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event.setdefault("error", type(error).__name__)
        frames, step = [], error.__traceback__
        while step is not None:
            code = step.tb_frame.f_code
            frames.append(f"{code.co_filename.rpartition('/')[2]}:{step.tb_lineno}:{code.co_name}")
            step = step.tb_next
        event["frames"] = frames[-12:]
    return event


def only_allowed(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop every field that is not on the list."""
    return {key: value for key, value in event.items() if key in ALLOWED}


def mark_as_ours(_logger: object, _method: str, line: Any) -> tuple[tuple[str], dict[str, Any]]:
    """Tell the gate below that this line has been through the processors."""
    return (line,), {"extra": {"is_gated": True}}


class Gate(logging.Formatter):
    """A library's text may hold an address with what was looked up in it, or the words of an exception."""

    def format(self, record: logging.LogRecord) -> str:
        if getattr(record, "is_gated", False):
            return record.getMessage()
        line = {
            "event": record.getMessage() if record.name.startswith(OUTSPOKEN) else "library.said",
            "level": record.levelname.lower(),
            "logger": record.name,
            "frames": [f"{record.filename}:{record.lineno}:{record.funcName}"],
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
        return json.dumps(line)
