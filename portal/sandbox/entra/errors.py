"""Refusals as the token endpoint words them."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from flask import Response, jsonify


class EntraError(Exception):
    """An OAuth error with its AADSTS number."""

    def __init__(self, error: str, number: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.error, self.number, self.message, self.status = error, number, message, status


def error_response(error: EntraError) -> Response:
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    response = jsonify(
        error=error.error,
        error_description=f"AADSTS{error.number}: {error.message} Trace ID: {trace} Correlation ID: {correlation}"
        f" Timestamp: {at}",
        error_codes=[error.number],
        timestamp=at,
        trace_id=trace,
        correlation_id=correlation,
    )
    response.status_code = error.status
    return response
