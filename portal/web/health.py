"""For the machines that watch us."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from portal.db import db

bp = Blueprint("health", __name__)


@bp.get("/healthz")
def healthz() -> ResponseReturnValue:
    """The process answers."""
    return "ok", 200, {"Content-Type": "text/plain; charset=utf-8"}


@bp.get("/readyz")
def readyz() -> ResponseReturnValue:
    """The database answers. Redis may be away: the sweep catches up (design D3)."""
    try:
        db.session.execute(text("select 1 from booking limit 1"))
    except SQLAlchemyError:
        db.session.rollback()
        return "not ready", 503, {"Content-Type": "text/plain; charset=utf-8"}
    return "ready", 200, {"Content-Type": "text/plain; charset=utf-8"}
