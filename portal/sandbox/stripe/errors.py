"""The one way Stripe says no: a status and {"error": {type, code, param, message}}."""

from __future__ import annotations

from flask import Response, jsonify

from portal.sandbox.core import Json


class StripeError(Exception):
    """An answer that is an error. `is_stored` says whether an idempotency key remembers it."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        is_stored: bool = True,
    ) -> None:
        super().__init__(message)
        self.status, self.is_stored = status, is_stored
        fields = {"type": type, "code": code, "param": param, "message": message}
        self.body: Json = {"error": {name: value for name, value in fields.items() if value is not None}}

    def response(self) -> Response:
        answer = jsonify(self.body)
        answer.status_code = self.status
        return answer


def invalid(message: str, param: str, code: str | None = None) -> StripeError:
    """A parameter failed validation; nothing has run, so the idempotency key stays free."""
    return StripeError(400, message, code=code, param=param, is_stored=False)


def missing(kind: str, id: str, param: str = "id") -> StripeError:
    return StripeError(404, f"No such {kind}: '{id}'", code="resource_missing", param=param)
