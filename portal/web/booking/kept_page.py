"""Renders a page once for everybody who is shown the very same.

It is kept under all that it was rendered from, so it cannot be older than a fresh one. Rendered without a session and
with nothing of the request but its path, it cannot be about one person either; the form token is put in later, and so
is what few are shown.
"""

from __future__ import annotations

import secrets
from collections.abc import Hashable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from flask import current_app, g, request, session
from flask_wtf.csrf import generate_csrf
from markupsafe import Markup

from portal import clinic
from portal.clinic import Clinic
from portal.keep import kept

MOST_PAGES_KEPT, MOST_TOKENS_KEPT = 256, 4096
TOKEN_PLACE = f"token-{secrets.token_hex(16)}"
OWN_PLACE = Markup(f"own-{secrets.token_hex(16)}")  # noqa: S704 - letters and digits of ours


@dataclass(frozen=True)
class Asked:
    """What a kept page may know of the request."""

    path: str


def render_kept(template: str, *, own: tuple[str, Markup], **context: Hashable) -> bytes:
    """As `render_template`, for a context whose values are equal only if they read the same.

    `own` is a name and the part of the page that is shown under it, which may differ for everyone.
    """
    name, part = own
    known = tuple((context | {name: OWN_PLACE if part else part}).items())
    around_tokens = _render(template, Asked(request.path), clinic.details(), known)
    return _form_token().join(around_tokens).replace(OWN_PLACE.encode(), part.encode())


def _form_token() -> bytes:
    """This browser's form token: signed once, because it is good for as long as what its session has of it."""
    own = session.get("csrf_token")
    return _signed(own) if own else str(generate_csrf()).encode()


@lru_cache(MOST_TOKENS_KEPT)
def _signed(_own: str) -> bytes:
    return str(generate_csrf()).encode()


@kept(MOST_PAGES_KEPT)
def _render(template: str, asked: Asked, details: Clinic, context: tuple[tuple[str, Any], ...]) -> tuple[bytes, ...]:
    """The page in UTF-8, in the pieces that stand around each form token."""
    g.csrf_token = TOKEN_PLACE  # Flask-WTF gives out what stands here
    try:
        values = dict(context) | {"clinic": lambda: details, "request": asked, "session": None, "g": None}
        page = current_app.jinja_env.get_template(template).render(values)
        return tuple(piece.encode() for piece in page.split(TOKEN_PLACE))
    finally:
        del g.csrf_token  # and makes a real one when nothing does
