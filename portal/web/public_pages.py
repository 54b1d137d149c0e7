"""Keeps the rendered public pages while nothing they show has changed.

They are the same for everybody and hold no form, so a visitor who only looks costs no rendering and no query. A page
is kept for a minute at most, and for a second after the catalogue has a new version.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import ParamSpec, cast

from flask import Flask, Response, current_app, make_response, request
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select

from portal.catalogue.models import CatalogueVersion
from portal.db import db

P = ParamSpec("P")

KEEP_SECONDS = 60.0
LOOK_EVERY_SECONDS = 1.0
MOST_PAGES = 500


@dataclass(frozen=True)
class Page:
    """A rendered page and the catalogue's version that it shows."""

    body: bytes
    content_type: str
    version: int | None
    until: float


@dataclass
class Pages:
    """One process's pages by path. Two threads may both render one; the later one stays."""

    keep_seconds: float = KEEP_SECONDS
    kept: dict[str, Page] = field(default_factory=dict)
    version: int | None = None
    looked_at: float = 0.0

    def find(self, path: str) -> Page | None:
        page = self.kept.get(path)
        is_fresh = page is not None and page.version == self.current_version() and time.monotonic() < page.until
        return page if is_fresh else None

    def keep(self, path: str, response: Response) -> None:
        if len(self.kept) >= MOST_PAGES:
            self.kept.clear()
        until = time.monotonic() + self.keep_seconds
        self.kept[path] = Page(response.get_data(), response.content_type or "", self.current_version(), until)

    def current_version(self) -> int | None:
        """The newest version of the catalogue, looked up once a second at most."""
        if time.monotonic() - self.looked_at > LOOK_EVERY_SECONDS:
            self.version = db.session.scalar(select(func.max(CatalogueVersion.id)))
            self.looked_at = time.monotonic()
        return self.version


def init_app(app: Flask) -> None:
    """Register this before whatever else looks at a request: a kept page needs none of it."""
    app.extensions["public_pages"] = Pages()
    app.before_request(answer_from_kept)


def answer_from_kept() -> Response | None:
    if request.method not in ("GET", "HEAD") or request.routing_exception is not None:
        return None
    page = _pages().find(request.path)
    return Response(page.body, content_type=page.content_type) if page else None


def public_page(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
    """Keep what this view answers. Only whole, successful pages are kept."""

    @wraps(view)
    def kept(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        response = make_response(view(*args, **kwargs))
        if response.status_code == 200 and _pages().keep_seconds > 0:
            _pages().keep(request.path, response)
        return response

    return kept


def keep_seconds() -> float:
    """How long a page may be kept; 0 keeps nothing."""
    return _pages().keep_seconds


def _pages() -> Pages:
    return cast(Pages, current_app.extensions["public_pages"])
