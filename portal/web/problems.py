"""Errors of the JSON interface: problem details as RFC 9457 has them, with a sentence for each wrong parameter."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from flask import Response, jsonify, request

from portal.db import Json

PREFIX = "/api/"

DETAILS = {
    400: "The request could not be read.",
    403: "That is not allowed from here.",
    404: "There is nothing at this address.",
    405: "Only GET and HEAD are answered here.",
    429: "Too many requests. Please wait a minute, and keep each answer as long as its Cache-Control allows.",
    500: "Something went wrong on our side. Please try again in a moment.",
    503: "The portal is away for a moment. Please try again in a minute.",
}


def are_wanted() -> bool:
    """Whether a program is asking, which cannot read our error pages."""
    return request.path.startswith(PREFIX)


def problem(status: int, detail: str | None = None, parameters: Mapping[str, str] | None = None) -> Response:
    """`parameters` says for each wrong one, by name, what is wrong with it."""
    told: Json = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    told["detail"] = detail or DETAILS.get(status, DETAILS[500] if status >= 500 else DETAILS[400])
    if parameters:
        told["errors"] = [{"parameter": name, "detail": words} for name, words in parameters.items()]
    answer = jsonify(told)
    answer.status_code, answer.content_type = status, "application/problem+json"
    return answer
