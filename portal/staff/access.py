"""Who may work in the back office: Microsoft says who somebody is and which roles they have, we keep what follows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from portal import sessions
from portal.db import Json, db
from portal.integrations.entra_sign_in import Identity
from portal.staff.models import Practitioner, StaffMember


class Role(StrEnum):
    """The values of the app roles in Entra."""

    OWNER = "owner"
    MANAGER = "manager"
    RECEPTION = "reception"
    PRACTITIONER = "practitioner"
    BOOKKEEPER = "bookkeeper"


# Whom a route lets in. portal/web/access.py gives each of them one of these.
OWNERS = frozenset({Role.OWNER})
MANAGERS = frozenset({Role.OWNER, Role.MANAGER})
DESK = MANAGERS | {Role.RECEPTION}
CLINIC = DESK | {Role.PRACTITIONER}  # a practitioner sees only what is theirs: portal/bookings/scope.py
MONEY = MANAGERS | {Role.BOOKKEEPER}
HEALTH = frozenset({Role.PRACTITIONER})  # what patients answered
EVERYBODY = frozenset(Role)


class NoRole(Exception):
    """Microsoft knows them, but nobody has given them a role here."""


class AccountDisabled(Exception):
    """An owner has closed this account here, whatever Microsoft says."""


@dataclass(frozen=True)
class Staff:
    """Somebody who is signed in. It travels in the session, so a request needs no query to know them."""

    id: int
    name: str
    roles: frozenset[Role]
    practitioner_id: int | None = None  # whose diary is their own

    def may(self, allowed: frozenset[Role]) -> bool:
        return bool(self.roles & allowed)

    @property
    def role_words(self) -> str:
        """ "Owner", or "Manager and practitioner"."""
        return " and ".join(role for role in Role if role in self.roles).capitalize()

    def as_json(self) -> Json:
        return {
            "id": self.id,
            "name": self.name,
            "roles": sorted(self.roles),
            "practitioner_id": self.practitioner_id,
        }

    @classmethod
    def from_json(cls, kept: Json) -> Staff:
        return cls(kept["id"], kept["name"], frozenset(map(Role, kept["roles"])), kept["practitioner_id"])


def admit(identity: Identity, now: datetime) -> Staff:
    """Let in whom Microsoft has identified, with the roles they have there now.

    Their row is locked until the transaction ends. Write their session in the same one, and an account that is closed
    meanwhile leaves none behind. Raises NoRole or AccountDisabled; what they had open here is closed then, once the
    transaction is committed.
    """
    roles = frozenset(role for role in Role if role in identity.roles)
    member_id = _remember(identity, roles, now) if roles else None
    if member_id is None:
        raise _refusal(identity)
    return Staff(member_id, identity.name, roles, _own_diary(identity))


def disable(member_id: int, now: datetime) -> None:
    """Nobody works here with this account any more, from this moment on."""
    db.session.get_one(StaffMember, member_id).disabled_at = now
    end_sessions(member_id)


def enable(member_id: int) -> None:
    """The account may sign in again, with the roles Microsoft then tells."""
    db.session.get_one(StaffMember, member_id).disabled_at = None


def end_sessions(*member_ids: int) -> None:
    """Whoever is signing in at this moment is waited for, and signed out as well."""
    wanted = select(StaffMember.id).where(StaffMember.id.in_(member_ids)).order_by(StaffMember.id)
    for member_id in db.session.scalars(wanted.with_for_update(key_share=True)).all():
        sessions.end_all_of(holder_of(member_id))


def holder_of(member_id: int) -> str:
    """How sessions and logs call somebody."""
    return f"staff:{member_id}"


def owners() -> list[str]:
    """The names of those who can give a role."""
    wanted = select(StaffMember.name).where(StaffMember.roles.contains([Role.OWNER]), StaffMember.disabled_at.is_(None))
    return list(db.session.scalars(wanted.order_by(StaffMember.name)))


def _remember(identity: Identity, roles: frozenset[Role], now: datetime) -> int | None:
    """Their id, or None where the account is closed: asked as it is written, since it may be closed at this moment."""
    said = {"name": identity.name, "email": identity.email, "roles": sorted(roles), "signed_in_at": now}
    known = insert(StaffMember).values(tenant_id=identity.tenant_id, oid=identity.oid, first_signed_in_at=now, **said)
    # Somebody new may come with two browsers at once.
    written = known.on_conflict_do_update(
        index_elements=["tenant_id", "oid"], set_=said, where=StaffMember.disabled_at.is_(None)
    )
    return db.session.execute(written.returning(StaffMember.id)).scalar_one_or_none()


def _refusal(identity: Identity) -> NoRole | AccountDisabled:
    wanted = select(StaffMember).where(StaffMember.tenant_id == identity.tenant_id, StaffMember.oid == identity.oid)
    known = db.session.scalars(wanted.execution_options(populate_existing=True)).one_or_none()
    if known is None:
        return NoRole()
    end_sessions(known.id)
    return AccountDisabled(holder_of(known.id)) if known.disabled_at is not None else NoRole()


def _own_diary(identity: Identity) -> int | None:
    """The practitioner whose mailbox is theirs: the oid is the same in Entra and in Graph, an address may change."""
    wanted = select(Practitioner.id).where(Practitioner.graph_user_id == identity.oid, Practitioner.is_active)
    return db.session.scalars(wanted).one_or_none()
