"""Gives each request an id and one log line: route, status, duration. Never the address, which may hold a token."""

from __future__ import annotations

import random
import time

import structlog
from flask import Flask, Response, g, request

log = structlog.get_logger(__name__)


def init_app(app: Flask) -> None:
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    g.request_id = f"{random.getrandbits(48):012x}"
    g.started = time.monotonic()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _end(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.get("request_id", "")
    if request.endpoint not in ("static", "health.healthz"):
        log.info(
            "request",
            method=request.method,
            route=request.url_rule.rule if request.url_rule else "unmatched",
            status=response.status_code,
            duration_ms=round((time.monotonic() - g.get("started", time.monotonic())) * 1000, 1),
        )
    return response
