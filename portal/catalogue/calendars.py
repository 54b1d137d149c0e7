"""Names of sets of working hours. One that nobody uses shows nothing to anybody, so a new one needs no publication."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from portal.catalogue.models import Calendar
from portal.db import db


def named() -> list[tuple[str, str]]:
    """Slug and name of all of them."""
    return [
        (slug, name) for slug, name in db.session.execute(select(Calendar.slug, Calendar.name).order_by(Calendar.name))
    ]


def keep(slug: str, name: str) -> None:
    """See that there is one, so that hours can be set in it."""
    db.session.execute(insert(Calendar).values(slug=slug, name=name).on_conflict_do_nothing())
