"""Adds and changes practitioners. Retiring one leaves their past and their visits as they are."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from portal.db import db
from portal.staff.models import Practitioner

# What staff may change of a practitioner; the slug is part of public addresses and stays.
COLUMNS = (
    *("name", "profession", "registration", "profile", "email", "graph_user_id", "medirecords_provider_id"),
    *("daily_cap", "position"),
)
UNIQUE = {
    "uq_practitioner_slug": "slug",
    "uq_practitioner_graph_user_id": "graph_user_id",
    "uq_practitioner_medirecords_provider_id": "medirecords_provider_id",
}


class Taken(Exception):
    """Somebody else has this slug, mailbox or provider id; `column` says which."""

    def __init__(self, column: str) -> None:
        super().__init__(column)
        self.column = column


def add(values: dict[str, Any]) -> Practitioner:
    """`values` has the columns, and a slug. Raises Taken."""
    person = Practitioner(slug=values["slug"], **_only_columns(values))
    db.session.add(person)
    _flush()
    return person


def change(person: Practitioner, values: dict[str, Any]) -> None:
    """Raises Taken."""
    for column, value in _only_columns(values).items():
        setattr(person, column, value)
    _flush()


def everybody() -> list[Practitioner]:
    """Those who work here first, in the clinic's order."""
    wanted = select(Practitioner).order_by(Practitioner.is_active.desc(), Practitioner.position, Practitioner.name)
    return list(db.session.scalars(wanted))


def working() -> list[Practitioner]:
    """Those who work here, in the clinic's order."""
    return [person for person in everybody() if person.is_active]


def slug_of(name: str) -> str:
    """ "Dr Zoë O'Brien" -> "dr-zoe-obrien"."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain.replace("'", "")).strip("-")


def _only_columns(values: dict[str, Any]) -> dict[str, Any]:
    return {column: values[column] for column in COLUMNS if column in values}


def _flush() -> None:
    try:
        db.session.flush()
    except IntegrityError as error:
        name = getattr(getattr(error.orig, "diag", None), "constraint_name", None) or ""
        if name not in UNIQUE:
            raise
        raise Taken(UNIQUE[name]) from error
