"""Error pages: a plain sentence, a way on, and a reference that staff can look up in the log."""

from __future__ import annotations

import structlog
from flask import Flask, g, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from redis.exceptions import RedisError
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException, InternalServerError, MethodNotAllowed, SecurityError

from portal.db import db
from portal.web import problems

log = structlog.get_logger(__name__)

# status -> (heading, what to do)
WORDS = {
    400: ("We could not read that", "Please go back, check the page and try again."),
    403: ("That is not allowed from here", "Please open the page again and try once more."),
    404: ("We cannot find that page", "The address may be old or mistyped. Your booking, if you have one, is safe."),
    405: ("That does not work from here", "Please go back and use the buttons on the page."),
    413: ("That was too large", "Please shorten your answers and try again."),
    429: ("That was a lot of tries", "Please wait a minute and try again. Nothing you booked is lost."),
    500: ("Something went wrong on our side", "Please try again in a moment. Nothing you booked is lost."),
    503: ("We will be right back", "Please try again in a minute. Nothing you booked is lost."),
}


def init_app(app: Flask) -> None:
    app.register_error_handler(CSRFError, form_too_old)
    app.register_error_handler(HTTPException, expected)
    app.register_error_handler(OperationalError, database_away)
    app.register_error_handler(Exception, unexpected)


def expected(error: HTTPException) -> ResponseReturnValue:
    if error.response is not None:
        return error.response
    if isinstance(error, SecurityError):
        # A host name that is not ours: no address can be built for it, so there is no page to show.
        return WORDS[400][0], 400, {"Content-Type": "text/plain; charset=utf-8"}
    if isinstance(error, InternalServerError) and isinstance(error.original_exception, OperationalError):
        # The session is saved after the page is made, outside the reach of the other handlers.
        return database_away(error.original_exception)
    answer = make_response(page(error.code or 500))
    if isinstance(error, MethodNotAllowed):
        answer.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
    return answer


def form_too_old(_error: CSRFError) -> ResponseReturnValue:
    log.warning("security.csrf_refused", route=str(request.url_rule))
    return page(
        400,
        "That page had been open for too long",
        "Please open it again and send it once more. We need cookies to keep your booking yours.",
    )


def database_away(error: OperationalError) -> ResponseReturnValue:
    log.error("request.database_away", error=type(error.orig).__name__)
    db.session.rollback()
    return page(503)


def unexpected(error: Exception) -> ResponseReturnValue:
    if isinstance(error, RedisError):
        return page(503)
    log.error("request.failed", route=str(request.url_rule), exc_info=error)
    db.session.rollback()
    return page(500)


def page(status: int, heading: str | None = None, words: str | None = None) -> ResponseReturnValue:
    """The error page; it needs no database, because the database may be what is missing."""
    if problems.are_wanted():
        return problems.problem(status)
    known = WORDS.get(status, WORDS[500] if status >= 500 else WORDS[400])
    return (
        render_template(
            "errors/error.html",
            heading=heading or known[0],
            words=words or known[1],
            request_id=g.get("request_id", ""),
        ),
        status,
    )
