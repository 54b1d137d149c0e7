"""Who may work in the back office: roles as Microsoft tells them, and closing an account here."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from portal import clock
from portal.db import db, transaction
from portal.integrations.entra_sign_in import Identity
from portal.staff import access
from portal.staff.access import CLINIC, DESK, HEALTH, MONEY, OWNERS, AccountDisabled, NoRole, Role
from portal.staff.models import StaffMember
from tests.support import factories

pytestmark = pytest.mark.usefixtures("ctx")
PIA = Identity("tenant", "oid-1", "Pia Wattle", "pia@example.com", ("reception",), "pia@example.com")


def admit(identity: Identity) -> access.Staff:
    with transaction():
        return access.admit(identity, clock.now())


def members() -> list[StaffMember]:
    return list(db.session.scalars(select(StaffMember)))


def test_the_same_person_is_the_same_row_under_another_name_and_address() -> None:
    first = admit(PIA)
    again = admit(replace(PIA, name="Pia Banksia", email="banksia@example.com"))
    assert again.id == first.id
    assert [(member.name, member.email) for member in members()] == [("Pia Banksia", "banksia@example.com")]


@pytest.mark.parametrize("changed", [{"oid": "oid-2"}, {"tenant_id": "another"}])
def test_the_same_address_is_not_the_same_person(changed: dict[str, Any]) -> None:
    assert admit(PIA).id != admit(replace(PIA, **changed)).id


@pytest.mark.parametrize("roles", [(), ("Owner",), ("admin", "reception "), ("owner,manager",)])
def test_only_the_very_words_are_roles(roles: tuple[str, ...]) -> None:
    with pytest.raises(NoRole):
        admit(replace(PIA, roles=roles))
    assert members() == []


def test_unknown_roles_beside_a_known_one_add_nothing() -> None:
    assert admit(replace(PIA, roles=("superuser", "bookkeeper"))).roles == {Role.BOOKKEEPER}


def test_a_practitioner_has_the_diary_of_their_own_mailbox() -> None:
    own = factories.make_practitioner(graph_user_id="oid-1")
    factories.make_practitioner(graph_user_id="oid-2")
    assert admit(replace(PIA, roles=("practitioner",))).practitioner_id == own.id


def test_who_no_longer_practises_has_no_diary() -> None:
    factories.make_practitioner(graph_user_id="oid-1", is_active=False)
    assert admit(replace(PIA, roles=("practitioner",))).practitioner_id is None


def test_a_closed_account_stays_out_whatever_microsoft_says() -> None:
    pia = admit(PIA)
    with transaction():
        access.disable(pia.id, clock.now())
    with pytest.raises(AccountDisabled):
        admit(replace(PIA, roles=("owner",)))
    with transaction():
        access.enable(pia.id)
    assert admit(PIA).id == pia.id


def test_owners_are_named_to_those_who_have_no_role() -> None:
    admit(replace(PIA, roles=("owner",)))
    closed = admit(replace(PIA, oid="oid-2", name="Gone Away", roles=("owner",)))
    admit(replace(PIA, oid="oid-3", name="No Owner"))
    with transaction():
        access.disable(closed.id, clock.now() - timedelta(days=1))
    assert access.owners() == ["Pia Wattle"]


@pytest.mark.parametrize(
    ("role", "sets"),
    [
        (Role.OWNER, {OWNERS, DESK, CLINIC, MONEY}),
        (Role.MANAGER, {DESK, CLINIC, MONEY}),
        (Role.RECEPTION, {DESK, CLINIC}),
        (Role.PRACTITIONER, {CLINIC, HEALTH}),
        (Role.BOOKKEEPER, {MONEY}),
    ],
)
def test_which_sets_a_role_is_in(role: Role, sets: set[frozenset[Role]]) -> None:
    """Only practitioners see what patients answered; the bookkeeper sees money and nothing of health."""
    assert {each for each in (OWNERS, DESK, CLINIC, MONEY, HEALTH) if role in each} == sets


def test_roles_in_words() -> None:
    assert admit(replace(PIA, roles=("practitioner", "owner"))).role_words == "Owner and practitioner"
