"""Adds and changes practitioners. Retiring one leaves their past and their visits as they are."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from portal.db import db
from portal.staff import access
from portal.staff.access import MANAGERS, OWNERS, Staff
from portal.staff.models import Practitioner, StaffMember

# What staff may change of a practitioner, and what an entry of the audit calls it; the slug is part of public addresses
# and stays.
COLUMNS = {
    "name": "name",
    "profession": "profession",
    "registration": "registration",
    "profile": "profile",
    "email": "e-mail",
    "graph_user_id": "mailbox id",
    "medirecords_provider_id": "provider id",
    "daily_cap": "visits a day",
    "position": "place in lists",
}
# Whose mailbox it is opens the diary, and with it what patients answered (staff/access.py).
FOR_OWNERS = frozenset({"graph_user_id"})
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


def add(values: dict[str, Any], by: Staff) -> Practitioner:
    """`values` has the columns, and a slug; what `by` may not change stays empty. Raises Taken."""
    person = Practitioner(slug=values["slug"], **_of_theirs(values, by))
    db.session.add(person)
    _flush()
    _sign_out(person.graph_user_id)
    return person


def change(person: Practitioner, values: dict[str, Any], by: Staff) -> list[str]:
    """-> the parts that are others now; what `by` may not change stays as it is. Raises Taken."""
    other = {column: new for column, new in _of_theirs(values, by).items() if getattr(person, column) != new}
    mailbox = person.graph_user_id
    for column, value in other.items():
        setattr(person, column, value)
    _flush()
    if person.graph_user_id != mailbox:
        _sign_out(mailbox, person.graph_user_id)
    return [COLUMNS[column] for column in other]


def set_active(person: Practitioner, *, is_active: bool) -> None:
    """Whether patients can book with them, and they have a diary when they sign in."""
    person.is_active = is_active
    _sign_out(person.graph_user_id)


def may_change(column: str, staff: Staff) -> bool:
    return staff.may(OWNERS if column in FOR_OWNERS else MANAGERS)


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


def _of_theirs(values: dict[str, Any], by: Staff) -> dict[str, Any]:
    return {column: values[column] for column in COLUMNS if column in values and may_change(column, by)}


def _sign_out(*mailboxes: str | None) -> None:
    """Whoever had a diary, or gets one, signs in again: the session says which is theirs."""
    wanted = select(StaffMember.id).where(StaffMember.oid.in_([each for each in mailboxes if each is not None]))
    access.end_sessions(*db.session.scalars(wanted))


def _flush() -> None:
    try:
        db.session.flush()
    except IntegrityError as error:
        name = getattr(getattr(error.orig, "diag", None), "constraint_name", None) or ""
        if name not in UNIQUE:
            raise
        raise Taken(UNIQUE[name]) from error
