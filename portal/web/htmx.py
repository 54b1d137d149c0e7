"""Answers a page to a browser and its part to htmx, from the same context."""

from __future__ import annotations

from typing import Any

from flask import Response, make_response, redirect, render_template
from htmx_flask import request


def render(template: str, *, partial: str | None = None, **context: Any) -> str:
    """The page, or the partial when htmx asked for one."""
    chosen = partial if partial is not None and is_htmx() else template
    return render_template(chosen, **context)


def is_htmx() -> bool:
    """Whether htmx wants a fragment; a restored history entry needs the whole page."""
    return bool(request.htmx) and not request.headers.get("HX-History-Restore-Request")


def go(address: str) -> Response:
    """See Other after a POST. htmx follows redirects inside the fragment, so it is told to go there itself."""
    if is_htmx():
        answer = make_response("", 204)
        answer.headers["HX-Redirect"] = address
        return answer
    return make_response(redirect(address, 303))
